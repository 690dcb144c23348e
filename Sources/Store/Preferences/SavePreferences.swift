import Bytes
import Postgres

/// One user's preferences as they are stored.
package struct StoredPreferences: Sendable {
    package var user: String
    package var styles = JSONText("[]")
    package var brands = JSONText("[]")
    package var intents = JSONText("[]")
    package var prices = JSONText("[]")
    package var nullReasons = JSONText("{}")
    package var priceCurrency: String?
    /// In hundredths.
    package var priceMin: Int64?
    package var priceMax: Int64?
    package var ratingMin: Double?
    package var interactionShare = 0.0
    package var confidence = 0.0
    package var effectiveSignals = 0.0
    package var signals = 0
    package var first = Timestamp(microseconds: 0)
    package var last = Timestamp(microseconds: 0)

    package init(user: String) { self.user = user }
}

/// Stores what users prefer, over what they preferred before.
package struct SavePreferences: Statement {
    package static let name = "save_preferences"
    package static let sql = """
        insert into afterthought.user_preferences (
            user_id, style_preferences, brand_preferences, intents, price_ranges, null_reasons, price_currency,
            price_min, price_max, rating_min, interaction_share, confidence, effective_signals, signals_reflected,
            first_signal_at, last_signal_at, aggregated_at)
        select
            n.user_id, n.styles, n.brands, n.intents, n.prices, n.reasons, n.currency,
            n.price_min::numeric / 100, n.price_max::numeric / 100, n.rating, n.interaction, n.confidence,
            n.effective, n.signals, n.first_at, n.last_at, now()
        from unnest(
            $1::text[], $2::jsonb[], $3::jsonb[], $4::jsonb[], $5::jsonb[], $6::jsonb[], $7::text[], $8::bigint[],
            $9::bigint[], $10::float8[], $11::float8[], $12::float8[], $13::float8[], $14::bigint[],
            $15::timestamptz[], $16::timestamptz[]
        ) as n (
            user_id, styles, brands, intents, prices, reasons, currency, price_min, price_max, rating, interaction,
            confidence, effective, signals, first_at, last_at)
        on conflict (user_id) do update set
            style_preferences = excluded.style_preferences, brand_preferences = excluded.brand_preferences,
            intents = excluded.intents, price_ranges = excluded.price_ranges, null_reasons = excluded.null_reasons,
            price_currency = excluded.price_currency, price_min = excluded.price_min,
            price_max = excluded.price_max, rating_min = excluded.rating_min,
            interaction_share = excluded.interaction_share, confidence = excluded.confidence,
            effective_signals = excluded.effective_signals, signals_reflected = excluded.signals_reflected,
            first_signal_at = excluded.first_signal_at, last_signal_at = excluded.last_signal_at,
            aggregated_at = excluded.aggregated_at
        """

    var rows: [StoredPreferences]

    package init(rows: [StoredPreferences]) { self.rows = rows }

    package func bind(to parameters: inout Parameters) {
        parameters.append(rows.map(\.user))
        parameters.append(rows.map(\.styles))
        parameters.append(rows.map(\.brands))
        parameters.append(rows.map(\.intents))
        parameters.append(rows.map(\.prices))
        parameters.append(rows.map(\.nullReasons))
        parameters.append(rows.map(\.priceCurrency))
        parameters.append(rows.map(\.priceMin))
        parameters.append(rows.map(\.priceMax))
        parameters.append(rows.map(\.ratingMin))
        parameters.append(rows.map(\.interactionShare))
        parameters.append(rows.map(\.confidence))
        parameters.append(rows.map(\.effectiveSignals))
        parameters.append(rows.map(\.signals))
        parameters.append(rows.map(\.first))
        parameters.append(rows.map(\.last))
    }
}
