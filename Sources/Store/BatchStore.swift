import Bytes
import Model
import Postgres

/// Everything that one batch changes; committed in one transaction or not at all.
package struct BatchWrite: Sendable {
    /// The shards the batch belongs to, as they are expected to stand.
    package var shards: [ShardProgress]
    package var move: ShardMove
    package var states: [StoredState] = []
    package var checkpoints: [StoredState] = []
    /// Checkpoints that no longer hold: their pair was rebuilt and has none.
    package var droppedCheckpoints: [PairInShard] = []
    package var rows: [(shard: Int16, row: StrategicRow)] = []
    /// Pairs without a row of input left.
    package var emptied: [PairInShard] = []
    package var buckets: [StoredBucket] = []
    package var failures: [PairFailure] = []
    package var recovered: [PairInShard] = []
    /// Reader requests answered by this batch.
    package var answered: [PairInShard] = []

    package init(shards: [ShardProgress], move: ShardMove) {
        self.shards = shards
        self.move = move
    }
}

/// Says that another worker holds the shards by now: nothing was written.
package struct FenceError: Error, Sendable, CustomStringConvertible {
    package var expected: Int
    package var moved: Int

    package var description: String {
        "expected to hold \(expected) shards, got: \(moved); another worker took over, nothing was written"
    }
}

/// Says that a shard held a damaged state and that all its pairs are rebuilt; the batch was not written.
package struct ShardStartedOver: Error, Sendable, CustomStringConvertible {
    package var shard: Int16

    package init(shard: Int16) { self.shard = shard }

    package var description: String {
        "expected readable engine states in shard \(shard), got: a damaged one; all its pairs are rebuilt from history"
    }
}

/// The worker's reads and writes around one batch.
package struct BatchStore: Sendable {
    package var identity: WorkerIdentity

    package init(identity: WorkerIdentity) { self.identity = identity }

    package func states(_ connection: inout Connection, of pairs: [PairInShard]) throws -> [StoredState] {
        try connection.query(LoadStates(pairs: pairs))
    }

    package func checkpoints(_ connection: inout Connection, of pairs: [PairInShard]) throws -> [StoredState] {
        pairs.isEmpty ? [] : try connection.query(LoadCheckpoints(pairs: pairs))
    }

    package func buckets(_ connection: inout Connection, at keys: [StoredBucket]) throws -> [StoredBucket] {
        keys.isEmpty ? [] : try connection.query(LoadBuckets(keys: keys))
    }

    package func quarantine(_ connection: inout Connection, of shards: [Int16]) throws -> [QuarantinedPair] {
        try connection.query(LoadQuarantine(shards: shards))
    }

    package func outdatedPairs(
        _ connection: inout Connection, of shard: Int16, pairsMax: Int
    ) throws -> [(pair: Pair, rows: Int64)] {
        try connection.query(OutdatedPairs(shard: shard, identity: identity, pairsMax: Int64(pairsMax)))
    }

    package func noteSuspect(_ connection: inout Connection, _ pair: PairInShard) throws {
        _ = try connection.query(NoteSuspect(shard: pair.shard, owner: identity.owner, pair: pair.pair))
    }

    package func clearSuspect(_ connection: inout Connection, of shard: Int16) throws {
        _ = try connection.query(NoteSuspect(shard: shard, owner: identity.owner, pair: nil))
    }

    /// Writes a batch and moves its shards on.
    ///
    /// - Parameters:
    ///   - connection: a lane's.
    ///   - write: what to write.
    ///   - fenced: for tests; called when the shards are locked.
    /// - Throws: `FenceError` when another worker took a shard over; nothing is written then.
    package func commit(
        _ connection: inout Connection, _ write: BatchWrite, fenced: () throws -> Void = {}
    ) throws {
        try connection.transaction(.readWrite) { connection in
            let moved = try connection.query(
                AdvanceShards(shards: write.shards, identity: identity, move: write.move))
            guard moved.count == write.shards.count else {
                throw FenceError(expected: write.shards.count, moved: moved.count)
            }
            try fenced()
            try save(&connection, write)
        }
    }

    /// Has all pairs of a shard rebuilt, as if its states were of another version.
    ///
    /// - Throws: `FenceError` when another worker took the shard over; nothing is written then.
    package func startOver(_ connection: inout Connection, _ shard: ShardProgress) throws {
        try connection.transaction(.readWrite) { connection in
            let held = try connection.query(RebuildShard(shard: shard, owner: identity.owner))
            guard held.count == 1 else { throw FenceError(expected: 1, moved: 0) }
            _ = try connection.run(OutdateStates(shards: [shard.shard], identity: identity))
            let bots = try connection.query(EmptyBuckets(shards: [shard.shard]))
            if !bots.isEmpty { _ = try connection.run(NoteBotChanges(botNames: bots)) }
        }
    }

    fileprivate func save(_ connection: inout Connection, _ write: BatchWrite) throws {
        if !write.states.isEmpty {
            _ = try connection.run(SaveStates(states: write.states, identity: identity))
        }
        if !write.checkpoints.isEmpty {
            _ = try connection.run(SaveCheckpoints(checkpoints: write.checkpoints, identity: identity))
        }
        let dropped = write.droppedCheckpoints + write.emptied
        if !dropped.isEmpty { _ = try connection.run(DeleteCheckpoints(pairs: dropped)) }
        if !write.rows.isEmpty {
            var generations: [Int16: Int64] = [:]
            for shard in write.shards { generations[shard.shard] = shard.generation + 1 }
            let entries = write.rows.map { SaveStrategicRows.Entry(shard: $0.shard, row: $0.row) }
            _ = try connection.run(
                SaveStrategicRows(
                    entries: entries, generations: entries.map { generations[$0.shard] ?? 0 }, identity: identity))
        }
        if !write.emptied.isEmpty { _ = try connection.run(DeletePairs(pairs: write.emptied)) }
        if !write.buckets.isEmpty { _ = try connection.run(SaveBuckets(buckets: write.buckets)) }
        if !write.failures.isEmpty { _ = try connection.run(QuarantinePairs(failures: write.failures)) }
        if !write.recovered.isEmpty { _ = try connection.run(ReleaseFromQuarantine(pairs: write.recovered)) }
        if !write.answered.isEmpty { _ = try connection.run(AnswerRefreshes(pairs: write.answered)) }
    }
}

/// Pairs that readers met stale, in the given shards.
struct LoadRefreshes: Statement {
    static let name = "load_refreshes"
    static let sql = """
        select shard, bot_name, user_id from afterthought.refresh_requests
        where shard = any($1)
        order by requested_at
        limit $2
        """

    var shards: [Int16]
    var pairsMax: Int64

    func bind(to parameters: inout Parameters) {
        parameters.append(shards)
        parameters.append(pairsMax)
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> PairInShard {
        let bot = try row.decode(1, as: String.self)
        return PairInShard(
            shard: try row.decode(0, as: Int16.self),
            pair: Pair(userID: try row.decode(2, as: String.self), botName: bot))
    }
}

struct AnswerRefreshes: Statement {
    static let name = "answer_refreshes"
    static let sql = """
        delete from afterthought.refresh_requests as r
        using unnest($1::smallint[], $2::text[], $3::text[]) as done (shard, bot_name, user_id)
        where r.bot_name = done.bot_name and r.user_id = done.user_id
        """

    var pairs: [PairInShard]

    func bind(to parameters: inout Parameters) { parameters.append(pairs) }
}

extension BatchStore {
    /// Tries a write and undoes it: the error the server refuses it with, or nil when it would take it.
    package func refusal(_ connection: inout Connection, of write: BatchWrite) throws -> PostgresError? {
        struct Undo: Error {}
        do {
            try connection.transaction(.readWrite) { connection in
                try save(&connection, write)
                throw Undo()
            }
        } catch is Undo {
            return nil
        } catch let error as PostgresError where error.isDataError {
            return error
        }
        return nil
    }
}

extension BatchStore {
    /// Pairs that readers met stale, oldest requests first.
    package func refreshes(_ connection: inout Connection, of shards: [Int16]) throws -> [PairInShard] {
        try connection.query(LoadRefreshes(shards: shards, pairsMax: Self.refreshesMax))
    }

    /// Requests answered in one cycle.
    package static let refreshesMax: Int64 = 500
}
