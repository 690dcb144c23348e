import Bytes

extension EmotionModel {
    /// The bytes of a model.
    ///
    /// - Parameters:
    ///   - bits: the number of buckets as a power of two.
    ///   - weights: six a bucket; each emotion's are rounded to 127 steps either side of zero.
    ///   - biases: one an emotion.
    ///   - words: hashes and features of the words to hold, at most `wordsMax`.
    /// - Returns: what `init` reads.
    package static func bytes(
        bits: Int, weights: [Double], biases: [Double], words: [(hash: UInt64, buckets: [UInt32])]
    ) -> [UInt8] {
        precondition(
            weights.count == kinds << bits && biases.count == kinds && words.count <= wordsMax,
            "expected six weights a bucket and at most \(wordsMax) words, got: \(weights.count) and \(words.count)")
        let scales = (0..<kinds).map { kind in
            max(1e-9, stride(from: kind, to: weights.count, by: kinds).reduce(0) { max($0, abs(weights[$1])) }) / 127
        }
        let steps = weights.indices.map { Int16((weights[$0] / scales[$0 % kinds]).rounded()) }
        var bytes = Array("EMO1".utf8)
        func append(_ value: UInt32, bytes count: Int = 4) {
            for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(8 * index))) }
        }
        append(UInt32(bits))
        for value in scales + biases { append(Float(value).bitPattern) }
        bytes += [UInt8](repeating: 0, count: headerBytes - bytes.count)
        for step in steps { bytes.append(UInt8(bitPattern: Int8(step))) }
        var places = [(hash: UInt64, sums: [Int16])?](repeating: nil, count: 2 * wordsMax)
        for word in words where word.hash >> 32 != 0 && word.buckets.count <= wordFeaturesMax {
            var place = Int(truncatingIfNeeded: word.hash) & (places.count - 1)
            while places[place] != nil { place = (place + 1) & (places.count - 1) }
            let sums = (0..<kinds).map { kind in
                word.buckets.reduce(into: Int16(0)) { $0 += steps[Int($1) * kinds + kind] }
            }
            places[place] = (word.hash, sums)
        }
        for place in places {
            append(place.map { UInt32($0.hash >> 32) } ?? 0)
            for kind in 0..<kinds { append(place.map { UInt32(UInt16(bitPattern: $0.sums[kind])) } ?? 0, bytes: 2) }
        }
        return bytes
    }
}

extension TextAnalyzer {
    /// What a fit of the emotion model needs of a message: the buckets of all features, and those of each word.
    package func emotionFeatures(
        of content: String, bits: Int
    ) -> (buckets: [UInt32], words: [(hash: UInt64, buckets: [UInt32])]) {
        var content = content
        content.makeContiguousUTF8()
        let whole = content.utf8.span
        var scan = TextScan(whole.extracting(first: UTF8Text.prefixLength(whole, bytesMax: Self.bytesMax)))
        _ = lookUp(&scan)
        var buckets: [UInt32] = []
        let features = EmotionFeatures(bits: bits)
        features.forEach(
            scan, isNegated: { isNegated(scan, $0, $1) }, hasWord: { _ in false }, { buckets.append(UInt32($0)) })
        var words: [(hash: UInt64, buckets: [UInt32])] = []
        for token in scan.tokens where token.kind == .word {
            // A word that was looked up as another one, without its stretch, is not that word.
            guard token.hash == StableHash.hash(Array(scan.folded[token.foldedStart..<token.foldedEnd])) else {
                continue
            }
            var own: [UInt32] = []
            features.word(scan, token) { own.append(UInt32($0)) }
            words.append((token.hash, own))
        }
        return (buckets, words)
    }
}
