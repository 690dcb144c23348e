import Postgres

/// Decides whether a failed attempt is repeated, and when.
///
/// A decision only: it neither waits nor reads a clock. The pause is drawn evenly from zero to a doubling bound (full
/// jitter), and is never shorter than the endpoint asks for.
///
/// Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015).
struct RetryPolicy {
    /// What to do after a failure.
    enum Action: Hashable {
        case retry(afterMilliseconds: UInt64)
        case giveUp
    }

    private let attemptsMax: Int
    private let retryAfterSecondsMax: Double
    private var backoff: Backoff

    init(_ configuration: LanguageModelConfiguration) {
        attemptsMax = configuration.attemptsMax
        retryAfterSecondsMax = configuration.retryAfterSecondsMax
        backoff = Backoff(
            firstMilliseconds: configuration.pauseMillisecondsFirst, capMilliseconds: configuration.pauseMillisecondsMax
        )
    }

    /// Takes a failure and says what to do.
    ///
    /// - Parameters:
    ///   - error: why the attempt failed.
    ///   - retryAfterSeconds: what the endpoint asked for, if it did.
    ///   - random: any random number.
    /// - Returns: when to try again, or to give up.
    mutating func handle(_ error: LanguageModelError, retryAfterSeconds: Double?, random: UInt64) -> Action {
        // Its bound alone: its own pauses are never shorter than half of that.
        let bound = backoff.boundMilliseconds
        _ = backoff.fail(random: random)
        guard error.isPassing, backoff.failures < attemptsMax else { return .giveUp }
        let asked = retryAfterSeconds ?? 0
        guard asked <= retryAfterSecondsMax else { return .giveUp }
        let drawn = random % (bound + 1)
        // Added, not maximised: many clients that were told the same moment must not come back together.
        return .retry(afterMilliseconds: UInt64((asked * 1000).rounded(.up)) + drawn)
    }
}
