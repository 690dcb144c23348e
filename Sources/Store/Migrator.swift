import Bytes
import Postgres

/// What a run of the migrator did.
package struct MigrationReport: Equatable, Sendable {
    /// Applied by this run, in order.
    package var applied: [Migration] = []
    /// Applied before, or meanwhile by somebody else.
    package var alreadyApplied = 0
}

/// Brings the schema `afterthought` up to this build's version: forward only, one transaction a migration.
///
/// Any number may run at the same time: each transaction first takes an advisory lock, then looks what is left to do,
/// so a connection pooler does no harm either. A killed run leaves whole migrations behind and is continued by the
/// next.
///
/// Source: PostgreSQL manual, "Advisory Locks".
package enum Migrator {
    /// Applies what is missing.
    ///
    /// - Parameter connection: a session of a role that may create in the database, outside a transaction.
    /// - Returns: what was done; nothing the second time.
    /// - Throws: `MigrationError` when the database must not be migrated, else `PostgresError`.
    package static func migrate(_ connection: inout Connection) throws -> MigrationReport {
        try migrate(&connection, Migration.all)
    }

    /// As `migrate(_:)`, by the migrations of another build.
    package static func migrate(_ connection: inout Connection, _ known: [Migration]) throws -> MigrationReport {
        var report = MigrationReport()
        let first = try status(&connection, known)
        if let obstacle = first.obstacle { throw obstacle }
        while let migration = try step(&connection, known) { report.applied.append(migration) }
        report.alreadyApplied = known.count - report.applied.count
        return report
    }

    /// Makes the group roles of `sql/roles.sql` and grants them their rights, as a whole or not at all.
    package static func applyRoles(_ connection: inout Connection) throws {
        try connection.transaction { connection in
            try connection.run(MigrationLock())
            try connection.execute(Migration.rolesSQL)
        }
    }

    /// Compares the schema with this build, and changes nothing.
    package static func status(_ connection: inout Connection) throws -> SchemaStatus {
        try status(&connection, Migration.all)
    }

    /// As `status(_:)`, by the migrations of another build.
    package static func status(_ connection: inout Connection, _ known: [Migration]) throws -> SchemaStatus {
        let version = connection.serverVersion
        guard let overview = try connection.first(SchemaOverview()) else {
            preconditionFailure("expected one row from a select without from, got: none")
        }
        var applied: [AppliedMigration]?
        if overview.relations.contains("schema_migrations") {
            applied = try connection.query(AppliedMigrations())
        }
        return SchemaStatus(
            serverVersion: version, isInRecovery: overview.isInRecovery, schemaExists: overview.schemaExists,
            applied: applied, relations: Set(overview.relations), known: known)
    }

    /// Throws unless the schema is the one this build needs.
    package static func requireCurrent(_ connection: inout Connection) throws {
        if let problem = try status(&connection).problem { throw problem }
    }

    /// Applies the next missing migration; nil: none is missing.
    private static func step(_ connection: inout Connection, _ known: [Migration]) throws -> Migration? {
        do {
            return try connection.transaction { connection in
                // A role's own limits are meant for its queries, not for building indexes.
                try connection.execute("set local statement_timeout = 0; set local client_min_messages = error")
                try connection.run(MigrationLock())
                let status = try status(&connection, known)
                if let obstacle = status.obstacle { throw obstacle }
                guard let migration = status.pending.first else { return nil }
                if !status.schemaExists { try connection.execute("create schema afterthought") }
                if status.applied == nil { try connection.execute(bookkeeping) }
                try connection.run(RecordMigration(migration: migration))
                try connection.execute(migration.sql)
                return migration
            }
        } catch let error as PostgresError where error.sqlState == "42501" {
            let user = try connection.textRows("select current_user").first?.first ?? nil
            throw MigrationError.notPermitted(user: user ?? "?")
        }
    }

    private static let bookkeeping = """
        create table afterthought.schema_migrations (
            version integer not null,
            name text not null,
            checksum text not null,
            applied_at timestamptz not null default now(),
            constraint schema_migrations_pkey primary key (version)
        );
        comment on table afterthought.schema_migrations is
            'Which files of sql/migrations were applied, with the SHA-256 each had then.';
        """
}

/// Waits until no other transaction migrates, until this one ends.
struct MigrationLock: Statement {
    static let name = "migration_lock"
    // The number is "afterthought" folded into 63 bits once; it only has to differ from an application's own locks.
    static let sql = "select pg_advisory_xact_lock(7018986661438745415)"
}

/// What the catalog says about the schema.
struct SchemaOverview: Statement {
    static let name = "schema_overview"
    static let sql = """
        select
            pg_is_in_recovery(),
            to_regnamespace('afterthought') is not null,
            array(
                select relname::text
                from pg_class
                where relnamespace = to_regnamespace('afterthought') and relkind in ('r', 'p', 'v', 'm', 'f'))
        """

    static func decode(
        _ row: borrowing RowReader
    ) throws(PostgresError) -> (isInRecovery: Bool, schemaExists: Bool, relations: [String]) {
        (try row.decode(0), try row.decode(1), try row.decode(2))
    }
}

/// The migrations that were applied, in order.
struct AppliedMigrations: Statement {
    static let name = "applied_migrations"
    static let sql = """
        select version, name, checksum, applied_at
        from afterthought.schema_migrations
        order by version
        """

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> AppliedMigration {
        AppliedMigration(
            version: Int(try row.decode(0, as: Int32.self)), name: try row.decode(1), checksum: try row.decode(2),
            appliedAt: try row.decode(3))
    }
}

/// Claims a version before its SQL runs: of two runs at once, the second fails here and changes nothing.
struct RecordMigration: Statement {
    static let name = "record_migration"
    static let sql = "insert into afterthought.schema_migrations (version, name, checksum) values ($1, $2, $3)"

    var migration: Migration

    func bind(to parameters: inout Parameters) {
        parameters.append(Int32(migration.version))
        parameters.append(migration.name)
        parameters.append(migration.checksum)
    }
}
