import Bytes

/// A word, number, emoji or run of ideographs of a message.
struct Token {
    enum Kind: UInt8 {
        case word
        case number
        /// A run of Han ideographs.
        case ideographs
        case emoji
        /// A web address, whole.
        case link
    }

    var kind: Kind
    /// Where it is in the text, in bytes.
    var start: Int
    var end: Int
    /// Where its folded form is in `TextScan.folded`.
    var foldedStart: Int
    var foldedEnd: Int
    /// The stable hash of the folded form.
    var hash: UInt64
    /// Letters in it, and those of them in upper case.
    var letters: Int
    var upper: Int
    var startsUpper: Bool
    /// Whether a letter is repeated three times or more: "sooo".
    var isElongated: Bool
    /// Whether a comma stands before it.
    var followsComma: Bool
    var entry = LexiconEntry()
}

/// A stretch of tokens up to its end mark.
struct Sentence {
    var tokens: Range<Int>
    var asks = false
    var exclaims = false
    var states = false
}

/// The tokens of a text, and counts of what is between them.
struct TextScan {
    var tokens: [Token] = []
    var sentences: [Sentence] = []
    /// All folded forms one after the other.
    var folded: [UInt8] = []
    var exclamations = 0
    var emojiCount = 0
    var upper = 0
    var lower = 0
    /// Letters by `ScriptKind.rawValue`.
    var letters = InlineArray<7, Int>(repeating: 0)

    var firstOfSentence = 0
    var sawComma = false

    /// The script of most letters; the earlier kind of equals.
    var script: ScriptKind {
        var best = ScriptKind.none
        for kind in ScriptKind.allCases where letters[Int(kind.rawValue)] > letters[Int(best.rawValue)] { best = kind }
        return best
    }

    /// Cuts UTF-8 into tokens and sentences.
    ///
    /// - Parameter text: at most 8 KiB.
    /// - Complexity: O(n).
    init(_ text: Span<UInt8>) {
        tokens.reserveCapacity(text.count / 5 + 4)
        folded.reserveCapacity(text.count + 8)
        var offset = 0
        while offset < text.count {
            let byte = text[offset]
            if Self.isLetter(byte) || Self.isDigit(byte) {
                offset = takeWord(text, offset)
            } else if byte < 0x80 {
                offset = takeMark(byte, text, offset)
            } else {
                offset = takeWide(text, offset)
            }
        }
        closeSentence()
    }

    @inline(__always)
    static func isLetter(_ byte: UInt8) -> Bool { byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A }

    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    /// Ends the sentence at hand, if it has a token.
    mutating func closeSentence() {
        sawComma = false
        guard tokens.count > firstOfSentence else { return }
        sentences.append(Sentence(tokens: firstOfSentence..<tokens.count))
        firstOfSentence = tokens.count
    }

    /// Ends the sentence, or adds to the end mark of the one before.
    mutating func endSentence(_ mark: (inout Sentence) -> Void) {
        closeSentence()
        if !sentences.isEmpty { mark(&sentences[sentences.count - 1]) }
    }

    private mutating func takeMark(_ byte: UInt8, _ text: Span<UInt8>, _ offset: Int) -> Int {
        switch byte {
        case 0x20: return offset + 1
        case UInt8(ascii: "."):
            if isEndMark(text, offset) { endSentence { $0.states = true } }
        case UInt8(ascii: "!"):
            exclamations += 1
            endSentence { $0.exclaims = true }
        case UInt8(ascii: "?"): endSentence { $0.asks = true }
        case 0x0A, 0x0D: closeSentence()
        case UInt8(ascii: ","): sawComma = true
        case UInt8(ascii: ":"), UInt8(ascii: ";"), UInt8(ascii: "="), UInt8(ascii: "<"):
            if let length = emoticonLength(text, offset) {
                appendEmoji(text, offset, length)
                return offset + length
            }
        default: break
        }
        return offset + 1
    }

    /// Whether a full stop ends a sentence: not inside `3.5` and `example.com`, and not after `Mr`.
    private func isEndMark(_ text: Span<UInt8>, _ offset: Int) -> Bool {
        if offset + 1 < text.count {
            let next = text[offset + 1]
            if Self.isLetter(next) || Self.isDigit(next) || next >= 0x80 { return false }
        }
        guard let last = tokens.last, last.end == offset, last.kind == .word else { return true }
        return !Lexicon.shared.entry(last.hash).traits.contains(.abbreviation)
    }

    /// The length of a face such as `:-)` or of `<3`, or nil.
    private func emoticonLength(_ text: Span<UInt8>, _ offset: Int) -> Int? {
        if offset > 0, Self.isLetter(text[offset - 1]) || Self.isDigit(text[offset - 1]) { return nil }
        var place = offset + 1
        if text[offset] == UInt8(ascii: "<") {
            guard place < text.count, text[place] == UInt8(ascii: "3") else { return nil }
        } else {
            while place < text.count, text[place] == UInt8(ascii: "-") || text[place] == UInt8(ascii: "'") {
                place += 1
                if place - offset > 2 { break }
            }
            guard place < text.count, Lexicon.isMouth(text[place]) else { return nil }
        }
        if place + 1 < text.count, Self.isLetter(text[place + 1]) || Self.isDigit(text[place + 1]) { return nil }
        let mouth = text[place]
        while place + 1 < text.count, text[place + 1] == mouth { place += 1 }
        return place + 1 - offset
    }

    /// Appends an ASCII face as an emoji; its folded form is its eyes and mouth.
    private mutating func appendEmoji(_ text: Span<UInt8>, _ offset: Int, _ length: Int) {
        emojiCount += 1
        let start = folded.count
        folded.append(text[offset] == UInt8(ascii: "<") ? UInt8(ascii: "<") : UInt8(ascii: ":"))
        folded.append(text[offset + length - 1])
        appendToken(.emoji, offset..<offset + length, foldedFrom: start)
    }

    mutating func appendToken(
        _ kind: Token.Kind, _ range: Range<Int>, foldedFrom start: Int, letters: Int = 0, upper: Int = 0,
        startsUpper: Bool = false, isElongated: Bool = false
    ) {
        var state = StableHash.basis
        for index in start..<folded.count { state = StableHash.fnv1a(state, folded[index]) }
        tokens.append(
            Token(
                kind: kind, start: range.lowerBound, end: range.upperBound, foldedStart: start,
                foldedEnd: folded.count, hash: StableHash.mix(state), letters: letters, upper: upper,
                startsUpper: startsUpper, isElongated: isElongated, followsComma: sawComma))
        sawComma = false
    }
}
