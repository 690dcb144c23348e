import Testing

@testable import Learning

@Suite("Price mentions")
struct PriceMentionTests {
    /// What a text says, as `USD 80…120`; `-` for no bound or currency.
    private func reading(_ text: String) -> String {
        func bound(_ hundredths: Int64?) -> String {
            guard let hundredths else { return "-" }
            let cents = hundredths % 100
            return "\(hundredths / 100)" + (cents == 0 ? "" : "." + (cents < 10 ? "0" : "") + "\(cents)")
        }
        return PriceMention.parse(text)
            .map { "\($0.currency ?? "-") \(bound($0.lower))…\(bound($0.upper))" }.joined(separator: ", ")
    }

    @Test(
        "amounts, bounds and ranges are read",
        arguments: [
            ("under $500", "USD -…500"), ("$1,200", "USD 1200…1200"), ("€80–120", "EUR 80…120"),
            ("1.5k", "- 1500…1500"),
            ("$80-$120", "USD 80…120"), ("80 - 120 €", "EUR 80…120"), ("$80 to $120", "USD 80…120"),
            ("between 50 and 100 euros", "EUR 50…100"), ("from 50 to 100", "- 50…100"), ("120–80€", "EUR 80…120"),
            ("$1k-2k", "USD 1000…2000"), ("1–2k", "- 1000…2000"), ("$1.5k–2.25k", "USD 1500…2250"),
            ("over $200", "USD 200…-"), ("at least 50 GBP", "GBP 50…-"), ("$500+", "USD 500…-"),
            ("$500 or more", "USD 500…-"), ("100 and up", "- 100…-"), ("500€+", "EUR 500…-"),
            ("from $50", "USD 50…-"), ("min 300", "- 300…-"), (">= 20 CHF", "CHF 20…-"), ("not under $30", "USD 30…-"),
            ("no less than 40", "- 40…-"), ("up to £75", "GBP -…75"), ("at most 99.99", "- -…99.99"),
            ("< 40", "- -…40"), ("max $60", "USD -…60"), ("$60 max", "USD -…60"), ("$500 or less", "USD -…500"),
            ("no more than $700", "USD -…700"), ("not over 80 bucks", "USD -…80"),
            ("less than 1 million yen", "JPY -…1000000"),
            ("$200 minimum, $500 maximum", "USD 200…-, USD -…500"), ("over $200 under $500", "USD 200…-, USD -…500"),
            ("around $45", "USD 45…45"), ("~ 45 EUR", "EUR 45…45"), ("budget - $45", "USD 45…45"),
            ("$50 or $60", "USD 50…50, USD 60…60"), ("2 thousand dollars", "USD 2000…2000"),
            ("$1.2m", "USD 1200000…1200000"),
        ])
    func readsAmounts(text: String, expected: String) {
        #expect(reading(text) == expected, "\(text)")
    }

    @Test(
        "points and commas are told by where they stand",
        arguments: [
            ("1.200,50 €", "EUR 1200.50…1200.50"), ("$1,200.50", "USD 1200.50…1200.50"),
            ("1.200 €", "EUR 1200…1200"), ("19,99 €", "EUR 19.99…19.99"), ("$19.99", "USD 19.99…19.99"),
            ("1 200 €", "EUR 1200…1200"), ("1\u{202F}200,5 €", "EUR 1200.50…1200.50"), ("CHF 1'200", "CHF 1200…1200"),
            ("0.500 €", "EUR 0.50…0.50"), ("$.99", "USD 0.99…0.99"), ("1,234,567 JPY", "JPY 1234567…1234567"),
            ("1.234k", "- 1234…1234"), ("$12,5", "USD 12.50…12.50"), ("under $1,200.", "USD -…1200"),
        ])
    func readsSeparators(text: String, expected: String) {
        #expect(reading(text) == expected, "\(text)")
    }

    @Test(
        "currencies are told by sign, code and name",
        arguments: [
            ("¥3000", "JPY 3000…3000"), ("CA$20", "CAD 20…20"), ("A$ 20", "AUD 20…20"), ("US$20", "USD 20…20"),
            ("20 Pounds", "GBP 20…20"), ("20usd", "USD 20…20"), ("EUR 20", "EUR 20…20"), ("₹500", "INR 500…500"),
            ("20 zł", "PLN 20…20"), ("$20 or 18€", "USD 20…20, EUR 18…18"), ("$50–€60", "USD 50…50, EUR 60…60"),
        ])
    func readsCurrencies(text: String, expected: String) {
        #expect(reading(text) == expected, "\(text)")
    }

    @Test(
        "rubbish is passed over",
        arguments: [
            "", "cheap", "$", "under", "20% off", "20 % off", "iphone 15", "500g", "4/5", "-5", "-$5", "$-5", "0", "$0",
            "$99999999999", "1,2,3", "1.2.3", "NaN", "infinity", "$1e9e", "10m", "15th of May", "size 42",
            String(repeating: "9", count: 150), String(repeating: "$1 ", count: 100),
        ])
    func passesOver(text: String) {
        #expect(reading(text) == "", "\(text)")
    }

    @Test("among other words only amounts with a currency count")
    func ignoresForeignNumbers() {
        #expect(reading("iphone 15 under $800") == "USD -…800")
        #expect(reading("4k tv, 55 inches, 400 to 600 euros") == "EUR 400…600")
    }
}

@Suite("Rating mentions")
struct RatingMentionTests {
    @Test(
        "stars and scales are read",
        arguments: [
            ("4 stars", 4), ("4+ stars", 4), ("4.5", 4.5), ("at least 4,5 stars", 4.5), ("8/10", 4), ("4 / 5", 4),
            ("9 out of 10", 4.5), ("80%", 4), ("90 out of 100", 4.5), ("★★★★", 4), ("⭐⭐⭐", 3), ("4★", 4),
            ("4 to 5 stars", 4), ("4-5", 4), ("5-star", 5), ("4 or higher", 4),
        ])
    func reads(text: String, stars: Double) { #expect(RatingMention.parse(text) == stars, "\(text)") }

    @Test(
        "what is no rating is passed over",
        arguments: ["", "good", "7", "-4", "6 stars", "12/10", "4 of 7", "4 days", "120%", "1000", "★★★★★★★"])
    func passesOver(text: String) { #expect(RatingMention.parse(text) == nil, "\(text)") }
}
