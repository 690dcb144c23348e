import Bytes

extension TextAnalyzer {
    /// Ideographs of a run that is one term; of a longer one each pair is.
    private static let runMax = 4

    /// The content words of a message in order of first use, each once.
    func terms(_ scan: TextScan, _ text: Span<UInt8>) -> [Term] {
        var terms: [Term] = []
        for token in scan.tokens {
            guard terms.count < Self.termsMax else { break }
            switch token.kind {
            case .word: addWord(token, scan, text, to: &terms)
            case .ideographs: addIdeographs(token, scan, to: &terms)
            case .number, .emoji, .link: break
            }
        }
        return terms
    }

    private func addWord(_ token: Token, _ scan: TextScan, _ text: Span<UInt8>, to terms: inout [Term]) {
        guard token.letters >= 2, token.letters <= 40, !token.entry.traits.contains(.stop) else { return }
        let folded = scan.folded[token.foldedStart..<token.foldedEnd]
        if let first = folded.first, first == 0xE3, isHiragana(folded) { return }
        let ending = Self.ending(of: folded)
        var state = StableHash.basis
        for byte in folded.dropLast(ending.drops) { state = StableHash.fnv1a(state, byte) }
        if ending.addsY { state = StableHash.fnv1a(state, UInt8(ascii: "y")) }
        let hash = StableHash.mix(state)
        if ending.drops > 0, lexicon.entry(hash).traits.contains(.stop) { return }
        if note(hash, in: &terms) { return }
        var form = displayForm(token, folded, text)
        form.removeLast(ending.drops)
        if ending.addsY { form.append(UInt8(ascii: "y")) }
        terms.append(Term(hash: hash, text: String(decoding: form, as: UTF8.self)))
    }

    /// The word in lower case with its accents.
    private func displayForm(_ token: Token, _ folded: ArraySlice<UInt8>, _ text: Span<UInt8>) -> [UInt8] {
        if token.end - token.start == folded.count, UTF8Text.isASCII(text.extracting(token.start..<token.end)) {
            return Array(folded)
        }
        let lower = UTF8Text.string(text.extracting(token.start..<token.end)).lowercased()
        return lower.unicodeScalars.reduce(into: []) { form, scalar in
            UTF8Text.append(scalar == "\u{2019}" || scalar == "\u{2BC}" ? "'" : scalar, to: &form)
        }
    }

    /// How many bytes to take off an English possessive or plural, and whether a y takes their place.
    ///
    /// "dog's" and "dogs" become "dog", "cities" "city", "boxes" "box"; "class", "bus" and "this" stay.
    static func ending(of word: ArraySlice<UInt8>) -> (drops: Int, addsY: Bool) {
        let end = word.endIndex
        guard word.count > 3, word[end - 1] == UInt8(ascii: "s") else { return (0, false) }
        if word[end - 2] == UInt8(ascii: "'") { return (2, false) }
        let before = word[end - 2]
        if before == UInt8(ascii: "s") || before == UInt8(ascii: "u") || before == UInt8(ascii: "i") {
            return (0, false)
        }
        guard before == UInt8(ascii: "e"), word.count > 4 else { return (1, false) }
        let third = word[end - 3]
        if third == UInt8(ascii: "i") { return (3, true) }
        let fourth = word[end - 4]
        let isHissed =
            third == UInt8(ascii: "x") || (third == UInt8(ascii: "s") && fourth == UInt8(ascii: "s"))
            || (third == UInt8(ascii: "h") && (fourth == UInt8(ascii: "c") || fourth == UInt8(ascii: "s")))
        return (isHissed ? 2 : 1, false)
    }

    /// Adds a run of ideographs: whole if short, else every pair, since no dictionary says where words part.
    private func addIdeographs(_ token: Token, _ scan: TextScan, to terms: inout [Term]) {
        let bytes = Array(scan.folded[token.foldedStart..<token.foldedEnd])
        var starts: [Int] = []
        for index in bytes.indices where bytes[index] & 0xC0 != 0x80 { starts.append(index) }
        starts.append(bytes.count)
        let width = token.letters <= Self.runMax ? token.letters : 2
        guard token.letters >= 2 else { return }
        for first in 0...(token.letters - width) {
            guard terms.count < Self.termsMax else { return }
            let part = Array(bytes[starts[first]..<starts[first + width]])
            let hash = StableHash.hash(part)
            if !note(hash, in: &terms) {
                terms.append(Term(hash: hash, text: String(decoding: part, as: UTF8.self)))
            }
        }
    }

    /// Whether all of a word is hiragana, which is mostly grammar.
    private func isHiragana(_ word: ArraySlice<UInt8>) -> Bool {
        String(decoding: word, as: UTF8.self).unicodeScalars.allSatisfy { (0x3041...0x309F).contains($0.value) }
    }

    /// Counts a term once more if it is there already.
    private func note(_ hash: UInt64, in terms: inout [Term]) -> Bool {
        for index in terms.indices where terms[index].hash == hash {
            terms[index].count += 1
            return true
        }
        return false
    }
}
