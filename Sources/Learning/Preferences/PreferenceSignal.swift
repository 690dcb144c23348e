import Bytes

/// What one query told of a user's preferences.
package struct PreferenceSignal: Hashable, Sendable {
    /// When it was said.
    package var at: Timestamp
    package var intent: String?
    package var styles: [String]
    package var prices: [String]
    package var brands: [String]
    package var ratings: [String]
    /// Whether the user acted upon the answer.
    package var hasInteraction: Bool

    package init(
        at: Timestamp, intent: String? = nil, styles: [String] = [], prices: [String] = [], brands: [String] = [],
        ratings: [String] = [], hasInteraction: Bool = false
    ) {
        self.at = at
        self.intent = intent
        self.styles = styles
        self.prices = prices
        self.brands = brands
        self.ratings = ratings
        self.hasInteraction = hasInteraction
    }
}

/// What signals have to come to for a preference.
package struct PreferenceRules: Hashable, Sendable {
    /// How much older than the newest a signal is that counts half; days above 0.
    package var halfLifeDays: Double
    /// In which share of the signals a style or an intent has to be; 0…1.
    package var styleShareMin: Double
    /// In which share of the signals a brand has to be; 0…1.
    package var brandShareMin: Double
    package var brandsMax: Int

    package init(
        halfLifeDays: Double = 90, styleShareMin: Double = 0.3, brandShareMin: Double = 0.2, brandsMax: Int = 10
    ) {
        self.halfLifeDays = halfLifeDays
        self.styleShareMin = styleShareMin
        self.brandShareMin = brandShareMin
        self.brandsMax = brandsMax
    }
}

/// What a user prefers, over some signals.
package struct PreferenceProfile: Hashable, Sendable {
    /// Something that was named in enough of the signals.
    package struct Share: Hashable, Sendable {
        package var name: String
        /// Weight of the signals that name it over the weight of all; 0…1.
        package var share: Double
        /// How many signals name it.
        package var signals: Int
    }

    /// What was said of prices in one currency.
    package struct PriceRange: Hashable, Sendable {
        /// ISO 4217 code; nil: no currency was named.
        package var currency: String?
        /// In hundredths.
        package var minimum: Int64?
        package var maximum: Int64?
        /// How many mentions it rests on.
        package var mentions: Int
        /// Weight of the signals with such a mention over the weight of all; 0…1.
        package var share: Double
    }

    package var styles: [Share] = []
    package var brands: [Share] = []
    package var intents: [Share] = []
    /// The one that most rests on first.
    package var prices: [PriceRange] = []
    /// Stars of 5.
    package var ratingMin: Double?
    package var interactionShare = 0.0
    package var signals = 0
    /// How many equally weighted signals would tell as much (Kish 1965).
    package var effectiveSignals = 0.0
    package var first = Timestamp(microseconds: 0)
    package var last = Timestamp(microseconds: 0)

    /// effective signals / (effective signals + 5), 0…1: what the shares weigh against a prior worth as many signals
    /// as make a user due.
    package var confidence: Double { effectiveSignals / (effectiveSignals + 5) }
}
