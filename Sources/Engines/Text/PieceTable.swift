import Bytes

/// The vocabulary of the embedding table as an open-addressing hash table from the bytes of a piece to its row.
///
/// Two tables share one array: pieces that begin a word, and pieces that continue one (`##` in the vocabulary).
struct PieceTable: Sendable {
    /// How many pieces there are.
    let count: Int

    private let vocabulary: [UInt8]
    /// Where each piece starts; one more for the end.
    private let starts: [UInt32]
    /// The high half of the spread hash in the high half, row + 1 in the low half; 0 is a free slot.
    private let slots: [UInt64]
    private let mask: Int
    private let pieceBytesMax: Int
    private let continuationBasis: UInt64

    /// Indexes a vocabulary of one piece a line, each line ended by LF.
    init(vocabulary: [UInt8]) {
        var starts: [UInt32] = [0]
        for index in vocabulary.indices where vocabulary[index] == 0x0A { starts.append(UInt32(index + 1)) }
        count = starts.count - 1
        var capacity = 1024
        while capacity < count * 2 { capacity *= 2 }
        mask = capacity - 1
        let hashes = StableHash.fnv1a(StableHash.fnv1a(StableHash.basis, UInt8(ascii: "#")), UInt8(ascii: "#"))
        continuationBasis = hashes
        var slots = [UInt64](repeating: 0, count: capacity)
        var longest = 0
        for row in 0..<count {
            let range = Int(starts[row])..<Int(starts[row + 1]) - 1
            longest = max(longest, range.count)
            var state = StableHash.basis
            for index in range { state = StableHash.fnv1a(state, vocabulary[index]) }
            let spread = StableHash.mix(state)
            var slot = Int(truncatingIfNeeded: spread) & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = spread & ~0xFFFF_FFFF | UInt64(row + 1)
        }
        self.vocabulary = vocabulary
        self.starts = starts
        self.slots = slots
        pieceBytesMax = longest
    }

    /// The row of a word that is one piece, or nil; the unknown piece itself has none.
    @inline(__always)
    func whole(_ word: borrowing WordPieceReader) -> Int? {
        guard !word.isTooLong, word.wordBytes <= pieceBytesMax else { return nil }
        return find(word.wordHash, word, 0..<word.wordBytes, skipping: 0)
    }

    /// Cuts a word greedily into the longest pieces from the left.
    ///
    /// - Parameters:
    ///   - word: a word of at most 100 scalars; a longer one is unknown.
    ///   - rows: gets the rows.
    /// - Returns: how many pieces, or 0 if the whole word is unknown.
    /// - Complexity: O(n) in the bytes of the word times the longest piece.
    func split(_ word: borrowing WordPieceReader, into rows: inout InlineArray<100, Int32>) -> Int {
        guard !word.isTooLong else { return 0 }
        var found = 0
        var start = 0
        var states = InlineArray<64, UInt64>(repeating: 0)
        while start < word.wordBytes {
            let isContinued = start > 0
            let longest = min(word.wordBytes - start, min(pieceBytesMax, 64))
            var state = isContinued ? continuationBasis : StableHash.basis
            for length in 0..<longest {
                state = StableHash.fnv1a(state, word.word[start + length])
                states[length] = state
            }
            var length = longest
            var match: Int?
            while length > 0 {
                let end = start + length
                if end == word.wordBytes || word.word[end] & 0xC0 != 0x80 {
                    match = find(states[length - 1], word, start..<end, skipping: isContinued ? 2 : 0)
                    if match != nil { break }
                }
                length -= 1
            }
            guard let match else { return 0 }
            rows[found] = Int32(match)
            found += 1
            start += length
        }
        return found
    }

    /// The row whose piece, after so many bytes, equals a part of the word.
    @inline(__always)
    private func find(
        _ state: UInt64, _ word: borrowing WordPieceReader, _ range: Range<Int>, skipping prefix: Int
    ) -> Int? {
        let spread = StableHash.mix(state)
        var slot = Int(truncatingIfNeeded: spread) & mask
        while slots[slot] != 0 {
            let entry = slots[slot]
            if entry >> 32 == spread >> 32 {
                let row = Int(entry & 0xFFFF_FFFF) - 1
                if matches(row, word, range, skipping: prefix) { return row }
            }
            slot = (slot + 1) & mask
        }
        return nil
    }

    @inline(__always)
    private func matches(
        _ row: Int, _ word: borrowing WordPieceReader, _ range: Range<Int>, skipping prefix: Int
    ) -> Bool {
        let start = Int(starts[row])
        guard Int(starts[row + 1]) - 1 - start == range.count + prefix else { return false }
        for index in 0..<range.count where vocabulary[start + prefix + index] != word.word[range.lowerBound + index] {
            return false
        }
        // A word never begins with ##: both are punctuation, and punctuation stands alone.
        return true
    }
}
