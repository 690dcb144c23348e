import Bytes
import Postgres

/// Whether the pair of `s` had no input for `$3` days before `$2`, and has something to drop.
private let idlePair = """
    s.last_at < $2::timestamptz - make_interval(days => $3::integer)
    and (
        exists (
            select from afterthought.strategic_cache as c
            where c.bot_name = s.bot_name and c.user_id = s.user_id and c.stale_reason is null)
        or exists (
            select from afterthought.engine_checkpoints as k
            where k.shard = s.shard and k.bot_name = s.bot_name and k.user_id = s.user_id))
    """

/// The next shard that has cache rows or checkpoints of pairs without input since a moment.
package struct NextShardWithIdlePairs: Statement {
    package static let name = "next_shard_with_idle_pairs"
    package static let sql = """
        select s.shard
        from afterthought.engine_state as s
        where s.shard >= $1 and \(idlePair)
        order by s.shard
        limit 1
        """

    var from: Int16
    var at: Timestamp
    var retentionDays: Int64

    package init(from: Int16, at: Timestamp, retentionDays: Int64) {
        self.from = from
        self.at = at
        self.retentionDays = retentionDays
    }

    package func bind(to parameters: inout Parameters) { parameters.append(all: from, at, retentionDays) }
    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int16 { try row.decode(0) }
}

/// Keeps workers from committing to a shard until the transaction's end.
package struct LockShard: Statement {
    package static let name = "lock_shard"
    package static let sql = "select from afterthought.shard_progress where shard = $1 for update"

    var shard: Int16

    package init(shard: Int16) { self.shard = shard }
    package func bind(to parameters: inout Parameters) { parameters.append(shard) }
}

/// Drops the cache rows and checkpoints of pairs of a shard that had no input since a moment.
///
/// Their state stays: it is the fold over their history, and the buckets of their bot are made of it. So a pair that
/// speaks again goes on from it, and its row is written whole. A checkpoint only saves a rebuild when a row comes late.
package struct DropIdlePairs: Statement {
    package static let name = "drop_idle_pairs"
    package static let sql = """
        with idle as materialized (
            select s.shard, s.bot_name, s.user_id
            from afterthought.engine_state as s
            where s.shard = $1 and \(idlePair)
            order by s.bot_name, s.user_id
            limit $4
        ), cache_rows as (
            delete from afterthought.strategic_cache as c using idle
            where c.bot_name = idle.bot_name and c.user_id = idle.user_id and c.stale_reason is null
            returning c.bot_name
        ), checkpoints as (
            delete from afterthought.engine_checkpoints as k using idle
            where k.shard = idle.shard and k.bot_name = idle.bot_name and k.user_id = idle.user_id
            returning k.bot_name
        )
        select
            (select count(*) from idle), (select count(*) from cache_rows), (select count(*) from checkpoints)
        """

    var shard: Int16
    var at: Timestamp
    var retentionDays: Int64
    var pairsMax: Int64

    package init(shard: Int16, at: Timestamp, retentionDays: Int64, pairsMax: Int64) {
        self.shard = shard
        self.at = at
        self.retentionDays = retentionDays
        self.pairsMax = pairsMax
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(all: shard, at, retentionDays, pairsMax)
    }
    package static func decode(
        _ row: borrowing RowReader
    ) throws(PostgresError) -> (pairs: Int64, rows: Int64, checkpoints: Int64) {
        (try row.decode(0), try row.decode(1), try row.decode(2))
    }
}
