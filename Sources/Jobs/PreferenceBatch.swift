import Bytes
import Learning
import Postgres
import Store

/// Users who are aggregated together.
struct PreferenceBatch {
    let users: [String]
    /// How many signals of each are kept.
    let signalsMax: Int

    /// Reads, aggregates, marks, trims and stores, in four statements whatever the number of users.
    ///
    /// - Returns: how many signals were read.
    func store(
        _ connection: inout Connection, _ aggregator: inout PreferenceAggregator
    ) throws -> Int {
        var signals: [[PreferenceSignal]] = Array(repeating: [], count: users.count)
        var newIDs: [Int64] = []
        var excessive: [String] = []
        // One more than is kept, to see who has more.
        try connection.forEach(LoadPreferenceSignals(users: users, signalsMax: signalsMax + 1)) { reader in
            let row = try LoadPreferenceSignals.decode(reader)
            guard signals[row.user].count < signalsMax else {
                excessive.append(users[row.user])
                return
            }
            if row.isNew { newIDs.append(row.id) }
            signals[row.user].append(
                PreferenceSignal(
                    at: row.at, intent: row.intent, styles: row.styles, prices: row.prices, brands: row.brands,
                    ratings: row.ratings, hasInteraction: row.hasInteraction))
        }
        var rows: [StoredPreferences] = []
        for (user, signals) in zip(users, signals) where !signals.isEmpty {
            rows.append(Self.row(user, aggregator.profile(of: signals)))
        }
        try connection.run(MarkPreferenceSignals(ids: newIDs))
        try connection.run(TrimPreferenceSignals(users: excessive, signalsMax: signalsMax))
        try connection.run(SavePreferences(rows: rows))
        return signals.reduce(0) { $0 + $1.count }
    }

    private static func row(_ user: String, _ profile: PreferenceProfile) -> StoredPreferences {
        var row = StoredPreferences(user: user)
        row.styles = shares(profile.styles, "style")
        row.brands = shares(profile.brands, "brand")
        row.intents = shares(profile.intents, "intent")
        row.prices = ranges(profile.prices)
        row.priceCurrency = profile.prices.first?.currency
        row.priceMin = profile.prices.first?.minimum
        row.priceMax = profile.prices.first?.maximum
        row.ratingMin = profile.ratingMin.map { rounded($0, 100) }
        row.interactionShare = rounded(profile.interactionShare)
        row.confidence = rounded(profile.confidence)
        row.effectiveSignals = rounded(profile.effectiveSignals)
        row.signals = profile.signals
        row.first = profile.first
        row.last = profile.last
        row.nullReasons = reasons(profile)
        return row
    }

    /// Rounds to six decimals, so that the order of a sum does not show.
    private static func rounded(_ value: Double, _ unit: Double = 1e6) -> Double { (value * unit).rounded() / unit }

    private static func shares(_ shares: [PreferenceProfile.Share], _ kind: String) -> JSONText {
        var json = JSONWriter()
        json.beginArray()
        for share in shares {
            json.beginObject()
            json.key(kind)
            json.value(share.name)
            json.key("share")
            json.value(share.share, decimals: 6)
            json.key("signals")
            json.value(share.signals)
            json.endObject()
        }
        json.endArray()
        return JSONText(json.text)
    }

    private static func ranges(_ ranges: [PreferenceProfile.PriceRange]) -> JSONText {
        var json = JSONWriter()
        json.beginArray()
        for range in ranges {
            json.beginObject()
            json.key("currency")
            json.value(range.currency)
            json.key("minimum")
            json.value(range.minimum.map { Double($0) / 100 }, decimals: 2)
            json.key("maximum")
            json.value(range.maximum.map { Double($0) / 100 }, decimals: 2)
            json.key("mentions")
            json.value(range.mentions)
            json.key("share")
            json.value(range.share, decimals: 6)
            json.endObject()
        }
        json.endArray()
        return JSONText(json.text)
    }

    private static func reasons(_ profile: PreferenceProfile) -> JSONText {
        var json = JSONWriter()
        json.beginObject()
        func reason(_ column: String, _ reason: String, _ isNull: Bool) {
            if !isNull { return }
            json.key(column)
            json.value(reason)
        }
        let none = "no signal mentions a price"
        let price = profile.prices.first
        reason("price_min", price == nil ? none : "no lower bound was said", price?.minimum == nil)
        reason("price_max", price == nil ? none : "no upper bound was said", price?.maximum == nil)
        reason("price_currency", price == nil ? none : "no currency was named", price?.currency == nil)
        reason("rating_min", "no signal mentions a rating", profile.ratingMin == nil)
        json.endObject()
        return JSONText(json.text)
    }
}
