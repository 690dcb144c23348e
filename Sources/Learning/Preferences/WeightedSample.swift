/// Values with weights, for quantiles that a few wild ones do not move.
struct WeightedSample {
    private var points: [(value: Double, weight: Double)] = []
    /// The sum of the weights.
    private(set) var weight = 0.0

    var isEmpty: Bool { points.isEmpty }
    var values: [Double] { points.map(\.value) }

    /// Adds a value; its weight is above zero.
    mutating func add(_ value: Double, weight: Double) {
        points.append((value, weight))
        self.weight += weight
    }

    /// A quantile between the values, each of which stands at the middle of its weight (Hazen 1914).
    ///
    /// - Parameter share: 0…1.
    /// - Returns: nil without values.
    /// - Complexity: O(n log n).
    func quantile(_ share: Double) -> Double? {
        guard !points.isEmpty else { return nil }
        let sorted = points.sorted { ($0.value, $0.weight) < ($1.value, $1.weight) }
        let target = share * weight
        var passed = 0.0
        var previous: (value: Double, middle: Double)?
        for point in sorted {
            let middle = passed + point.weight / 2
            passed += point.weight
            if target <= middle {
                guard let previous else { return point.value }
                let part = (target - previous.middle) / (middle - previous.middle)
                return previous.value + part * (point.value - previous.value)
            }
            previous = (point.value, middle)
        }
        return sorted[sorted.count - 1].value
    }

    /// The values without outliers: those further from the median than 3.5 robust deviations (1.4826 × the median
    /// absolute deviation) and than `distanceMin`.
    ///
    /// With fewer than three values none can be told.
    ///
    /// Source: Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993.
    ///
    /// - Complexity: O(n log n).
    func withoutOutliers(distanceMin: Double) -> WeightedSample {
        guard points.count >= 3, let median = quantile(0.5) else { return self }
        var deviations = WeightedSample()
        for point in points { deviations.add((point.value - median).magnitude, weight: point.weight) }
        let limit = max(3.5 * 1.4826 * (deviations.quantile(0.5) ?? 0), distanceMin)
        var kept = WeightedSample()
        for point in points where (point.value - median).magnitude <= limit {
            kept.add(point.value, weight: point.weight)
        }
        return kept
    }
}
