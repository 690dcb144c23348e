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
    private let firstMilliseconds: UInt64
    private let capMilliseconds: UInt64
    private let retryAfterSecondsMax: Double
    private(set) var failures = 0

    init(_ configuration: LanguageModelConfiguration) {
        attemptsMax = configuration.attemptsMax
        firstMilliseconds = configuration.pauseMillisecondsFirst
        capMilliseconds = configuration.pauseMillisecondsMax
        retryAfterSecondsMax = configuration.retryAfterSecondsMax
    }

    /// Takes a failure and says what to do.
    ///
    /// - Parameters:
    ///   - error: why the attempt failed.
    ///   - retryAfterSeconds: what the endpoint asked for, if it did.
    ///   - random: any random number.
    /// - Returns: when to try again, or to give up.
    mutating func handle(_ error: LanguageModelError, retryAfterSeconds: Double?, random: UInt64) -> Action {
        failures += 1
        guard error.isPassing, failures < attemptsMax else { return .giveUp }
        let asked = retryAfterSeconds ?? 0
        guard asked <= retryAfterSecondsMax else { return .giveUp }
        let (doubled, overflow) = firstMilliseconds.multipliedReportingOverflow(by: 1 << UInt64(min(failures - 1, 40)))
        let bound = overflow ? capMilliseconds : min(doubled, capMilliseconds)
        let drawn = random % (bound + 1)
        // Added, not maximised: many clients that were told the same moment must not come back together.
        return .retry(afterMilliseconds: UInt64((asked * 1000).rounded(.up)) + drawn)
    }
}
