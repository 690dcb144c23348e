import Bytes

extension TextAnalyzer {
    /// Fills the embedding in: the supplied one, else the table's, else hashed features.
    ///
    /// - Returns: what the table knew, if it was asked.
    func embed(
        _ text: Span<UInt8>, _ scan: TextScan, _ supplied: [Float]?, into result: inout MessageAnalysis
    ) -> EmbeddingCoverage? {
        if let supplied, supplied.count <= Self.embeddingWidthMax {
            var vector = supplied
            if UnitVector.normalize(&vector) {
                result.embedding = vector
                result.embeddingSource = .supplied
            }
        }
        let isSupplied = result.embeddingSource == .supplied
        guard let table, scan.script == .latin || scan.script == .none else {
            if !isSupplied { embedHashed(scan, into: &result) }
            return nil
        }
        var vector = [Float](repeating: 0, count: dimensions)
        let coverage = table.embed(text, into: &vector)
        if !isSupplied {
            result.embedding = vector
            result.embeddingSource = vector.contains { $0 != 0 } ? .table : .none
        }
        return coverage
    }

    /// Fills hashed features in.
    func embedHashed(_ scan: TextScan, into result: inout MessageAnalysis) {
        let vector = HashedFeatures.embed(scan, dimensions: dimensions)
        result.embedding = vector
        result.embeddingSource = vector.contains { $0 != 0 } ? .hashed : .none
    }
}

/// A text as signed counts of the hashes of its words and of their character n-grams.
///
///     v[h mod d] += ±1 for each word, and each 3- and 4-gram of ^word$; of ideographs each one and each pair;  v / |v|
///
/// It needs no language. Unlike the table it knows no synonyms: texts are near if they share spellings.
/// Source: Weinberger et al., "Feature hashing for large scale multitask learning", 2009.
enum HashedFeatures {
    static func embed(_ scan: TextScan, dimensions: Int) -> [Float] {
        var vector = [Float](repeating: 0, count: dimensions)
        var starts: [Int] = []
        for token in scan.tokens {
            guard token.kind == .word || token.kind == .ideographs else { continue }
            add(token.hash, to: &vector)
            starts.removeAll(keepingCapacity: true)
            for index in token.foldedStart..<token.foldedEnd where scan.folded[index] & 0xC0 != 0x80 {
                starts.append(index)
            }
            starts.append(token.foldedEnd)
            let letters = starts.count - 1
            let isWord = token.kind == .word
            for width in isWord ? 3...4 : 1...2 {
                // A word is read with a mark before its first and after its last letter.
                let margin = isWord ? 1 : 0
                guard letters + 2 * margin >= width else { continue }
                for first in -margin...(letters + margin - width) {
                    add(gram(scan.folded, starts, first, first + width), to: &vector)
                }
            }
        }
        UnitVector.normalize(&vector)
        return vector
    }

    private static func gram(_ bytes: [UInt8], _ starts: [Int], _ first: Int, _ end: Int) -> UInt64 {
        let letters = starts.count - 1
        var state = StableHash.fnv1a(StableHash.basis, UInt8(truncatingIfNeeded: end - first))
        if first < 0 { state = StableHash.fnv1a(state, UInt8(ascii: "^")) }
        for index in starts[max(0, first)]..<starts[min(letters, end)] {
            state = StableHash.fnv1a(state, bytes[index])
        }
        if end > letters { state = StableHash.fnv1a(state, UInt8(ascii: "$")) }
        return StableHash.mix(state)
    }

    private static func add(_ hash: UInt64, to vector: inout [Float]) {
        let place = Int(truncatingIfNeeded: hash) & (vector.count - 1)
        vector[place] += hash >> 63 == 0 ? 1 : -1
    }
}
