import CLibPQ

/// How a transaction reads and whether it may write.
package struct TransactionMode: Hashable, Sendable {
    let begin: String

    /// Read committed, may write.
    package static let readWrite = TransactionMode(begin: "begin isolation level read committed read write")
    /// Read committed, may not write.
    package static let readOnly = TransactionMode(begin: "begin isolation level read committed read only")
    /// One snapshot for all statements, may write; may fail with a serialization failure.
    package static let repeatableRead = TransactionMode(begin: "begin isolation level repeatable read read write")
    /// One snapshot for all statements, may not write.
    package static let readOnlyRepeatableRead = TransactionMode(
        begin: "begin isolation level repeatable read read only")
    /// As if transactions ran one after another; may fail with a serialization failure.
    package static let serializable = TransactionMode(begin: "begin isolation level serializable read write")
}

extension Connection {
    /// Runs a closure inside a transaction: commits when it returns, rolls back when it throws.
    ///
    /// - Parameters:
    ///   - mode: isolation and access.
    ///   - body: the transaction's statements.
    /// - Returns: what the closure returned.
    /// - Throws: what the closure threw; `commitUnknown` when the connection broke while committing; `misuse` inside
    ///   another transaction.
    package mutating func transaction<Result>(
        _ mode: TransactionMode = .readWrite, _ body: (inout Connection) throws -> Result
    ) throws -> Result {
        if isInTransaction {
            throw PostgresError(.misuse, "expected no open transaction, got: one", hint: "use savepoint inside")
        }
        try execute(mode.begin)
        let value: Result
        do { value = try body(&self) } catch {
            rollBack("rollback")
            throw error
        }
        try commit()
        return value
    }

    /// Runs a closure inside a savepoint of the open transaction: what it did is undone when it throws.
    ///
    /// - Parameter body: the statements that may fail.
    /// - Returns: what the closure returned.
    /// - Throws: what the closure threw; the transaction goes on.
    package mutating func savepoint<Result>(_ body: (inout Connection) throws -> Result) throws -> Result {
        try execute("savepoint afterthought")
        let value: Result
        do { value = try body(&self) } catch {
            rollBack("rollback to savepoint afterthought; release savepoint afterthought")
            throw error
        }
        try execute("release savepoint afterthought")
        return value
    }

    private mutating func commit() throws(PostgresError) {
        let tag: String
        do throws(PostgresError) {
            tag = try simple("commit", .never).commandTag
        } catch {
            if health == .broken, error.code == .connectionLost || error.code == .cancelled {
                throw PostgresError(.commitUnknown, "the connection broke while committing: " + error.message)
            }
            rollBack("rollback")
            throw error
        }
        guard tag == "COMMIT" else {
            throw PostgresError(
                .misuse, "expected a transaction that can commit, got: one that had failed and was rolled back",
                hint: "let errors of statements leave the transaction's closure, or use savepoint")
        }
    }

    /// Rolls back whatever was asked to stop: neither interruption nor deadline may keep a transaction open.
    private mutating func rollBack(_ sql: String) {
        if health == .broken { return }
        let interruption = interruption.take()
        defer { self.interruption = interruption }
        let deadline = Deadline.after(milliseconds: Connection.cancelPatienceMilliseconds)
        if recover(deadline), !isInTransaction { return }
        do throws(PostgresError) { try execute(sql, deadline: deadline) } catch { health = .broken }
    }
}
