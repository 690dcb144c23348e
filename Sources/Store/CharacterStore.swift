import Bytes
import Model
import Postgres

/// Merging bots: what waits, from what, to what.
package struct CharacterStore: Sendable {
    package var identity: WorkerIdentity

    package init(identity: WorkerIdentity) { self.identity = identity }

    /// Bots of the given shards that changed since they were merged.
    package func changed(
        _ connection: inout Connection, in shards: [Int16], botsMax: Int
    ) throws -> [(botName: String, changes: [Int64])] {
        try connection.query(ChangedBots(shards: shards, botsMax: Int64(botsMax)))
    }

    /// The bots' newest buckets and their long run, summed over all shards, with the moment before which all input is in them.
    package func buckets(
        _ connection: inout Connection, of bots: [String]
    ) throws -> (verifiedAt: Timestamp?, sums: [String: BotContributions]) {
        try connection.transaction(.readOnlyRepeatableRead) { connection in
            let verifiedAt = try connection.first(LeastVerified()) ?? nil
            var sums: [String: BotContributions] = [:]
            try connection.stream(BucketsOfBots(botNames: bots)) { row in
                let bucket = try BucketsOfBots.decode(row)
                sums[bucket.botName, default: BotContributions()].add(bucket.sums, at: bucket.hour)
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
