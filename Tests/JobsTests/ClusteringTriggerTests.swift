import Bytes
import Jobs
import Postgres
import Store
import Support
import Testing

@Suite("Clustering triggers and status", .database)
struct ClusteringTriggerTests {
    typealias Fixture = ClusteringFixture

    private func say(_ count: Int, _ connection: inout Connection) throws {
        try connection.execute(
            """
            insert into afterthought.messages (user_id, bot_name, conversation_id, role, content)
            select 'u', 'elena', 'x', 'user', 'something about the weather in spring'
            from generate_series(1, \(count))
            """)
    }

    private func reason(_ connection: inout Connection) throws -> String? {
        let values = try connection.query(LoadJobSettings()).map { ($0.name, $0.value) }
        return try Fixture.job.reasonToRun(JobSettings(Dictionary(uniqueKeysWithValues: values)), &connection)
    }

    @Test("no run yet: two messages; then three, or one after the time threshold; never when it is off")
    func triggers() throws {
        var connection = try TestDatabase.current.connect()
        #expect(try reason(&connection) == nil)
        try say(1, &connection)
        #expect(try reason(&connection) == nil)
        try say(1, &connection)
        #expect(try reason(&connection) == "no run yet, and 2 messages or more")
        try Fixture.insert(0..<4, into: &connection)
        try Fixture.run(Fixture.job, &connection)
        #expect(try reason(&connection) == nil)
        try say(2, &connection)
        #expect(try reason(&connection) == nil)
        try connection.execute(
            "update afterthought.clustering_state set last_run_at = now() - interval '29 minutes 59 seconds'")
        #expect(try reason(&connection) == nil)
        try connection.execute("update afterthought.clustering_state set last_run_at = now() - interval '30 minutes'")
        #expect(try reason(&connection) == "unprocessed messages, and 30 minutes since the last run")
        try connection.execute("update afterthought.clustering_state set last_run_at = now()")
        try say(1, &connection)
        #expect(try reason(&connection) == "at least 3 unprocessed messages")
        try connection.execute(
            "update afterthought.job_settings set value = '4' where name = 'CLUSTERING_MESSAGE_THRESHOLD'")
        #expect(try reason(&connection) == nil)
        try connection.execute(
            """
            update afterthought.job_settings set value = '0.5' where name = 'CLUSTERING_TIME_THRESHOLD_MINUTES';
            update afterthought.clustering_state set last_run_at = now() - interval '30 seconds';
            """)
        #expect(try reason(&connection) == "unprocessed messages, and 0.5 minutes since the last run")
        try connection.execute(
            "update afterthought.job_settings set value = 'false' where name = 'BACKGROUND_CLUSTERING_ENABLED'")
        #expect(try reason(&connection) == nil)
        try Fixture.run(Fixture.job, &connection)
        #expect(try reason(&connection) == nil)
    }

    @Test("nothing new: no reason, however long ago the last run was")
    func nothingNew() throws {
        var connection = try TestDatabase.current.connect()
        try Fixture.insert(0..<4, into: &connection)
        try Fixture.run(Fixture.job, &connection)
        try connection.execute("update afterthought.clustering_state set last_run_at = now() - interval '9 days'")
        #expect(try reason(&connection) == nil)
    }

    @Test("the status has its eight keys, before the first run and after")
    func status() throws {
        var connection = try TestDatabase.current.connect()
        let keys = [
            "clustering_in_progress", "configuration", "enabled", "latest_clustering_run",
            "minutes_since_last_clustering", "should_trigger_clustering", "trigger_reason", "unprocessed_messages",
        ]
        func status() throws -> JSONValue {
            let json = try #require(try connection.first(ClusteringStatus()))
            return try JSONValue(parsing: json.text)
        }
        try say(2, &connection)
        var found = try status()
        #expect(found.members?.map(\.key).sorted() == keys)
        #expect(found["enabled"] == .bool(true) && found["clustering_in_progress"] == .bool(false))
        #expect(found["unprocessed_messages"]?.int64 == 2)
        #expect(found["minutes_since_last_clustering"] == .null && found["latest_clustering_run"] == .null)
        #expect(found["should_trigger_clustering"] == .bool(true))
        #expect(found["configuration"]?["CLUSTERING_MESSAGE_THRESHOLD"]?.int64 == 3)
        #expect(found["configuration"]?["BACKGROUND_CLUSTERING_ENABLED"] == .bool(true))
        try Fixture.insert(0..<4, into: &connection)
        try Fixture.run(Fixture.job, &connection)
        found = try status()
        #expect(found.members?.map(\.key).sorted() == keys)
        #expect(found["unprocessed_messages"]?.int64 == 0 && found["trigger_reason"] == .null)
        #expect((found["minutes_since_last_clustering"]?.double ?? -1) >= 0)
        #expect(found["latest_clustering_run"]?["status"] == .string("completed"))
        // One that runs is said to run; its progress is in the run's row.
        _ = try connection.first(EnqueueJob(job: "clustering", reason: "by hand"))
        _ = try connection.first(ClaimJob(jobs: ["clustering"], claimant: "test", leaseSeconds: 60))
        #expect(try status()["clustering_in_progress"] == .bool(true))
    }

    @Test("triggers during a run become one more run")
    func coalesce() throws {
        var connection = try TestDatabase.current.connect()
        _ = try connection.first(EnqueueJob(job: "clustering", reason: "first"))
        let claims = ClaimJob(jobs: ["clustering"], claimant: "test", leaseSeconds: 60)
        #expect(try connection.first(claims) != nil)
        for _ in 0..<5 { _ = try connection.first(EnqueueJob(job: "clustering", reason: "again")) }
        #expect(
            try connection.lines("select state, count(*) from afterthought.jobs group by 1 order by 1")
                == ["running 1", "waiting 1"])
    }

    @Test("the trigger reads indexes, not the messages")
    func cheap() throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute(
            """
            insert into afterthought.messages (user_id, bot_name, conversation_id, role, content)
            select 'u' || n % 500, 'elena', 'c' || n / 10, 'user', 'words ' || n from generate_series(1, 50000) as n;
            """)
        // Each on its own: a snapshot taken in the transaction that inserts does not hold what it inserts.
        try connection.execute("analyze afterthought.messages")
        try connection.execute(
            """
            update afterthought.clustering_state
            set last_snapshot = pg_current_snapshot(), last_run_at = now() - interval '1 day';
            """)
        let before = try connection.lines(
            "select coalesce(seq_scan, 0) from pg_stat_xact_user_tables where relname = 'messages'")
        try connection.execute("begin")
        #expect(try connection.lines("select afterthought.clustering_trigger()") == ["null"])
        #expect(
            try connection.lines(
                """
                select seq_scan = 0, coalesce(idx_tup_fetch, 0) < 10
                from pg_stat_xact_user_tables where relname = 'messages'
                """) == ["t t"], "\(before)")
        try connection.execute("commit")
    }
}
