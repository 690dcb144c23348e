import Bytes
import Model
import Postgres
import Store
import Support
import Synchronization
import Testing
import Worker

@Suite("C1 leases", .database)
struct LeaseTests {
    private static func leases() -> LeaseStore {
        LeaseStore(
            identity: WorkerIdentity(
                owner: UUID.random(), engineVersion: 1, configHash: "e64", leaseSeconds: 30, ttlSeconds: 300))
    }

    @Test("a heartbeat neither waits for a commit under way nor takes its shards for lost")
    func heartbeatBesideCommit() throws {
        let database = TestDatabase.current
        let leases = Self.leases()
        var heart = try database.connect()
        try heart.execute("set lock_timeout = '100ms'")
        #expect(try leases.claim(&heart, shardsMax: 64).count == 64)
        var lane = try database.connect()
        try lane.execute("begin; update afterthought.shard_progress set generation = generation where shard in (5, 40)")
        #expect(try leases.renew(&heart).count == 64)
        try leases.keep(&heart)
        try lane.execute("commit")
    }

    @Test("a heartbeat that comes after the end brings nothing back")
    func noResurrection() throws {
        let database = TestDatabase.current
        let leases = Self.leases()
        var connection = try database.connect()
        #expect(try leases.beat(&connection).isEmpty)
        #expect(try leases.claim(&connection, shardsMax: 64).count == 64)
        try leases.release(&connection, nil)
        try leases.stop(&connection)
        try leases.keep(&connection)
        let owned =
            "select count(*) from afterthought.shard_progress where owner is not null or lease_until is not null"
        #expect(try Workbench.count(&connection, owned) == 0)
        #expect(try Workbench.count(&connection, "select count(*) from afterthought.worker_leases") == 0)
    }

    @Test("of two workers the one that started later is the younger, from both sides")
    func elder() throws {
        let database = TestDatabase.current
        var connection = try database.connect()
        let (first, second) = (Self.leases(), Self.leases())
        #expect(try first.beat(&connection).isEmpty)
        #expect(try second.beat(&connection).map(\.isElder) == [true])
        #expect(try first.beat(&connection).map(\.isElder) == [false])
    }

    @Test("a cycle is told once")
    func oneEventACycle() async throws {
        let events = EventLog()
        var configuration = WorkerConfiguration()
        // After the first cycle it only waits.
        configuration.cycleSeconds = 3_600
        configuration.ttlSeconds = 7_200
        let worker = Workbench.worker(try TestDatabase.current.options, configuration: configuration, events: events)
        let running = Task { try await worker.run() }
        @Sendable func cycles() -> Int { events.all.filter { if case .cycle = $0 { true } else { false } }.count }
        try await FaultBench.waitUntil("the first cycle ended") { cycles() > 0 }
        worker.stop()
        try await running.value
        #expect(cycles() == 1)
    }

    @Test("a worker that takes a window over goes on to what came after it")
    func windowTakenOver() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        let rows = SampleRows.ofPairs(3)
        try SampleRows.insert(rows.prefix(90), into: &connection)
        var configuration = WorkerConfiguration()
        configuration.batchRowsMax = 7
        let commits = Mutex(0)
        let dying = Failpoints { place in
            if place == .afterCommit,
                commits.withLock({
                    $0 += 1; return $0
                }) > 4
            {
                throw PostgresError(.connectionLost, "cut")
            }
        }
        await #expect(throws: PostgresError.self) {
            try await Workbench.runOnce(options, configuration: configuration, failpoints: dying)
        }
        let open = "select count(*) from afterthought.shard_progress where window_snapshot is not null"
        #expect(try Workbench.count(&connection, open) > 0)
        try SampleRows.insert(rows.dropFirst(90), into: &connection)
        configuration.batchRowsMax = 11
        try await Workbench.runOnce(options, configuration: configuration)
        #expect(try Workbench.count(&connection, FaultBench.miscounted) == 0)
        try await FaultBench.expectUndisturbed(options)
    }
}
