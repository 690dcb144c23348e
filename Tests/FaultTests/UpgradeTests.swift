import Foundation
import Model
import Postgres
import Store
import Support
import Testing
import Worker

@Suite("C1 upgrade drill", .database)
struct UpgradeTests {
    /// A database of a test's own, dropped at its end: the template has all migrations already.
    private final class OlderDatabase: Sendable {
        let name: String
        let cluster: TestCluster

        init(version: Int) throws {
            name = "older_\(UUID().uuidString.prefix(8).lowercased())"
            cluster = try TestCluster.shared
            var connection = try cluster.connect()
            try connection.execute("create database \(name) template template0")
            var own = try cluster.connect(database: name)
            _ = try Migrator.migrate(&own, Migration.all.filter { $0.version <= version })
        }

        var url: String { cluster.url(database: name) }

        deinit {
            if var connection = try? cluster.connect() {
                try? connection.execute("drop database if exists \(name) with (force)")
            }
        }
    }

    /// What a release to come may do: a column, a default, an index, a trigger's function anew, a table.
    private static let later = Migration(
        version: Migration.all.last!.version + 1, name: "later",
        sql: """
            alter table afterthought.messages add column later_column text;
            alter table afterthought.strategic_cache add column later_column integer not null default 7;
            alter table afterthought.engine_state add column later_column integer;
            alter table afterthought.shard_progress add column later_column text default 'x';
            create index messages_later on afterthought.messages (received_at, id);
            create table afterthought.later_table (value integer not null);
            """)

    private static func isCaughtUp(_ options: ConnectionOptions) throws -> Bool {
        var connection = try Connection(options)
        let committed = try Workbench.count(&connection, FaultBench.rowsCommitted)
        let applied = try Workbench.count(
            &connection, "select coalesce(sum(rows_applied), 0)::bigint from afterthought.engine_state")
        let wrong = try Workbench.count(&connection, FaultBench.miscounted)
        return committed == applied && wrong == 0
    }

    /// Ends the sessions of workers, so that they connect anew and look at the schema again.
    private static func cutSessions(_ options: ConnectionOptions) throws {
        var connection = try Connection(options)
        _ = try connection.textRows(
            """
            select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and application_name = 'afterthought worker'
            """)
    }

    /// Writes transactions of every kind until a file is gone, and returns how many.
    private static func write(_ options: ConnectionOptions, seed: UInt64, while file: String) throws -> Int {
        var writer = try FaultWriter(options, number: 3, seed: seed, delayMicrosecondsMax: 2_000, prepares: false)
        var written = 0
        while access(file, F_OK) == 0 || written == 0 {
            try writer.write()
            written += 1
        }
        return written
    }

    @Test("a worker of the build before works on while the newest migration is applied, and leaves at the next look")
    func oldWorkerBesideMigrate() async throws {
        let newest = try #require(Migration.all.last?.version)
        let older = try #require(Migration.all.dropLast().last?.version)
        let database = try OlderDatabase(version: older)
        let options = try ConnectionOptions(url: database.url)
        var connection = try Connection(options)
        let rows = SampleRows.ofPairs(8)
        try SampleRows.insert(rows.prefix(200), into: &connection)
        let old = try WorkerProcess.start(
            url: database.url, cycleSeconds: 0.05, leaseSeconds: 5, batchRowsMax: 60,
            environment: ["FAULT_SCHEMA_VERSION": "\(older)"])
        defer { old.kill() }
        try await FaultBench.waitUntil("the old worker caught up; \(old.said)") { try Self.isCaughtUp(options) }

        // A new one refuses to begin before the migration.
        let early = await #expect(throws: MigrationError.self) { try await Workbench.runOnce(options) }
        #expect(early?.message == "expected schema afterthought at version \(newest), got: \(older)")

        // Messages come all the time, before, during and after it.
        let busy = "/tmp/afterthought-upgrade-\(getpid())-\(database.name)"
        #expect(FileManager.default.createFile(atPath: busy, contents: nil))
        defer { unlink(busy) }
        let seed: UInt64 = .random(in: 0...1_000_000)
        let writing = Task { try await onOwnThread { try Self.write(options, seed: seed, while: busy) } }
        let report = try await onOwnThread {
            var owner = try Connection(options)
            return try Migrator.migrate(&owner)
        }
        #expect(report.applied.map(\.version) == [newest])
        unlink(busy)
        #expect(try await writing.value > 0)
        try SampleRows.insert(rows.dropFirst(200).prefix(50), into: &connection)
        try await FaultBench.waitUntil("the old worker applied what came meanwhile; \(old.said); seed \(seed)") {
            try Self.isCaughtUp(options)
        }
        #expect(!old.hasEnded)

        // The new one joins, and both have shards.
        let new = try WorkerProcess.start(url: database.url, cycleSeconds: 0.05, leaseSeconds: 5, batchRowsMax: 60)
        defer { new.kill() }
        try await FaultBench.waitUntil("both hold shards; \(old.said) \(new.said)") {
            var connection = try Connection(options)
            return try Workbench.count(
                &connection, "select count(distinct owner) from afterthought.shard_progress where owner is not null")
                == 2
        }
        // Whoever connects anew looks at the schema: the old one makes way by itself, the new one goes on.
        try Self.cutSessions(options)
        try await FaultBench.waitUntil("the old worker left; \(old.said)") { old.hasEnded }
        #expect(old.said.contains("expected migrations up to \(older), got: a database that also has \(newest)"))
        try SampleRows.insert(rows.dropFirst(250), into: &connection)
        try await FaultBench.waitUntil("the new worker has everything; \(new.said)") { try Self.isCaughtUp(options) }
        #expect(!new.hasEnded)
        new.kill()
        try await FaultBench.settle(options)
        try await FaultBench.expectUndisturbed(options)
        withExtendedLifetime(database) {}
    }

    @Test("a worker of this build works on under a schema of a release to come; one that starts is refused")
    func laterSchema() async throws {
        let options = try TestDatabase.current.options
        var connection = try TestDatabase.current.connect()
        let rows = SampleRows.ofPairs(6)
        try SampleRows.insert(rows.prefix(150), into: &connection)
        let worker = try WorkerProcess.start(
            url: TestDatabase.current.url, cycleSeconds: 0.05, leaseSeconds: 5, batchRowsMax: 60)
        defer { worker.kill() }
        try await FaultBench.waitUntil("the worker caught up; \(worker.said)") { try Self.isCaughtUp(options) }
        let report = try await onOwnThread {
            var owner = try Connection(options)
            return try Migrator.migrate(&owner, Migration.all + [Self.later])
        }
        #expect(report.applied == [Self.later])
        try SampleRows.insert(rows.dropFirst(150), into: &connection)
        try await FaultBench.waitUntil("the worker applied what came later; \(worker.said)") {
            try Self.isCaughtUp(options)
        }
        #expect(!worker.hasEnded)
        let refusal = await #expect(throws: WorkerRefusal.self) { try await Workbench.runOnce(options) }
        #expect(refusal?.hint == "a newer afterthought has migrated it; use that version or a newer one")
    }

    @Test("a worker makes way for one of a newer engine version, and back again rebuilds every pair to the same bytes")
    func newerEngines() async throws {
        let options = try TestDatabase.current.options
        var connection = try TestDatabase.current.connect()
        try SampleRows.insert(SampleRows.ofPairs(5), into: &connection)
        let worker = try WorkerProcess.start(
            url: TestDatabase.current.url, cycleSeconds: 0.05, leaseSeconds: 5, batchRowsMax: 10_000)
        defer { worker.kill() }
        try await FaultBench.waitUntil("the worker caught up; \(worker.said)") { try Self.isCaughtUp(options) }
        let fresh = "select count(*) from afterthought.strategic_rows where expires_at > now()"
        #expect(try Workbench.count(&connection, fresh) == 5)
        let version = try Workbench.count(&connection, "select max(engine_version) from afterthought.engine_state")
        let newer = LeaseStore(
            identity: WorkerIdentity(
                owner: UUID.random(), engineVersion: Int32(version + 1), configHash: "e64", leaseSeconds: 600,
                ttlSeconds: 300))
        _ = try newer.beat(&connection)
        try await FaultBench.waitUntil("the older worker made way; \(worker.said)") { worker.hasEnded }
        #expect(worker.said.contains("expected workers of engine version \(version) or older, got: one of version"))
        let before = try await FaultBench.outcome(options)
        #expect(try newer.claim(&connection, shardsMax: 64).count == 64)
        #expect(try Workbench.count(&connection, fresh) == 0)

        // The upgrade is taken back: the older build starts again.
        try newer.release(&connection, nil)
        try newer.stop(&connection)
        let report = try await Workbench.runOnce(options)
        #expect(report.rebuilt == 5)
        #expect(try Workbench.count(&connection, fresh) == 5)
        #expect(before == (try await FaultBench.outcome(options)))
    }
}
