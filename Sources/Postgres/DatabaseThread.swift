/// One connection, one actor, one thread: the way of asynchronous code to a blocking connection.
///
/// Work is passed in as a closure and runs from its start to its end on the actor's thread, so a transaction never
/// spans two calls. A hop costs about 9 µs: pass a batch in, not a row. A lost connection is made again for the next
/// call; the call that lost it sees the error.
package actor DatabaseThread {
    private nonisolated let executor: ThreadExecutor
    private nonisolated let wakeup = Wakeup()
    private let options: ConnectionOptions
    private let onConnect: @Sendable (inout Connection) throws -> Void
    private var connection: Connection?
    private var policy: ReconnectPolicy
    private var lastFailure: PostgresError?
    private var isClosed = false

    /// How many times a connection was made.
    package private(set) var connectionsMade = 0

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// Starts the thread; the connection is made by the first call.
    ///
    /// - Parameters:
    ///   - options: where and how to connect.
    ///   - backoff: the pace of attempts while the database is away.
    ///   - onConnect: what to do with each new connection, such as `listen`.
    package init(
        _ options: ConnectionOptions, backoff: Backoff = Backoff(),
        onConnect: @escaping @Sendable (inout Connection) throws -> Void = { _ in }
    ) {
        executor = ThreadExecutor.start()
        self.options = options
        self.onConnect = onConnect
        policy = ReconnectPolicy(backoff)
    }

    deinit {
        executor.stop()
        executor.leave()
    }

    /// Runs a closure with the connection, on this actor's thread.
    ///
    /// Cancelling the task cancels the statement that runs, and no further one starts.
    ///
    /// - Parameter body: what to do; it must not keep the connection's transaction open.
    /// - Returns: what the closure returned.
    /// - Throws: what the closure threw; `connectionFailed` without an attempt while the backoff lasts; `cancelled`;
    ///   `closed`.
    package nonisolated func withConnection<Result: Sendable>(
        _ body: @Sendable (inout Connection) throws -> Result
    ) async throws -> Result {
        let interruption = Interruption(wakeup)
        return try await withTaskCancellationHandler {
            try await perform(interruption, body)
        } onCancel: {
            interruption.request()
        }
    }

    /// Closes the connection after the calls made so far, and ends the thread.
    package nonisolated func close() async {
        await shut()
        executor.stop()
        executor.join()
    }

    /// Closes the connection; the next call makes a new one, perhaps to another server by the same name.
    package func disconnect() {
        guard connection != nil else { return }
        connection = nil
        _ = policy.handle(.lost)
    }

    private func shut() {
        isClosed = true
        connection = nil
    }

    private func perform<Result>(
        _ interruption: Interruption, _ body: @Sendable (inout Connection) throws -> Result
    ) throws -> Result {
        if isClosed { throw PostgresError(.closed, "the connection's thread was closed before") }
        if interruption.isRequested { throw PostgresError(.cancelled, "cancelled before it began") }
        var connection = try obtain()
        connection.interruption = interruption
        do {
            let value = try body(&connection)
            if connection.isInTransaction, connection.health == .ready {
                throw PostgresError(.misuse, "expected the closure to end its transaction, got: one left open")
            }
            keep(connection)
            return value
        } catch {
            keep(connection)
            throw error
        }
    }

    /// Takes the connection out, or makes one.
    private func obtain() throws -> Connection {
        if let connection = connection.take() { return connection }
        switch policy.handle(.wanted(now: Deadline.now)) {
        case .refuse:
            throw lastFailure ?? PostgresError(.connectionFailed, "the database is away; trying again soon")
        case .use, .connect, .none: break
        }
        do {
            var connection = try Connection(options)
            try onConnect(&connection)
            connectionsMade += 1
            _ = policy.handle(.connected)
            return connection
        } catch {
            let random = UInt64.random(in: .min ... .max)
            _ = policy.handle(.failed(now: Deadline.now, random: random))
            lastFailure = error as? PostgresError
            throw error
        }
    }

    /// Puts the connection back for the next call, or closes it if it is of no more use.
    private func keep(_ used: consuming Connection) {
        used.interruption = nil
        if used.health == .outstanding { used.recover(.after(milliseconds: Connection.cancelPatienceMilliseconds)) }
        if used.isInTransaction, used.health == .ready {
            do { try used.execute("rollback") } catch { used.health = .broken }
        }
        if used.health == .ready {
            connection = consume used
        } else {
            _ = policy.handle(.lost)
        }
    }
}
