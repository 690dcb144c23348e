import Bytes

/// Percentile bootstrap of a mean (Efron 1979), the same for the same seed.
///
/// Not for fewer than about ten values: the interval is too narrow then.
package enum Bootstrap {
    /// The two-sided interval of the mean.
    ///
    /// - Parameters:
    ///   - values: independent observations; at least one.
    ///   - level: the interval's level, 0…1 exclusive, such as 0.95.
    ///   - resamples: how many samples are drawn with replacement; at least 100.
    ///   - seed: of the draws.
    /// - Returns: lower and upper bound of the mean.
    /// - Complexity: O(values × resamples).
    package static func meanInterval(
        _ values: [Double], level: Double, resamples: Int = 2_000, seed: UInt64
    ) -> (lower: Double, upper: Double) {
        precondition(!values.isEmpty, "expected at least one value, got: none")
        precondition(level > 0 && level < 1, "expected a level inside 0…1, got: \(level)")
        precondition(resamples >= 100, "expected at least 100 resamples, got: \(resamples)")
        var random = SeededRandom(seed: seed)
        var means: [Double] = []
        means.reserveCapacity(resamples)
        for _ in 0..<resamples {
            var sum = 0.0
            for _ in values { sum += values[Int.random(in: 0..<values.count, using: &random)] }
            means.append(sum / Double(values.count))
        }
        means.sort()
        let tail = (1 - level) / 2
        func quantile(_ share: Double) -> Double {
            means[min(resamples - 1, max(0, Int((share * Double(resamples - 1)).rounded())))]
        }
        return (quantile(tail), quantile(1 - tail))
    }
}
