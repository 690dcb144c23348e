/// Decides whether the database may be asked, after how it answered lately.
///
/// Closed: everything may pass. After `failuresMax` failures in a row it opens: nothing passes for a while that doubles
/// with each further failure, then one probe does. It holds no clock and does no I/O.
struct CircuitBreaker: Sendable {
    enum Event: Sendable {
        /// Somebody wants to ask.
        case request
        case success
        case failure
    }

    enum Decision: Hashable, Sendable {
        case allow
        case refuse
    }

    static let failuresMax = 5
    static let openNanosecondsMin: UInt64 = 100_000_000
    static let openNanosecondsMax: UInt64 = 5_000_000_000

    private(set) var failures = 0
    private var openUntil: UInt64 = 0
    private var openNanoseconds = CircuitBreaker.openNanosecondsMin
    private var isProbing = false

    /// Whether requests are refused, but for a probe.
    var isOpen: Bool { failures >= CircuitBreaker.failuresMax }

    /// Takes note of an event; only the decision on a request matters.
    ///
    /// - Parameters:
    ///   - event: what happened.
    ///   - now: nanoseconds of any clock that never goes back.
    /// - Returns: whether a request may pass.
    @discardableResult
    mutating func handle(_ event: Event, now: UInt64) -> Decision {
        switch event {
        case .request:
            if !isOpen { return .allow }
            if now < openUntil { return .refuse }
            if isProbing {
                // A probe that never came back must not close the way for ever: after another such while, one more.
                openUntil = now + openNanoseconds
                return .allow
            }
            isProbing = true
            openUntil = now + openNanoseconds
            return .allow
        case .success:
            self = CircuitBreaker()
        case .failure:
            failures += 1
            if isOpen {
                if isProbing { openNanoseconds = min(openNanoseconds * 2, CircuitBreaker.openNanosecondsMax) }
                isProbing = false
                openUntil = now + openNanoseconds
            }
        }
        return .allow
    }
}
