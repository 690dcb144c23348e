import Bytes

extension TextScan {
    /// Takes a word that begins at an offset: letters, marks and digits, with apostrophes inside.
    ///
    /// - Returns: the offset after it.
    mutating func takeWord(_ text: Span<UInt8>, _ start: Int) -> Int {
        if let end = linkEnd(text, start) {
            let from = folded.count
            appendToken(.link, start..<end, foldedFrom: from)
            return end
        }
        var word = WordInProgress(start: start, foldedStart: folded.count)
        var offset = start
        while offset < text.count {
            let byte = text[offset]
            if byte < 0x80 {
                if Self.isLetter(byte) {
                    word.take(byte | 0x20, isUpper: byte & 0x20 == 0)
                    folded.append(byte | 0x20)
                } else if Self.isDigit(byte) {
                    folded.append(byte)
                } else if byte == UInt8(ascii: "'"), isInner(text, offset, 1) {
                    folded.append(byte)
                } else {
                    break
                }
                offset += 1
            } else {
                let (scalar, length) = UTF8Text.scalar(in: text, at: offset)
                guard takeInner(scalar, length, text, offset, &word) else { break }
                offset += length
            }
        }
        finish(word, end: offset)
        return offset
    }

    private mutating func finish(_ word: WordInProgress, end: Int) {
        upper += word.upper
        lower += word.cased - word.upper
        letters[Int(ScriptKind.latin.rawValue)] += word.ascii
        let kind: Token.Kind = word.letters > 0 ? .word : .number
        appendToken(
            kind, word.start..<end, foldedFrom: word.foldedStart, letters: word.letters, upper: word.upper,
            startsUpper: word.startsUpper, isElongated: word.isElongated)
    }

    /// Takes a scalar beyond ASCII into the word, or says that the word ends before it.
    private mutating func takeInner(
        _ scalar: Unicode.Scalar, _ length: Int, _ text: Span<UInt8>, _ offset: Int, _ word: inout WordInProgress
    ) -> Bool {
        let code = scalar.value
        if code == 0x2019 || code == 0x02BC {
            guard isInner(text, offset, length) else { return false }
            folded.append(UInt8(ascii: "'"))
            return true
        }
        switch Self.role(scalar) {
        case .letter:
            guard !TextClass.isIdeograph(code), !word.changesKana(to: code) else { return false }
            let script = Self.script(code)
            letters[Int(script.rawValue)] += 1
            word.takeWide(scalar)
            appendFolded(scalar)
            return true
        case .mark:
            appendFolded(scalar)
            return true
        case .digit:
            UTF8Text.append(scalar, to: &folded)
            return true
        case .ignorable: return true
        case .emoji, .end, .exclamation, .question, .comma, .other: return false
        }
    }

    /// Appends the lower-case form, without the accents of alphabets that have case, Hebrew and Arabic.
    private mutating func appendFolded(_ scalar: Unicode.Scalar) {
        let code = scalar.value
        let losesAccents = code < 0x0600 || (0x1E00...0x1FFF).contains(code)
        let isHangul = (0xAC00...0xD7A3).contains(code)
        guard losesAccents || isHangul || (0x064B...0x065F).contains(code) else {
            // Marks of other scripts are vowels: without them different words would be the same.
            return UTF8Text.append(CanonicalFolding.lower(scalar), to: &folded)
        }
        let parts = CanonicalFolding.fold(scalar)
        for index in 0..<parts.count { UTF8Text.append(parts[index], to: &folded) }
    }

    /// Whether a letter follows the apostrophe at an offset; one always stands before it.
    private func isInner(_ text: Span<UInt8>, _ offset: Int, _ length: Int) -> Bool {
        guard offset + length < text.count, folded.last.map({ Self.isLetter($0) || $0 >= 0x80 }) == true else {
            return false
        }
        let next = text[offset + length]
        return Self.isLetter(next) || next >= 0xC3
    }

    /// The end of a web address that begins at an offset, or nil.
    private func linkEnd(_ text: Span<UInt8>, _ start: Int) -> Int? {
        let first = text[start] | 0x20
        guard first == UInt8(ascii: "h") || first == UInt8(ascii: "w") else { return nil }
        let isLink =
            Self.begins(text, start, "http://") || Self.begins(text, start, "https://")
            || Self.begins(text, start, "www.")
        guard isLink else { return nil }
        var end = start
        while end < text.count, text[end] > 0x20 { end += 1 }
        return end
    }

    private static func begins(_ text: Span<UInt8>, _ start: Int, _ prefix: StaticString) -> Bool {
        guard start + prefix.utf8CodeUnitCount <= text.count else { return false }
        var place = start
        for byte in prefix.description.utf8 {
            guard (text[place] >= 0x41 && text[place] <= 0x5A ? text[place] | 0x20 : text[place]) == byte else {
                return false
            }
            place += 1
        }
        return true
    }
}

/// What is known of a word while it is read.
struct WordInProgress {
    let start: Int
    let foldedStart: Int
    var letters = 0
    var ascii = 0
    var cased = 0
    var upper = 0
    var startsUpper = false
    var isElongated = false
    private var last: UInt32 = 0
    private var run = 0

    init(start: Int, foldedStart: Int) {
        self.start = start
        self.foldedStart = foldedStart
    }

    @inline(__always)
    mutating func take(_ letter: UInt8, isUpper: Bool) {
        ascii += 1
        note(UInt32(letter), isCased: true, isUpper: isUpper)
    }

    /// Whether hiragana meets katakana, which is where Japanese words usually part.
    func changesKana(to code: UInt32) -> Bool {
        guard letters > 0, (0x3041...0x30FF).contains(code), code != 0x30FC else { return false }
        return (0x3041...0x30FF).contains(last) && (code < 0x30A0) != (last < 0x30A0) && last != 0x30FC
    }

    mutating func takeWide(_ scalar: Unicode.Scalar) {
        // Only scripts below U+0590, Georgian and later Latin and Greek have case worth counting.
        let mayHaveCase =
            scalar.value < 0x0590 || (0x10A0...0x10FF).contains(scalar.value)
            || (0x1E00...0x1FFF).contains(scalar.value)
        let isUpper = mayHaveCase && scalar.properties.isUppercase
        note(scalar.value, isCased: isUpper || (mayHaveCase && scalar.properties.isLowercase), isUpper: isUpper)
    }

    @inline(__always)
    private mutating func note(_ letter: UInt32, isCased: Bool, isUpper: Bool) {
        if letters == 0 { startsUpper = isUpper }
        letters += 1
        if isCased { cased += 1 }
        if isUpper { upper += 1 }
        run = letter == last ? run + 1 : 1
        last = letter
        if run >= 3 { isElongated = true }
    }
}
