import Bytes
import Model
import Postgres

/// A cached pair, and the moment that it stands for.
package struct CachedPair: Sendable {
    package var pair: PairInShard
    package var engineVersion: Int32
    package var configHash: String
    /// Grows when the row is written.
    package var generation: Int64
    /// All of the pair's input that this snapshot sees is in the row; nil while its shard works a backlog off.
    package var through: Snapshot?
}

/// Pairs with a cache row, drawn at random or named.
package struct ChooseCachedPairs: Statement {
    package static let name = "choose_cached_pairs"
    package static let sql = """
        with keys as materialized (
            select bot_name, user_id from afterthought.strategic_cache
            where $3::text is null or (user_id = $3 and bot_name = $4)
        ), chosen as (
            select bot_name, user_id from keys
            order by md5(bot_name || chr(31) || user_id || $1)
            limit greatest($5, ceil((select count(*) from keys) * $2))
        )
        select
            c.shard, c.bot_name, c.user_id, c.engine_version, c.config_hash, c.generation,
            case when p.window_snapshot is null then p.last_snapshot end
        from chosen
        join afterthought.strategic_cache as c using (bot_name, user_id)
        join afterthought.shard_progress as p on p.shard = c.shard
        order by c.shard, c.bot_name, c.user_id
        """

    /// Another one draws other pairs.
    var salt: String
    /// 0…1.
    var share: Double
    var only: Pair?
    var pairsMin: Int64

    /// Draws a share of all pairs, at least so many of them as there are.
    package init(share: Double, salt: String, pairsMin: Int64 = 20) {
        self.salt = salt
        self.share = share
        self.pairsMin = pairsMin
    }

    /// Names one pair.
    package init(only pair: Pair) {
        self.init(share: 1, salt: "")
        only = pair
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(salt)
        parameters.append(share)
        parameters.append(only?.userID)
        parameters.append(only?.botName)
        parameters.append(pairsMin)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> CachedPair {
        let bot = try row.decode(1, as: String.self)
        let pair = Pair(userID: try row.decode(2, as: String.self), botName: bot)
        return CachedPair(
            pair: PairInShard(shard: try row.decode(0, as: Int16.self), pair: pair),
            engineVersion: try row.decode(3, as: Int32.self), configHash: try row.decode(4, as: String.self),
            generation: try row.decode(5, as: Int64.self), through: try row.decode(6, as: Snapshot?.self))
    }
}

/// How a cached row differs from the one recomputed.
package struct PairDifference: Sendable {
    package var pair: Pair
    /// Whether the pair moved on, or was changed by hand or by an edit, while it was recomputed.
    package var isInProgress: Bool
    /// Columns with another value; empty when all are equal.
    package var columns: [String]
}

/// Compares recomputed rows with the cached ones, column by column, as the server holds them.
package struct CompareRows: Statement {
    package static let name = "compare_rows"
    package static let sql = """
        with recomputed as (
            \(SaveStrategicRows.given(firstParameter: 2))
        ), expected as (
            select * from unnest($1::pg_snapshot[], $4::text[], $5::text[]) as e (through, bot_name, user_id)
        )
        select
            r.bot_name, r.user_id,
            c.user_id is null or c.stale_reason is not null or c.generation <> r.generation
                or exists (
                    select from afterthought.pair_changes as h
                    where h.shard = r.shard and h.bot_name = r.bot_name and h.user_id = r.user_id
                        and not pg_visible_in_snapshot(h.tx, e.through)
                ),
            (
                select coalesce(array_agg(k.key order by k.key), '{}')
                from jsonb_each(to_jsonb(r) - 'generation') as k
                where k.value is distinct from to_jsonb(c) -> k.key
            )
        from recomputed as r
        join expected as e using (bot_name, user_id)
        left join afterthought.strategic_cache as c using (bot_name, user_id)
        """

    /// What each row was recomputed through.
    var snapshots: [Snapshot]
    /// The rows, with the generations of the cached ones when they were chosen.
    var rows: SaveStrategicRows

    package init(_ rows: [(pair: CachedPair, row: StrategicRow, through: Snapshot)], identity: WorkerIdentity) {
        snapshots = rows.map(\.through)
        self.rows = SaveStrategicRows(
            entries: rows.map { SaveStrategicRows.Entry(shard: $0.pair.pair.shard, row: $0.row) },
            generations: rows.map(\.pair.generation), identity: identity)
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(snapshots)
        rows.bindEntries(to: &parameters)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> PairDifference {
        let bot = try row.decode(0, as: String.self)
        return PairDifference(
            pair: Pair(userID: try row.decode(1, as: String.self), botName: bot),
            isInProgress: try row.decode(2, as: Bool.self), columns: try row.decode(3, as: [String].self))
    }
}
