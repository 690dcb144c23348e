import Bytes
import Glibc

/// Aggregates a user's signals into preferences.
///
///     weight = 2 ^ -((newest - at) / half-life)
///     share  = weight of the signals that name it / weight of all
///
/// Ages count from the newest signal, not from now: merely waiting changes nothing, and the same signals give the same
/// preferences whenever they are aggregated. Nothing is carried over from an earlier aggregation, so what the signals
/// no longer support is gone.
///
/// It is not safe to share: it keeps what it has read of texts, as the same ones come again and again.
package struct PreferenceAggregator {
    /// Texts that are kept at most, of each kind.
    private static let textsMax = 50_000
    /// Longer names are not kept.
    private static let nameBytesMax = 200
    /// A share that misses its minimum by less was rounded below it.
    private static let rounding = 1e-9
    /// An amount within a factor of three of the median is never an outlier.
    private static let outlierDistanceMin = 1.0986122886681098

    private let rules: PreferenceRules
    private var names: [String: String?] = [:]
    private var prices: [String: [PriceMention]] = [:]
    private var ratings: [String: Double?] = [:]

    package init(_ rules: PreferenceRules) {
        precondition(rules.halfLifeDays > 0, "expected a half-life above 0, got: \(rules.halfLifeDays)")
        self.rules = rules
    }

    /// Aggregates signals; their order matters to the last bits of a share at most.
    ///
    /// - Parameter signals: of one user, at least one.
    /// - Returns: the preferences.
    /// - Complexity: O(n log n) in the mentions.
    package mutating func profile(of signals: [PreferenceSignal]) -> PreferenceProfile {
        precondition(!signals.isEmpty, "expected at least one signal, got: none")
        var profile = PreferenceProfile()
        profile.signals = signals.count
        profile.first = signals.map(\.at).min()!
        profile.last = signals.map(\.at).max()!
        let weights = signals.map { exp2(-min(profile.last.days(since: $0.at) / rules.halfLifeDays, 200)) }
        let total = weights.reduce(0, +)
        profile.effectiveSignals = total * total / weights.reduce(0) { $0 + $1 * $1 }
        var styles = Tally()
        var brands = Tally()
        var intents = Tally()
        var range = PriceTally()
        var stars = WeightedSample()
        var interacted = 0.0
        for (signal, weight) in zip(signals, weights) {
            styles.add(signal.styles, weight) { name($0) }
            brands.add(signal.brands, weight) { name($0) }
            if let intent = signal.intent { intents.add([intent], weight) { name($0) } }
            range.add(signal.prices.flatMap { mentions($0) }, weight)
            for text in signal.ratings { if let rating = rating(text) { stars.add(rating, weight: weight) } }
            if signal.hasInteraction { interacted += weight }
        }
        profile.styles = styles.shares(total, min: rules.styleShareMin - Self.rounding)
        profile.intents = intents.shares(total, min: rules.styleShareMin - Self.rounding)
        profile.brands = Array(brands.shares(total, min: rules.brandShareMin - Self.rounding).prefix(rules.brandsMax))
        profile.prices = range.ranges(total, outlierDistanceMin: Self.outlierDistanceMin)
        profile.ratingMin = stars.quantile(0.5)
        profile.interactionShare = interacted / total
        return profile
    }

    // What texts stand for -------------------------------------------------------------------------------------------

    /// The name without case and needless space; nil when nothing or too much is left.
    private mutating func name(_ text: String) -> String? {
        if let known = names[text] { return known }
        var name: String?
        if text.utf8.count <= Self.nameBytesMax {
            // Upper case first: of letters with several lower-case forms, such as ß and ss, one is left.
            let folded = text.uppercased().lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
            // U+0000 can't be stored; PostgreSQL has none to send either.
            name = folded.isEmpty || folded.utf8.contains(0) ? nil : folded
        }
        if names.count >= Self.textsMax { names.removeAll(keepingCapacity: true) }
        names[text] = .some(name)
        return name
    }

    private mutating func mentions(_ text: String) -> [PriceMention] {
        if let known = prices[text] { return known }
        let mentions = PriceMention.parse(text)
        if prices.count >= Self.textsMax { prices.removeAll(keepingCapacity: true) }
        prices[text] = mentions
        return mentions
    }

    private mutating func rating(_ text: String) -> Double? {
        if let known = ratings[text] { return known }
        let rating = RatingMention.parse(text)
        if ratings.count >= Self.textsMax { ratings.removeAll(keepingCapacity: true) }
        ratings[text] = .some(rating)
        return rating
    }
}

/// The weight of the signals that name something.
private struct Tally {
    private var entries: [String: (weight: Double, signals: Int)] = [:]

    /// Adds one signal's names; each counts once.
    mutating func add(_ texts: [String], _ weight: Double, _ name: (String) -> String?) {
        if texts.isEmpty { return }
        var seen: [String] = []
        for text in texts {
            guard let name = name(text), !seen.contains(name) else { continue }
            seen.append(name)
            entries[name, default: (0, 0)].weight += weight
            entries[name, default: (0, 0)].signals += 1
        }
    }

    /// Those with at least a share, the largest first, then by name.
    func shares(_ total: Double, min: Double) -> [PreferenceProfile.Share] {
        entries
            .map { name, entry in
                PreferenceProfile.Share(
                    name: name, share: Swift.min(entry.weight / total, 1), signals: entry.signals)
            }
            .filter { $0.share >= min }
            .sorted { ($1.share, $0.name) < ($0.share, $1.name) }
    }
}
