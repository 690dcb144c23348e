/// Puts the pieces of a text about prices together.
struct PriceGrammar {
    private typealias Token = PriceLexer.Token

    private enum Bound {
        case less, more
        var opposite: Bound { self == .less ? .more : .less }
    }

    private struct Amount {
        var number: PriceNumber
        var currency: String?
        var bound: Bound?
        /// The other end of a range.
        var end: PriceNumber?
    }

    private let tokens: [PriceLexer.Token]
    private var amounts: [Amount] = []
    private var isForeign = false
    // What was read and waits for its amount.
    private var currency: String?
    private var bound: Bound?
    private var isNegated = false
    private var isAlternative = false
    private var isBetween = false
    private var joinsNext = false
    private var isNegative = false
    /// Whether nothing but a currency stands between the last amount and here.
    private var isBesideAmount = false

    init(_ tokens: [PriceLexer.Token]) { self.tokens = tokens }

    mutating func mentions() -> [PriceMention] {
        for (place, token) in tokens.enumerated() {
            read(token, next: place + 1 < tokens.count ? tokens[place + 1] : nil)
        }
        // What still waits at the end belongs to what was before: "500 or less".
        if let bound, let last = amounts.indices.last, amounts[last].bound == nil, amounts[last].end == nil {
            amounts[last].bound = bound
        }
        return amounts.compactMap { mention($0) }
    }

    private mutating func read(_ token: PriceLexer.Token, next: PriceLexer.Token?) {
        let wasBeside = isBesideAmount
        isBesideAmount = false
        switch token {
        case .number(let number): add(number)
        case .currency(let code): name(code, wasBeside)
        case .less: compare(.less, wasBeside: false)
        case .up where next == .to: compare(.less, wasBeside: false)
        case .more: compare(.more, wasBeside: false)
        case .looseLess: compare(.less, wasBeside: wasBeside)
        case .looseMore: compare(.more, wasBeside: wasBeside)
        case .up, .plus: if wasBeside || token == .up { compare(.more, wasBeside: true) } else { isForeign = true }
        case .not: isNegated = true
        case .or:
            isAlternative = true
            isBesideAmount = wasBeside
        case .dash(let touches): if wasBeside { joinsNext = true } else { isNegative = touches }
        case .to: if wasBeside { joinsNext = true }
        case .between: isBetween = true
        case .and: if wasBeside, isBetween { joinsNext = true } else { isBesideAmount = wasBeside }
        case .filler: isBesideAmount = false
        case .unknown:
            isForeign = true
            (currency, bound, isNegated, isAlternative, joinsNext, isNegative) = (nil, nil, false, false, false, false)
        }
    }

    private mutating func add(_ number: PriceNumber) {
        defer { (currency, joinsNext, isNegated, isAlternative) = (nil, false, false, false) }
        if isNegative {
            (isNegative, bound) = (false, nil)
            isForeign = true
            return
        }
        isBesideAmount = true
        if joinsNext, let last = amounts.indices.last, amounts[last].end == nil,
            currency == nil || amounts[last].currency == nil || currency == amounts[last].currency
        {
            amounts[last].end = number
            amounts[last].currency = amounts[last].currency ?? currency
            amounts[last].bound = nil
            isBetween = false
            return
        }
        amounts.append(Amount(number: number, currency: currency, bound: bound))
        bound = nil
    }

    private mutating func name(_ code: String, _ wasBeside: Bool) {
        if wasBeside, let last = amounts.indices.last, amounts[last].currency == nil {
            amounts[last].currency = code
            isBesideAmount = true
        } else {
            currency = code
        }
    }

    private mutating func compare(_ direction: Bound, wasBeside: Bool) {
        let meant = isNegated ? direction.opposite : direction
        isNegated = false
        let follows = wasBeside || isAlternative
        isAlternative = false
        if follows, let last = amounts.indices.last, amounts[last].bound == nil, amounts[last].end == nil {
            amounts[last].bound = meant
        } else {
            bound = meant
        }
    }

    private func mention(_ amount: Amount) -> PriceMention? {
        if isForeign, amount.currency == nil { return nil }
        guard let end = amount.end else {
            guard let value = amount.number.hundredths else { return nil }
            return PriceMention(
                currency: amount.currency, lower: amount.bound == .less ? nil : value,
                upper: amount.bound == .more ? nil : value)
        }
        guard let first = amount.number.sharing(end).hundredths, let second = end.hundredths else { return nil }
        return PriceMention(currency: amount.currency, lower: min(first, second), upper: max(first, second))
    }
}
