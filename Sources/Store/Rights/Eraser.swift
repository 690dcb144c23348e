import Bytes
import Model
import Postgres

/// Whom to erase, and how far.
package struct Erasure: Sendable {
    package var userID: String
    /// With one bot alone, leaving what belongs to no bot; nil: everywhere.
    package var botName: String?
    /// Whether what happens later is refused as well.
    package var isForever: Bool

    package init(userID: String, botName: String? = nil, isForever: Bool = false) {
        self.userID = userID
        self.botName = botName
        self.isForever = isForever
    }
}

/// What an erasure came to; it does not name the user.
package struct ErasureReceipt: Sendable {
    /// Its row in `erasures`.
    package var id: Int64
    package var erasedAt: Timestamp
    /// The keyed hash of the id, hexadecimal.
    package var hash: String
    /// Rows removed, or rid of the user, by table; none is zero.
    package var counts: [(table: String, rows: Int64)]
    /// Agents that run on a prompt with an example of the user: people have to change them.
    package var promptsToReview: Int64
}

/// Removes a user everywhere, in one transaction.
///
/// One transaction, because then nobody ever sees half a user, a worker can't make the other half anew, and an erasure
/// that is cut off has changed nothing. Memory stays bounded whatever the history's length: rows are deleted where they
/// are, only the pairs' states come here, one at a time. What applications and jobs wrote goes first, while workers go
/// on; then, for as long as what came meanwhile takes, jobs and the user's shards stand still.
///
/// Nothing writes the user back: the shards' generations move on, so that batches computed before are refused; running
/// jobs lose their claims; imports wait; a tombstone refuses rows of the past. Rows that an application inserts at the
/// very same moment, committed after this, count as live ones.
package struct Eraser: Sendable {
    /// What a pair's state adds to its bot's buckets; throws for a state that can't be read.
    package typealias Contributions = @Sendable (_ state: [UInt8]) throws -> BotContributions

    /// Of the states that `contributions` reads.
    private let engineVersion: Int32
    private let lockMillisecondsMax: Int
    private let contributions: Contributions

    /// Makes one.
    ///
    /// - Parameters:
    ///   - engineVersion: of the states that `contributions` reads.
    ///   - lockMillisecondsMax: how long to wait for a lock that somebody else has, while others may wait behind.
    ///   - contributions: what a pair's state adds to its bot's buckets.
    package init(
        engineVersion: Int32, lockMillisecondsMax: Int = 60_000, contributions: @escaping Contributions
    ) {
        self.engineVersion = engineVersion
        self.lockMillisecondsMax = lockMillisecondsMax
        self.contributions = contributions
    }

    /// Counts what an erasure would remove; changes nothing.
    ///
    /// - Parameters:
    ///   - connection: of a role that may read every table, outside a transaction.
    ///   - erasure: whom.
    /// - Returns: rows by table, in the order of `UserTable.all`; none is zero.
    /// - Throws: `PostgresError`.
    package static func preview(
        _ connection: inout Connection, _ erasure: Erasure
    ) throws -> [(table: String, rows: Int64)] {
        try connection.transaction(.readOnlyRepeatableRead) { connection in
            try aim(&connection, erasure)
            var tally = Tally()
            for table in tables(of: erasure) {
                let sql = "select count(*) from afterthought.\(table.name) as t where \(table.condition)"
                tally.add(try count(&connection, sql), to: table.name)
            }
            return tally.counts
        }
    }

    /// Erases a user.
    ///
    /// - Parameters:
    ///   - connection: of the schema's owner or an administrator, outside a transaction.
    ///   - erasure: whom, and how far.
    ///   - fenced: for tests; called inside the transaction, when shards and jobs are held.
    /// - Returns: the receipt; one is written, and a tombstone set, also when nothing was stored.
    /// - Throws: `PostgresError`; nothing was changed then.
    package func erase(
        _ connection: inout Connection, _ erasure: Erasure, fenced: () throws -> Void = {}
    ) throws -> ErasureReceipt {
        var fences: [FenceShards.Row] = []
        var pairs: [PairInShard] = []
        let receipt = try connection.transaction { connection in
            try connection.execute("set local lock_timeout = '\(lockMillisecondsMax)ms'")
            _ = try connection.query(HoldOffErasureRivals())
            try Self.aim(&connection, erasure)
            let prompts = try connection.first(PromptsOfUser()) ?? 0
            var tally = Tally()
            for table in Self.tables(of: erasure) where table.writer == .anybody {
                try Self.remove(&connection, table, &tally)
            }
            // Steps of jobs that run now, and claims, wait from here on; those that waited for rows above are through.
            try connection.execute("lock table afterthought.jobs in share row exclusive mode")
            _ = try connection.first(InterruptJobs())
            // What came since; with what is about to be fenced.
            try Self.aim(&connection, erasure)
            pairs = try connection.query(AimedPairs()).map {
                PairInShard(shard: $0.shard, pair: Pair(userID: erasure.userID, botName: $0.bot))
            }
            fences = try connection.query(FenceShards(shards: Array(Set(pairs.map(\.shard))).sorted()))
            try fenced()
            try takeOut(&connection, of: pairs, fences)
            for table in Self.tables(of: erasure) { try Self.remove(&connection, table, &tally) }
            if tally["cluster_members"] + tally["conversation_vectors"] > 0 {
                _ = try connection.first(OutdateClusters())
            }
            let recorded = RecordErasure(isForever: erasure.isForever, counts: tally.json)
            guard let row = try connection.first(recorded) else {
                throw PostgresError(.misuse, "expected the receipt's row, got: none")
            }
            return ErasureReceipt(
                id: row.id, erasedAt: row.at, hash: row.hash, counts: tally.counts, promptsToReview: prompts)
        }
        // Readers that miss it serve the old row, as stale, until their own look at the database.
        try? notify(&connection, pairs, fences)
        return receipt
    }

    private static func aim(_ connection: inout Connection, _ erasure: Erasure) throws {
        precondition(!erasure.userID.isEmpty, "expected a user's id, got: an empty text")
        _ = try connection.query(AimAtUser(user: erasure.userID, bot: erasure.botName))
    }

    private static func tables(of erasure: Erasure) -> [UserTable] {
        UserTable.all.filter { erasure.botName == nil || $0.scope == .pair }
    }

    private static func count(_ connection: inout Connection, _ sql: String) throws -> Int64 {
        Int64(try connection.textRows(sql).first?[0] ?? "") ?? 0
    }

    private static func remove(_ connection: inout Connection, _ table: UserTable, _ tally: inout Tally) throws {
        let change =
            switch table.removal {
            case .delete: "delete from afterthought.\(table.name) as t where \(table.condition)"
            case .scrub(let sql): sql
            }
        let sql = "with removed as (\n\(change)\nreturning 1\n) select count(*) from removed"
        tally.add(try count(&connection, sql), to: table.name)
    }
}

// MARK: - What pairs left elsewhere

extension Eraser {
    /// States that are read at once.
    private static let statesMax = 64

    /// Takes what the pairs added out of their bots' buckets, as if their rows had never come.
    private func takeOut(
        _ connection: inout Connection, of pairs: [PairInShard], _ fences: [FenceShards.Row]
    ) throws {
        var shards: [Int16: FenceShards.Row] = [:]
        for fence in fences { shards[fence.shard] = fence }
        var unreadable: Set<Int16> = []
        for start in stride(from: 0, to: pairs.count, by: Self.statesMax) {
            let part = Array(pairs[start..<min(pairs.count, start + Self.statesMax)])
            for state in try connection.query(LoadStates(pairs: part)) {
                // Of another version than its shard: it is in no bucket.
                guard let shard = shards[state.shard], state.engineVersion == shard.engineVersion,
                    state.configHash == shard.configHash
                else { continue }
                guard state.engineVersion == engineVersion, let added = try? contributions(state.bytes) else {
                    unreadable.insert(state.shard)
                    continue
                }
                try subtract(&connection, added, of: state)
            }
        }
        if !unreadable.isEmpty {
            let shards = unreadable.sorted()
            _ = try connection.run(RebuildErasedShards(shards: shards))
            let bots = try connection.query(EmptyBuckets(shards: shards))
            if !bots.isEmpty { _ = try connection.run(NoteBotChanges(botNames: bots)) }
        }
        _ = try connection.run(DropEmptyBots(bots: pairs.map(\.pair.botName)))
    }

    private func subtract(
        _ connection: inout Connection, _ added: BotContributions, of state: StoredState
    ) throws {
        let keys = added.keys.map { StoredBucket(shard: state.shard, botName: state.pair.botName, hour: $0) }
        if keys.isEmpty { return }
        var stored: [Int64: BucketSums] = [:]
        for bucket in try connection.query(LoadBuckets(keys: keys)) { stored[bucket.hour] = bucket.sums }
        let left = keys.map { key in
            var bucket = key
            bucket.sums = (stored[key.hour] ?? BucketSums()) - added[key.hour]
            return bucket
        }
        _ = try connection.run(SaveBuckets(buckets: left))
    }

    private func notify(
        _ connection: inout Connection, _ pairs: [PairInShard], _ fences: [FenceShards.Row]
    ) throws {
        guard let key = try connection.first(LoadNotificationKey()) else { return }
        let notice = CacheNotice(notificationKey: key)
        let payloads = fences.map { fence in
            notice.payload(
                shard: fence.shard, generation: fence.generation,
                pairs: pairs.filter { $0.shard == fence.shard }.map(\.pair))
        }
        if !payloads.isEmpty { _ = try connection.run(SendNotices(payloads: payloads)) }
    }
}

/// Rows by table, in the order of `UserTable.all`.
private struct Tally {
    private var rows: [String: Int64] = [:]

    mutating func add(_ count: Int64, to table: String) { rows[table, default: 0] += count }

    subscript(table: String) -> Int64 { rows[table] ?? 0 }

    var counts: [(table: String, rows: Int64)] {
        var seen: Set<String> = []
        return UserTable.all.compactMap { table in
            guard self[table.name] > 0, seen.insert(table.name).inserted else { return nil }
            return (table.name, self[table.name])
        }
    }

    var json: JSONValue {
        .object(counts.map { JSONMember(key: $0.table, value: .number(JSONNumber($0.rows))) })
    }
}
