#if canImport(Glibc)
    import Glibc
#endif

/// Why weights cannot be used.
package struct EmotionModelError: Error, Hashable, CustomStringConvertible {
    package var description: String

    init(_ description: String) { self.description = description }
}

/// A linear model of the six basic emotions over hashed n-grams of a message.
///
///     z(k) = bias(k) + scale(k) · min(1, 32 / tokens) · Σ weight(bucket, k)  over the features of `EmotionFeatures`
///     p(k) = e^z(k) / (1 + Σ e^z),  p(neutral) = 1 / (1 + Σ e^z)
///
/// Input: buckets of 2^bits. Output: probabilities of the six and of neutral. The biases are such that an emotion is
/// more probable than neutral where naming it serves macro-F1 best: p tells which emotions stand out; it is no
/// calibrated frequency. Sums are of integers, so their order does not matter.
///
/// Layout of the bytes, little endian: `EMO1`, UInt32 bits, six float32 scales, six float32 biases, zeros up to byte
/// 64; six signed bytes a bucket in the order of `EmotionKind`; then 2^14 places of words: UInt32 the upper half of the
/// word's hash, six Int16, the sums over the word's own features. The lower half of the hash says at which place to
/// begin, zeros end the search. The words are there for speed: other words are added up feature by feature.
///
/// Source: Wang and Manning, "Baselines and bigrams: simple, good sentiment and topic classification", 2012;
/// Weinberger et al., "Feature hashing for large scale multitask learning", 2009.
@safe package struct EmotionModel: @unchecked Sendable {
    // @unchecked because the weights are never written after they were handed over.
    private let weights: UnsafeRawBufferPointer
    private let words: UnsafeRawBufferPointer
    private let scales: SIMD8<Float>
    private let biases: SIMD8<Float>
    let bits: Int

    /// Emotions that are told apart; neutral is where none stands out.
    package static let kinds = 6
    package static let headerBytes = 64
    /// Words that a model holds at most; places are twice as many.
    package static let wordsMax = 1 << 13
    /// Longer words are not held: their sums have to fit 16 bits.
    package static let wordFeaturesMax = 256
    /// Messages of more tokens count as if they had so many.
    static let tokensMax = 32
    private static let magic = Array("EMO1".utf8)
    private static let placeBytes = 16

    /// Makes a model over memory that stays where it is, unchanged, for as long as the model or a copy is used.
    ///
    /// - Throws: `EmotionModelError` if the bytes are not such a model.
    package init(_ bytes: UnsafeRawBufferPointer) throws(EmotionModelError) {
        let isModel = unsafe bytes.count > Self.headerBytes && bytes.prefix(4).elementsEqual(Self.magic)
        let bits = unsafe isModel ? UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)) : 0
        let expected = Self.headerBytes + (Self.kinds << Int(min(bits, 24))) + 2 * Self.wordsMax * Self.placeBytes
        guard (8...24).contains(bits), bytes.count == expected else {
            throw EmotionModelError("expected a model of emotions, got: \(bytes.count) bytes")
        }
        func floats(at offset: Int) -> SIMD8<Float> {
            var values = SIMD8<Float>.zero
            for index in 0..<Self.kinds {
                let pattern = unsafe bytes.loadUnaligned(fromByteOffset: offset + 4 * index, as: UInt32.self)
                values[index] = Float(bitPattern: UInt32(littleEndian: pattern))
            }
            return values
        }
        self.bits = Int(bits)
        scales = floats(at: 8)
        biases = floats(at: 32)
        let end = Self.headerBytes + Self.kinds << Int(bits)
        // Past the last bucket lie the words, so that eight bytes can be read of each bucket's six.
        unsafe weights = UnsafeRawBufferPointer(rebasing: bytes[Self.headerBytes...])
        unsafe words = UnsafeRawBufferPointer(rebasing: bytes[end...])
    }

    /// The sum of the weights of a bucket's six emotions and those already summed; the last two lanes mean nothing.
    @inline(__always)
    func add(_ bucket: Int, to sums: inout SIMD8<Int32>) {
        // In bounds because `bucket` is below 2^bits, and more than two bytes follow the last one's six.
        let six = unsafe weights.loadUnaligned(fromByteOffset: bucket * Self.kinds, as: SIMD8<Int8>.self)
        sums &+= SIMD8<Int32>(truncatingIfNeeded: six)
    }

    /// Adds the sums of a word with this hash.
    ///
    /// - Returns: whether the model holds the word.
    @inline(__always)
    func addWord(_ hash: UInt64, to sums: inout SIMD8<Int32>) -> Bool {
        let tag = UInt32(truncatingIfNeeded: hash >> 32)
        var place = Int(truncatingIfNeeded: hash) & (2 * Self.wordsMax - 1)
        while true {
            // In bounds because `place` is masked; half of the places are empty, so that the search ends.
            let entry = unsafe words.loadUnaligned(
                fromByteOffset: place * Self.placeBytes, as: SIMD8<Int16>.self)
            let found = UInt32(UInt16(bitPattern: entry[0])) | UInt32(UInt16(bitPattern: entry[1])) << 16
            if found == tag {
                sums &+= SIMD8<Int32>(
                    truncatingIfNeeded: SIMD8(
                        entry[2], entry[3], entry[4], entry[5], entry[6], entry[7], 0, 0))
                return true
            }
            if found == 0 { return false }
            place = (place + 1) & (2 * Self.wordsMax - 1)
        }
    }

    /// The distribution that sums of weights give.
    func distribution(_ sums: SIMD8<Int32>, tokens: Int) -> Emotion {
        let share = tokens > Self.tokensMax ? Float(Self.tokensMax) / Float(tokens) : 1
        let margins = biases + scales * SIMD8<Float>(sums) * share
        var odds = InlineArray<6, Double>(repeating: 0)
        var whole = 1.0
        for index in 0..<Self.kinds {
            odds[index] = exp(min(40, Double(margins[index])))
            whole += odds[index]
        }
        var emotion = Emotion()
        emotion.neutral = 1 / whole
        for kind in EmotionKind.allCases where kind != .neutral { emotion[kind] = odds[Int(kind.rawValue)] / whole }
        emotion.source = .computed
        return emotion
    }
}

/// What of a message the emotion model sees, as buckets of 2^bits; a feature that occurs twice counts twice.
///
/// - Each word, number, emoji and link; a word in capitals and a stretched one also as such.
/// - Each pair of neighbours, the beginning of a sentence and its mark (`!`, `?`) standing in as words.
/// - Each 3- and 4-gram of bytes of ^word$, folded.
/// - The emotion and strength that the lexicon gives a word, and whether it is negated.
struct EmotionFeatures {
    private let shift: UInt64

    init(bits: Int) { shift = UInt64(64 - bits) }

    private static let start: UInt64 = 0x5bd1_e995_7b8d_2f31
    private static let exclamation: UInt64 = 0x2545_f491_4f6c_dd1d
    private static let question: UInt64 = 0x94d0_49bb_1331_11eb
    private static let capitals: UInt64 = 0xd6e8_feb8_6659_fd93
    private static let stretched: UInt64 = 0xa076_1d64_78bd_642f
    private static let lexical: UInt64 = 0xe703_7ed1_a0b4_28db
    private static let golden: UInt64 = 0x9e37_79b9_7f4a_7c15

    @inline(__always)
    private func bucket(_ key: UInt64) -> Int { Int(truncatingIfNeeded: (key &* Self.golden) >> shift) }

    /// Gives `body` every feature but those of words that `hasWord` takes whole.
    @inline(__always)
    func forEach(
        _ scan: TextScan, isNegated: (Int, Sentence) -> Bool, hasWord: (UInt64) -> Bool, _ body: (Int) -> Void
    ) {
        // A token is large: read in place, it is not copied.
        let tokens = scan.tokens.span
        for sentence in scan.sentences {
            var previous = Self.start
            for index in sentence.tokens {
                let hash = tokens[index].hash
                body(bucket(pair(previous, hash)))
                previous = hash
                if tokens[index].entry.weight > 0 {
                    let strength = UInt64(tokens[index].entry.weight * 10)
                    let sign: UInt64 = isNegated(index, sentence) ? 1 : 0
                    let key = UInt64(tokens[index].entry.emotion.rawValue) << 8 | strength << 1 | sign
                    body(bucket(Self.lexical ^ key &* Self.capitals))
                }
                guard tokens[index].kind == .word else {
                    body(bucket(hash))
                    continue
                }
                if tokens[index].letters >= 3, tokens[index].upper == tokens[index].letters {
                    body(bucket(Self.capitals))
                }
                if tokens[index].isElongated { body(bucket(Self.stretched)) }
                if !hasWord(hash) { word(scan, tokens[index], body) }
            }
            let mark = sentence.exclaims ? Self.exclamation : sentence.asks ? Self.question : 0
            body(bucket(pair(previous, mark)))
            if mark != 0 { body(bucket(mark)) }
        }
    }

    @inline(__always)
    private func pair(_ first: UInt64, _ second: UInt64) -> UInt64 {
        (first &* 0xff51_afd7_ed55_8ccd) ^ (second >> 7) ^ (second << 57)
    }

    /// A word's own features.
    @inline(__always)
    func word(_ scan: TextScan, _ token: Token, _ body: (Int) -> Void) {
        body(bucket(token.hash))
        grams(scan.folded, token.foldedStart..<token.foldedEnd, body)
    }

    /// The last four bytes move through a window; three of them, marked by a byte no text has, are the 3-gram.
    @inline(__always)
    private func grams(_ folded: [UInt8], _ range: Range<Int>, _ body: (Int) -> Void) {
        var window = UInt64(UInt8(ascii: "^"))
        var length = 1
        func take(_ byte: UInt8) {
            window = (window << 8 | UInt64(byte)) & 0xffff_ffff
            length += 1
            if length >= 3 { body(bucket(window & 0xff_ffff | 0xff << 56)) }
            if length >= 4 { body(bucket(window | 0xfe << 56)) }
        }
        for index in range { take(folded[index]) }
        take(UInt8(ascii: "$"))
    }
}
