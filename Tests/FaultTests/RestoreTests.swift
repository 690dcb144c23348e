import Bytes
import Foundation
import Model
import Postgres
import Store
import Support
import Testing
import Worker

@Suite("C1 restore drill", .database)
struct RestoreTests {
    /// Gives a cluster's transaction counter a lead.
    private static func spend(_ transactions: Int, _ connection: inout Connection) throws {
        try connection.execute(
            """
            do $$ begin for i in 1..\(transactions) loop perform pg_current_xact_id(); commit; end loop; end $$
            """)
    }

    /// Dumps a database and restores it under a new name into another cluster.
    private static func copy(
        _ source: TestDatabase, to cluster: TestCluster, as name: String, dumpOptions: [String] = []
    ) throws {
        var connection = try cluster.connect()
        try connection.execute("create database \(name)")
        let script = """
            set -e
            PATH=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1):$PATH
            dump=$(mktemp)
            trap 'rm -f "$dump"' EXIT
            from=$1 to=$2
            shift 2
            pg_dump "$@" -d "$from" > "$dump"
            psql -X -q -v ON_ERROR_STOP=1 -d "$to" -f "$dump" > /dev/null
            """
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", script, "sh", source.url, cluster.url(database: name)] + dumpOptions
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw BenchError("expected the dump to be restored, got: status \(process.terminationStatus)")
        }
    }

    @Test("a dump restored into a younger and into an older cluster is refused, reconciled, and loses nothing")
    func dumpAndRestore() async throws {
        let source = TestDatabase.current
        let options = try source.options
        let rows = SampleRows.ofPairs(8)
        let (applied, pending, later) = (rows.prefix(150), rows.dropFirst(150).prefix(100), rows.dropFirst(250))
        var connection = try source.connect()
        // So that the fresh cluster is the younger one.
        try Self.spend(5_000, &connection)
        try SampleRows.insert(applied, into: &connection)
        try await Workbench.runOnce(options)
        // Rows, an edit and a deletion that no cycle has seen yet.
        try SampleRows.insert(pending, into: &connection)
        try connection.execute(
            """
            update afterthought.messages set content = 'a different text about gardening' where id % 9 = 0;
            delete from afterthought.messages where id % 13 = 0;
            insert into afterthought.metric_points (bot_name, metric, value, recorded_at)
            values ('\(rows[0].pair.botName)', 'engagement', 0.5, '2020-01-01');
            """)
        let cluster = try await onOwnThread {
            let cluster = try TestCluster.makeBareCluster()
            try Self.copy(source, to: cluster, as: "younger")
            var other = try cluster.connect()
            try Self.spend(30_000, &other)
            try Self.copy(source, to: cluster, as: "older")
            return cluster
        }
        defer { cluster.remove() }
        try await Workbench.runOnce(options)
        let expected = try await FaultBench.outcome(options)
        try SampleRows.insert(later, into: &connection)
        try await Workbench.runOnce(options)
        let expectedLater = try await FaultBench.outcome(options)

        for name in ["younger", "older"] {
            let restored = try ConnectionOptions(url: cluster.url(database: name))
            let refusal = await #expect(throws: WorkerRefusal.self) { try await Workbench.runOnce(restored) }
            #expect(refusal?.description.contains("restored or copied from another cluster") == true)
            #expect(refusal?.hint.contains("afterthought reconcile") == true)
            var connection = try Connection(restored)
            let report = try Reconciler.reconcile(&connection)
            #expect(report.epoch == 2)
            try await Workbench.runOnce(restored)
            #expect(expected == (try await FaultBench.outcome(restored)), "\(name)")
            // Not read again for ever, whatever the foreign transaction ids say.
            #expect(try await Workbench.runOnce(restored).rows == 0)
            try SampleRows.insert(later, into: &connection)
            #expect(try await Workbench.runOnce(restored).rows == later.count)
            #expect(expectedLater == (try await FaultBench.outcome(restored)), "\(name)")
        }
    }

    /// Who may call each function, beside its owner.
    private static let functionRights = """
        select p.oid::regprocedure::text, (
            select string_agg(coalesce(r.rolname, 'public'), ', ' order by r.rolname)
            from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
                left join pg_roles as r on r.oid = a.grantee
            where a.grantee <> p.proowner)
        from pg_proc as p
        where p.pronamespace = 'afterthought'::regnamespace
        order by 1
        """

    @Test("a dump without what is derived, restored where the roles are not, comes to the same bytes")
    func dumpWithoutDerived() async throws {
        let source = TestDatabase.current
        let options = try source.options
        var connection = try source.connect()
        try Migrator.applyRoles(&connection)
        try SampleRows.insert(SampleRows.ofPairs(6), into: &connection)
        try await Workbench.runOnce(options)
        let expected = try await FaultBench.outcome(options)
        let derived = ["strategic_cache", "engine_state", "engine_checkpoints", "bot_buckets", "character_cache"]
        let cluster = try await onOwnThread {
            let cluster = try TestCluster.makeBareCluster()
            let lean = derived.map { "--exclude-table-data=afterthought.\($0)" }
            try Self.copy(source, to: cluster, as: "lean", dumpOptions: ["--no-owner", "--no-privileges"] + lean)
            return cluster
        }
        defer { cluster.remove() }
        let restored = try ConnectionOptions(url: cluster.url(database: "lean"))
        var other = try Connection(restored)
        for table in derived {
            #expect(try Workbench.count(&other, "select count(*) from afterthought.\(table)") == 0, "\(table)")
        }
        let rights = try connection.textRows(Self.functionRights)
        #expect(try other.textRows(Self.functionRights) != rights)
        try Migrator.applyRoles(&other)
        #expect(try other.textRows(Self.functionRights) == rights)
        _ = try Reconciler.reconcile(&other)
        try await Workbench.runOnce(restored)
        #expect(expected == (try await FaultBench.outcome(restored)))
        let findings = try Doctor.examine(&other, processClock: Timestamp(microseconds: 0))
        #expect(findings.count > 10)
        #expect(findings.filter { $0.verdict == .failure } == [])
    }

    @Test("reconciling while workers run and writers write loses nothing")
    func reconcileUnderWay() async throws {
        let database = TestDatabase.current
        let options = try database.options
        let events = EventLog()
        var configuration = WorkerConfiguration()
        configuration.cycleSeconds = 0.02
        configuration.batchRowsMax = 40
        let workers = (0..<2).map { _ in Workbench.worker(options, configuration: configuration, events: events) }
        let running = workers.map { worker in Task { try await worker.run() } }
        let seed: UInt64 = .random(in: 0...1_000_000)
        try await FaultBench.onThreads(3) { number in
            if number == 2 {
                var connection = try Connection(options)
                for _ in 0..<4 { _ = try Reconciler.reconcile(&connection) }
                return
            }
            var writer = try FaultWriter(options, number: number, seed: seed, prepares: false)
            for _ in 0..<20 { try writer.write() }
        }
        for worker in workers { worker.stop() }
        for task in running { try await task.value }
        try await FaultBench.settle(options)
        let disturbed = try await FaultBench.outcome(options)
        // An undisturbed run has no floors.
        var connection = try database.connect()
        try connection.execute("update afterthought.stream_floors set floor_id = 0")
        #expect(disturbed == (try await FaultBench.outcome(options)))
        try await FaultBench.expectUndisturbed(options)
    }

    @Test("a forgotten prepared transaction does not let reconcile hold up all writers")
    func reconcileBehindPrepared() async throws {
        let database = TestDatabase.current
        var connection = try database.connect()
        let insert = "insert into afterthought.messages (user_id, bot_name, role, content) values "
        try connection.execute("begin; \(insert) ('u', 'b', 'user', 'x')")
        try connection.execute("prepare transaction 'forgotten_\(database.name)'")
        let refusal = #expect(throws: PostgresError.self) {
            try Reconciler.reconcile(&connection, lockTimeoutMilliseconds: 50)
        }
        #expect(refusal?.isLockTimeout == true)
        #expect(refusal?.hint?.contains("pg_prepared_xacts") == true)
        try connection.execute("commit prepared 'forgotten_\(database.name)'")
        _ = try Reconciler.reconcile(&connection, lockTimeoutMilliseconds: 50)
        try await Workbench.runOnce(database.options)
        #expect(try Workbench.count(&connection, FaultBench.miscounted) == 0)
    }

    @Test("a promoted standby needs nothing")
    func promotion() async throws {
        let primary = try await onOwnThread { try TestCluster.makeBareCluster() }
        defer { primary.remove() }
        let options = try ConnectionOptions(url: primary.url())
        var connection = try primary.connect()
        _ = try Migrator.migrate(&connection)
        let rows = SampleRows.ofPairs(6)
        try SampleRows.insert(rows.prefix(120), into: &connection)
        try await Workbench.runOnce(options)
        let standby = try await onOwnThread { try primary.createStandby() }
        defer { standby.remove() }
        try SampleRows.insert(rows.dropFirst(120).prefix(60), into: &connection)
        let position = try connection.textRows("select pg_current_wal_lsn()")[0][0] ?? ""
        let promoted = try ConnectionOptions(url: standby.url())
        try await FaultBench.waitUntil("the standby replayed the rows") {
            var connection = try Connection(promoted)
            return try Workbench.count(
                &connection, "select case when pg_last_wal_replay_lsn() >= '\(position)' then 1 else 0 end") == 1
        }
        let refusal = await #expect(throws: ScanRefusal.self) { try await Workbench.runOnce(promoted) }
        #expect(refusal == .standby)
        try await onOwnThread {
            primary.kill()
            try standby.promote()
        }
        #expect(try await Workbench.runOnce(promoted).rows == 60)
        var fresh = try standby.connect()
        try SampleRows.insert(rows.dropFirst(180), into: &fresh)
        #expect(try await Workbench.runOnce(promoted).rows == rows.count - 180)
        try await FaultBench.expectUndisturbed(promoted)
    }
}
