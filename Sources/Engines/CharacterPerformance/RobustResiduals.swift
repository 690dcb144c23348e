import Model

/// One hour's mean of a measure.
struct HourlyValue {
    var hour: Int64
    var mean: Double
    /// How many values it is the mean of.
    var count: Int64
}

/// A measure's hourly means as residuals of about unit scale that outliers, hours with few values and the time of day
/// don't bend.
///
/// z_h = (m_h − med(hour of day or all)) / sqrt(τ² + σ²/n_h), rescaled by its own median absolute deviation and
/// bounded by ±3: σ² is the variance inside hours (from the sums of squares), τ² the variance between them. Where
/// neighbours are alike (correlation ρ around the local level), all are divided by sqrt((1 + ρ)/(1 − ρ)), as they
/// tell that much less of a change.
enum RobustResiduals {
    /// The residuals' bound: one wild hour is no change.
    static let residualMax = 3.0
    /// Hours on each side that the local level is the median of.
    static let levelHours = 12
    /// What the estimate of ρ loses to the local level of white noise.
    static let correlationBias = 0.04
    /// The hour-of-day median is removed when every hour of the day that occurs does so this often.
    static let daysMin = 5

    /// The hourly means of a measure, ascending by hour.
    static func hourly(_ buckets: [(hour: Int64, sums: BucketSums)], measure: String) -> [HourlyValue] {
        buckets.compactMap { hour, sums in
            let sum = sums[measure]
            return sum.mean.map { HourlyValue(hour: hour, mean: $0, count: sum.count) }
        }
    }

    /// The pooled variance of single values inside hours; 0 where no hour has two.
    static func varianceWithin(_ buckets: [(hour: Int64, sums: BucketSums)], measure: String) -> Double {
        var squares = 0.0
        var freedom = 0.0
        for (_, sums) in buckets {
            let sum = sums[measure]
            guard sum.count > 1 else { continue }
            // A measure without squares is 0 or 1, and so its own square.
            let second = Double(sum.totalOfSquares ?? sum.total) / 1e6
            let first = Double(sum.total) / 1e6
            squares += max(0, second - first * first / Double(sum.count))
            freedom += Double(sum.count - 1)
        }
        return freedom > 0 ? squares / freedom : 0
    }

    /// Residuals, in the order of the values; all zero when the values don't vary.
    static func standardised(_ values: [HourlyValue], varianceWithin: Double) -> [Double] {
        let residuals = withoutTimeOfDay(values)
        let scale = robustScale(residuals)
        guard scale > 0 else { return residuals.map { _ in 0 } }
        let noise = values.map { varianceWithin / Double($0.count) }
        let between = varianceBetween(residuals, noise: noise, scale: scale)
        let weighted = zip(residuals, noise).map { $0 / (between + $1).squareRoot() }
        let unit = robustScale(weighted)
        guard unit > 0 else { return residuals.map { _ in 0 } }
        let bounded = weighted.map { min(max($0 / unit, -residualMax), residualMax) }
        let correlation = localCorrelation(bounded)
        let shrink = ((1 - correlation) / (1 + correlation)).squareRoot()
        return bounded.map { $0 * shrink }
    }

    /// The variance between hours with which the standardised residuals have unit scale (after Paule and Mandel 1982).
    private static func varianceBetween(_ residuals: [Double], noise: [Double], scale: Double) -> Double {
        var low = 0.0
        var high = 4 * scale * scale
        for _ in 0..<30 {
            let middle = (low + high) / 2
            let weighted = zip(residuals, noise).map { $0 / (middle + $1).squareRoot() }
            if robustScale(weighted) > 1 { low = middle } else { high = middle }
        }
        return high
    }

    /// The lag-one correlation around the local level, 0…0.9: a change of level does not count as correlation.
    private static func localCorrelation(_ values: [Double]) -> Double {
        let around = values.indices.map { place in
            let near = values[max(0, place - levelHours)...min(values.count - 1, place + levelHours)]
            return values[place] - median(Array(near))
        }
        let spread = around.reduce(0) { $0 + $1 * $1 }
        guard spread > 0 else { return 0 }
        let product = zip(around, around.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 }
        return min(max(product / spread + correlationBias, 0), 0.9)
    }

    private static func withoutTimeOfDay(_ values: [HourlyValue]) -> [Double] {
        var byHour = [[Double]](repeating: [], count: 24)
        for value in values { byHour[hourOfDay(value.hour)].append(value.mean) }
        let centre = median(values.map(\.mean))
        guard byHour.allSatisfy({ $0.isEmpty || $0.count >= daysMin }) else { return values.map { $0.mean - centre } }
        let medians = byHour.map { $0.isEmpty ? centre : median($0) }
        return values.map { $0.mean - medians[hourOfDay($0.hour)] }
    }

    /// The scaled median absolute deviation, or the standard deviation where most values are equal.
    static func robustScale(_ values: [Double]) -> Double {
        guard values.count > 1 else { return 0 }
        let centre = median(values)
        let mean = values.reduce(0, +) / Double(values.count)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)
        let absolute = 1.4826 * median(values.map { ($0 - centre).magnitude })
        let deviation = variance.squareRoot()
        return absolute >= deviation / 2 ? absolute : deviation
    }

    /// The median; 0 for no values.
    static func median(_ values: [Double]) -> Double {
        guard !values.isEmpty else { return 0 }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    static func hourOfDay(_ hour: Int64) -> Int { Int(((hour % 24) + 24) % 24) }
}
