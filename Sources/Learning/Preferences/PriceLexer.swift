/// Cuts a text about prices into numbers, currencies, comparisons and the rest.
enum PriceLexer {
    /// One piece of the text.
    enum Token: Hashable {
        /// Digits with their separators resolved.
        case number(PriceNumber)
        /// ISO 4217 code.
        case currency(String)
        /// At most the amount beside it.
        case less
        /// At least the amount beside it.
        case more
        /// `max`, `min` and the like, which also follow their amount.
        case looseLess
        case looseMore
        /// A plus sign, which only follows its amount.
        case plus
        /// Turns the next comparison round.
        case not
        /// `or`: the comparison behind it belongs to the amount before.
        case or
        /// A hyphen or dash; `touching` when a number or a currency follows at once, as after a minus sign.
        case dash(touching: Bool)
        case to
        case up
        case between
        case and
        /// Words and signs that say nothing here.
        case filler
        /// What has nothing to do with prices.
        case unknown
    }

    static func tokens(of text: String) -> [Token] {
        let scalars = Array(text.lowercased().unicodeScalars)
        var tokens: [Token] = []
        var place = 0
        while place < scalars.count {
            let scalar = scalars[place]
            if isDigit(scalar) || startsFraction(scalars, place) {
                var followsCurrency = false
                if case .currency? = tokens.last { followsCurrency = true }
                tokens.append(number(scalars, &place, followsCurrency))
            } else if scalar.properties.isAlphabetic {
                tokens.append(contentsOf: word(scalars, &place))
            } else {
                place += 1
                if let token = sign(scalar, next: place < scalars.count ? scalars[place] : nil) { tokens.append(token) }
            }
        }
        return tokens
    }

    static func isDigit(_ scalar: Unicode.Scalar) -> Bool { scalar >= "0" && scalar <= "9" }

    /// `.99`, but not the point between two numbers.
    private static func startsFraction(_ scalars: [Unicode.Scalar], _ place: Int) -> Bool {
        scalars[place] == "." && place + 1 < scalars.count && isDigit(scalars[place + 1])
    }

    private static let symbols: [Unicode.Scalar: String] = [
        "$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₩": "KRW", "₽": "RUB", "₺": "TRY", "₴": "UAH",
        "₫": "VND", "₪": "ILS", "₱": "PHP", "฿": "THB", "₦": "NGN", "₡": "CRC",
    ]

    private static func sign(_ scalar: Unicode.Scalar, next: Unicode.Scalar?) -> Token? {
        if let code = symbols[scalar] { return .currency(code) }
        switch scalar {
        case "-", "\u{2010}", "\u{2011}", "\u{2012}", "–", "—", "\u{2212}":
            return .dash(touching: next.map { isDigit($0) || symbols[$0] != nil } ?? false)
        case "<", "≤": return .less
        case ">", "≥": return .more
        case "+": return .plus
        case "~", "≈", "=", "(", ")", ",", ";", ".", "!", "?", ":", "\"": return .filler
        default: return scalar.properties.isWhitespace ? nil : .unknown
        }
    }

    // Words ----------------------------------------------------------------------------------------------------------

    /// Dollars with a country before the sign.
    private static let dollars: [String: String] = [
        "us": "USD", "a": "AUD", "au": "AUD", "c": "CAD", "ca": "CAD", "nz": "NZD", "hk": "HKD", "s": "SGD",
        "r": "BRL", "mx": "MXN",
    ]

    private static let words: [String: Token] = {
        var words: [String: Token] = [:]
        func add(_ token: Token, _ list: String) {
            for word in list.split(separator: " ") { words[String(word)] = token }
        }
        add(.less, "under below less within cheaper fewer most beneath")
        add(.more, "over above more from least starting exceeding beyond")
        add(.looseLess, "max maximum ceiling cap tops")
        add(.looseMore, "min minimum upwards")
        add(.not, "not no never")
        add(.or, "or")
        add(.to, "to till until through")
        add(.up, "up")
        add(.between, "between")
        add(.and, "and")
        add(
            .filler,
            "price prices priced pricing budget cost costs costing range around about approx approximately roughly "
                + "circa ca the a an is are of for my our in it i we want wants spend spending pay paying per "
                + "only just please than at should be would like looking somewhere anything something ideally "
                + "preferably each"
        )
        for code in [
            "usd", "eur", "gbp", "jpy", "inr", "cny", "krw", "chf", "cad", "aud", "nzd", "sek", "nok", "dkk", "pln",
            "czk", "huf", "ron", "rub", "try", "brl", "mxn", "zar", "sgd", "hkd", "ils", "thb", "vnd", "php", "uah",
            "ngn", "aed", "sar",
        ] {
            words[code] = .currency(code.uppercased())
        }
        add(.currency("USD"), "dollar dollars buck bucks")
        add(.currency("EUR"), "euro euros")
        add(.currency("GBP"), "pound pounds quid")
        add(.currency("JPY"), "yen 円")
        add(.currency("INR"), "rupee rupees rs")
        add(.currency("CNY"), "yuan rmb renminbi 元")
        add(.currency("KRW"), "won 원")
        add(.currency("CHF"), "franc francs")
        add(.currency("PLN"), "zł zloty zlotys")
        return words
    }()

    private static func word(_ scalars: [Unicode.Scalar], _ place: inout Int) -> [Token] {
        var text = ""
        while place < scalars.count, scalars[place].properties.isAlphabetic || scalars[place] == "'" {
            text.unicodeScalars.append(scalars[place])
            place += 1
        }
        if place < scalars.count, scalars[place] == "$", let code = dollars[text] {
            place += 1
            return [.currency(code)]
        }
        return [words[text] ?? .unknown]
    }

    // Numbers --------------------------------------------------------------------------------------------------------

    private static func isSeparator(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case ".", ",", "'", "’", " ", "\u{A0}", "\u{202F}", "\u{2009}": true
        default: false
        }
    }

    /// Whether a separator joins the digits before it to those behind it; a space only as a thousands separator.
    private static func joins(_ scalars: [Unicode.Scalar], _ place: Int, digitsBefore: Int) -> Bool {
        guard isSeparator(scalars[place]), place + 1 < scalars.count, isDigit(scalars[place + 1]) else { return false }
        if scalars[place] == "." || scalars[place] == "," { return true }
        let behind = scalars[(place + 1)...].prefix { isDigit($0) }
        return behind.count == 3 && (1...3).contains(digitsBefore)
    }

    private static func number(
        _ scalars: [Unicode.Scalar], _ place: inout Int, _ followsCurrency: Bool
    ) -> Token {
        var groups: [[UInt8]] = [[]]
        var separators: [Unicode.Scalar] = []
        while place < scalars.count {
            let scalar = scalars[place]
            if isDigit(scalar) {
                groups[groups.count - 1].append(UInt8(scalar.value - 48))
            } else if joins(scalars, place, digitsBefore: groups[groups.count - 1].count) || groups == [[]] {
                separators.append(scalar)
                groups.append([])
            } else {
                break
            }
            place += 1
        }
        // A unit touches its number: 500g and 20% are no prices, 500usd and 1.5k are.
        let start = place
        while place < scalars.count, scalars[place].properties.isAlphabetic { place += 1 }
        let suffix = String(String.UnicodeScalarView(scalars[start..<place]))
        var multiplier: Int64 = 1
        switch suffix {
        case "k": multiplier = 1_000
        case "mn", "mio": multiplier = 1_000_000
        // Without a currency they are as likely metres.
        case "m" where followsCurrency: multiplier = 1_000_000
        case "": multiplier = spacedMultiplier(scalars, &place)
        default:
            guard case .currency? = words[suffix] else { return .unknown }
            place = start
        }
        if place < scalars.count, scalars[place] == "%" {
            place += 1
            return .unknown
        }
        guard let number = PriceNumber(groups, separators, multiplier: multiplier) else { return .unknown }
        return .number(number)
    }

    /// The multiplier that stands behind a space, such as in `2 thousand`; 1 if there is none.
    private static func spacedMultiplier(_ scalars: [Unicode.Scalar], _ place: inout Int) -> Int64 {
        var end = place
        while end < scalars.count, scalars[end].properties.isWhitespace { end += 1 }
        let start = end
        while end < scalars.count, scalars[end].properties.isAlphabetic { end += 1 }
        let multiplier: Int64
        switch String(String.UnicodeScalarView(scalars[start..<end])) {
        case "k", "thousand", "grand": multiplier = 1_000
        case "million", "mio": multiplier = 1_000_000
        default: return 1
        }
        place = end
        return multiplier
    }
}
