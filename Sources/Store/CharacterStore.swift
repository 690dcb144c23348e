import Bytes
import Model
import Postgres

/// Merging bots: what waits, from what, to what.
package struct CharacterStore: Sendable {
    package var identity: WorkerIdentity

    package init(identity: WorkerIdentity) { self.identity = identity }

    /// Bots of the given shards that changed since they were merged.
    ///
    /// - Parameters:
    ///   - connection: the worker's.
    ///   - shards: the shards that the bots themselves belong to.
    ///   - after: the last bot of the page before; nil for the first page.
    ///   - botsMax: the length of a page.
    /// - Returns: bots by name, each with the changes to consume.
    /// - Throws: `PostgresError`.
    package func changed(
        _ connection: inout Connection, in shards: [Int16], after: String?, botsMax: Int
    ) throws -> [(botName: String, changes: [Int64])] {
        try connection.query(ChangedBots(shards: shards, botsMax: Int64(botsMax), after: after))
    }

    /// The bots' buckets, summed over all shards, with the moment before which all input is in them.
    ///
    /// - Returns: the sums by the bot's own pair, because names are told apart byte by byte.
    package func buckets(
        _ connection: inout Connection, of bots: [String]
    ) throws -> (verifiedAt: Timestamp?, sums: [Pair: BotContributions]) {
        try connection.transaction(.readOnlyRepeatableRead) { connection in
            let verifiedAt = try connection.first(LeastVerified()) ?? nil
            var sums: [Pair: BotContributions] = [:]
            try connection.stream(BucketsOfBots(botNames: bots)) { row in
                let bucket = try BucketsOfBots.decode(row)
                sums[Pair(userID: "", botName: bucket.botName), default: BotContributions()]
                    .add(bucket.sums, at: bucket.hour)
            }
            return (verifiedAt, sums)
        }
    }

    /// Stores bots' rows and consumes the changes they answer.
    ///
    /// - Throws: `FenceError` when one of the shards is no longer held; nothing is written then.
    package func save(
        _ connection: inout Connection, rows: [CharacterRow], gone: [String], changes: [Int64],
        shards: [ShardProgress], verifiedAt: Timestamp?
    ) throws {
        try connection.transaction(.readWrite) { connection in
            let held = try connection.query(
                HoldShards(
                    shards: shards.map(\.shard), owner: identity.owner, epoch: shards.first?.epoch ?? 0))
            guard held.count == shards.count else { throw FenceError(expected: shards.count, moved: held.count) }
            _ = try connection.run(
                SaveCharacterRows(
                    shards: shards.map(\.shard), changes: changes, rows: rows, gone: gone, identity: identity,
                    verifiedAt: verifiedAt))
        }
    }
}
