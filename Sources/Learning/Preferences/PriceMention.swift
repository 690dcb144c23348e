/// What one mention of a price says: an amount, a bound or a range, in one currency.
package struct PriceMention: Hashable, Sendable {
    /// ISO 4217 code, such as `USD`; nil: no currency was named.
    package var currency: String?
    /// From where, in hundredths; nil: no lower bound was said.
    package var lower: Int64?
    /// Up to where, in hundredths; nil: no upper bound was said; equal to `lower` for a single amount.
    package var upper: Int64?

    package init(currency: String?, lower: Int64?, upper: Int64?) {
        self.currency = currency
        self.lower = lower
        self.upper = upper
    }

    /// The largest amount that is taken for a price: a thousand million.
    static let hundredthsMax: Int64 = 100_000_000_000
    /// Longer texts are no mentions.
    static let bytesMax = 200

    /// Reads what a text says of prices.
    ///
    /// Amounts: `500`, `1,200`, `1.200,50`, `1 200`, `1'200`, `1.5k`, `2 thousand`, `3 million`. A single separator
    /// before exactly three digits groups thousands, otherwise it is the decimal point. Currencies: `$` (USD, unless
    /// `CA$`, `A$`, …), `€`, `£`, `¥` (JPY), further symbols, ISO codes and names, before or after the amount. Bounds:
    /// under, below, up to, at most, max, <; over, above, at least, from, min, >, +, and their negations. Ranges by
    /// hyphen, dash, `to`, `between … and`. In a text with words that have nothing to do with prices only amounts with
    /// a currency count, so that `iphone 15` is no price. Percentages, negative and zero amounts are none.
    ///
    /// - Parameter text: English; at most 200 bytes, longer ones say nothing.
    /// - Returns: the mentions in their order; none for rubbish.
    /// - Complexity: O(n) in the text.
    package static func parse(_ text: String) -> [PriceMention] {
        guard text.utf8.count <= bytesMax else { return [] }
        var grammar = PriceGrammar(PriceLexer.tokens(of: text))
        return grammar.mentions()
    }
}
