import Model

/// Remembers which pairs were asked to be refreshed, so that each is asked for at most once in a while.
///
/// Bounded: when it is full of recent requests, further ones are refused until some have aged. It holds no clock.
struct RefreshLedger: Sendable {
    static let intervalNanoseconds: UInt64 = 30_000_000_000
    static let pairsMax = 4096
    /// Requests that may wait to be sent.
    static let waitingMax = 256

    private var askedAt: [Pair: UInt64] = [:]
    private(set) var waiting: [Pair] = []
    /// When old entries were last removed: looking through all of them at every request would cost each stale read.
    private var sweptAt: UInt64 = 0
    static let sweepNanoseconds: UInt64 = 1_000_000_000

    /// Asks for a pair.
    ///
    /// - Parameters:
    ///   - pair: whose row was stale.
    ///   - now: nanoseconds of any clock that never goes back.
    /// - Returns: whether the request was taken and now waits to be sent.
    mutating func ask(_ pair: Pair, now: UInt64) -> Bool {
        if let last = askedAt[pair], now &- last < RefreshLedger.intervalNanoseconds { return false }
        guard waiting.count < RefreshLedger.waitingMax else { return false }
        if askedAt.count >= RefreshLedger.pairsMax {
            guard now &- sweptAt >= RefreshLedger.sweepNanoseconds else { return false }
            sweptAt = now
            askedAt = askedAt.filter { now &- $0.value < RefreshLedger.intervalNanoseconds }
            guard askedAt.count < RefreshLedger.pairsMax else { return false }
        }
        askedAt[pair] = now
        waiting.append(pair)
        return true
    }

    /// Takes all requests that wait.
    mutating func take() -> [Pair] {
        defer { waiting.removeAll(keepingCapacity: true) }
        return waiting
    }
}
