import Model

/// One hour's mean of a measure.
package struct HourlyValue {
    package var hour: Int64
    package var mean: Double
    /// How many values it is the mean of.
    package var count: Int64

    package init(hour: Int64, mean: Double, count: Int64) {
        self.hour = hour
        self.mean = mean
        self.count = count
    }
}

/// A measure's hourly means as residuals of about unit scale that outliers, hours with few values and the time of day
/// don't bend.
///
/// z_h = (m_h − med(time of day or all)) / sqrt(τ² + σ²/n_h), rescaled by its own median absolute deviation and
/// bounded by ±3: σ² is the variance inside hours (from the sums of squares), τ² the variance between them. Where
/// neighbours are alike (correlation ρ around the local level), all are divided by sqrt((1 + ρ)/(1 − ρ)), as they
/// tell that much less of a change.
package enum RobustResiduals {
    /// The residuals' bound: one wild hour is no change.
    static let residualMax = 3.0
    /// Hours on each side that the local level is the median of.
    static let levelHours = 12
    /// What the estimate of ρ loses to the local level of white noise.
    static let correlationBias = 0.04
    /// Days from which on a time of day can be told from a change of level.
    static let daysMin: Int64 = 2
    /// A time of day is the median of the hours up to this far from it, of all days.
    static let nearHours = 2
    /// A time of day is taken out where the residuals' scale falls below this share: less, and it would be noise.
    static let narrowingMin = 0.85

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
    package static func standardised(_ values: [HourlyValue], varianceWithin: Double) -> [Double] {
        let bounded = unbounded(values, varianceWithin: varianceWithin).map { min(max($0, -residualMax), residualMax) }
        let correlation = localCorrelation(bounded)
        let shrink = ((1 - correlation) / (1 + correlation)).squareRoot()
        return bounded.map { $0 * shrink }
    }

    /// Residuals before they are bounded and divided for their correlation: what single wild hours show in.
    static func unbounded(_ values: [HourlyValue], varianceWithin: Double) -> [Double] {
        let residuals = withoutTimeOfDay(values)
        let scale = robustScale(residuals)
        guard scale > 0 else { return residuals.map { _ in 0 } }
        let noise = values.map { varianceWithin / Double($0.count) }
        let between = varianceBetween(residuals, noise: noise, scale: scale)
        let weighted = zip(residuals, noise).map { $0 / (between + $1).squareRoot() }
        let unit = robustScale(weighted)
        guard unit > 0 else { return residuals.map { _ in 0 } }
        return weighted.map { $0 / unit }
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

    /// Values less the median of their time of day, if that narrows them, else less the median of all.
    private static func withoutTimeOfDay(_ values: [HourlyValue]) -> [Double] {
        let centre = median(values.map(\.mean))
        let plain = values.map { $0.mean - centre }
        guard let first = values.first, let last = values.last, last.hour - first.hour >= 24 * daysMin - 1 else {
            return plain
        }
        let hours = values.map { hourOfDay($0.hour) }
        let medians = (0..<24).map { hour in
            median(
                values.indices.filter { place in
                    let apart = (hours[place] - hour).magnitude
                    return min(apart, 24 - apart) <= nearHours
                }.map { values[$0].mean })
        }
        let residuals = zip(values, hours).map { $0.mean - medians[$1] }
        return robustScale(residuals) < narrowingMin * robustScale(plain) ? residuals : plain
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
