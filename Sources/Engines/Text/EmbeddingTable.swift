import Bytes

/// Why a table cannot be used.
package struct EmbeddingTableError: Error, Hashable, CustomStringConvertible {
    package var description: String

    init(_ description: String) { self.description = description }
}

/// How much of a text the table knew.
package struct EmbeddingCoverage: Hashable, Sendable {
    /// Words that hold a letter or digit.
    package var words = 0
    /// Those of them that are one piece of the vocabulary.
    package var wholeWords = 0
    /// Those of them that the table does not know at all.
    package var unknownWords = 0
    /// Pieces added up, punctuation included.
    package var pieces = 0
}

/// Static sentence embeddings: the rows of a text's word pieces, added up and divided by the length of the sum.
///
///     v(text) = Σ bytes(row) · scale(row)  over the pieces of the text, first d numbers;  v / |v|
///
/// Input: English text in UTF-8. Output: d = 64, 128 or 256 floats of length 1, or zeros if no piece is known.
/// The prefix of a row is a row of the smaller table (Matryoshka). Word order and negation are lost: it serves topic,
/// clustering and retrieval, not sentiment. Sums run in the order of the text, so equal texts give equal bits.
///
/// Source: Reimers and Gurevych 2019; Wang et al. (MiniLM) 2020; Kusupati et al. (Matryoshka) 2022.
@safe package struct EmbeddingTable: @unchecked Sendable {
    // @unchecked because the rows are never written after they were handed over.
    private let rows: UnsafeRawBufferPointer
    private let scales: [Float]
    let pieces: PieceTable

    /// Numbers in a row.
    package static let width = 256

    /// How many pieces the vocabulary has.
    package var rowCount: Int { scales.count }

    /// Makes a table over memory that stays where it is, unchanged, for as long as the table or a copy is used.
    ///
    /// - Parameters:
    ///   - rows: signed bytes, 256 a row, row major.
    ///   - scales: a little-endian float32 a row.
    ///   - vocabulary: a piece a line in UTF-8, each line ended by LF; row 0 is the unknown piece.
    /// - Throws: `EmbeddingTableError` if the sizes do not fit each other.
    /// - Complexity: O(n) in the vocabulary; the rows are not touched.
    package init(
        rows: UnsafeRawBufferPointer, scales: UnsafeRawBufferPointer, vocabulary: UnsafeRawBufferPointer
    ) throws(EmbeddingTableError) {
        let table = unsafe PieceTable(vocabulary: Array(vocabulary))
        guard rows.count == table.count * Self.width, scales.count == table.count * 4 else {
            throw EmbeddingTableError(
                "expected \(table.count) rows of \(Self.width) bytes and a scale each, got: \(rows.count) bytes and "
                    + "\(scales.count / 4) scales")
        }
        unsafe self.rows = rows
        self.scales = (0..<table.count).map { row in
            let bits = unsafe scales.loadUnaligned(fromByteOffset: row * 4, as: UInt32.self)
            return Float(bitPattern: UInt32(littleEndian: bits))
        }
        pieces = table
    }

    /// The embedding of a text.
    ///
    /// - Parameters:
    ///   - text: English text; other languages give poor vectors, see `EmbeddingCoverage`.
    ///   - dimensions: 64, 128 or 256.
    /// - Returns: a unit vector, or zeros.
    package func embed(_ text: String, dimensions: Int) -> [Float] {
        var vector = [Float](repeating: 0, count: dimensions)
        _ = embed(text.utf8.span, into: &vector)
        return vector
    }

    /// Writes the embedding of UTF-8 bytes over a vector of 64, 128 or 256 numbers.
    ///
    /// - Parameters:
    ///   - text: UTF-8.
    ///   - vector: its count says how many dimensions; what it held is overwritten.
    /// - Returns: how much of the text was known; all zeros in the vector if nothing was.
    /// - Complexity: O(n) in the bytes plus dimensions a piece.
    package func embed(_ text: Span<UInt8>, into vector: inout [Float]) -> EmbeddingCoverage {
        precondition(
            vector.count == 64 || vector.count == 128 || vector.count == 256,
            "expected 64, 128 or 256 dimensions, got: \(vector.count)")
        for index in vector.indices { vector[index] = 0 }
        var coverage = EmbeddingCoverage()
        // Rows are gathered before they are added up: the loads of rows far apart then overlap.
        var gathered = InlineArray<64, Int>(repeating: 0)
        var count = 0
        forEachWord(in: text, coverage: &coverage) { row in
            if count == gathered.count {
                for index in 0..<count { add(gathered[index], to: &vector) }
                count = 0
            }
            gathered[count] = row
            count += 1
        }
        for index in 0..<count { add(gathered[index], to: &vector) }
        UnitVector.normalize(&vector)
        return coverage
    }

    /// The rows of the pieces of a text, in order.
    package func rows(of text: String) -> [Int] {
        var found: [Int] = []
        var coverage = EmbeddingCoverage()
        forEachWord(in: text.utf8.span, coverage: &coverage) { found.append($0) }
        return found
    }

    @inline(__always)
    private func forEachWord(in text: Span<UInt8>, coverage: inout EmbeddingCoverage, _ body: (Int) -> Void) {
        var reader = WordPieceReader()
        var split = InlineArray<100, Int32>(repeating: 0)
        reader.forEachWord(in: text) { word in
            let isWord = word.word[0] >= 0x80 || word.wordBytes > 1 || isLetterOrDigit(word.word[0])
            if isWord { coverage.words += 1 }
            if let row = pieces.whole(word) {
                if isWord { coverage.wholeWords += 1 }
                coverage.pieces += 1
                body(row)
                return
            }
            let count = pieces.split(word, into: &split)
            if isWord, count == 0 { coverage.unknownWords += 1 }
            coverage.pieces += count
            for index in 0..<count { body(Int(split[index])) }
        }
    }

    private func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (byte >= 0x61 && byte <= 0x7A) || (byte >= 0x30 && byte <= 0x39)
    }

    @inline(__always)
    private func add(_ row: Int, to vector: inout [Float]) {
        let scale = scales[row]
        unsafe vector.withUnsafeMutableBufferPointer { sum in
            // In bounds because `row` is a line of the vocabulary, and the rows were counted against it.
            let cells = unsafe UnsafeRawBufferPointer(rebasing: rows[row * Self.width..<(row + 1) * Self.width])
            for index in 0..<sum.count {
                unsafe sum[index] += Float(Int8(bitPattern: cells[index])) * scale
            }
        }
    }
}
