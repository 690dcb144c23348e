import Foundation
import Postgres
import Store
import Support
import Synchronization
import Testing
import Worker

@Suite("C1 database faults", .database)
struct DatabaseFaultTests {
    private static func quick() -> WorkerConfiguration {
        var configuration = WorkerConfiguration()
        configuration.cycleSeconds = 0.05
        configuration.batchRowsMax = 40
        return configuration
    }

    /// Runs a worker until a condition holds, and stops it.
    private static func run(
        _ options: ConnectionOptions, failpoints: Failpoints = Failpoints(), events: EventLog,
        until what: String, _ condition: @escaping @Sendable () throws -> Bool
    ) async throws {
        let worker = Workbench.worker(options, configuration: quick(), failpoints: failpoints, events: events)
        let running = Task { try await worker.run() }
        defer { worker.stop() }
        try await FaultBench.waitUntil(what, condition)
        worker.stop()
        try await running.value
    }

    private static func isCaughtUp(_ options: ConnectionOptions) throws -> Bool {
        var connection = try Connection(options)
        return try Workbench.count(&connection, FaultBench.miscounted) == 0
    }

    /// The messages of failures with their hints; none may name a user or quote content.
    private static func hints(_ events: EventLog) -> [(text: String, hint: String)] {
        events.all.compactMap {
            if case .failure(let fault, _) = $0 { (fault.description, fault.hint ?? "") } else { nil }
        }
    }

    @Test("connections cut again and again, also inside commits, lose nothing and repeat nothing")
    func cutConnections() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        try SampleRows.insert(SampleRows.ofPairs(8), into: &connection)
        let cuts = Mutex(0)
        let seed: UInt64 = .random(in: 0...1_000_000)
        let random = Mutex(SeededRandom(seed: seed))
        let failpoints = Failpoints { place in
            let die = random.withLock { Int.random(in: 0..<6, using: &$0) }
            guard cuts.withLock({ $0 < 4 && die == 0 }) else { return }
            cuts.withLock { $0 += 1 }
            if place == .afterCommit {
                // As when the answer to a commit is lost.
                throw PostgresError(.commitUnknown, "the connection broke while committing")
            }
            var other = try Connection(options)
            _ = try other.textRows(
                """
                select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and application_name = 'afterthought worker'
                """)
        }
        let events = EventLog()
        try await Self.run(options, failpoints: failpoints, events: events, until: "all rows applied, seed \(seed)") {
            try Self.isCaughtUp(options)
        }
        #expect(cuts.withLock { $0 } > 0, "seed \(seed)")
        #expect(Self.hints(events).allSatisfy { !$0.hint.isEmpty }, "\(Self.hints(events))")
        try await FaultBench.settle(options)
        try await FaultBench.expectUndisturbed(options)
    }

    @Test("a server that restarts under the worker is met again")
    func serverRestart() async throws {
        let cluster = try await onOwnThread { try TestCluster.makeBareCluster() }
        defer { cluster.remove() }
        let options = try ConnectionOptions(url: cluster.url())
        do {
            var connection = try cluster.connect()
            _ = try Migrator.migrate(&connection)
            try SampleRows.insert(SampleRows.ofPairs(4).prefix(60), into: &connection)
        }
        let events = EventLog()
        let worker = Workbench.worker(options, configuration: Self.quick(), events: events)
        let running = Task { try await worker.run() }
        try await FaultBench.waitUntil("the first rows applied") { try Self.isCaughtUp(options) }
        try await onOwnThread { try cluster.stop() }
        try await FaultBench.waitUntil("the worker said so") { !events.failures.isEmpty }
        try await onOwnThread {
            try cluster.start()
            var connection = try cluster.connect()
            try SampleRows.insert(SampleRows.ofPairs(4).dropFirst(60), into: &connection)
        }
        try await FaultBench.waitUntil("the other rows applied") { try Self.isCaughtUp(options) }
        worker.stop()
        try await running.value
        #expect(Self.hints(events).allSatisfy { $0.hint.contains("nothing is lost") }, "\(Self.hints(events))")
        try await FaultBench.settle(options)
        try await FaultBench.expectUndisturbed(options)
    }

    @Test("a full disk is said so, nothing is lost, and the worker goes on when there is space")
    func fullDisk() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        try SampleRows.insert(SampleRows.ofPairs(3), into: &connection)
        // What the server answers when a file can't grow; a disk of our own to fill would need root.
        try connection.execute(
            """
            create function test_full() returns trigger language plpgsql as $$
            begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;
            create trigger test_full before insert on afterthought.engine_state
            for each statement execute function test_full();
            """)
        let events = EventLog()
        let worker = Workbench.worker(options, configuration: Self.quick(), events: events)
        let running = Task { try await worker.run() }
        try await FaultBench.waitUntil("the worker said so") { events.failures.count >= 2 }
        #expect(Self.hints(events).allSatisfy { $0.text.contains("53100") && $0.hint.contains("disk is full") })
        #expect(try Workbench.count(&connection, "select count(*) from afterthought.quarantine") == 0)
        try connection.execute("drop function test_full cascade")
        try await FaultBench.waitUntil("the rows applied") { try Self.isCaughtUp(options) }
        worker.stop()
        try await running.value
        try await FaultBench.settle(options)
        try await FaultBench.expectUndisturbed(options)
    }

    @Test("a read-only database is said so, and the worker goes on when it can be written again")
    func readOnly() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        try SampleRows.insert(SampleRows.ofPairs(3), into: &connection)
        try connection.execute("alter database \(database.name) set default_transaction_read_only = on")
        let refusal = await #expect(throws: ScanRefusal.self) { try await Workbench.runOnce(options) }
        #expect(refusal == .readOnly)
        let events = EventLog()
        let worker = Workbench.worker(options, configuration: Self.quick(), events: events)
        let running = Task { try await worker.run() }
        try await FaultBench.waitUntil("the worker said so") { !events.failures.isEmpty }
        #expect(Self.hints(events)[0].text.contains("read-only"))
        #expect(Self.hints(events)[0].hint.contains("default_transaction_read_only"))
        try connection.execute("alter database \(database.name) reset default_transaction_read_only")
        try await FaultBench.waitUntil("the rows applied") { try Self.isCaughtUp(options) }
        worker.stop()
        try await running.value
        try await FaultBench.settle(options)
        try await FaultBench.expectUndisturbed(options)
    }

    @Test("a lock on the worker's tables is said so, and waited out")
    func lockedTables() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        try SampleRows.insert(SampleRows.ofPairs(2), into: &connection)
        var blocker = try database.connect()
        try blocker.execute("begin; lock table afterthought.shard_progress in access exclusive mode")
        let events = EventLog()
        let worker = Workbench.worker(options, configuration: Self.quick(), events: events)
        let running = Task { try await worker.run() }
        try await FaultBench.waitUntil("the worker said so") { !events.failures.isEmpty }
        #expect(Self.hints(events)[0].text.contains("55P03"))
        #expect(Self.hints(events)[0].hint.contains("pg_locks"))
        try blocker.execute("commit")
        try await FaultBench.waitUntil("the rows applied") { try Self.isCaughtUp(options) }
        worker.stop()
        try await running.value
        try await FaultBench.settle(options)
        try await FaultBench.expectUndisturbed(options)
    }

    @Test("a lock on the cache holds a commit up, and a worker asked to stop meanwhile gives its shards back")
    func lockedCache() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        try SampleRows.insert(SampleRows.ofPairs(2), into: &connection)
        var blocker = try database.connect()
        try blocker.execute("begin; lock table afterthought.strategic_cache in access exclusive mode")
        let worker = Workbench.worker(options, configuration: Self.quick())
        let running = Task { try await worker.run() }
        try await FaultBench.waitUntil("a lane waits for the lock") {
            var connection = try Connection(options)
            return try Workbench.count(
                &connection, "select count(*) from pg_locks where not granted and mode = 'RowExclusiveLock'") > 0
        }
        worker.stop()
        try await running.value
        let held = "select count(*) from afterthought.shard_progress where owner is not null"
        #expect(try Workbench.count(&connection, held) == 0)
        #expect(try Workbench.count(&connection, "select count(*) from afterthought.worker_leases") == 0)
        try blocker.execute("commit")
        try await Workbench.runOnce(options)
        try await FaultBench.settle(options)
        try await FaultBench.expectUndisturbed(options)
    }

    @Test("a database without the schema is told how to get it, and worked on once it has it")
    func withoutSchema() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        try connection.execute("drop schema afterthought cascade")
        let missing = await #expect(throws: MigrationError.self) { try await Workbench.runOnce(options) }
        #expect(missing?.hint.contains("afterthought migrate") == true)
        let events = EventLog()
        let worker = Workbench.worker(options, configuration: Self.quick(), events: events)
        let running = Task { try await worker.run() }
        try await FaultBench.waitUntil("the worker said so") { !events.failures.isEmpty }
        #expect(Self.hints(events)[0].hint.contains("afterthought migrate"))
        _ = try Migrator.migrate(&connection)
        try SampleRows.insert(SampleRows.ofPairs(2), into: &connection)
        try await FaultBench.waitUntil("the rows applied") { try Self.isCaughtUp(options) }
        worker.stop()
        try await running.value
        // Half a schema is another matter: nothing is guessed.
        try connection.execute("drop table afterthought.engine_checkpoints")
        let half = await #expect(throws: WorkerRefusal.self) { try await Workbench.runOnce(options) }
        #expect(half?.description.contains("engine_checkpoints") == true)
        #expect(half?.hint.isEmpty == false)
    }

    @Test("a wrong password, a missing database and no server each get a message with a hint and no secret")
    func connecting() async throws {
        let cluster = try await onOwnThread { try TestCluster.makeBareCluster() }
        defer { cluster.remove() }
        var connection = try cluster.connect()
        try connection.execute("create role guarded login password 'right'")
        let rules = "local all guarded scram-sha-256\nlocal all all trust\n"
        try rules.write(toFile: cluster.folder + "/data/pg_hba.conf", atomically: false, encoding: .utf8)
        _ = try connection.textRows("select pg_reload_conf()")
        try await FaultBench.waitUntil("the rules are in force") {
            (try? Connection(ConnectionOptions(url: cluster.url().replacing("postgres@", with: "guarded@")))) == nil
        }
        let cases = [
            (cluster.url().replacing("postgres@", with: "guarded:wr0ng-secret@"), "password"),
            (cluster.url(database: "nowhere"), "create the database"),
            ("postgresql://postgres@/postgres?host=\(cluster.folder)/nothing", "server runs"),
        ]
        for (url, hint) in cases {
            let events = EventLog()
            let worker = Workbench.worker(try ConnectionOptions(url: url), configuration: Self.quick(), events: events)
            let running = Task { try await worker.run() }
            try await FaultBench.waitUntil("the worker said so") { !events.failures.isEmpty }
            worker.stop()
            try await running.value
            let said = Self.hints(events)[0]
            #expect(said.hint.contains(hint), "\(said)")
            #expect(!said.text.contains("wr0ng-secret"))
        }
    }

    @Test("a server before PostgreSQL 14 is refused by name")
    func oldServer() {
        let status = SchemaStatus(
            serverVersion: 130_014, isInRecovery: false, schemaExists: false, applied: nil, relations: [])
        #expect(status.obstacle?.message == "expected PostgreSQL 14 or newer, got: 13")
        #expect(status.obstacle?.hint.isEmpty == false)
    }

    @Test("a second worker with another configuration gives way, the first works on")
    func otherConfiguration() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        let events = EventLog()
        let worker = Workbench.worker(options, configuration: Self.quick(), events: events)
        let running = Task { try await worker.run() }
        try await FaultBench.waitUntil("the first worker holds the shards") {
            var connection = try Connection(options)
            return try Workbench.count(
                &connection, "select count(*) from afterthought.shard_progress where owner is not null") == 64
        }
        var other = Self.quick()
        other.ttlSeconds = 600
        let refusal = await #expect(throws: WorkerRefusal.self) {
            try await Workbench.runOnce(options, configuration: other)
        }
        #expect(refusal?.description.contains("ttl 300.0 s") == true)
        #expect(refusal?.hint.isEmpty == false)
        try SampleRows.insert(SampleRows.ofPairs(2), into: &connection)
        try await FaultBench.waitUntil("the rows applied") { try Self.isCaughtUp(options) }
        worker.stop()
        try await running.value
        #expect(events.failures.isEmpty)
        // Makes way for a newer one that lives.
        try connection.execute(
            """
            insert into afterthought.worker_leases (owner, configuration, engine_version, config_hash, lease_until)
            values (gen_random_uuid(), 'e64, ttl 300.0 s', 1000, 'e64', now() + interval '1 minute')
            """)
        let older = await #expect(throws: WorkerRefusal.self) { try await Workbench.runOnce(options) }
        #expect(older?.description.contains("1000") == true)
        try connection.execute("delete from afterthought.worker_leases")
        try await FaultBench.settle(options)
        try await FaultBench.expectUndisturbed(options)
    }

    @Test("another configuration by mistake and back again leaves the bots' sums as they were")
    func configurationThereAndBack() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        try SampleRows.insert(SampleRows.ofPairs(6), into: &connection)
        try await Workbench.runOnce(options)
        // The other one claims, rebuilds one pair, and is stopped.
        var other = WorkerConfiguration()
        other.embeddingDimensions = 128
        other.rebuildPairsMax = 1
        other.lanes = 1
        let rebuilt = Mutex(0)
        let stopping = Failpoints { place in
            if place == .afterCommit,
                rebuilt.withLock({
                    $0 += 1; return $0
                }) > 2
            {
                throw PostgresError(.connectionLost, "cut")
            }
        }
        _ = try? await Workbench.runOnce(options, configuration: other, failpoints: stopping)
        try await FaultBench.settle(options)
        try await FaultBench.expectUndisturbed(options)
    }
}
