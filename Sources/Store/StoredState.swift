import Bytes
import Model
import Postgres

/// A pair's state or checkpoint as it is stored.
package struct StoredState: Sendable {
    package var shard: Int16
    package var pair: Pair
    package var engineVersion: Int32
    package var configHash: String
    package var rowsApplied: Int64
    /// The newest row applied.
    package var lastKey: OrderKey
    /// Rows that this snapshot sees are in the state already; nil once no scan can return them again.
    package var rebuiltSnapshot: Snapshot?
    package var bytes: [UInt8]

    package init(
        shard: Int16, pair: Pair, engineVersion: Int32, configHash: String, rowsApplied: Int64, lastKey: OrderKey,
        rebuiltSnapshot: Snapshot?, bytes: [UInt8]
    ) {
        self.shard = shard
        self.pair = pair
        self.engineVersion = engineVersion
        self.configHash = configHash
        self.rowsApplied = rowsApplied
        self.lastKey = lastKey
        self.rebuiltSnapshot = rebuiltSnapshot
        self.bytes = bytes
    }
}

/// A pair with its shard.
package struct PairInShard: Hashable, Sendable {
    package var shard: Int16
    package var pair: Pair

    package init(shard: Int16, pair: Pair) {
        self.shard = shard
        self.pair = pair
    }
}

extension Parameters {
    /// Appends shards, bots and users as three arrays.
    mutating func append(_ pairs: [PairInShard]) {
        append(pairs.map(\.shard))
        append(pairs.map(\.pair.botName))
        append(pairs.map(\.pair.userID))
    }
}

struct LoadStates: Statement {
    static let name = "load_states"
    static let sql = """
        select
            s.shard, s.bot_name, s.user_id, s.engine_version, s.config_hash, s.rows_applied, s.last_at,
            s.last_stream, s.last_id, s.rebuilt_snapshot, s.state
        from unnest($1::smallint[], $2::text[], $3::text[]) as wanted (shard, bot_name, user_id)
        join afterthought.engine_state as s using (shard, bot_name, user_id)
        """

    var pairs: [PairInShard]

    func bind(to parameters: inout Parameters) { parameters.append(pairs) }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> StoredState {
        let bot = try row.decode(1, as: String.self)
        let key = OrderKey(
            effectiveAt: try row.decode(6, as: Timestamp.self),
            stream: UInt8(truncatingIfNeeded: try row.decode(7, as: Int16.self)), id: try row.decode(8, as: Int64.self))
        return StoredState(
            shard: try row.decode(0, as: Int16.self),
            pair: Pair(userID: try row.decode(2, as: String.self), botName: bot),
            engineVersion: try row.decode(3, as: Int32.self), configHash: try row.decode(4, as: String.self),
            rowsApplied: try row.decode(5, as: Int64.self), lastKey: key,
            rebuiltSnapshot: try row.decode(9, as: Snapshot?.self), bytes: try row.decode(10, as: [UInt8].self))
    }
}

struct LoadCheckpoints: Statement {
    static let name = "load_checkpoints"
    static let sql = """
        select
            s.shard, s.bot_name, s.user_id, s.engine_version, s.config_hash, s.rows_applied, s.through_at,
            s.through_stream, s.through_id, null::pg_snapshot, s.state
        from unnest($1::smallint[], $2::text[], $3::text[]) as wanted (shard, bot_name, user_id)
        join afterthought.engine_checkpoints as s using (shard, bot_name, user_id)
        """

    var pairs: [PairInShard]

    func bind(to parameters: inout Parameters) { parameters.append(pairs) }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> StoredState {
        try LoadStates.decode(row)
    }
}

struct SaveStates: Statement {
    static let name = "save_states"
    static let sql = """
        insert into afterthought.engine_state (
            shard, bot_name, user_id, engine_version, config_hash, rows_applied, last_at, last_stream, last_id,
            rebuilt_snapshot, state)
        select shard, bot_name, user_id, $4, $5, rows_applied, last_at, last_stream, last_id, rebuilt, state
        from unnest(
            $1::smallint[], $2::text[], $3::text[], $6::bigint[], $7::timestamptz[], $8::smallint[], $9::bigint[],
            $10::pg_snapshot[], $11::bytea[])
            as new (shard, bot_name, user_id, rows_applied, last_at, last_stream, last_id, rebuilt, state)
        on conflict (shard, bot_name, user_id) do update
        set
            engine_version = excluded.engine_version,
            config_hash = excluded.config_hash,
            rows_applied = excluded.rows_applied,
            last_at = excluded.last_at,
            last_stream = excluded.last_stream,
            last_id = excluded.last_id,
            rebuilt_snapshot = excluded.rebuilt_snapshot,
            state = excluded.state
        """

    var states: [StoredState]
    var identity: WorkerIdentity

    func bind(to parameters: inout Parameters) {
        parameters.append(states.map { PairInShard(shard: $0.shard, pair: $0.pair) })
        parameters.append(identity.engineVersion)
        parameters.append(identity.configHash)
        parameters.append(states.map(\.rowsApplied))
        parameters.append(states.map(\.lastKey.effectiveAt))
        parameters.append(states.map { Int16($0.lastKey.stream) })
        parameters.append(states.map(\.lastKey.id))
        parameters.append(states.map(\.rebuiltSnapshot))
        parameters.append(states.map(\.bytes))
    }
}

struct SaveCheckpoints: Statement {
    static let name = "save_checkpoints"
    static let sql = """
        insert into afterthought.engine_checkpoints (
            shard, bot_name, user_id, engine_version, config_hash, rows_applied, through_at, through_stream,
            through_id, state)
        select shard, bot_name, user_id, $4, $5, rows_applied, through_at, through_stream, through_id, state
        from unnest(
            $1::smallint[], $2::text[], $3::text[], $6::bigint[], $7::timestamptz[], $8::smallint[], $9::bigint[],
            $10::bytea[])
            as new (shard, bot_name, user_id, rows_applied, through_at, through_stream, through_id, state)
        on conflict (shard, bot_name, user_id) do update
        set
            engine_version = excluded.engine_version,
            config_hash = excluded.config_hash,
            rows_applied = excluded.rows_applied,
            through_at = excluded.through_at,
            through_stream = excluded.through_stream,
            through_id = excluded.through_id,
            state = excluded.state
        """

    var checkpoints: [StoredState]
    var identity: WorkerIdentity

    func bind(to parameters: inout Parameters) {
        parameters.append(checkpoints.map { PairInShard(shard: $0.shard, pair: $0.pair) })
        parameters.append(identity.engineVersion)
        parameters.append(identity.configHash)
        parameters.append(checkpoints.map(\.rowsApplied))
        parameters.append(checkpoints.map(\.lastKey.effectiveAt))
        parameters.append(checkpoints.map { Int16($0.lastKey.stream) })
        parameters.append(checkpoints.map(\.lastKey.id))
        parameters.append(checkpoints.map(\.bytes))
    }
}

/// Removes what is stored of pairs that have no rows left, or whose old checkpoint no longer holds.
struct DeleteCheckpoints: Statement {
    static let name = "delete_checkpoints"
    static let sql = """
        delete from afterthought.engine_checkpoints as c
        using unnest($1::smallint[], $2::text[], $3::text[]) as gone (shard, bot_name, user_id)
        where c.shard = gone.shard and c.bot_name = gone.bot_name and c.user_id = gone.user_id
        """

    var pairs: [PairInShard]

    func bind(to parameters: inout Parameters) { parameters.append(pairs) }
}

struct DeletePairs: Statement {
    static let name = "delete_pairs"
    static let sql = """
        with gone as (
            select * from unnest($1::smallint[], $2::text[], $3::text[]) as gone (shard, bot_name, user_id)
        ), states as (
            delete from afterthought.engine_state as s using gone
            where s.shard = gone.shard and s.bot_name = gone.bot_name and s.user_id = gone.user_id
        )
        delete from afterthought.strategic_cache as c using gone
        where c.bot_name = gone.bot_name and c.user_id = gone.user_id
        """

    var pairs: [PairInShard]

    func bind(to parameters: inout Parameters) { parameters.append(pairs) }
}

/// Pairs of a shard whose state is of another version or configuration, newest activity first.
struct OutdatedPairs: Statement {
    static let name = "outdated_pairs"
    static let sql = """
        select bot_name, user_id, rows_applied from afterthought.engine_state
        where shard = $1 and (engine_version <> $2 or config_hash <> $3)
        order by last_at desc, bot_name, user_id
        limit $4
        """

    var shard: Int16
    var identity: WorkerIdentity
    var pairsMax: Int64

    func bind(to parameters: inout Parameters) {
        parameters.append(shard)
        parameters.append(identity.engineVersion)
        parameters.append(identity.configHash)
        parameters.append(pairsMax)
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> (pair: Pair, rows: Int64) {
        let bot = try row.decode(0, as: String.self)
        return (Pair(userID: try row.decode(1, as: String.self), botName: bot), try row.decode(2, as: Int64.self))
    }
}
