import Postgres
import Support
import Testing

@testable import Store

@Suite("Status", .database)
struct StatusTests {
    private func insert(_ connection: inout Connection, _ user: String) throws {
        try connection.execute(
            """
            insert into afterthought.messages (user_id, bot_name, role, content) values ('\(user)', 'b', 'user', 'x')
            """)
    }

    @Test func unprocessedIsWhatTheWatermarkDoesNotCover() throws {
        var connection = try TestDatabase.current.connect()
        var late = try TestDatabase.current.connect()
        try insert(&connection, "seen")
        try late.execute("begin")
        try insert(&late, "late")
        // The transaction that is still open is in progress in this watermark.
        try connection.execute("update afterthought.shard_progress set last_snapshot = pg_current_snapshot()")
        #expect(try StatusReport.read(&connection).unprocessed == 0)
        try late.execute("commit")
        #expect(try StatusReport.read(&connection).unprocessed == 1)
        try insert(&connection, "next")
        try connection.execute(
            "insert into afterthought.metric_points (bot_name, metric, value) values ('b', 'engagement', 1)")
        let report = try StatusReport.read(&connection)
        #expect(report.unprocessed == 3 && report.messages == 3 && report.pairs == 3)
        #expect(report.oldestUnprocessedAt != nil && report.lagSeconds == nil)
    }

    @Test func rowsBelowTheFloorDoNotCount() throws {
        var connection = try TestDatabase.current.connect()
        try insert(&connection, "old")
        try insert(&connection, "new")
        try connection.execute(
            """
            update afterthought.stream_floors
            set floor_id = (select min(id) from afterthought.messages)
            where stream = 'messages'
            """)
        #expect(try StatusReport.read(&connection).unprocessed == 1)
    }

    @Test func freshStaleAndReasonsAreCounted() throws {
        var connection = try TestDatabase.current.connect()
        let row = """
            insert into afterthought.strategic_cache (
                computed_at, generation, messages_reflected, engine_version, shard, bot_name, user_id, config_hash,
                stale_reason, null_reasons, unvalidated)
            values (now(), 1, 1, 1, afterthought.shard_of('%', 'b'), 'b', '%', '', $, '{"memory_aging": "few"}', '{a}');
            """
        for (user, reason) in [("u1", "null"), ("u2", "null"), ("u3", "'quarantined'")] {
            let parts = row.split(separator: "%", omittingEmptySubsequences: false).joined(separator: user)
            try connection.execute(parts.split(separator: "$").joined(separator: reason))
        }
        try connection.execute("update afterthought.shard_progress set verified_at = now() - interval '10 seconds'")
        try connection.execute(
            """
            update afterthought.shard_progress set verified_at = now() - interval '1 hour'
            where shard = afterthought.shard_of('u2', 'b')
            """)
        let report = try StatusReport.read(&connection)
        let sharesShard = try connection.textRows(
            "select afterthought.shard_of('u1', 'b') = afterthought.shard_of('u2', 'b')")
        #expect(sharesShard == [["f"]])
        #expect(report.fresh == 1 && report.stale == 2)
        #expect(report.nullReasons == [StatusReport.NullReason(engine: "memory_aging", reason: "few", rows: 3)])
        #expect(report.unvalidated == [StatusReport.NullReason(engine: "a", reason: "", rows: 3)])
        #expect((3590...3700).contains(report.lagSeconds ?? 0))
    }

    @Test func everyStatementFitsTheSchema() throws {
        var connection = try TestDatabase.current.connect()
        _ = try connection.describe(StatusOverview.self)
        _ = try connection.describe(Backlog.self)
        _ = try connection.describe(NullReasons.self)
        _ = try connection.describe(UnvalidatedEngines.self)
        _ = try connection.describe(RequestRebuild.self)
        _ = try connection.describe(BeginImport.self)
        _ = try connection.describe(LockImport.self)
        _ = try connection.describe(AdvanceImport.self)
        _ = try connection.describe(DatabaseClock.self)
        _ = try connection.describe(SchemaOverview.self)
        _ = try connection.describe(AppliedMigrations.self)
        _ = try connection.describe(RecordMigration.self)
    }
}
