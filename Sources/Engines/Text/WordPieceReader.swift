import Bytes

/// Cuts text into the words of an uncased BERT tokenizer: cleaned, without accents, in lower case.
///
/// Punctuation and symbols are words of their own. It is not the word rule of `TextAnalyzer`, which keeps `don't`
/// in one; this one has to agree with the tokenizer that the embedding table was fitted with.
/// The rules are those of the table: clean, CJK apart, NFD without Mn, lower case, split at P* and S*.
struct WordPieceReader: ~Copyable {
    /// Scalars of a word past which it is unknown.
    static let wordScalarsMax = 100

    /// The UTF-8 of the word at hand.
    private(set) var word = InlineArray<512, UInt8>(repeating: 0)
    private(set) var wordBytes = 0
    /// The FNV-1a state over the word.
    private(set) var wordHash = StableHash.basis
    private var wordScalars = 0

    /// Whether the word is too long to be known.
    var isTooLong: Bool { wordScalars > Self.wordScalarsMax }

    /// Calls back with every word in order; `self` then holds it.
    ///
    /// - Parameters:
    ///   - text: UTF-8.
    ///   - body: gets the reader with the word.
    /// - Complexity: O(n) in the bytes.
    @inline(__always)
    mutating func forEachWord(in text: Span<UInt8>, _ body: (borrowing WordPieceReader) -> Void) {
        var offset = 0
        while offset < text.count {
            let byte = text[offset]
            if byte >= 0x80 {
                let (scalar, length) = UTF8Text.scalar(in: text, at: offset)
                offset += length
                takeWide(scalar, body)
                continue
            }
            offset += 1
            if byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A {
                append(ascii: byte | 0x20)
            } else if byte >= 0x30 && byte <= 0x39 {
                append(ascii: byte)
            } else if byte == 0x20 || (byte >= 0x09 && byte <= 0x0D && byte != 0x0B && byte != 0x0C) {
                flush(body)
            } else if byte > 0x20 && byte < 0x7F {
                flush(body)
                append(ascii: byte)
                flush(body)
            }
            // What is left are control characters, which are dropped.
        }
        flush(body)
    }

    @inline(__always)
    private mutating func flush(_ body: (borrowing WordPieceReader) -> Void) {
        guard wordScalars > 0 else { return }
        body(self)
        wordBytes = 0
        wordScalars = 0
        wordHash = StableHash.basis
    }

    @inline(__always)
    private mutating func append(ascii byte: UInt8) {
        wordScalars += 1
        guard wordScalars <= Self.wordScalarsMax else { return }
        word[wordBytes] = byte
        wordBytes += 1
        wordHash = StableHash.fnv1a(wordHash, byte)
    }

    private mutating func takeWide(_ scalar: Unicode.Scalar, _ body: (borrowing WordPieceReader) -> Void) {
        switch TextClass.of(scalar) {
        case .dropped: return
        case .space: flush(body)
        case .ideograph:
            flush(body)
            appendFolded(scalar, body)
            flush(body)
        case .other: appendFolded(scalar, body)
        }
    }

    private mutating func appendFolded(_ scalar: Unicode.Scalar, _ body: (borrowing WordPieceReader) -> Void) {
        let folded = CanonicalFolding.fold(scalar)
        for index in 0..<folded.count {
            let part = folded[index]
            if TextClass.isPunctuationOrSymbol(part) {
                flush(body)
                append(part)
                flush(body)
            } else {
                append(part)
            }
        }
    }

    private mutating func append(_ scalar: Unicode.Scalar) {
        wordScalars += 1
        guard wordScalars <= Self.wordScalarsMax else { return }
        for byte in scalar.utf8 {
            word[wordBytes] = byte
            wordBytes += 1
            wordHash = StableHash.fnv1a(wordHash, byte)
        }
    }
}
