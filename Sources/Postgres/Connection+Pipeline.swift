import CLibPQ

extension Connection {
    /// Sends many statements without waiting for each one's answer, then collects the answers.
    ///
    /// Outside a transaction all statements of a pipeline are one: if one fails, or the closure throws, none takes
    /// effect. A failed statement inside a transaction fails that as usual. COPY can't be part of a pipeline.
    ///
    ///     try connection.pipeline { pipeline in
    ///         for row in rows { try pipeline.run(InsertRow(row)) }
    ///         try pipeline.query(CountRows()) { count = $0.first ?? 0 }
    ///     }
    ///
    /// - Parameters:
    ///   - deadline: when to give up; a connection whose pipeline did not end in time is broken.
    ///   - body: queues the statements.
    /// - Returns: for each statement in order, how many rows it inserted, changed, deleted or returned.
    /// - Throws: the first statement's error, or what the closure threw.
    @discardableResult
    package mutating func pipeline(
        deadline: Deadline = .never, _ body: (inout Pipeline) throws -> Void
    ) throws -> [Int] {
        try begin(deadline)
        let isOwnTransaction = !isInTransaction
        guard unsafe PQenterPipelineMode(handle) == 1 else { throw failure() }
        return try unsafe withUnsafeMutablePointer(to: &self) { connection in
            var pipeline = unsafe Pipeline(connection, deadline)
            do {
                try body(&pipeline)
            } catch {
                pipeline.giveUp(rollingBack: isOwnTransaction)
                throw error
            }
            return try pipeline.finish()
        }
    }
}

/// Statements on their way; lives only inside the closure of `Connection.pipeline`.
///
/// Source: PostgreSQL manual, "Pipeline Mode".
@safe
package struct Pipeline: ~Copyable {
    /// The most statements sent whose answers were not read; bounds the memory for answers.
    static let statementsInFlightMax = 256

    private enum Pending {
        case preparation(ObjectIdentifier, PreparedStatement)
        case run(name: String)
        case query(name: String, (borrowing QueryResult) throws(PostgresError) -> Void)
    }

    // Valid because `Connection.pipeline` lends this value to a closure and ends it before it returns.
    private let connection: UnsafeMutablePointer<Connection>
    private let deadline: Deadline
    private var pending: [Pending] = []
    private var collected = 0
    private var sinceFlush = 0
    private var preparing: [ObjectIdentifier: PreparedStatement] = [:]
    private var affected: [Int] = []
    private var failure: PostgresError?

    init(_ connection: UnsafeMutablePointer<Connection>, _ deadline: Deadline) {
        unsafe self.connection = unsafe connection
        self.deadline = deadline
    }

    /// Queues a statement whose rows are not wanted.
    package mutating func run<S: Statement>(_ statement: S) throws(PostgresError) {
        try send(statement)
        pending.append(.run(name: S.name))
        try regulate()
    }

    /// Queues a statement; the closure gets its rows once they have arrived, at the latest when the pipeline ends.
    package mutating func query<S: Statement>(
        _ statement: S, _ handler: @escaping ([S.Row]) -> Void
    ) throws(PostgresError) {
        try send(statement)
        pending.append(
            .query(name: S.name) { result throws(PostgresError) in
                var rows: [S.Row] = []
                for row in 0..<result.rowCount { rows.append(try S.decode(RowReader(result, row: row))) }
                handler(rows)
            })
        try regulate()
    }

    /// Sends everything queued so far, so that the server works on it while the closure does something else.
    ///
    /// It fails for nothing: if the deadline passes or the connection ends, the end of the pipeline tells.
    package func flush() { unsafe connection.pointee.flush(deadline) }

    private mutating func send<S: Statement>(_ statement: S) throws(PostgresError) {
        if unsafe connection.pointee.health == .broken { throw failure ?? lost() }
        try unsafe connection.pointee.breakOnPurpose()
        try unsafe connection.pointee.bind(statement)
        guard unsafe connection.pointee.usesPreparedStatements else {
            return try unsafe connection.pointee.sendUnprepared(S.sql)
        }
        let key = ObjectIdentifier(S.self)
        if let known = unsafe connection.pointee.prepared[key] ?? preparing[key] {
            return try unsafe connection.pointee.sendPrepared(known)
        }
        let statement = PreparedStatement(name: S.name)
        try unsafe connection.pointee.sendPreparation(name: S.name, sql: S.sql)
        preparing[key] = statement
        pending.append(.preparation(key, statement))
        sinceFlush += 1
        try unsafe connection.pointee.sendPrepared(statement)
    }

    /// Keeps the number of unread answers within its limit: asks for them every half window, and reads one half.
    private mutating func regulate() throws(PostgresError) {
        sinceFlush += 1
        let half = Pipeline.statementsInFlightMax / 2
        if sinceFlush >= half {
            try unsafe connection.pointee.sent(PQsendFlushRequest(connection.pointee.handle))
            _ = unsafe PQflush(connection.pointee.handle)
            sinceFlush = 0
        }
        if pending.count - collected < Pipeline.statementsInFlightMax { return }
        while pending.count - collected > half { try collect() }
        pending.removeFirst(collected)
        collected = 0
        if let failure { throw failure }
    }

    /// Reads the answer to the oldest statement not yet answered.
    private mutating func collect() throws(PostgresError) {
        let statement = pending[collected]
        collected += 1
        while let result = try unsafe connection.pointee.nextResult(deadline) {
            switch result.status {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: accept(result, of: statement)
            case PGRES_PIPELINE_ABORTED: break
            case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
                unsafe connection.pointee.health = .broken
                throw PostgresError(.misuse, "expected no COPY in a pipeline, got: one")
            default:
                let error = unsafe connection.pointee.serverError(result)
                if error.isForeignSession { unsafe connection.pointee.usesPreparedStatements = false }
                if failure == nil { failure = Pipeline.named(error, statement) }
                if unsafe connection.pointee.health == .broken { throw failure! }
            }
        }
    }

    private mutating func accept(_ result: borrowing QueryResult, of statement: Pending) {
        switch statement {
        case .preparation(let key, let prepared): unsafe connection.pointee.prepared[key] = prepared
        case .run: affected.append(result.affectedRows)
        case .query(let name, let handler):
            affected.append(result.affectedRows)
            do throws(PostgresError) { try handler(result) } catch { if failure == nil { failure = error.named(name) } }
        }
    }

    private static func named(_ error: PostgresError, _ statement: Pending) -> PostgresError {
        switch statement {
        case .preparation: error
        case .run(let name), .query(let name, _): error.named(name)
        }
    }

    /// Ends the pipeline and reads all answers.
    mutating func finish() throws(PostgresError) -> [Int] {
        try unsafe connection.pointee.sent(PQpipelineSync(connection.pointee.handle))
        while collected < pending.count { try collect() }
        while let result = try unsafe connection.pointee.nextResult(deadline) {
            if result.status == PGRES_PIPELINE_SYNC { break }
            let error = unsafe connection.pointee.serverError(result)
            if failure == nil { failure = error }
            if unsafe connection.pointee.health == .broken { throw failure! }
        }
        if unsafe PQexitPipelineMode(connection.pointee.handle) != 1 { unsafe connection.pointee.health = .broken }
        if let failure { throw failure }
        return affected
    }

    /// Ends the pipeline so that nothing of it takes effect.
    mutating func giveUp(rollingBack: Bool) {
        if unsafe connection.pointee.health != .ready {
            unsafe connection.pointee.health = .broken
            return
        }
        do throws(PostgresError) {
            if rollingBack {
                unsafe connection.pointee.parameters.removeAll()
                try unsafe connection.pointee.sendUnprepared("rollback")
                pending.append(.run(name: "rollback"))
            }
            _ = try finish()
        } catch {
            // The closure's error is the one to tell; a pipeline that did not end has marked the connection as broken.
            if unsafe PQpipelineStatus(connection.pointee.handle) != PQ_PIPELINE_OFF {
                unsafe connection.pointee.health = .broken
            }
        }
    }

    private func lost() -> PostgresError { PostgresError(.connectionLost, "the connection was lost before") }
}
