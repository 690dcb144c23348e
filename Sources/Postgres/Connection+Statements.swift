import CLibPQ

/// A statement the server knows by name on this connection.
final class PreparedStatement {
    /// The name as a C string.
    let name: ContiguousArray<CChar>

    init(name: String) {
        self.name = name.utf8CString
    }
}

extension Connection {
    /// Runs SQL without values, one command or several; results are dropped.
    ///
    /// Several commands in one text are one transaction, unless they say otherwise.
    ///
    /// - Parameters:
    ///   - sql: the commands.
    ///   - deadline: when to give up.
    /// - Throws: the first error.
    package mutating func execute(_ sql: String, deadline: Deadline = .never) throws(PostgresError) {
        _ = try simple(sql, deadline)
    }

    /// Runs SQL without values and returns the last command's rows as text; for diagnostics and tests.
    package mutating func textRows(_ sql: String, deadline: Deadline = .never) throws(PostgresError) -> [[String?]] {
        let result = try simple(sql, deadline)
        return (0..<result.rowCount).map { row in
            (0..<result.columnCount).map { column in result.text(row: row, column: column) }
        }
    }

    /// Runs SQL in the simple protocol and returns the last result.
    mutating func simple(_ sql: String, _ deadline: Deadline) throws(PostgresError) -> QueryResult {
        try begin(deadline)
        if sql.utf8.contains(0) { throw PostgresError(.misuse, "expected SQL without NUL, got: one with NUL") }
        try sent(unsafe PQsendQuery(handle, sql))
        return try lastResult(deadline)
    }

    /// Runs a statement and returns its rows.
    ///
    /// - Parameters:
    ///   - statement: the statement with its values.
    ///   - deadline: when to give up.
    /// - Returns: the decoded rows.
    /// - Throws: `timeout` past the deadline, server errors, decoding errors.
    package mutating func query<S: Statement>(
        _ statement: S, deadline: Deadline = .never
    ) throws(PostgresError) -> [S.Row] {
        let result = try perform(statement, deadline)
        var rows: [S.Row] = []
        let count = result.rowCount
        rows.reserveCapacity(count)
        for row in 0..<count { rows.append(try decode(S.self, result, row)) }
        return rows
    }

    /// Runs a statement and returns its first row, if there is one.
    package mutating func first<S: Statement>(
        _ statement: S, deadline: Deadline = .never
    ) throws(PostgresError) -> S.Row? {
        let result = try perform(statement, deadline)
        return result.rowCount == 0 ? nil : try decode(S.self, result, 0)
    }

    /// Runs a statement and returns how many rows it inserted, changed, deleted or returned.
    @discardableResult
    package mutating func run<S: Statement>(
        _ statement: S, deadline: Deadline = .never
    ) throws(PostgresError) -> Int {
        try perform(statement, deadline).affectedRows
    }

    /// Runs a statement and lends each row to a closure; the result is in memory, but no array is made of it.
    package mutating func forEach<S: Statement>(
        _ statement: S, deadline: Deadline = .never, _ body: (borrowing RowReader) throws -> Void
    ) throws {
        let result = try perform(statement, deadline)
        for row in 0..<result.rowCount { try body(RowReader(result, row: row)) }
    }

    /// Runs a statement and lends each row to a closure as it arrives; the result is never in memory as a whole.
    ///
    /// A throwing closure cancels the statement. The connection can't be used inside the closure.
    package mutating func stream<S: Statement>(
        _ statement: S, deadline: Deadline = .never, _ body: (borrowing RowReader) throws -> Void
    ) throws {
        try begin(deadline)
        do throws(PostgresError) {
            try send(statement, deadline)
        } catch {
            throw error.named(S.name)
        }
        unsafe PQsetSingleRowMode(handle)
        var failure: PostgresError?
        while let result = try nextResult(deadline) {
            switch result.status {
            case PGRES_SINGLE_TUPLE:
                do { try body(RowReader(result, row: 0)) } catch {
                    abandon()
                    throw error
                }
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK: break
            default: failure = serverError(result).named(S.name)
            }
            if health == .broken { break }
        }
        if let failure { throw failure }
    }

    /// Runs SQL that is made at run time, with values, without preparing it by name.
    ///
    /// - Parameters:
    ///   - sql: one command with `$1`, `$2`, … for the values; never made of content.
    ///   - deadline: when to give up.
    ///   - bind: appends the values.
    ///   - decode: reads one row.
    /// - Returns: the decoded rows.
    /// - Throws: what `decode` throws, or a `PostgresError`.
    package mutating func query<Row>(
        sql: String, deadline: Deadline = .never, bind: (inout Parameters) -> Void = { _ in },
        decode: (borrowing RowReader) throws -> Row
    ) throws -> [Row] {
        try begin(deadline)
        parameters.removeAll()
        bind(&parameters)
        try parameters.check()
        try sendUnprepared(sql)
        let result = try lastResult(deadline)
        var rows: [Row] = []
        for row in 0..<result.rowCount { rows.append(try decode(RowReader(result, row: row))) }
        return rows
    }

    /// Prepares a statement under its name ahead of its first use.
    package mutating func prepare<S: Statement>(
        _ statement: S, deadline: Deadline = .never
    ) throws(PostgresError) {
        try begin(deadline)
        try bind(statement)
        if usesPreparedStatements { _ = try preparation(S.self, deadline) }
    }

    /// Asks the server what a statement takes and returns, without running it.
    ///
    /// - Parameter statement: a statement with any values; only their types are sent.
    /// - Returns: the types of values and columns.
    /// - Throws: the server's error when the SQL does not fit the schema.
    package mutating func describe<S: Statement>(_ statement: S) throws(PostgresError) -> StatementDescription {
        try begin(.never)
        try bind(statement)
        try sendPreparation(name: "", sql: S.sql)
        return try description(S.name)
    }

    /// Asks the server what a statement takes and returns, leaving the types of its values to the server.
    ///
    /// - Parameter type: the statement's type.
    /// - Returns: the types of values and columns.
    /// - Throws: the server's error when the SQL does not fit the schema, or does not tell the types.
    package mutating func describe<S: Statement>(_ type: S.Type) throws(PostgresError) -> StatementDescription {
        try begin(.never)
        parameters.removeAll()
        try sendPreparation(name: "", sql: S.sql)
        return try description(S.name)
    }

    private mutating func description(_ name: String) throws(PostgresError) -> StatementDescription {
        do throws(PostgresError) { _ = try lastResult(.never) } catch { throw error.named(name) }
        try sent(unsafe PQsendDescribePrepared(handle, ""))
        let result = try lastResult(.never)
        return unsafe StatementDescription(
            parameterTypes: (0..<PQnparams(result.pointer)).map {
                unsafe PostgresType(oid: PQparamtype(result.pointer, $0))
            },
            columnNames: (0..<result.columnCount).map { result.columnName($0) },
            columnTypes: (0..<result.columnCount).map { unsafe PostgresType(oid: PQftype(result.pointer, Int32($0))) })
    }
}

extension Connection {
    private func decode<S: Statement>(
        _: S.Type, _ result: borrowing QueryResult, _ row: Int
    ) throws(PostgresError) -> S.Row {
        do throws(PostgresError) { return try S.decode(RowReader(result, row: row)) } catch {
            throw error.named(S.name)
        }
    }

    /// Runs a statement to its end, preparing it first if need be.
    mutating func perform<S: Statement>(_ statement: S, _ deadline: Deadline) throws(PostgresError) -> QueryResult {
        try begin(deadline)
        do throws(PostgresError) {
            try send(statement, deadline)
            return try lastResult(deadline)
        } catch {
            let error = error.named(S.name)
            if error.isForeignSession { usesPreparedStatements = false }
            // A pooler changed the session, or a migration the columns: once more then, unless a transaction has
            // failed by it.
            let mayRepeat = error.isForeignSession || error.isStalePreparation && forget(S.self)
            guard mayRepeat, health == .ready, !isInTransaction else { throw error }
        }
        do throws(PostgresError) {
            if usesPreparedStatements {
                try? execute("deallocate \(try quoted(identifier: S.name))", deadline: deadline)
            }
            try send(statement, deadline)
            return try lastResult(deadline)
        } catch {
            throw error.named(S.name)
        }
    }

    /// Binds the values and checks that they can be sent.
    mutating func bind<S: Statement>(_ statement: S) throws(PostgresError) {
        parameters.removeAll()
        statement.bind(to: &parameters)
        do throws(PostgresError) { try parameters.check() } catch { throw error.named(S.name) }
    }

    /// Sends a statement with its values, preparing it first if need be.
    private mutating func send<S: Statement>(_ statement: S, _ deadline: Deadline) throws(PostgresError) {
        try bind(statement)
        if usesPreparedStatements {
            try sendPrepared(try preparation(S.self, deadline))
        } else {
            try sendUnprepared(S.sql)
        }
    }

    /// Sends the values bound last to a prepared statement.
    mutating func sendPrepared(_ statement: PreparedStatement) throws(PostgresError) {
        let handle = unsafe handle
        try unsafe sent(
            parameters.withArguments { arguments in
                unsafe statement.name.withUnsafeBufferPointer { name in
                    unsafe PQsendQueryPrepared(
                        handle, name.baseAddress!, arguments.count, arguments.values, arguments.lengths,
                        arguments.formats, 1)
                }
            })
    }

    /// Sends SQL with the values bound last.
    mutating func sendUnprepared(_ sql: String) throws(PostgresError) {
        let handle = unsafe handle
        try unsafe sent(
            parameters.withArguments { arguments in
                unsafe PQsendQueryParams(
                    handle, sql, arguments.count, arguments.types, arguments.values, arguments.lengths,
                    arguments.formats, 1)
            })
    }

    /// Sends the command that prepares a statement, with the types of the values bound last.
    mutating func sendPreparation(name: String, sql: String) throws(PostgresError) {
        let handle = unsafe handle
        try unsafe sent(
            parameters.withArguments { arguments in
                unsafe PQsendPrepare(handle, name, sql, arguments.count, arguments.types)
            })
    }

    /// The statement's preparation, made now if there is none.
    private mutating func preparation<S: Statement>(
        _ type: S.Type, _ deadline: Deadline
    ) throws(PostgresError) -> PreparedStatement {
        if let known = prepared[ObjectIdentifier(type)] { return known }
        try sendPreparation(name: S.name, sql: S.sql)
        do throws(PostgresError) {
            _ = try lastResult(deadline)
        } catch {
            // Nobody knows whether the server will still prepare it, so the connection can't go on.
            if error.code == .timeout { health = .broken }
            throw error
        }
        let statement = PreparedStatement(name: S.name)
        prepared[ObjectIdentifier(type)] = statement
        return statement
    }

    /// Forgets a preparation; false when there was none.
    private mutating func forget<S: Statement>(_ type: S.Type) -> Bool {
        prepared.removeValue(forKey: ObjectIdentifier(type)) != nil || !usesPreparedStatements
    }
}
