import Glibc

/// A trend test for short series of unknown distribution.
///
/// Mann–Kendall: S = Σ_{i<j} sign(x_j − x_i), its variance corrected for ties and, where the ranks of the detrended
/// values are correlated with their neighbours, widened by (1 + ρ)/(1 − ρ). Sources: Mann 1945; Kendall 1975; Matalas
/// and Sankarasubramanian 2003.
///
/// Invariants: only the order of values matters, so outliers weigh no more than any value; no randomness.
enum TrendTest {
    /// Fewer values than this give no answer: the normal approximation would not hold.
    static let valuesMin = 12
    /// Two-sided 5 %.
    static let criticalZ = 1.959964

    /// The standardised statistic, positive when values rise.
    ///
    /// - Parameter values: in order of time; only finite ones.
    /// - Returns: a value that is about standard normal without a trend; nil for fewer than `valuesMin` values.
    /// - Complexity: O(n²).
    static func statistic(_ values: [Double]) -> Double? {
        let n = values.count
        guard n >= valuesMin else { return nil }
        var score = 0
        for right in 1..<n {
            for left in 0..<right {
                if values[right] > values[left] { score += 1 } else if values[right] < values[left] { score -= 1 }
            }
        }
        var variance = Double(n) * Double(n - 1) * Double(2 * n + 5)
        for tie in tieSizes(values) { variance -= Double(tie) * Double(tie - 1) * Double(2 * tie + 5) }
        variance = variance / 18 * serialCorrection(values)
        guard variance > 0, score != 0 else { return 0 }
        return Double(score > 0 ? score - 1 : score + 1) / variance.squareRoot()
    }

    private static func tieSizes(_ values: [Double]) -> [Int] {
        var sizes: [Int] = []
        var run = 1
        let sorted = values.sorted()
        for (left, right) in zip(sorted, sorted.dropFirst()) {
            if left == right {
                run += 1
            } else {
                if run > 1 { sizes.append(run) }
                run = 1
            }
        }
        if run > 1 { sizes.append(run) }
        return sizes
    }

    /// How much serial correlation widens the variance: (1 + ρ)/(1 − ρ) for a significant first-order ρ, else 1.
    private static func serialCorrection(_ values: [Double]) -> Double {
        let n = Double(values.count)
        let ranks = midRanks(detrended(values))
        let centre = (n + 1) / 2
        let spread = ranks.reduce(0) { $0 + ($1 - centre) * ($1 - centre) }
        guard spread > 0 else { return 1 }
        let product = zip(ranks, ranks.dropFirst()).reduce(0) { $0 + ($1.0 - centre) * ($1.1 - centre) }
        // A fitted line takes about (2 + 4ρ)/n away from the estimate.
        let correlation = min((n * product / spread + 2) / (n - 4), 0.95)
        return correlation > 1.645 / n.squareRoot() ? (1 + correlation) / (1 - correlation) : 1
    }

    /// The values less their least-squares line.
    private static func detrended(_ values: [Double]) -> [Double] {
        let n = Double(values.count)
        let middle = (n - 1) / 2
        let mean = values.reduce(0, +) / n
        var covariance = 0.0
        for (index, value) in values.enumerated() { covariance += (Double(index) - middle) * (value - mean) }
        let slope = covariance / (n * (n * n - 1) / 12)
        return values.enumerated().map { $1 - mean - slope * (Double($0) - middle) }
    }

    private static func midRanks(_ values: [Double]) -> [Double] {
        let order = values.indices.sorted { values[$0] < values[$1] }
        var ranks = [Double](repeating: 0, count: values.count)
        var start = 0
        while start < order.count {
            var end = start
            while end + 1 < order.count, values[order[end + 1]] == values[order[start]] { end += 1 }
            for place in start...end { ranks[order[place]] = Double(start + end) / 2 + 1 }
            start = end + 1
        }
        return ranks
    }
}
