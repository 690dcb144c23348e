/// An amount as it was written, its separators told apart.
struct PriceNumber: Hashable {
    /// Ten-thousandths before the multiplier.
    let mantissa: Int64
    /// 1, 1,000 or 1,000,000.
    let multiplier: Int64

    /// Digits that are taken for an amount at most.
    private static let digitsMax = 12

    /// Tells decimal points from thousands separators.
    ///
    /// - Parameters:
    ///   - groups: the digits between separators.
    ///   - separators: one fewer than groups.
    ///   - multiplier: what the suffix stands for.
    init?(_ groups: [[UInt8]], _ separators: [Unicode.Scalar], multiplier: Int64) {
        guard let whole = PriceNumber.groupsBeforePoint(groups, separators, isScaled: multiplier > 1) else {
            return nil
        }
        let digits = groups[..<whole].flatMap { $0 }
        let fraction = groups[whole...].flatMap { $0 }
        guard digits.count + fraction.count > 0, digits.count <= PriceNumber.digitsMax else { return nil }
        var value: Int64 = 0
        for digit in digits { value = value * 10 + Int64(digit) }
        for place in 0..<4 { value = value * 10 + (place < fraction.count ? Int64(fraction[place]) : 0) }
        mantissa = value
        self.multiplier = multiplier
    }

    private init(mantissa: Int64, multiplier: Int64) {
        self.mantissa = mantissa
        self.multiplier = multiplier
    }

    /// How many groups are before the decimal point; nil when the separators make no number.
    private static func groupsBeforePoint(
        _ groups: [[UInt8]], _ separators: [Unicode.Scalar], isScaled: Bool
    ) -> Int? {
        func areThousands(_ groups: ArraySlice<[UInt8]>) -> Bool {
            guard let first = groups.first, (1...3).contains(first.count), first != [0] else { return false }
            return groups.dropFirst().allSatisfy { $0.count == 3 }
        }
        guard let last = separators.last else { return 1 }
        let others = separators.dropLast()
        if others.isEmpty {
            let isPoint = last == "." || last == ","
            // 1.500 and 1,500 are fifteen hundred, 0.500 is a half, and so is the fraction of 1.5k.
            if areThousands(groups[...]), !(isPoint && isScaled) { return 2 }
            return isPoint ? 1 : nil
        }
        guard others.allSatisfy({ $0 == others.first }) else { return nil }
        if last == others.first { return areThousands(groups[...]) ? groups.count : nil }
        guard last == "." || last == ",", areThousands(groups.dropLast()) else { return nil }
        return groups.count - 1
    }

    /// Hundredths of the currency; nil for zero and for more than anything costs.
    var hundredths: Int64? {
        let (scaled, overflow) = mantissa.multipliedReportingOverflow(by: multiplier)
        guard !overflow else { return nil }
        let value = (scaled + 50) / 100
        return value > 0 && value <= PriceMention.hundredthsMax ? value : nil
    }

    /// This number with the other's multiplier, as the 1 of `1–2k` is meant; itself where that makes no range.
    func sharing(_ other: PriceNumber) -> PriceNumber {
        guard multiplier == 1, other.multiplier > 1, mantissa < other.mantissa else { return self }
        return PriceNumber(mantissa: mantissa, multiplier: other.multiplier)
    }
}
