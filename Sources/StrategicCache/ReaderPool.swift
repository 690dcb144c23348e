import Postgres

/// One connection of the pool; owned by whoever checked it out.
final class ReaderConnection: @unchecked Sendable {
    // Unchecked because only its present owner touches it: a reader, the pool's idle list, or the keeper.
    var connection: Connection

    init(_ options: ConnectionOptions) throws(PostgresError) {
        connection = try Connection(options)
        // A cancel request is a round trip of its own; the keeper makes it, not the read whose deadline passed.
        connection.cancelsOnTimeout = false
    }
}

/// The connections that reads share: bounded, made and mended by the keeper only, so that no read ever connects.
final class ReaderPool: @unchecked Sendable {
    // Unchecked because every member but the lock and the conditions is only touched under the lock.

    private let lock = Lock()
    private let becameIdle = Condition()
    private let sizeMax: Int
    private var idle: [ReaderConnection] = []
    private var total = 0
    private var isClosed = false
    private var breaker = CircuitBreaker()
    /// Whether a connection may still come: at the start, and while one is lent out.
    private var isStarting = true
    private let bell: Bell

    /// Makes an empty pool.
    ///
    /// - Parameters:
    ///   - sizeMax: connections at most.
    ///   - bell: wakes the keeper.
    init(sizeMax: Int, bell: Bell) {
        self.sizeMax = sizeMax
        self.bell = bell
    }

    /// Takes a connection, waiting while all are lent out or the first is being made.
    ///
    /// - Parameter deadline: when to give up.
    /// - Returns: nil past the deadline, without a database, or while the circuit breaker is open.
    func take(_ deadline: Deadline) -> ReaderConnection? {
        lock.withLock {
            if isClosed { return nil }
            while idle.isEmpty {
                guard isStarting || total > 0, !isClosed, deadline.remainingNanoseconds != 0,
                    becameIdle.wait(lock, until: deadline.nanoseconds)
                else { return nil }
            }
            guard !isClosed, breaker.handle(.request, now: Deadline.now) == .allow else { return nil }
            return idle.popLast()
        }
    }

    /// Gives a connection back; one that is not ready any more is closed, and the keeper makes another.
    ///
    /// Cancelling what it does would take a connection of its own, which a server that hangs never answers; the
    /// session's `statement_timeout` ends it there instead.
    ///
    /// - Parameters:
    ///   - connection: what `take` gave.
    ///   - answered: whether the database answered in time.
    func give(back connection: ReaderConnection, answered: Bool) {
        let isReady = connection.connection.health == .ready
        lock.withLock {
            breaker.handle(answered ? .success : .failure, now: Deadline.now)
            if isReady, !isClosed { idle.append(connection) } else { total -= 1 }
            becameIdle.signal()
        }
        if !isReady { bell.ring() }
    }

    /// How many connections are missing; for the keeper.
    var missing: Int { lock.withLock { isClosed ? 0 : sizeMax - total } }

    /// Whether a read could get a connection now or soon.
    var isUsable: Bool { lock.withLock { total > 0 && !breaker.isOpen } }

    /// Adds a new connection; for the keeper.
    func add(_ connection: ReaderConnection) {
        lock.withLock {
            guard !isClosed else { return }
            total += 1
            isStarting = false
            // A connection that was just made and used is the best proof there is.
            breaker.handle(.success, now: Deadline.now)
            idle.append(connection)
            becameIdle.signal()
        }
    }

    /// Notes that no connection could be made: nobody need wait for one.
    func noteUnreachable() {
        lock.withLock {
            isStarting = false
            becameIdle.broadcast()
        }
    }

    /// Closes the idle connections, because their server does not answer; for the keeper.
    func dropIdle() {
        let closing = lock.withLock {
            total -= idle.count
            defer { idle.removeAll() }
            return idle
        }
        // Closed here, outside of the lock.
        _ = consume closing
    }

    /// Closes every idle connection; lent ones close when they come back.
    func close() {
        lock.withLock {
            isClosed = true
            becameIdle.broadcast()
        }
        dropIdle()
    }
}
