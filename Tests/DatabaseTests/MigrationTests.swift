import Bytes
import Foundation
import Postgres
import Support
import Testing

@testable import Store

/// An empty database of the shared test cluster, dropped at the end.
final class BareDatabase {
    let name = "bare_\(UUID().uuidString.prefix(8).lowercased())"
    let cluster: TestCluster

    init() throws {
        cluster = try TestCluster.shared
        var connection = try cluster.connect()
        try connection.execute("create database \(name) template template0")
    }

    func connect() throws -> Connection { try cluster.connect(database: name) }

    var url: String { cluster.url(database: name) }

    deinit {
        if var connection = try? cluster.connect() {
            try? connection.execute("drop database \(name) with (force)")
        }
    }
}

@Suite("Migrations")
struct MigrationTests {
    @Test func appliesEverythingOnceAndTheSecondRunNothing() throws {
        let database = try BareDatabase()
        var connection = try database.connect()
        #expect(
            try Migrator.status(&connection).problem == .notMigrated(version: 0, needed: Migration.all.last!.version))
        let first = try Migrator.migrate(&connection)
        #expect(first.applied == Migration.all && first.alreadyApplied == 0)
        let second = try Migrator.migrate(&connection)
        #expect(second.applied.isEmpty && second.alreadyApplied == Migration.all.count)
        let status = try Migrator.status(&connection)
        #expect(status.problem == nil && status.missingTables.isEmpty && status.pending.isEmpty)
        #expect(status.relations.contains("messages") && status.relations.contains("import_progress"))
        let recorded = try connection.textRows("select checksum from afterthought.schema_migrations order by version")
        #expect(recorded == Migration.all.map { [$0.checksum] })
    }

    @Test func theEmbeddedFilesAreThoseOfTheFolder() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("sql")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/migrations").sorted()
        #expect(Migration.all.map { "\($0).sql" } == names)
        for migration in Migration.all {
            let file = folder.appendingPathComponent("migrations/\(migration).sql")
            #expect(try String(contentsOf: file, encoding: .utf8) == migration.sql, "\(migration): build anew")
        }
        let roles = try String(contentsOf: folder.appendingPathComponent("roles.sql"), encoding: .utf8)
        #expect(roles == Migration.rolesSQL)
    }

    @Test func manyAtOnceApplyEachMigrationOnce() async throws {
        let database = try BareDatabase()
        let cluster = database.cluster
        let name = database.name
        let applied: Int = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<6 {
                group.addTask {
                    try await onOwnThread {
                        var connection = try cluster.connect(database: name)
                        return try Migrator.migrate(&connection).applied.count
                    }
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(applied == Migration.all.count)
        withExtendedLifetime(database) {}
    }

    @Test func aFailingMigrationLeavesNothingOfItself() throws {
        let database = try BareDatabase()
        var connection = try database.connect()
        let good = Migration(version: 1, name: "good", sql: "create table afterthought.one (value int);")
        let bad = Migration(
            version: 2, name: "bad", sql: "create table afterthought.two (value int);\nselect 1 / 0;")
        #expect(throws: PostgresError.self) { try Migrator.migrate(&connection, [good, bad]) }
        let status = try Migrator.status(&connection, [good, bad])
        #expect(status.version == 1 && status.pending == [bad] && status.relations.contains("one"))
        #expect(!status.relations.contains("two"))
        let fixed = Migration(version: 2, name: "bad", sql: "create table afterthought.two (value int);")
        #expect(try Migrator.migrate(&connection, [good, fixed]).applied == [fixed])
    }

    @Test func driftNewerSchemasAndMissingTablesAreRefused() throws {
        let database = try BareDatabase()
        var connection = try database.connect()
        let one = Migration(version: 1, name: "one", sql: "create table afterthought.one (value int);")
        let two = Migration(version: 2, name: "two", sql: "create table afterthought.two (value int);")
        _ = try Migrator.migrate(&connection, [one, two])
        #expect(throws: MigrationError.newerSchema([2], known: 1)) { try Migrator.migrate(&connection, [one]) }
        let edited = Migration(version: 1, name: "one", sql: one.sql + "\n-- edited")
        #expect(throws: MigrationError.drift(["1 (one)"])) { try Migrator.migrate(&connection, [edited, two]) }
        try connection.execute("drop table afterthought.two")
        #expect(throws: MigrationError.missingTables(["two"])) { try Migrator.migrate(&connection, [one, two]) }
    }

    @Test func aSchemaOfSomebodyElseIsLeftAlone() throws {
        let database = try BareDatabase()
        var connection = try database.connect()
        try connection.execute("create schema afterthought; create table afterthought.theirs (value int)")
        #expect(throws: MigrationError.foreignSchema(["theirs"])) { try Migrator.migrate(&connection) }
        #expect(try Migrator.status(&connection).relations == ["theirs"])
        try connection.execute("drop table afterthought.theirs")
        #expect(try Migrator.migrate(&connection).applied.count == Migration.all.count)
    }

    @Test func aRestoreThatStoppedBeforeItsRowsIsNotMigrated() throws {
        let database = try BareDatabase()
        var connection = try database.connect()
        _ = try Migrator.migrate(&connection)
        try connection.execute("truncate afterthought.schema_migrations")
        let refusal = #expect(throws: MigrationError.self) { try Migrator.migrate(&connection) }
        #expect(refusal?.message.hasSuffix("but no row in schema_migrations") == true)
        #expect(refusal?.hint.contains("a restore may have stopped half-way") == true)
        #expect(try Migrator.status(&connection).problem == refusal)
    }

    @Test func aClockThatIsWrongIsAWarningAndNoMore() {
        #expect(Doctor.clock(aheadSeconds: -1.9).verdict == .ok)
        let late = Doctor.clock(aheadSeconds: 10_800)
        #expect(late.verdict == .warning && late.message == "expected clocks within 2.0 s, got: 10800000 ms apart")
    }

    @Test func aRoleWithoutTheRightIsToldWhatToAskFor() throws {
        let database = try BareDatabase()
        var connection = try database.connect()
        let role = "poor_\(database.name)"
        try connection.execute("create role \(role); set role \(role)")
        let error = #expect(throws: MigrationError.self) { try Migrator.migrate(&connection) }
        #expect(error == .notPermitted(user: role))
        try connection.execute("reset role; drop role \(role)")
    }

    @Test func aStandbyAndAnOldServerAreRefusedWithoutADatabase() {
        var status = SchemaStatus(
            serverVersion: 150_000, isInRecovery: true, schemaExists: true, applied: [], relations: [], known: [])
        #expect(status.obstacle == .standby)
        #expect(status.problem == nil)
        status.serverVersion = 130_009
        #expect(status.obstacle == .serverTooOld(130_009))
        #expect(status.obstacle?.message == "expected PostgreSQL 14 or newer, got: 13")
    }

    @Test func aDroppedTableIsNotMissed() {
        let make = Migration(version: 1, name: "make", sql: "create table afterthought.old (value int);")
        let drop = Migration(version: 2, name: "drop", sql: "drop table afterthought.old;")
        let applied = [make, drop].map {
            AppliedMigration(
                version: $0.version, name: $0.name, checksum: $0.checksum, appliedAt: Timestamp(microseconds: 0))
        }
        let status = SchemaStatus(
            serverVersion: 150_000, isInRecovery: false, schemaExists: true, applied: applied, relations: [],
            known: [make, drop])
        #expect(status.missingTables.isEmpty && status.problem == nil)
    }
}

@Suite("Sample conversations")
struct SampleTests {
    @Test func theSampleIsTheWholeFile() {
        let lines = Sample.csv.split(separator: UInt8(ascii: "\n"))
        #expect(
            lines.first.map { String(decoding: $0, as: UTF8.self) }
                == "message_id,conversation_id,user_id,bot_name,role,content,created_at")
        #expect(Sample.csv.last == UInt8(ascii: "\n"))
    }
}
