import Glibc

/// What the signals say of prices, each currency apart.
///
/// Amounts without a currency are taken for the user's only currency, if there is one and no more.
struct PriceTally {
    private struct Entry {
        // Logarithms of hundredths: prices spread by factors.
        var lower = WeightedSample()
        var upper = WeightedSample()
        var mentions = 0
        var weight = 0.0
        /// The last signal that counts in its weight.
        var lastSignal = -1
    }

    private var signals: [(mentions: [PriceMention], weight: Double)] = []

    /// Adds one signal's mentions.
    mutating func add(_ mentions: [PriceMention], _ weight: Double) {
        if !mentions.isEmpty { signals.append((mentions, weight)) }
    }

    /// The range in each currency.
    ///
    /// - Parameters:
    ///   - total: weight of all signals.
    ///   - outlierDistanceMin: how far a logarithm may be from the median whatever the spread.
    /// - Returns: by share, then by currency, the one without a currency last.
    /// - Complexity: O(n log n) in the mentions.
    func ranges(_ total: Double, outlierDistanceMin: Double) -> [PreferenceProfile.PriceRange] {
        let named = Set(signals.flatMap { $0.mentions.compactMap(\.currency) })
        let standIn = named.count == 1 ? named.first! : ""
        var entries: [String: Entry] = [:]
        for (number, signal) in signals.enumerated() {
            for mention in signal.mentions {
                var entry = entries[mention.currency ?? standIn] ?? Entry()
                if let lower = mention.lower { entry.lower.add(log(Double(lower)), weight: signal.weight) }
                if let upper = mention.upper { entry.upper.add(log(Double(upper)), weight: signal.weight) }
                entry.mentions += 1
                if entry.lastSignal != number { entry.weight += signal.weight }
                entry.lastSignal = number
                entries[mention.currency ?? standIn] = entry
            }
        }
        return entries.map { currency, entry in
            var (minimum, maximum) = (
                Self.bound(entry.lower, 0.1, outlierDistanceMin), Self.bound(entry.upper, 0.9, outlierDistanceMin)
            )
            if let lower = minimum, let upper = maximum, lower > upper {
                // "Over 900" and "under 50": what more was said of stands.
                if entry.upper.weight >= entry.lower.weight { minimum = nil } else { maximum = nil }
            } else {
                // "Under 500" says that prices below "1,200" are sought as well.
                minimum = minimum.flatMap { bound in
                    Self.bound(entry.upper, 0.1, outlierDistanceMin).map { min(bound, $0) } ?? bound
                }
                maximum = maximum.flatMap { bound in
                    Self.bound(entry.lower, 0.9, outlierDistanceMin).map { max(bound, $0) } ?? bound
                }
            }
            return PreferenceProfile.PriceRange(
                currency: currency.isEmpty ? nil : currency, minimum: minimum, maximum: maximum,
                mentions: entry.mentions, share: min(entry.weight / total, 1))
        }.sorted {
            if $0.share != $1.share { return $0.share > $1.share }
            guard let left = $0.currency, let right = $1.currency else { return $0.currency != nil }
            return left < right
        }
    }

    private static func bound(_ sample: WeightedSample, _ share: Double, _ distanceMin: Double) -> Int64? {
        sample.withoutOutliers(distanceMin: distanceMin).quantile(share).map { Int64(exp($0).rounded()) }
    }
}
