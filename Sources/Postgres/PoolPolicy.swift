/// Decides for a pool who gets a connection, when one is opened, and what becomes of a returned one; it does no I/O.
///
/// Invariants: idle + lent + ailing + (1 while opening) ≤ `connectionsMax`; at most one connection is being opened.
package struct PoolPolicy: Hashable, Sendable {
    /// How a connection came back.
    package enum Condition: Hashable, Sendable {
        /// It can be lent again.
        case ready
        /// A statement is still under way on it.
        case outstanding
        /// It is of no more use.
        case broken
    }

    /// What happened; moments are nanoseconds of the monotonic clock.
    package enum Event: Hashable, Sendable {
        /// Somebody wants a connection, or wakes up and still does.
        case wanted(now: UInt64, isWaiting: Bool)
        /// A waiting one was served, refused or ran out of time.
        case stoppedWaiting
        /// A lent connection came back.
        case returned(Condition)
        /// The maintenance thread asks what to do.
        case maintenance(now: UInt64)
        /// A connection was opened.
        case opened
        /// A connection could not be opened.
        case openFailed(now: UInt64, random: UInt64)
        /// An ailing connection was made ready again, or not.
        case recovered(Bool)
        /// The pool is being closed.
        case closed
    }

    /// What to do.
    package enum Action: Hashable, Sendable {
        /// Lend the idle connection used last.
        case lend
        /// Wait for one.
        case wait
        /// The database is away: refuse at once.
        case refuseAway
        /// The pool is closed: refuse.
        case refuseClosed
        /// Put the connection among the idle ones.
        case keep
        /// Give it to the maintenance thread.
        case nurse
        /// Close it.
        case discard
        /// Open a connection.
        case open
        /// End the statement of an ailing connection.
        case recover
        /// Nothing to do before a moment, or before the next event.
        case rest(until: UInt64?)
        /// End the maintenance thread.
        case end
    }

    private let connectionsMax: Int
    private let connectionsMin: Int
    private var backoff: Backoff
    private var notBefore: UInt64?
    private var isOpening = false
    private var isClosed = false

    /// Connections that can be lent.
    package private(set) var idle = 0
    /// Connections in somebody's hands.
    package private(set) var lent = 0
    /// Connections with a statement to end first.
    package private(set) var ailing = 0
    /// Callers who wait for a connection.
    package private(set) var waiting = 0

    /// Makes the decider of an empty pool.
    ///
    /// - Parameters:
    ///   - connectionsMax: the most connections at any time, 1 or more.
    ///   - connectionsMin: how many are opened ahead of need, at most `connectionsMax`.
    ///   - backoff: the pace of attempts while the database is away.
    package init(connectionsMax: Int, connectionsMin: Int, backoff: Backoff) {
        precondition(connectionsMax >= 1, "expected connectionsMax ≥ 1, got: \(connectionsMax)")
        precondition((0...connectionsMax).contains(connectionsMin), "expected connectionsMin ≤ connectionsMax")
        self.connectionsMax = connectionsMax
        self.connectionsMin = connectionsMin
        self.backoff = backoff
    }

    private var total: Int { idle + lent + ailing }

    /// Takes an event and says what to do.
    package mutating func handle(_ event: Event) -> Action {
        switch event {
        case .wanted(let now, let isWaiting): return want(now, isWaiting)
        case .stoppedWaiting:
            waiting -= 1
            return .rest(until: nil)
        case .returned(let condition): return take(condition)
        case .maintenance(let now): return maintain(now)
        case .opened:
            isOpening = false
            notBefore = nil
            backoff.succeed()
            if isClosed { return .discard }
            idle += 1
            return .keep
        case .openFailed(let now, let random):
            isOpening = false
            notBefore = now + backoff.fail(random: random) * 1_000_000
            return .rest(until: notBefore)
        case .recovered(let isReady):
            ailing -= 1
            if !isReady || isClosed { return .discard }
            idle += 1
            return .keep
        case .closed:
            isClosed = true
            idle = 0
            return .end
        }
    }

    private mutating func want(_ now: UInt64, _ isWaiting: Bool) -> Action {
        if isClosed { return .refuseClosed }
        if idle > 0 {
            idle -= 1
            lent += 1
            return .lend
        }
        // With connections in use or in care one may come back; with none, and none to be had yet, waiting is in vain.
        if total == 0, !isOpening, let notBefore, now < notBefore { return .refuseAway }
        if !isWaiting { waiting += 1 }
        return .wait
    }

    private mutating func take(_ condition: Condition) -> Action {
        lent -= 1
        if isClosed { return .discard }
        switch condition {
        case .ready:
            idle += 1
            return .keep
        case .outstanding:
            ailing += 1
            return .nurse
        case .broken:
            return .discard
        }
    }

    private mutating func maintain(_ now: UInt64) -> Action {
        if isClosed { return .end }
        if ailing > 0 { return .recover }
        let isWanted = total < connectionsMin || (waiting > idle && total < connectionsMax)
        if !isWanted { return .rest(until: nil) }
        if let notBefore, now < notBefore { return .rest(until: notBefore) }
        isOpening = true
        return .open
    }
}
