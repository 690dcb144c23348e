/// Why the schema can't be brought up to date, or can't be worked with.
package struct MigrationError: Error, Equatable, Sendable, CustomStringConvertible {
    package let message: String
    /// What to do next.
    package let hint: String

    init(_ message: String, hint: String) {
        self.message = message
        self.hint = hint
    }

    package var description: String { "\(message)\nhint: \(hint)" }

    static func serverTooOld(_ version: Int) -> MigrationError {
        MigrationError(
            "expected PostgreSQL 14 or newer, got: \(version / 10_000)",
            hint: "upgrade the server; transaction ids as xid8 and pg_snapshot are used throughout")
    }

    static let standby = MigrationError(
        "expected a server that can write, got: a standby in recovery",
        hint: "connect to the primary, for instance with target_session_attrs=read-write in the database URL")

    static func foreignSchema(
        _ relations: [String], record: String = "no table schema_migrations"
    ) -> MigrationError {
        let shown = relations.prefix(5).joined(separator: ", ")
        return MigrationError(
            "expected schema afterthought to be empty or ours, got: \(relations.count) relations (\(shown)) "
                + "but \(record)",
            hint: "a restore may have stopped half-way; drop or rename the schema, or restore it as a whole")
    }

    static func newerSchema(_ versions: [Int], known: Int) -> MigrationError {
        let shown = versions.map(String.init).joined(separator: ", ")
        return MigrationError(
            "expected migrations up to \(known), got: a database that also has \(shown)",
            hint: "a newer afterthought has migrated it; use that version or a newer one")
    }

    static func drift(_ migrations: [String]) -> MigrationError {
        MigrationError(
            "expected the applied migrations to equal those of this build, got: others as "
                + migrations.joined(separator: ", "),
            hint:
                "another build with other files has migrated this database; `afterthought doctor` shows both checksums")
    }

    static func missingTables(_ tables: [String]) -> MigrationError {
        MigrationError(
            "expected the tables of applied migrations to exist, got: none named " + tables.joined(separator: ", "),
            hint: "a restore may have stopped half-way, or somebody dropped them; restore them from a backup, "
                + "or drop schema afterthought and migrate anew")
    }

    static func notMigrated(version: Int, needed: Int) -> MigrationError {
        MigrationError(
            version == 0
                ? "expected schema afterthought at version \(needed), got: none"
                : "expected schema afterthought at version \(needed), got: \(version)",
            hint: "run `afterthought migrate`")
    }

    static func notPermitted(user: String) -> MigrationError {
        MigrationError(
            "expected the right to create in this database, got: permission denied for role \(user)",
            hint: "migrate as the database's owner, or `grant create on database … to \(user)` once")
    }
}
