import Bytes

/// Reads a message once and says what the engines need to know of it.
///
/// Words, sentences, questions, cues, emotion, terms and embedding come from one scan in O(length). It is a set of
/// rules, a small lexicon and a linear model of emotions for English; of other languages it gives counts, script, terms
/// and a hashed embedding.
///
///     let analyzer = TextAnalyzer(table: table)
///     let analysis = analyzer.analyze(content: "By the way, do you like sailing?")
///     // analysis.questionKind == .polar, analysis.cues.contains(.topicShift), analysis.terms.first?.text == "sailing"
package struct TextAnalyzer: Sendable {
    /// Bytes of a message that are looked at; the rest is only counted.
    package static let bytesMax = 8192
    /// Numbers of an embedding that comes with a message; the schema takes no more.
    package static let embeddingWidthMax = 4096
    /// Terms that are kept of a message.
    package static let termsMax = 32

    let table: EmbeddingTable?
    let emotions: EmotionModel?
    /// The width of embeddings.
    package let dimensions: Int
    let lexicon = Lexicon.shared

    /// Makes an analyser; cheap to copy, and to be used from any number of threads.
    ///
    /// - Parameters:
    ///   - table: the embedding table, or nil to have hashed features for English too.
    ///   - emotions: the model of emotions, or nil to go by the lexicon alone.
    ///   - dimensions: 64, 128 or 256.
    package init(table: EmbeddingTable?, emotions: EmotionModel? = nil, dimensions: Int = 64) {
        precondition(
            dimensions == 64 || dimensions == 128 || dimensions == 256,
            "expected 64, 128 or 256 dimensions, got: \(dimensions)")
        self.table = table
        self.emotions = emotions
        self.dimensions = dimensions
    }

    /// Analyses one message.
    ///
    /// - Parameters:
    ///   - content: the text; beyond 8 KiB it is only counted.
    ///   - suppliedEmotion: labels and scores that came with the message; unknown labels are passed over.
    ///   - suppliedEmbedding: a vector of any width that came with the message; ignored if it is wider than
    ///     `embeddingWidthMax`, holds what is not finite, or has no length.
    ///   - readsEmotion: false leaves the computed emotion out, for those who have no use for it.
    /// - Returns: the analysis; it never fails.
    /// - Complexity: O(length), at most 8 KiB.
    package func analyze(
        content: String, suppliedEmotion: [(label: String, score: Double)]? = nil, suppliedEmbedding: [Float]? = nil,
        readsEmotion: Bool = true
    ) -> MessageAnalysis {
        var content = content
        content.makeContiguousUTF8()
        let whole = content.utf8.span
        let text = whole.extracting(first: UTF8Text.prefixLength(whole, bytesMax: Self.bytesMax))
        var scan = TextScan(text)
        var result = MessageAnalysis()
        result.characterCount = UTF8Text.scalarCount(whole)
        result.isTruncated = text.count < whole.count
        result.sentenceCount = scan.sentences.count
        result.exclamations = scan.exclamations
        result.emojiCount = scan.emojiCount
        result.script = scan.script
        if scan.upper > 0 { result.capsRatio = Double(scan.upper) / Double(scan.upper + scan.lower) }
        let known = lookUp(&scan)
        result.wordCount = wordCount(scan)
        let coverage = embed(text, scan, suppliedEmbedding, into: &result)
        result.rulesApply = looksEnglish(scan, words: result.wordCount, known: known, coverage: coverage)
        if result.embeddingSource == .table, !result.rulesApply, result.wordCount > 0 {
            embedHashed(scan, into: &result)
        }
        result.terms = terms(scan, text)
        if result.rulesApply { countTraits(scan, into: &result) }
        applyCues(scan, into: &result)
        if let supplied = suppliedEmotion, let emotion = Emotion(supplied: supplied) {
            result.emotion = emotion
        } else if readsEmotion {
            result.emotion = computedEmotion(scan, rulesApply: result.rulesApply)
        }
        return result
    }

    /// Looks every word up, trying a stretched one again without its stretch.
    ///
    /// - Returns: how many words the lexicon has.
    func lookUp(_ scan: inout TextScan) -> Int {
        var known = 0
        for index in scan.tokens.indices {
            let token = scan.tokens[index]
            guard token.kind == .word || token.kind == .emoji else { continue }
            var entry = lexicon.entry(token.hash)
            if !entry.isKnown, token.isElongated {
                for kept in [2, 1] where !entry.isKnown {
                    let hash = squeezedHash(scan.folded[token.foldedStart..<token.foldedEnd], keeping: kept)
                    entry = lexicon.entry(hash)
                    if entry.isKnown { scan.tokens[index].hash = hash }
                }
            }
            if !entry.isKnown, isLaughter(scan.folded[token.foldedStart..<token.foldedEnd]) {
                scan.tokens[index].hash = Self.laughter
                entry = lexicon.entry(Self.laughter)
            }
            scan.tokens[index].entry = entry
            if entry.isKnown, token.kind == .word { known += 1 }
        }
        return known
    }

    private static let laughter = StableHash.hash("haha")

    /// Whether a word of four letters and more is made of h and one vowel: "hahahah", "hehehe", "ahahaha".
    private func isLaughter(_ word: ArraySlice<UInt8>) -> Bool {
        guard word.count >= 4, let vowel = word.first(where: { $0 != UInt8(ascii: "h") }) else { return false }
        guard vowel == UInt8(ascii: "a") || vowel == UInt8(ascii: "e") || vowel == UInt8(ascii: "i") else {
            return false
        }
        return word.allSatisfy { $0 == vowel || $0 == UInt8(ascii: "h") }
            && word.count { $0 != vowel } * 3 >= word.count
    }

    /// The hash of a word whose runs of three and more letters are cut to so many.
    private func squeezedHash(_ word: ArraySlice<UInt8>, keeping kept: Int) -> UInt64 {
        var state = StableHash.basis
        var index = word.startIndex
        while index < word.endIndex {
            var end = index
            while end < word.endIndex, word[end] == word[index] { end += 1 }
            let run = end - index
            for _ in 0..<(run >= 3 ? kept : run) { state = StableHash.fnv1a(state, word[index]) }
            index = end
        }
        return StableHash.mix(state)
    }

    private func wordCount(_ scan: TextScan) -> Int {
        var count = 0
        for token in scan.tokens {
            switch token.kind {
            case .word, .number, .link: count += 1
            case .ideographs: count += (token.letters + 1) / 2
            case .emoji: break
            }
        }
        return count
    }

    /// Whether rules about English words have something to go by.
    ///
    /// A text in Latin script is taken for English unless most of its words are broken into pieces by the table, or of
    /// five words and more less than a sixth is in the lexicon. Of 123,224 messages of English
    /// chat (byu_chitchat) one in a thousand is taken for something else.
    private func looksEnglish(_ scan: TextScan, words: Int, known: Int, coverage: EmbeddingCoverage?) -> Bool {
        guard words > 0, scan.script == .latin else { return false }
        if let coverage, coverage.words >= 5, (coverage.words - coverage.wholeWords) * 2 > coverage.words {
            return false
        }
        return words < 5 || known * 6 >= words
    }

    private func countTraits(_ scan: TextScan, into result: inout MessageAnalysis) {
        var style = StyleCounts()
        for token in scan.tokens where token.kind == .word || token.kind == .number {
            let traits = token.entry.traits
            if traits.contains(.firstPerson) { result.firstPerson += 1 }
            if traits.contains(.secondPerson) { result.secondPerson += 1 }
            if traits.contains(.hedge) { result.hedges += 1 }
            if traits.contains(.polite) { result.politenessCues += 1 }
            style.add(token)
        }
        style.emoji = scan.emojiCount
        style.exclamations = scan.exclamations
        style.startsUpper = scan.tokens.first { $0.kind == .word }?.startsUpper ?? false
        style.endsMarked = scan.sentences.last.map { $0.states || $0.asks || $0.exclaims } ?? false
        result.formality = style.formality
    }
}

/// What formality is computed from.
///
///     formality = 1/2 + 0.12 length + 0.10 form − 0.30 informal + 0.20 formal, within 0…1
///
/// length: (mean letters a word − 4.2) / 2 within ±1; form: 1 with a capital first and a mark last, −1 with neither;
/// informal: a third of the (half-counted) contractions, slang, stretched words, emoji and repeated exclamation marks
/// a word, four times, at most 1; formal: formal words a word, four times, at most 1.
struct StyleCounts {
    var words = 0
    var letters = 0
    var slang = 0
    var contractions = 0
    var elongated = 0
    var formal = 0
    var emoji = 0
    var exclamations = 0
    var startsUpper = false
    var endsMarked = false

    mutating func add(_ token: Token) {
        words += 1
        letters += token.letters
        let traits = token.entry.traits
        if traits.contains(.slang) { slang += 1 }
        if traits.contains(.contraction) { contractions += 1 }
        if traits.contains(.formal) { formal += 1 }
        if token.isElongated { elongated += 1 }
    }

    var formality: Double {
        guard words > 0 else { return 0.5 }
        let perWord = 4 / Double(words)
        let length = min(1, max(-1, (Double(letters) / Double(words) - 4.2) / 2))
        let form = startsUpper && endsMarked ? 1.0 : !startsUpper && !endsMarked ? -1.0 : 0.0
        let casual = Double(slang + elongated + emoji + max(0, exclamations - 1)) + 0.5 * Double(contractions)
        let informal = min(1, casual * perWord / 3)
        let raw = 0.5 + 0.12 * length + 0.10 * form - 0.30 * informal + 0.20 * min(1, Double(formal) * perWord)
        return min(1, max(0, raw))
    }
}
