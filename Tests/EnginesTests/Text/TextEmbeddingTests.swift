import Bytes
import CAssets
import Engines
import Foundation
import Testing

/// The table that ships, made once for all tests.
let shippedTable: EmbeddingTable = {
    do {
        return try EmbeddingTable(
            rows: UnsafeRawBufferPointer(start: embedding_rows(), count: embedding_rows_bytes()),
            scales: UnsafeRawBufferPointer(start: embedding_scales(), count: embedding_scales_bytes()),
            vocabulary: UnsafeRawBufferPointer(start: embedding_vocabulary(), count: embedding_vocabulary_bytes()))
    } catch {
        fatalError("expected the shipped table to load, got: \(error)")
    }
}()

/// One line of the vectors that came with the table.
struct ParityVector: Decodable, CustomTestStringConvertible {
    var text: String
    var rows: [Int]
    var vector: [Double]
    var testDescription: String { text }

    static let all: [ParityVector] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../Resources/chat_static_256.test.jsonl")
        let lines = (try? String(contentsOf: file, encoding: .utf8))?.split(separator: "\n") ?? []
        return lines.compactMap { try? JSONDecoder().decode(ParityVector.self, from: Data($0.utf8)) }
    }()
}

@Suite("Sentence embeddings")
struct TextEmbeddingTests {
    @Test("all vectors that came with the table are there")
    func parityCount() {
        #expect(ParityVector.all.count == 16)
        #expect(shippedTable.rowCount == 29_524)
    }

    @Test("rows and vectors agree with the table's own", arguments: ParityVector.all)
    func parity(expected: ParityVector) {
        #expect(shippedTable.rows(of: expected.text) == expected.rows)
        let vector = shippedTable.embed(expected.text, dimensions: 256)
        #expect(vector.count == expected.vector.count)
        for (ours, theirs) in zip(vector, expected.vector) { #expect(abs(Double(ours) - theirs) < 2e-6) }
    }

    @Test("a prefix is the same vector, cut and made a unit again", arguments: [64, 128])
    func prefixes(dimensions: Int) {
        let whole = shippedTable.embed("I want to transfer money to my savings account.", dimensions: 256)
        let cut = shippedTable.embed("I want to transfer money to my savings account.", dimensions: dimensions)
        var prefix = Array(whole[..<dimensions])
        UnitVector.normalize(&prefix)
        #expect(zip(prefix, cut).allSatisfy { abs($0 - $1) < 1e-6 })
        #expect(abs(UnitVector.dot(cut, cut) - 1) < 1e-5)
    }

    @Test("what does not fit is refused")
    func refused() {
        let two = Array("[UNK]\na\n".utf8)
        two.withUnsafeBytes { vocabulary in
            let rows = [UInt8](repeating: 0, count: 511)
            rows.withUnsafeBytes { rows in
                let scales = UnsafeRawBufferPointer(rebasing: rows[..<8])
                #expect(throws: EmbeddingTableError.self) {
                    try EmbeddingTable(rows: rows, scales: scales, vocabulary: vocabulary)
                }
            }
        }
    }

    @Test("coverage tells known words from split and unknown ones")
    func coverage() {
        var vector = [Float](repeating: 1, count: 64)
        let english = shippedTable.embed("Hello, supercalifragilisticexpialidocious world".utf8.span, into: &vector)
        #expect(english.words == 3 && english.wholeWords == 2 && english.unknownWords == 0)
        let nothing = shippedTable.embed("😀😀".utf8.span, into: &vector)
        #expect(nothing.pieces == 0 && vector.allSatisfy { $0 == 0 })
    }

    @Test("composed and decomposed text give the same rows")
    func canonical() {
        for text in ["café naïve", "Ἀθῆναι", "한국어 서울", "Ǆ ǅ", "가각힣", "が ぱ", "क़ ড়", "Å K Ω"] {
            let composed = text.precomposedStringWithCanonicalMapping
            let decomposed = text.decomposedStringWithCanonicalMapping
            #expect(shippedTable.rows(of: composed) == shippedTable.rows(of: decomposed), "\(text)")
        }
    }

    @Test("folding agrees with Foundation's decomposition for every scalar that has one")
    func foldingAgrees() {
        var checked = 0
        for code in UInt32(0x80)...0x2FA1F {
            guard let scalar = Unicode.Scalar(code), !scalar.properties.isNoncharacterCodePoint else { continue }
            let decomposed = String(scalar).decomposedStringWithCanonicalMapping.unicodeScalars
            guard decomposed.first != scalar || decomposed.count > 1 else { continue }
            let bases = decomposed.filter { $0.properties.generalCategory != .nonspacingMark }
            checked += 1
            let joined = String(String.UnicodeScalarView(bases))
            #expect(
                shippedTable.rows(of: String(scalar)) == shippedTable.rows(of: joined), "U+\(String(code, radix: 16))")
        }
        #expect(checked > 13_000)
    }

    @Test(
        "controls, spaces and lone marks", arguments: ["\u{0}", "\u{b}\u{c}", "\u{301}", "\u{200d}\u{fe0f}", "\u{85}"])
    func invisible(text: String) {
        #expect(shippedTable.rows(of: text) == [])
        #expect(shippedTable.rows(of: "wor\(text)ld") == shippedTable.rows(of: "world"))
    }

    @Test("a word of 100 scalars is looked up, one of 101 is unknown")
    func longWords() {
        #expect(shippedTable.rows(of: String(repeating: "a", count: 100)).isEmpty == false)
        #expect(shippedTable.rows(of: String(repeating: "a", count: 101)) == [])
        #expect(shippedTable.rows(of: String(repeating: "é", count: 100)).isEmpty == false)
        #expect(shippedTable.rows(of: String(repeating: "𝒳", count: 5000) + " cat").count == 1)
    }
}
