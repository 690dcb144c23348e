/// How long to wait between attempts: doubling, capped, with jitter, so that many clients do not return in step.
///
/// It is a decision only; it neither waits nor reads a clock.
///
/// Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015).
package struct Backoff: Hashable, Sendable {
    /// The first delay's upper bound in milliseconds.
    package let firstMilliseconds: UInt64
    /// The largest upper bound in milliseconds.
    package let capMilliseconds: UInt64
    /// Failures in a row so far.
    package private(set) var failures = 0

    package init(firstMilliseconds: UInt64 = 50, capMilliseconds: UInt64 = 5_000) {
        precondition(firstMilliseconds > 0 && capMilliseconds >= firstMilliseconds, "expected 0 < first ≤ cap")
        self.firstMilliseconds = firstMilliseconds
        self.capMilliseconds = capMilliseconds
    }

    /// The upper bound of the next delay in milliseconds.
    package var boundMilliseconds: UInt64 {
        let doublings = UInt64(min(failures, 40))
        let (product, overflow) = firstMilliseconds.multipliedReportingOverflow(by: 1 << doublings)
        return overflow ? capMilliseconds : min(product, capMilliseconds)
    }

    /// Counts a failure and says how long to wait, in milliseconds: evenly from half the bound to the bound.
    ///
    /// - Parameter random: any random number.
    /// - Returns: the delay in milliseconds.
    package mutating func fail(random: UInt64) -> UInt64 {
        let bound = boundMilliseconds
        failures += 1
        return bound - bound / 2 + random % (bound / 2 + 1)
    }

    /// Forgets the failures.
    package mutating func succeed() { failures = 0 }
}

/// Decides when a lost connection may be made again.
package struct ReconnectPolicy: Hashable, Sendable {
    /// What happened; moments are nanoseconds of the monotonic clock.
    package enum Event {
        /// Somebody wants a connection.
        case wanted(now: UInt64)
        /// An attempt succeeded.
        case connected
        /// An attempt failed.
        case failed(now: UInt64, random: UInt64)
        /// The connection broke.
        case lost
    }

    /// What to do.
    package enum Action: Hashable, Sendable {
        /// Use the connection there is.
        case use
        /// Connect now.
        case connect
        /// Refuse, and don't try before this moment.
        case refuse(until: UInt64)
        /// Nothing.
        case none
    }

    private var isConnected = false
    private var notBefore: UInt64 = 0
    private var backoff: Backoff

    package init(_ backoff: Backoff = Backoff()) {
        self.backoff = backoff
    }

    /// Takes an event and says what to do.
    package mutating func handle(_ event: Event) -> Action {
        switch event {
        case .wanted(let now):
            if isConnected { return .use }
            return now >= notBefore ? .connect : .refuse(until: notBefore)
        case .connected:
            isConnected = true
            notBefore = 0
            backoff.succeed()
            return .use
        case .failed(let now, let random):
            isConnected = false
            notBefore = now + backoff.fail(random: random) * 1_000_000
            return .refuse(until: notBefore)
        case .lost:
            isConnected = false
            return .none
        }
    }
}
