import Glibc

/// A trend test for short series of unknown distribution.
///
/// Mann–Kendall: S = Σ_{i<j} sign(x_j − x_i), its variance corrected for ties and, after Hamed and Rao, for serial correlation
/// of the ranks (never below the uncorrected one). Sources: Mann 1945; Kendall 1975; Hamed and Rao 1998.
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

    /// How much serial correlation widens the variance: 1 + 2/(n(n−1)(n−2)) Σ (n−k)(n−k−1)(n−k−2) ρ_k over significant ρ_k.
    private static func serialCorrection(_ values: [Double]) -> Double {
        let n = values.count
        let ranks = midRanks(detrended(values))
        let centre = Double(n + 1) / 2
        let spread = ranks.reduce(0) { $0 + ($1 - centre) * ($1 - centre) }
        guard spread > 0 else { return 1 }
        let significant = 1.96 / Double(n).squareRoot()
        var sum = 0.0
        for lag in 1..<max(2, n / 4) {
            var product = 0.0
            for index in lag..<n { product += (ranks[index] - centre) * (ranks[index - lag] - centre) }
            let correlation = product / spread
            guard correlation.magnitude > significant else { continue }
            sum += Double(n - lag) * Double(n - lag - 1) * Double(n - lag - 2) * correlation
        }
        return max(1, 1 + 2 * sum / (Double(n) * Double(n - 1) * Double(n - 2)))
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
