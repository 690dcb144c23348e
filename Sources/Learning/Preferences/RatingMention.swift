/// What one mention of a rating asks for, in stars of 5.
package enum RatingMention {
    /// Longer texts are no mentions.
    static let bytesMax = 200

    /// Reads how many stars a text asks for.
    ///
    /// A number with `stars`, out of 5, 10 or 100 (`4/5`, `8 out of 10`), with `%`, `+` or nothing (then 0…5), or stars
    /// themselves (`★★★★`). Of several the first counts: in `4 to 5 stars` the least that is asked for.
    ///
    /// - Parameter text: English; at most 200 bytes, longer ones say nothing.
    /// - Returns: 0…5; nil for what is no rating.
    /// - Complexity: O(n) in the text.
    package static func parse(_ text: String) -> Double? {
        guard text.utf8.count <= bytesMax else { return nil }
        let scalars = Array(text.lowercased().unicodeScalars)
        let stars = scalars.count { $0 == "★" || $0 == "⭐" }
        guard let start = scalars.firstIndex(where: PriceLexer.isDigit) else {
            return (1...5).contains(stars) ? Double(stars) : nil
        }
        if start > 0, scalars[start - 1] == "-" || scalars[start - 1] == "\u{2212}" { return nil }
        var place = start
        guard let value = number(scalars, &place) else { return nil }
        guard let scale = scale(scalars[place...]), value <= scale else { return nil }
        return value * 5 / scale
    }

    /// Words that a number of stars is followed by.
    private static let known: Set<String> = [
        "star", "stars", "or", "and", "to", "up", "above", "more", "higher", "better", "at", "least", "min", "minimum",
        "plus", "rating", "rated", "reviews", "review",
    ]

    /// A number with at most two digits before and after its point; moves behind it.
    private static func number(_ scalars: [Unicode.Scalar], _ place: inout Int) -> Double? {
        var whole = 0
        var digits = 0
        while place < scalars.count, PriceLexer.isDigit(scalars[place]) {
            digits += 1
            if digits > 3 { return nil }
            whole = whole * 10 + Int(scalars[place].value - 48)
            place += 1
        }
        guard place + 1 < scalars.count, scalars[place] == "." || scalars[place] == ",",
            PriceLexer.isDigit(scalars[place + 1])
        else { return Double(whole) }
        place += 1
        var hundredths = 0
        var unit = 10
        while place < scalars.count, PriceLexer.isDigit(scalars[place]) {
            hundredths += unit * Int(scalars[place].value - 48)
            unit /= 10
            place += 1
        }
        return Double(whole * 100 + hundredths) / 100
    }

    /// Of how many the number before was said; nil when it was no rating.
    private static func scale(_ rest: ArraySlice<Unicode.Scalar>) -> Double? {
        let words = String(String.UnicodeScalarView(rest)).split {
            !$0.isLetter && !$0.isNumber && $0 != "%" && $0 != "/"
        }
        guard let first = words.first else { return 5 }
        if first == "%" || first == "percent" { return 100 }
        for (index, word) in words.enumerated() {
            let follows = words.dropFirst(index + 1).first.map(String.init) ?? ""
            var scale: Substring?
            if word.first == "/" { scale = word.count > 1 ? word.dropFirst() : follows[...] }
            if word == "of" { scale = follows[...] }
            guard let scale else { continue }
            return ["5", "10", "100"].contains(scale) ? Double(scale) : nil
        }
        return known.contains(String(first)) || first.allSatisfy(\.isNumber) ? 5 : nil
    }
}
