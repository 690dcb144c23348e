import Bytes
import Model
import Postgres
import Support
import Testing

@testable import Operations
@testable import Store

@Suite("Metrics from the database", .database)
struct OperationsSampleTests {
    private func sample(_ connection: inout Connection) throws -> OperationsSample {
        try #require(try connection.first(SampleOperations()))
    }

    private func insert(_ connection: inout Connection, _ user: String) throws {
        try connection.execute(
            """
            insert into afterthought.messages (user_id, bot_name, role, content) values ('\(user)', 'b', 'user', 'x')
            """)
    }

    @Test func anEmptyDatabaseSaysWhatItDoesNotKnow() throws {
        var connection = try TestDatabase.current.connect()
        let sample = try sample(&connection)
        #expect(sample.shardsUnverified == 64 && sample.verifiedThrough == nil && sample.lagSeconds == nil)
        #expect(sample.sampledPairs == 0 && sample.freshRatio == nil && sample.nulls == [])
        #expect(sample.oldestUnprocessedAt == nil && sample.oldestUnprocessedSeconds == 0)
        #expect(sample.quarantined == 0 && sample.waiting == [] && sample.running == 0)
        #expect(sample.lastCompletedAt == nil && sample.workers == 0 && sample.refreshRequests == 0)
    }

    @Test func theOldestRowIsTheOneThatTheStatusFinds() throws {
        var connection = try TestDatabase.current.connect()
        var late = try TestDatabase.current.connect()
        var open = try TestDatabase.current.connect()
        try insert(&connection, "seen")
        try late.execute("begin")
        try open.execute("begin")
        try insert(&late, "late")
        try insert(&open, "never committed")
        // Both transactions are in progress in this watermark.
        try connection.execute("update afterthought.shard_progress set last_snapshot = pg_current_snapshot()")
        #expect(try sample(&connection).oldestUnprocessedAt == nil)
        try late.execute("commit")
        for index in 0..<20 { try insert(&connection, "next \(index)") }
        try connection.execute(
            "insert into afterthought.metric_points (bot_name, metric, value) values ('b', 'engagement', 1)")
        let oldest = try sample(&connection).oldestUnprocessedAt
        let whole = try connection.first(Backlog())?.oldest
        #expect(oldest != nil && oldest == whole)
        // Below the floor nothing counts.
        try connection.execute("update afterthought.stream_floors set floor_id = 1000000")
        #expect(try sample(&connection).oldestUnprocessedAt == nil)
        try open.execute("rollback")
    }

    /// Cache rows of so many pairs, one in `staleEvery` marked stale and with nulls of one engine.
    private func fill(_ connection: inout Connection, pairs: Int, staleEvery: Int, padding: Int = 0) throws {
        try connection.execute(
            """
            insert into afterthought.strategic_cache (
                computed_at, generation, messages_reflected, engine_version, shard, bot_name, user_id, config_hash,
                stale_reason, null_reasons, unvalidated, communication_style)
            select now(), 1, 1, 1, afterthought.shard_of('u' || i, 'b'), 'b', 'u' || i, '',
                case when i % \(staleEvery) = 0 then 'quarantined' end,
                case when i % \(staleEvery) = 0 then '{"memory_aging": "few"}'::jsonb else '{}' end, '{}',
                repeat('x', \(padding))
            from generate_series(1, \(pairs)) as i
            """)
    }

    @Test func aSmallCacheIsCountedWhole() throws {
        var connection = try TestDatabase.current.connect()
        try fill(&connection, pairs: 200, staleEvery: 10)
        try connection.execute("update afterthought.shard_progress set verified_at = now() - interval '10 seconds'")
        var seen = try sample(&connection)
        #expect(seen.sampledPairs == 200 && seen.freshPairs == 180 && seen.freshRatio == 0.9)
        #expect(seen.nulls == [OperationsSample.Count(name: "memory_aging", rows: 20)])
        #expect((10...70).contains(seen.lagSeconds ?? 0) && seen.shardsUnverified == 0)
        // One shard that was never finished is not forgotten, and takes its rows' freshness.
        try connection.execute(
            "update afterthought.shard_progress set verified_at = null where shard = afterthought.shard_of('u1', 'b')")
        seen = try sample(&connection)
        #expect(seen.shardsUnverified == 1 && seen.freshPairs < 180 && seen.lagSeconds != nil)
        // A verification from the future is not believed, nor one older than the TTL.
        for moment in ["now() + interval '1 hour'", "now() - interval '1 hour'"] {
            try connection.execute("update afterthought.shard_progress set verified_at = \(moment)")
            #expect(try sample(&connection).freshPairs == 0)
        }
    }

    @Test func aLargeCacheIsLookedIntoByPages() throws {
        var connection = try TestDatabase.current.connect()
        // One row a page, as a page is filled to 70 %.
        try fill(&connection, pairs: 4000, staleEvery: 4, padding: 3500)
        try connection.execute("update afterthought.shard_progress set verified_at = now()")
        var sampled: Int64 = 0
        var fresh: Int64 = 0
        for _ in 0..<10 {
            let seen = try sample(&connection)
            // 256 pages before the server has counted the rows, 1,000 after: binomial, 150 more are beyond chance.
            #expect((106...1150).contains(seen.sampledPairs), "\(seen.sampledPairs)")
            sampled += seen.sampledPairs
            fresh += seen.freshPairs
        }
        // 0.75 by construction; ten samples of 256 rows have a standard error of 0.009.
        let ratio = Double(fresh) / Double(sampled)
        #expect(abs(ratio - 0.75) < 0.06, "\(ratio)")
    }

    @Test func theQueueIsCounted() throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute(
            """
            select afterthought.enqueue_job('learning_report', jsonb_build_object('n', n))
            from generate_series(1, 3) as n;
            insert into afterthought.quarantine (shard, bot_name, user_id, reason, error, attempts, next_attempt_at)
            values (1, 'b', 'u', 'state_too_large', 'e', 1, now());
            insert into afterthought.refresh_requests (bot_name, user_id) values ('b', 'u'), ('b', 'v')
            """)
        let seen = try sample(&connection)
        #expect(seen.waiting == [OperationsSample.Count(name: "learning", rows: 3)] && seen.running == 0)
        #expect(seen.quarantined == 1 && seen.refreshRequests == 2 && seen.lastCompletedAt == nil)
        try connection.execute(
            """
            update afterthought.jobs set state = 'failed', finished_at = now()
            where id = (select max(id) from afterthought.jobs);
            update afterthought.jobs set state = 'completed', finished_at = now() - interval '1 minute'
            where id = (select min(id) from afterthought.jobs)
            """)
        let later = try sample(&connection)
        #expect(later.waiting == [OperationsSample.Count(name: "learning", rows: 1)])
        #expect((60...120).contains(later.lastCompletedAt.map { later.at.seconds(since: $0) } ?? 0))
    }

    @Test func theWorkersRoleMaySample() throws {
        var connection = try TestDatabase.current.connect()
        try Migrator.applyRoles(&connection)
        try connection.execute("set role afterthought_worker")
        #expect(try sample(&connection).shardsUnverified == 64)
        try connection.execute("reset role")
    }

    @Test func theSamplerShowsWhatItFoundAndHowOldItIs() async throws {
        let database = TestDatabase.current
        var connection = try database.connect()
        try fill(&connection, pairs: 20, staleEvery: 5)
        try connection.execute("update afterthought.shard_progress set verified_at = now() - interval '30 seconds'")
        let metrics = WorkerMetrics(
            version: "1", jobs: ["learning_report"], engines: ["memory_aging", "context_switch"], parts: [])
        let sampler = DatabaseSampler(metrics, options: try database.options)
        #expect(await sampler.sample() == nil)
        let page = try Exposition(metrics.registry.exposition())
        #expect(page.value("afterthought_fresh_pairs_ratio") == 0.8)
        #expect((page.value("afterthought_watermark_lag_seconds") ?? 0) >= 30)
        #expect(page.value("afterthought_engine_null_ratio", ["engine": "memory_aging"]) == 0.2)
        #expect(page.value("afterthought_engine_null_ratio", ["engine": "context_switch"]) == 0)
        #expect(page.value("afterthought_queue_depth", ["queue": "learning"]) == 0)
        #expect(page.value("afterthought_job_last_completed_timestamp_seconds") == nil)
        #expect(page.value("afterthought_language_model_spent_usd") == 0)
        #expect(page.value("afterthought_samples_total", ["outcome": "ok"]) == 1)
        // A table that is gone: the old figures stay, and their age and the count of failures tell.
        let age = page.value("afterthought_sample_age_seconds") ?? -1
        try connection.execute("alter table afterthought.quarantine rename to elsewhere")
        #expect(await sampler.sample() != nil)
        let later = try Exposition(metrics.registry.exposition())
        #expect(later.value("afterthought_fresh_pairs_ratio") == 0.8)
        #expect(later.value("afterthought_samples_total", ["outcome": "failed"]) == 1)
        #expect((later.value("afterthought_sample_age_seconds") ?? 0) > age && age >= 0)
        await sampler.close()
    }
}
