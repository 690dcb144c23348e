/// A bounded set of connections for callers who block, each with a deadline.
///
/// Callers never connect, cancel or clean up: a maintenance thread does, one connection at a time, so a caller's
/// deadline holds whatever the database does. While the database is away callers are refused at once. A connection is
/// checked on borrowing only after another one was found lost.
@safe
package final class ConnectionPool: @unchecked Sendable {
    // Unchecked because the gate guards all that changes.

    /// The pool's limits.
    package struct Limits: Sendable {
        /// The most connections at any time.
        package var connectionsMax = 4
        /// Connections opened ahead of need.
        package var connectionsMin = 1
        /// How long the maintenance thread waits for a cancelled statement's end, in milliseconds.
        package var recoveryMilliseconds: UInt64 = 1_000
        /// The pace of attempts while the database is away.
        package var backoff = Backoff()

        package init() {}
    }

    /// Counts since the pool was made, and how many connections there are now.
    package struct Metrics: Hashable, Sendable {
        /// Connections lent.
        package var lent: UInt64 = 0
        /// Callers who had to wait.
        package var waited: UInt64 = 0
        /// Callers whose deadline passed while waiting.
        package var exhausted: UInt64 = 0
        /// Callers refused because the database was away.
        package var refused: UInt64 = 0
        /// Connections opened.
        package var opened: UInt64 = 0
        /// Attempts that failed.
        package var openFailures: UInt64 = 0
        /// Connections found lost.
        package var lost: UInt64 = 0
        /// Connections whose overdue statement was ended.
        package var recovered: UInt64 = 0
        /// Connections that can be lent now.
        package var idle = 0
        /// Connections in use now.
        package var inUse = 0
    }

    /// A connection and the pool's knowledge of it.
    private final class Slot {
        var connection: Connection
        /// The number of losses known when the connection was last seen alive.
        var lossesSeen: UInt64

        init(_ connection: consuming Connection, _ lossesSeen: UInt64) {
            self.connection = connection
            self.lossesSeen = lossesSeen
        }
    }

    private static let borrowers = 0
    private static let maintenance = 1

    private let options: ConnectionOptions
    private let recoveryMilliseconds: UInt64
    private let onConnect: @Sendable (inout Connection) throws -> Void
    private let gate = Gate(conditions: 2)
    private var policy: PoolPolicy
    private var idle: [Slot] = []
    private var ailing: [Slot] = []
    private var counts = Metrics()
    private var lastFailure: PostgresError?
    private var thread: PosixThread?

    /// Makes a pool and starts opening its first connections; end it with `close`.
    ///
    /// - Parameters:
    ///   - options: where and how to connect.
    ///   - limits: its limits.
    ///   - onConnect: what to do with each new connection, such as preparing a statement.
    package init(
        _ options: ConnectionOptions, limits: Limits = Limits(),
        onConnect: @escaping @Sendable (inout Connection) throws -> Void = { _ in }
    ) {
        self.options = options
        self.onConnect = onConnect
        recoveryMilliseconds = limits.recoveryMilliseconds
        policy = PoolPolicy(
            connectionsMax: limits.connectionsMax, connectionsMin: limits.connectionsMin, backoff: limits.backoff)
        // The thread keeps the pool alive until `close`.
        thread = PosixThread { while self.maintainOnce() {} }
    }

    /// Runs a closure with a connection of the pool.
    ///
    /// - Parameters:
    ///   - deadline: how long to wait for a connection; pass it on to the queries.
    ///   - body: what to do; it must end its transaction.
    /// - Returns: what the closure returned.
    /// - Throws: `poolExhausted` past the deadline, `connectionFailed` at once while the database is away, `closed`, or
    ///   what the closure threw.
    package func withConnection<Result>(
        deadline: Deadline, _ body: (inout Connection) throws -> Result
    ) throws -> Result {
        let slot = try borrow(deadline)
        defer { giveBack(slot) }
        return try body(&slot.connection)
    }

    /// What the pool did so far.
    package var metrics: Metrics {
        gate.lock()
        defer { gate.unlock() }
        var metrics = counts
        metrics.idle = policy.idle
        metrics.inUse = policy.lent
        return metrics
    }

    /// Closes the idle connections, ends the maintenance thread and refuses from now on; lent ones close on return.
    package func close() {
        gate.lock()
        _ = policy.handle(.closed)
        let dropped = idle + ailing
        idle = []
        ailing = []
        let thread = thread.take()
        gate.broadcast(ConnectionPool.borrowers)
        gate.broadcast(ConnectionPool.maintenance)
        gate.unlock()
        thread?.join()
        withExtendedLifetime(dropped) {}
    }
}

/// Lending.
extension ConnectionPool {
    private func borrow(_ deadline: Deadline) throws(PostgresError) -> Slot {
        gate.lock()
        defer { gate.unlock() }
        var isWaiting = false
        defer { if isWaiting { _ = policy.handle(.stoppedWaiting) } }
        while true {
            switch policy.handle(.wanted(now: Deadline.now, isWaiting: isWaiting)) {
            case .lend:
                let slot = idle.removeLast()
                if slot.lossesSeen != counts.lost, !slot.connection.isAlive() {
                    lose(slot)
                    continue
                }
                slot.lossesSeen = counts.lost
                counts.lent += 1
                return slot
            case .refuseClosed:
                throw PostgresError(.closed, "the connection pool was closed before")
            case .refuseAway:
                counts.refused += 1
                throw lastFailure ?? PostgresError(.connectionFailed, "the database is away; trying again soon")
            default:
                if !isWaiting { counts.waited += 1 }
                isWaiting = true
                gate.signal(ConnectionPool.maintenance)
                if !gate.wait(ConnectionPool.borrowers, until: deadline), policy.idle == 0 {
                    counts.exhausted += 1
                    throw PostgresError(.poolExhausted, "the deadline passed before a connection came free")
                }
            }
        }
    }

    /// Drops a connection that was found lost; the gate is locked.
    private func lose(_ slot: Slot) {
        counts.lost += 1
        _ = policy.handle(.returned(.broken))
        gate.signal(ConnectionPool.maintenance)
    }

    private func giveBack(_ slot: Slot) {
        let condition: PoolPolicy.Condition =
            switch slot.connection.health {
            case .ready: slot.connection.isInTransaction ? .broken : .ready
            case .outstanding: .outstanding
            case .broken: .broken
            }
        gate.lock()
        defer { gate.unlock() }
        if condition == .broken { counts.lost += 1 }
        switch policy.handle(.returned(condition)) {
        case .keep:
            idle.append(slot)
            if policy.waiting > 0 { gate.signal(ConnectionPool.borrowers) }
        case .nurse:
            ailing.append(slot)
            gate.signal(ConnectionPool.maintenance)
        default:
            gate.signal(ConnectionPool.maintenance)
        }
    }
}

/// The maintenance thread.
extension ConnectionPool {
    /// Does one piece of work, or waits for some.
    ///
    /// - Returns: false when the pool was closed.
    private func maintainOnce() -> Bool {
        gate.lock()
        switch policy.handle(.maintenance(now: Deadline.now)) {
        case .end:
            gate.unlock()
            return false
        case .open:
            let losses = counts.lost
            gate.unlock()
            open(losses)
        case .recover:
            let slot = ailing.removeLast()
            gate.unlock()
            recover(slot)
        case .rest(let until):
            _ = gate.wait(ConnectionPool.maintenance, until: until.map(Deadline.init(nanoseconds:)) ?? .never)
            gate.unlock()
        default:
            gate.unlock()
        }
        return true
    }

    private func open(_ losses: UInt64) {
        do {
            var connection = try Connection(options)
            connection.cancelsOnTimeout = false
            try onConnect(&connection)
            let slot = Slot(connection, losses)
            gate.lock()
            defer { gate.unlock() }
            counts.opened += 1
            if policy.handle(.opened) == .keep { idle.append(slot) }
            gate.signal(ConnectionPool.borrowers)
        } catch {
            gate.lock()
            defer { gate.unlock() }
            counts.openFailures += 1
            lastFailure = error as? PostgresError
            _ = policy.handle(.openFailed(now: Deadline.now, random: UInt64.random(in: .min ... .max)))
            // Those who wait learn that the database is away.
            gate.broadcast(ConnectionPool.borrowers)
        }
    }

    private func recover(_ slot: Slot) {
        let isReady =
            slot.connection.recover(.after(milliseconds: recoveryMilliseconds)) && !slot.connection.isInTransaction
        gate.lock()
        defer { gate.unlock() }
        if isReady { counts.recovered += 1 } else { counts.lost += 1 }
        if policy.handle(.recovered(isReady)) == .keep {
            idle.append(slot)
            gate.signal(ConnectionPool.borrowers)
        }
    }
}
