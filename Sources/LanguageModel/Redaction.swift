/// Replaces what identifies or gives access, before text leaves this machine.
///
/// | what | becomes |
/// |---|---|
/// | e-mail addresses, those with a quoted name included | `[email]` |
/// | URLs with a user or password, or with a query field named like a credential | `[url]` |
/// | keys that start as those of well-known services do: `sk-…`, `ghp_…` and such | `[key]` |
/// | 7…15 digits in groups, or after a `+`: telephone numbers | `[phone]` |
/// | 7 or more digits in a row, or more than 15 in groups: card, account and customer numbers | `[number]` |
///
/// 13 or more digits also count as one number with ` - ` or `_` between their groups, as in `4111_1111_1111_1111`;
/// fewer do not, so that spans of years stay. Digits of all scripts count. Dates (`2024-05-06`, `6.5.2024`) stay. It
/// errs on the side of replacing: an address of IPv4 is taken for a telephone number. Names and what people tell in
/// words stay: it is no anonymisation.
///
/// Invariant: redacting twice changes nothing more.
enum Redaction {
    /// The text with placeholders.
    ///
    /// - Complexity: O(n).
    static func redacted(_ text: String) -> String {
        var result: [Unicode.Scalar] = []
        let scalars = Array(text.unicodeScalars)
        var start = 0
        while start < scalars.count {
            var end = start
            let isSpace = scalars[start].properties.isWhitespace
            while end < scalars.count, scalars[end].properties.isWhitespace == isSpace { end += 1 }
            let word = scalars[start..<end]
            result += isSpace ? Array(word) : withoutAddresses(withoutKeys(withoutURLs(word)))
            start = end
        }
        var output = String.UnicodeScalarView()
        output.append(contentsOf: withoutDigits(result))
        return String(output)
    }

    // Addresses -------------------------------------------------------------------------------------------------------

    private static let credentials = [
        "key", "token", "secret", "pass", "pwd", "sig", "auth", "session", "credential", "jwt",
    ]

    private static func withoutURLs(_ word: ArraySlice<Unicode.Scalar>) -> [Unicode.Scalar] {
        var rest = word
        var result: [Unicode.Scalar] = []
        while let colon = rest.indices.first(where: { rest[$0...].starts(with: "://".unicodeScalars) }) {
            var start = colon
            while start > rest.startIndex, isSchemeScalar(rest[start - 1]) { start -= 1 }
            let tail = rest[(colon + 3)...]
            // Another URL may follow at once, as in a list with commas.
            let next = tail.indices.first { tail[$0...].starts(with: "://".unicodeScalars) } ?? rest.endIndex
            let url = rest[start..<next]
            if holdsCredentials(rest[(colon + 3)..<next]) {
                result += rest[..<start] + "[url]".unicodeScalars
            } else {
                result += rest[..<start] + url
            }
            rest = rest[next...]
        }
        return result + rest
    }

    private static func isSchemeScalar(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII && (scalar.properties.isAlphabetic || isDigit(scalar) || "+-.".unicodeScalars.contains(scalar))
    }

    /// Whether what follows a URL's `://` names a user, or a credential in its query or fragment.
    private static func holdsCredentials(_ rest: ArraySlice<Unicode.Scalar>) -> Bool {
        let authority = rest.prefix { !"/?#".unicodeScalars.contains($0) }
        if authority.contains("@") { return true }
        return rest.split(whereSeparator: { "?&#;".unicodeScalars.contains($0) }).dropFirst().contains { field in
            guard let equals = field.firstIndex(of: "=") else { return false }
            var name = String.UnicodeScalarView()
            name.append(contentsOf: field[..<equals])
            let lowered = String(name).lowercased()
            return credentials.contains { lowered.contains($0) }
        }
    }

    // Keys ------------------------------------------------------------------------------------------------------------

    /// How keys of services start: OpenAI and Anthropic, Stripe, GitHub, GitLab, Slack, Hugging Face, Amazon, Google.
    private static let keyStarts = [
        "sk-", "sk_", "pk_", "rk_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xoxb-", "xoxp-",
        "xoxa-", "hf_", "AKIA", "ASIA", "AIza",
    ].map { Array($0.unicodeScalars) }
    private static let keyScalarsMin = 16

    private static func withoutKeys(_ word: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        var index = 0
        while index < word.count {
            let isInWord = index > 0 && isNameScalar(word[index - 1]) && !isDigit(word[index - 1])
            guard !isInWord, let start = keyStarts.first(where: { word[index...].starts(with: $0) }) else {
                result.append(word[index])
                index += 1
                continue
            }
            let rest = word[(index + start.count)...].prefix { $0.isASCII && isNameScalar($0) }
            if isKey(rest) { result += "[key]".unicodeScalars } else { result += start + rest }
            index += start.count + rest.count
        }
        return result
    }

    /// Whether what follows a key's start is drawn rather than written: long, with a long piece or one of letters and
    /// digits; words with hyphens between are none.
    private static func isKey(_ rest: ArraySlice<Unicode.Scalar>) -> Bool {
        guard rest.count >= keyScalarsMin else { return false }
        return rest.split(whereSeparator: { $0 == "-" || $0 == "_" }).contains { piece in
            piece.count >= keyScalarsMin
                || piece.count >= keyScalarsMin / 2 && piece.contains(where: isDigit) && !piece.allSatisfy(isDigit)
        }
    }

    private static func withoutAddresses(_ word: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        var index = 0
        while index < word.count {
            guard word[index] == "@" || word[index] == "\u{FF20}" else {
                result.append(word[index])
                index += 1
                continue
            }
            let local = localCount(result)
            let domain = word[(index + 1)...].prefix { isNameScalar($0) || $0 == "." }
            let labels = domain.split(separator: ".")
            let isDomain = labels.count > 1 || labels.first.map { $0.elementsEqual("localhost".unicodeScalars) } == true
            guard local > 0, isDomain else {
                result.append(word[index])
                index += 1
                continue
            }
            result.removeLast(local)
            result += "[email]".unicodeScalars
            // A full stop at its end is the sentence's.
            let trailing = domain.reversed().prefix { $0 == "." }.count
            index += 1 + domain.count - trailing
        }
        return result
    }

    /// How many scalars at the end of what stands before an `@` are an address's name; one in quotes counts with them.
    private static func localCount(_ text: [Unicode.Scalar]) -> Int {
        let plain = text.reversed().prefix { isNameScalar($0) || "._%+'".unicodeScalars.contains($0) }.count
        guard plain == 0, let last = text.last, isQuote(last) else { return plain }
        let quoted = text.dropLast().reversed().prefix {
            isNameScalar($0) || "._%+'!#$&*=?^`{|}~/\\".unicodeScalars.contains($0)
        }.count
        guard quoted > 0 else { return 0 }
        let isOpened = text.count > quoted + 1 && isQuote(text[text.count - quoted - 2])
        return quoted + (isOpened ? 2 : 1)
    }

    private static func isQuote(_ scalar: Unicode.Scalar) -> Bool {
        "\"\u{201C}\u{201D}\u{201E}".unicodeScalars.contains(scalar)
    }

    private static func isNameScalar(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isAlphabetic || isDigit(scalar) || scalar == "-" || scalar == "_"
    }

    // Digits ----------------------------------------------------------------------------------------------------------

    static let digitsMin = 7
    static let phoneDigitsMax = 15
    /// The digits of the shortest card numbers.
    static let looseDigitsMin = 13

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII ? ("0"..."9").contains(scalar) : scalar.properties.numericType == .decimal
    }

    private static func isSeparator(_ scalar: Unicode.Scalar, isLoose: Bool) -> Bool {
        if isLoose, scalar == "_" || scalar == "\u{2014}" { return true }
        return " -./()\u{A0}\u{2009}\u{202F}\u{2010}\u{2011}\u{2012}\u{2013}".unicodeScalars.contains(scalar)
    }

    /// Whether three scalars are a dash between two spaces.
    private static func isSpacedDash(_ gap: ArraySlice<Unicode.Scalar>) -> Bool {
        guard gap.count == 3, let first = gap.first, let last = gap.last else { return false }
        let dash = gap[gap.startIndex + 1]
        return first.properties.isWhitespace && last.properties.isWhitespace && dash.properties.isDash
    }

    private static func withoutDigits(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(text.count)
        var index = 0
        while index < text.count {
            guard isDigit(text[index]) else {
                result.append(text[index])
                index += 1
                continue
            }
            if let end = dateEnd(text, index) {
                result += text[index..<end]
                index = end
                continue
            }
            let long = number(text, index, isLoose: true)
            let number = long.digits >= looseDigitsMin ? long : number(text, index, isLoose: false)
            if number.digits < digitsMin {
                result += text[index..<number.end]
            } else if number.hasGroups || result.last == "+", number.digits <= phoneDigitsMax {
                while let last = result.last, last == "+" || last == "(" { result.removeLast() }
                result += "[phone]".unicodeScalars
            } else {
                result += "[number]".unicodeScalars
            }
            index = number.end
        }
        return result
    }

    /// The digits from a place on, with at most two separators between groups of them; loosely, also with underscores,
    /// or a dash between two spaces, unless a date follows.
    private static func number(
        _ text: [Unicode.Scalar], _ start: Int, isLoose: Bool
    ) -> (end: Int, digits: Int, hasGroups: Bool) {
        var end = start
        var digits = 0
        var index = start
        var hasGroups = false
        while index < text.count, index - end <= (isLoose ? 3 : 2) {
            if isDigit(text[index]) {
                if index - end == 3, !isSpacedDash(text[end..<index]) || dateEnd(text, index) != nil { break }
                if index > end { hasGroups = true }
                digits += 1
                end = index + 1
            } else if !isSeparator(text[index], isLoose: isLoose) {
                break
            }
            index += 1
        }
        return (end, digits, hasGroups)
    }

    /// Where a date that starts here ends, or nil: three groups of digits with one kind of `-`, `/` or `.` between.
    private static func dateEnd(_ text: [Unicode.Scalar], _ start: Int) -> Int? {
        var groups: [(value: Int, count: Int)] = []
        var separator: Unicode.Scalar?
        var index = start
        while groups.count < 3 {
            var value = 0
            var count = 0
            while index < text.count, count < 5, let digit = text[index].properties.numericValue, isDigit(text[index]) {
                value = value * 10 + Int(digit)
                count += 1
                index += 1
            }
            guard count > 0, count < 5 else { return nil }
            groups.append((value, count))
            if groups.count == 3 { break }
            guard index < text.count, "-/.".unicodeScalars.contains(text[index]),
                separator ?? text[index] == text[index]
            else { return nil }
            separator = text[index]
            index += 1
        }
        // The same separator again, or a digit: a longer number.
        if index < text.count, isDigit(text[index]) { return nil }
        if index + 1 < text.count, text[index] == separator, isDigit(text[index + 1]) { return nil }
        let isYearFirst = groups[0].count == 4
        let year = isYearFirst ? groups[0] : groups[2]
        let day = isYearFirst ? groups[2] : groups[0]
        guard year.count == 4, (1800...2200).contains(year.value), groups[1].count <= 2, day.count <= 2 else {
            return nil
        }
        let parts = [groups[1].value, day.value]
        return parts.allSatisfy { (1...31).contains($0) } && parts.contains { $0 <= 12 } ? index : nil
    }
}
