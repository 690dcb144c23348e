import Postgres

/// Takes an adoption back, by what is recorded of it: no mapping is needed, nor the table itself.
package struct AdoptionUndo: Sendable {
    /// The table as SQL names it; nil: it is gone, and its triggers with it.
    package let table: String?
    private let source: String
    private let stem: String

    /// Looks for the adoption of a table.
    ///
    /// - Parameters:
    ///   - connection: of a role that may act as the table's owner and that of schema `afterthought`.
    ///   - table: the table as SQL names it, or as it was named when it was adopted.
    /// - Throws: `AdoptionError` for a name that is none; `PostgresError`.
    package init?(_ connection: inout Connection, table: String) throws {
        let relation = try Adopter.relation(&connection, table)
        let source = relation.map(AdoptionPlan.source) ?? table
        guard let found = try connection.first(FindAdoption(source: source, oid: relation?.oid)) else {
            if relation == nil { throw Adopter.noTable(table) }
            return nil
        }
        self.table = relation?.sql
        self.source = found.source
        stem = found.stem
    }

    /// The SQL that `run` runs, as a script of its own.
    package var script: String { "begin;\n\(sql)\ncommit;\n" }

    /// The SQL that also removes the messages; nothing here runs it.
    package var removal: String { Self.removal(source) }

    static func removal(_ source: String) -> String {
        "delete from afterthought.messages where starts_with(external_id, \(SQLText.literal(source + ":")));"
    }

    private var sql: String { Self.sql(table: table, source: source, stem: stem) }

    static func sql(table: String?, source: String, stem: String) -> String {
        let triggers = AdoptionSQL.events.compactMap { event in
            table.map { "drop trigger if exists afterthought_\(event) on \($0);" }
        }
        let functions =
            AdoptionSQL.events.map { "drop function if exists afterthought.\(stem)_\($0)();" }
            + ["drop function if exists afterthought.\(stem)_backfill(integer);"]
        let rows = ["adoption_rejects", "adoptions"].map {
            "delete from afterthought.\($0) where source = \(SQLText.literal(source));"
        }
        return (triggers + functions + rows).joined(separator: "\n")
    }

    /// Takes functions, triggers and their record away; messages stay.
    ///
    /// - Parameters:
    ///   - connection: as for `init`, outside a transaction.
    ///   - lockSeconds: how long to wait for the table's lock.
    /// - Throws: `PostgresError`; nothing was changed then.
    package func run(_ connection: inout Connection, lockSeconds: Double = 2) throws {
        try connection.transaction { connection in
            try connection.execute(
                "set local lock_timeout = '\(Int(lockSeconds * 1000))ms'; set local client_min_messages = warning;")
            try connection.execute(sql)
        }
    }
}
