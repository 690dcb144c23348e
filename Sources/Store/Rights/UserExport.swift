import Postgres

/// Everything that is stored of a user, as lines of JSON: `{"table":"messages","row":{…}}`.
package enum UserExport {
    /// Writes every row of the tables of `UserTable.all` that are a user's alone, in one snapshot.
    ///
    /// Rows come as the server sends them: memory does not grow with the history.
    ///
    /// - Parameters:
    ///   - connection: of a role that may read every table, outside a transaction.
    ///   - user: whose.
    ///   - bot: with one bot alone; nil: everything.
    ///   - write: takes a line with its newline; an error it throws ends the export.
    /// - Returns: rows by table; none is zero.
    /// - Throws: `PostgresError`, or what `write` throws.
    package static func write(
        _ connection: inout Connection, user: String, bot: String?, to write: (Span<UInt8>) throws -> Void
    ) throws -> [(table: String, rows: Int)] {
        try connection.transaction(.readOnlyRepeatableRead) { connection in
            _ = try connection.query(AimAtUser(user: user, bot: bot))
            var counts: [(table: String, rows: Int)] = []
            for table in UserTable.all where table.isExported && (bot == nil || table.scope == .pair) {
                let rows = try connection.copyOut(copy(table)) { line in try write(line) }
                if rows > 0 { counts.append((table.name, rows)) }
            }
            return counts
        }
    }

    /// JSON has no control characters of its own, so that with these two nothing of it is quoted or escaped.
    private static func copy(_ table: UserTable) -> String {
        """
        copy (
            select json_build_object('table', '\(table.name)', 'row', to_json(t))
            from afterthought.\(table.name) as t
            where \(table.condition)
        ) to stdout (format csv, delimiter e'\\x02', quote e'\\x01')
        """
    }
}
