import Bytes
import Engines
import Testing

@Suite("Text analysis: scripts, embeddings, odd input")
struct TextUnicodeTests {
    @Test(
        "scripts",
        arguments: [
            ("hello", .latin), ("Ça va", .latin), ("привет", .cyrillic), ("שלום עולם", .hebrew), ("مرحبا", .arabic),
            ("今日は", .cjk), ("안녕하세요", .cjk), ("नमस्ते", .other), ("123 😀", .none), ("", .none), ("γειά", .other),
        ] as [(String, ScriptKind)])
    func scripts(text: String, expected: ScriptKind) {
        #expect(analysis(text).script == expected)
    }

    @Test(
        "emoji are counted as people see them",
        arguments: [
            ("😀", 1), ("😀😀", 2), ("👩‍👩‍👧‍👦", 1), ("👍🏽", 1), ("🇩🇪🇫🇷", 2),
            ("❤️", 1), ("🏴󠁧󠁢󠁳󠁣󠁴󠁿", 1), ("☺", 1),
            ("ok👍", 1), (":-) :D", 2),
            ("<3", 1), ("10:30", 0), ("http://a.b", 0), ("a:D", 0), (":Dog", 0), ("©", 0), ("1️⃣", 0), (":)))", 1),
        ])
    func emoji(text: String, count: Int) {
        #expect(analysis(text).emojiCount == count)
    }

    @Test("other languages get hashed features, and say so")
    func hashed() {
        for text in [
            "Завтра будет дождь", "今日はとても寒いです", "שלום עולם", "مرحبا بالعالم", "안녕하세요 여러분",
            "Ich möchte morgen mit meinen Freunden schwimmen gehen",
            "Je voudrais manger une pomme avec mes amis demain matin",
            "Quiero comer una manzana con mis amigos mañana por la mañana",
        ] {
            let result = analysis(text)
            #expect(result.embeddingSource == .hashed && !result.rulesApply, "\(text)")
            #expect(abs(UnitVector.dot(result.embedding, result.embedding) - 1) < 1e-5)
            #expect(!result.terms.isEmpty)
        }
        let rain = analysis("Завтра будет сильный дождь").embedding
        let same = analysis("Сильный дождь будет завтра").embedding
        let other = analysis("Я люблю читать книги").embedding
        #expect(UnitVector.dot(rain, same) > 0.9 && UnitVector.dot(rain, other) < 0.5)
    }

    @Test("English gets the table's vector, a text without words the zero vector")
    func table() {
        let result = analysis("I want to transfer money")
        #expect(result.embeddingSource == .table && result.rulesApply)
        #expect(result.embedding == shippedTable.embed("I want to transfer money", dimensions: 64))
        for text in ["", "   ", "😀", "\u{0}"] {
            #expect(
                analysis(text).embeddingSource == .none && analysis(text).embedding == [Float](repeating: 0, count: 64))
        }
        #expect(TextAnalyzer(table: nil).analyze(content: "I want money").embeddingSource == .hashed)
    }

    @Test("supplied vectors are made units; those that do not fit are ignored")
    func supplied() {
        let good = shippedAnalyzer.analyze(content: "hello", suppliedEmbedding: [Float](repeating: 3, count: 64))
        #expect(good.embeddingSource == .supplied && good.embedding.allSatisfy { abs($0 - 0.125) < 1e-6 })
        var bad = [Float](repeating: 1, count: 64)
        bad[7] = .nan
        let huge = [Float](repeating: .greatestFiniteMagnitude, count: 64)
        for useless in [bad, huge, [Float](repeating: 0, count: 64), [Float](repeating: 1, count: 4097), []] {
            let result = shippedAnalyzer.analyze(content: "hello", suppliedEmbedding: useless)
            #expect(result.embeddingSource == .table && result.embedding == analysis("hello").embedding)
        }
    }

    @Test("supplied vectors of any width are kept; only those of one width are compared")
    func suppliedWidths() {
        let widths = [64, 96, 128, 192, 256, 300, 384, 512, 640, 768, 1024, 1280, 1536, 2048, 2560, 3072, 4096]
        let results = widths.map {
            shippedAnalyzer.analyze(content: "hello", suppliedEmbedding: [Float](repeating: 1, count: $0))
        }
        #expect(results.map(\.embedding.count) == widths && results.allSatisfy { $0.embeddingSource == .supplied })
        let spaces = results.map(\.embeddingSpace) + [analysis("hello"), analysis("привет")].map(\.embeddingSpace)
        #expect(Set(spaces).count == spaces.count && !spaces.contains(EmbeddingSource.none.rawValue))
    }

    @Test("the same words in other scripts' forms: composed or not, right to left, with joiners")
    func forms() {
        #expect(analysis("cafe\u{301}").wordCount == 1 && analysis("cafe\u{301}").terms.first?.text == "cafe\u{301}")
        #expect(analysis("I don’t love it").emotion == analysis("I don't love it").emotion)
        #expect(analysis("I’m here").firstPerson == 1)
        #expect(analysis("wor\u{200B}ld").terms.map(\.hash) == analysis("world").terms.map(\.hash))
        #expect(analysis("שָׁלוֹם").terms.first?.hash == analysis("שלום").terms.first?.hash)
        #expect(analysis("\u{202E}abc\u{202C}").wordCount == 1)
        #expect(analysis("日本語テキストの処理").terms.map(\.text) == ["日本語", "テキスト", "処理"])
        #expect(analysis("東京都庁舎前").terms.count == 5)
        #expect(analysis("한국어").terms.first?.hash == analysis("\u{1112}\u{1161}\u{11AB}국어").terms.first?.hash)
    }

    @Test("counts are those of the whole text, the rest those of 8 KiB")
    func long() {
        let text = String(repeating: "hello wörld. ", count: 5000)
        let result = analysis(text)
        #expect(result.characterCount == 65_000 && result.isTruncated)
        #expect(result.wordCount > 1100 && result.wordCount < 1180)
        #expect(result.terms.map(\.text) == ["wörld"])
        // The cut falls inside a scalar of four bytes.
        let emoji = analysis("a" + String(repeating: "😀", count: 16_384))
        #expect(emoji.emojiCount == 2047 && emoji.characterCount == 16_385)
        #expect(analysis(String(repeating: "a", count: 65_536)).wordCount == 1)
        #expect(!analysis("short").isTruncated)
    }

    @Test("NUL, controls and line ends are no words")
    func controls() {
        #expect(analysis("a\u{0}b c\u{1}").wordCount <= 3)
        #expect(analysis("\r\n\r\n\t \u{0}\u{7F}").wordCount == 0)
        #expect(analysis("\u{301}\u{301}\u{301}").wordCount == 0)
        #expect(analysis("''' ’’ don' 'tis rock'n'roll").wordCount == 3)
    }

    @Test("any scalars in any order are answered, the same each time", arguments: [1, 2, 3, 4] as [UInt64])
    func fuzz(seed: UInt64) {
        var state = seed
        func next(_ bound: UInt64) -> UInt32 {
            state = StableHash.mix(state &+ 0x9e37_79b9_7f4a_7c15)
            return UInt32(state % bound)
        }
        let spread: [UInt64] = [0x80, 0x250, 0x3000, 0x10000, 0x20000, 0x110000]
        for _ in 0..<400 {
            var text = String.UnicodeScalarView()
            for _ in 0..<next(60) {
                let bound = spread[Int(next(UInt64(spread.count)))]
                if let scalar = Unicode.Scalar(next(bound)) { text.append(scalar) }
            }
            let content = String(text)
            let result = analysis(content)
            #expect(result == analysis(content), "seed \(seed)")
            #expect(result.characterCount == text.count)
            #expect(result.embedding.count == 64 && result.embedding.allSatisfy(\.isFinite))
            #expect((0...1).contains(result.formality) && result.terms.count <= 32)
        }
    }

    @Test("an apostrophe that is a letter to Unicode is passed over outside of words")
    func modifierApostrophe() {
        // The first three were found by the fuzzer: the analysis of them never ended.
        for (text, words) in [
            ("ʼ", 0), ("ʼ\0\0\0io", 1), ("πtpOʼ\0\0\0iona", 2), ("обʼява", 1), ("обʼ ява", 2), ("don ʼt", 2), ("ʼʼ", 0),
        ] {
            #expect(analysis(text).wordCount == words, "\(text.debugDescription)")
        }
    }

    @Test("every scalar is read alone, before and after a word, and ends", .timeLimit(.minutes(10)))
    func everyScalar() {
        // Han, Hangul and private characters are alike; a few of each will do.
        let codes = [0...0x33FF, 0xA000...0xACFF, 0xF8F0...0x10FFF, 0x1D000...0x1FAFF] as [ClosedRange<UInt32>]
        for scalar in codes.joined().compactMap(Unicode.Scalar.init) {
            let result = analysis("\(scalar) a\(scalar) \(scalar)b")
            #expect(result.characterCount == 7, "\(scalar.value)")
        }
    }
}
