import Bytes
import Postgres

/// What the metrics say of the database, at one moment of its clock.
package struct OperationsSample: Equatable, Sendable {
    /// A name with how many rows have it.
    package struct Count: Equatable, Sendable {
        package var name: String
        package var rows: Int64
    }

    package var at: Timestamp
    /// The moment before which everything is reflected, over the shards that were ever finished.
    package var verifiedThrough: Timestamp?
    /// Shards that were never finished, of 64.
    package var shardsUnverified: Int64
    package var shardsLeased: Int64
    package var shardsRebuilding: Int64
    /// Workers with a lease.
    package var workers: Int64
    /// When the row that waits longest was received; nil: none waits.
    package var oldestUnprocessedAt: Timestamp?
    /// Cache rows that were looked at: all, or about `SampleOperations.rowsWanted` of them.
    package var sampledPairs: Int64
    /// How many of those a read calls fresh.
    package var freshPairs: Int64
    /// Of those, how many have null columns of an engine.
    package var nulls: [Count]
    /// Pairs in quarantine, counted up to `SampleOperations.countMax`.
    package var quarantined: Int64
    /// Jobs that wait, by queue, counted up to `SampleOperations.countMax`.
    package var waiting: [Count]
    package var running: Int64
    /// When a job last completed, of those that are kept.
    package var lastCompletedAt: Timestamp?
    /// Readers' requests that wait, counted up to `SampleOperations.countMax`.
    package var refreshRequests: Int64

    package var lagSeconds: Double? { verifiedThrough.map { max(0, at.seconds(since: $0)) } }
    /// 0 when nothing waits.
    package var oldestUnprocessedSeconds: Double { oldestUnprocessedAt.map { max(0, at.seconds(since: $0)) } ?? 0 }
    /// Nil without any cache row.
    package var freshRatio: Double? { sampledPairs > 0 ? Double(freshPairs) / Double(sampledPairs) : nil }
}

/// Reads all figures of the metrics that only the database knows, in one statement that stays small.
///
/// It is not `StatusReport`, which counts everything: what grows with the pairs is drawn from some pages of the cache,
/// what grows with the backlog is one row a stream and shard, and what waits is counted up to a limit. It takes the
/// columns of the worker's role.
package struct SampleOperations: Statement {
    package static let name = "sample_operations"
    /// Cache rows that are enough to tell a share by.
    static let rowsWanted = 1_000
    /// Pages of the cache that are read for them: at least 2 MB, at most 16 MB where dead rows fill the pages.
    static let pages = 256...2_048
    /// Beyond this many, rows that wait are not counted further.
    package static let countMax = 10_000

    // Which pages is drawn anew each time, so that a part of the cache that fares differently is met in the long run.
    package static let sql = """
        with progress as materialized (
            select
                shard, verified_at, ttl, rebuild_pending,
                owner is not null and lease_until > now() as is_leased,
                pg_snapshot_xmax(last_snapshot) as next,
                array(
                    select xip from pg_snapshot_xip(last_snapshot) as xip
                    where pg_visible_in_snapshot(xip, pg_current_snapshot())) as ended
            from afterthought.shard_progress
        ), shards as (
            select
                min(verified_at) as verified_through,
                count(*) filter (where verified_at is null) as unverified,
                count(*) filter (where is_leased) as leased,
                count(*) filter (where rebuild_pending) as rebuilding
            from progress
        ), sampled as materialized (
            select
                coalesce(
                    now() < p.verified_at + p.ttl
                        and p.verified_at <= now() + interval '1 second'
                        and c.stale_reason is null, false) as is_fresh,
                c.null_reasons
            from afterthought.strategic_cache as c
                tablesample system (\(CachePages.percent(rows: rowsWanted, pages: pages)))
            join progress as p using (shard)
        ), nulls as (
            select key, count(*) as rows
            from sampled, jsonb_object_keys(null_reasons) as key
            group by key
        ), waiting as (
            select queue, count(*) as rows
            from (
                select queue from afterthought.jobs where state = 'waiting' limit \(countMax)
            ) as j
            group by queue
        )
        select
            now(), s.verified_through, s.unverified, s.leased, s.rebuilding,
            (select count(*) from afterthought.worker_leases where lease_until > now()),
            (
                select min(received_at)
                from (
        \(InputStreams.all.map { oldest($0.table, $0.receivedAt) }.joined(separator: "\n            union all\n"))
                ) as streams
            ),
            (select count(*) from sampled),
            (select count(*) from sampled where is_fresh),
            (select coalesce(array_agg(key order by key collate "C"), '{}') from nulls),
            (select coalesce(array_agg(rows order by key collate "C"), '{}') from nulls),
            (select count(*) from (select from afterthought.quarantine limit \(countMax)) as q),
            (select coalesce(array_agg(queue order by queue collate "C"), '{}') from waiting),
            (select coalesce(array_agg(rows order by queue collate "C"), '{}') from waiting),
            (select count(*) from afterthought.jobs where state = 'running'),
            (
                select finished_at from afterthought.jobs
                where finished_at is not null and state = 'completed'
                order by finished_at desc
                limit 1
            ),
            (select count(*) from (select from afterthought.refresh_requests limit \(countMax)) as r)
        from shards as s
        """

    // The first row past the watermark by the order of the index, and one of each transaction that was in progress
    // then and has ended since: all rows of a transaction were received at one moment.
    private static func oldest(_ table: String, _ receivedAt: String) -> String {
        """
                    select r.received_at
                    from progress as p
                    cross join lateral (
                        select m.\(receivedAt) as received_at
                        from afterthought.\(table) as m
                        where m.shard = p.shard
                            and m.tx >= p.next
                            and m.id > (select floor_id from afterthought.stream_floors where stream = '\(table)')
                        order by m.tx, m.id
                        limit 1
                    ) as r
                    union all
                    select r.received_at
                    from progress as p
                    cross join unnest(p.ended) as e (tx)
                    cross join lateral (
                        select m.\(receivedAt) as received_at
                        from afterthought.\(table) as m
                        where m.shard = p.shard
                            and m.tx = e.tx
                            and m.id > (select floor_id from afterthought.stream_floors where stream = '\(table)')
                        limit 1
                    ) as r
        """
    }

    package init() {}

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> OperationsSample {
        OperationsSample(
            at: try row.decode(0), verifiedThrough: try row.decode(1), shardsUnverified: try row.decode(2),
            shardsLeased: try row.decode(3), shardsRebuilding: try row.decode(4), workers: try row.decode(5),
            oldestUnprocessedAt: try row.decode(6), sampledPairs: try row.decode(7), freshPairs: try row.decode(8),
            nulls: counts(try row.decode(9), try row.decode(10)), quarantined: try row.decode(11),
            waiting: counts(try row.decode(12), try row.decode(13)), running: try row.decode(14),
            lastCompletedAt: try row.decode(15), refreshRequests: try row.decode(16))
    }

    private static func counts(_ names: [String], _ rows: [Int64]) -> [OperationsSample.Count] {
        zip(names, rows).map { OperationsSample.Count(name: $0, rows: $1) }
    }
}
