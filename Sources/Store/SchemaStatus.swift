import Bytes

/// A migration that the database says was applied.
package struct AppliedMigration: Equatable, Sendable {
    package var version: Int
    package var name: String
    /// SHA-256 of the file as it was then, 64 hexadecimal digits.
    package var checksum: String
    package var appliedAt: Timestamp

    package init(version: Int, name: String, checksum: String, appliedAt: Timestamp) {
        self.version = version
        self.name = name
        self.checksum = checksum
        self.appliedAt = appliedAt
    }
}

/// How a database's schema compares with the migrations of this build; decides, without a database, what may happen
/// next.
package struct SchemaStatus: Equatable, Sendable {
    /// The oldest server that has everything the schema uses, as `server_version_num` counts.
    package static let serverVersionMin = 140_000

    /// Such as 150013 for 15.13.
    package var serverVersion: Int
    /// Whether the server is a standby.
    package var isInRecovery: Bool
    /// Whether the schema `afterthought` exists.
    package var schemaExists: Bool
    /// Nil: there is no `schema_migrations`.
    package var applied: [AppliedMigration]?
    /// Tables, views and the like in the schema.
    package var relations: Set<String>
    /// The migrations to compare with.
    package var known: [Migration]

    package init(
        serverVersion: Int, isInRecovery: Bool, schemaExists: Bool, applied: [AppliedMigration]?,
        relations: Set<String>, known: [Migration] = Migration.all
    ) {
        self.serverVersion = serverVersion
        self.isInRecovery = isInRecovery
        self.schemaExists = schemaExists
        self.applied = applied
        self.relations = relations
        self.known = known
    }

    /// What is still to be applied, in order.
    package var pending: [Migration] {
        let done = Set((applied ?? []).map(\.version))
        return known.filter { !done.contains($0.version) }
    }

    /// The version the database is at; 0 before the first migration.
    package var version: Int { applied?.map(\.version).max() ?? 0 }

    /// Applied migrations that differ from the file of this build.
    package var drifted: [AppliedMigration] {
        (applied ?? []).filter { row in
            known.contains { $0.version == row.version && ($0.checksum != row.checksum || $0.name != row.name) }
        }
    }

    /// Applied migrations that this build has never heard of.
    package var unknown: [AppliedMigration] {
        (applied ?? []).filter { row in !known.contains { $0.version == row.version } }
    }

    /// Tables that applied migrations made and that are gone.
    package var missingTables: [String] {
        let done = Set((applied ?? []).map(\.version))
        var expected: Set<String> = []
        for migration in known where done.contains(migration.version) {
            expected.formUnion(migration.relations(after: "create table afterthought."))
            expected.subtract(migration.relations(after: "drop table afterthought."))
        }
        return expected.subtracting(relations).sorted()
    }

    /// Why nothing may be migrated; nil: it may.
    package var obstacle: MigrationError? {
        if serverVersion < Self.serverVersionMin { return .serverTooOld(serverVersion) }
        if isInRecovery { return .standby }
        guard applied != nil else {
            return schemaExists && !relations.isEmpty ? .foreignSchema(relations.sorted()) : nil
        }
        // The table comes with the first migration's row: without any, a restore has made tables but not filled them.
        let others = relations.subtracting(["schema_migrations"])
        if applied?.isEmpty == true, !others.isEmpty {
            return .foreignSchema(others.sorted(), record: "no row in schema_migrations")
        }
        if !unknown.isEmpty { return .newerSchema(unknown.map(\.version), known: known.last?.version ?? 0) }
        if !drifted.isEmpty { return .drift(drifted.map { "\($0.version) (\($0.name))" }) }
        if !missingTables.isEmpty { return .missingTables(missingTables) }
        return nil
    }

    /// Why nothing but `migrate` may run; nil: the schema is the one this build needs.
    package var problem: MigrationError? {
        // A standby is fine for reading; whoever scans refuses it for its own reason.
        if let obstacle, obstacle != .standby { return obstacle }
        return pending.isEmpty ? nil : .notMigrated(version: version, needed: known.last?.version ?? 0)
    }
}

extension Migration {
    /// The relations named after a phrase at the start of a line.
    func relations(after phrase: String) -> [String] {
        sql.split(separator: "\n").compactMap { line in
            guard line.hasPrefix(phrase) else { return nil }
            return String(line.dropFirst(phrase.count).prefix { $0.isLetter || $0.isNumber || $0 == "_" })
        }
    }
}
