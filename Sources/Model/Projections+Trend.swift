import Bytes
import Glibc

/// Which way a frequency moves.
package enum Trend: String, Hashable, Sendable {
    case increasing
    case stable
    case declining
}

/// A trend, or why there is none.
package enum TrendFinding: Hashable, Sendable {
    case trend(Trend)
    case unknown(reason: String)

    /// The trend, if there is one.
    package var trend: Trend? { if case .trend(let trend) = self { trend } else { nil } }
}

extension Projections {
    /// Whether memories are retrieved more or less often lately: a two-sided test at 5 % of two decayed counts.
    ///
    /// A Poisson process of constant rate λ gives counts A and B, decayed over 14 and 90 days, the expectations λ·EA
    /// and λ·EB. The difference A/EA − B/EB then has mean zero and the variance below; beyond 1.96 standard deviations
    /// it is a trend.
    ///
    /// - Parameters:
    ///   - first: the first retrieval or re-mention.
    ///   - last: the newest one, as of which the counts are.
    ///   - fast: the count decayed with a time constant of 14 days.
    ///   - slow: the same with 90 days.
    ///   - moment: when the question is asked.
    /// - Returns: a trend; or a reason with less than 7 days of history or a slow count below 3.
    package static func retrievalTrend(
        first: Timestamp?, last: Timestamp?, fast: Double?, slow: Double?, at moment: Timestamp
    ) -> TrendFinding {
        guard let history = seconds(since: first, at: moment).map({ $0 / 86400 }),
            let gap = seconds(since: last, at: moment), let fast, let slow
        else { return .unknown(reason: "no retrievals yet") }
        let countFast = fast * decayShare(seconds: gap, days: 14)
        let countSlow = slow * decayShare(seconds: gap, days: 90)
        if history < 7 { return .unknown(reason: "less than 7 days of retrievals") }
        if countSlow < 3 { return .unknown(reason: "too few retrievals") }
        let exposureFast = 14 * (1 - exp(max(-history / 14, -200)))
        let exposureSlow = 90 * (1 - exp(max(-history / 90, -200)))
        let difference = countFast / exposureFast - countSlow / exposureSlow
        let ownFast = 7 * (1 - exp(max(-2 * history / 14, -200))) / (exposureFast * exposureFast)
        let ownSlow = 45 * (1 - exp(max(-2 * history / 90, -200))) / (exposureSlow * exposureSlow)
        let shared = 2 * (315.0 / 26) * (1 - exp(max(-history * 26 / 315, -200))) / (exposureFast * exposureSlow)
        let variance = countSlow / exposureSlow * (ownFast + ownSlow - shared)
        if variance <= 0 || abs(difference) <= 1.96 * variance.squareRoot() { return .trend(.stable) }
        return .trend(difference > 0 ? .increasing : .declining)
    }
}
