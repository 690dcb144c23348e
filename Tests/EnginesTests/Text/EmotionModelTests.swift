import Bytes
import CAssets
import Engines
import Support
import Testing

/// The model that ships, made once for all tests.
let shippedEmotions: EmotionModel = {
    do {
        return try EmotionModel(UnsafeRawBufferPointer(start: emotion_weights(), count: emotion_weights_bytes()))
    } catch {
        fatalError("expected the shipped weights to load, got: \(error)")
    }
}()

private let modelled = TextAnalyzer(table: shippedTable, emotions: shippedEmotions)

@Suite("Text analysis: emotion model")
struct EmotionModelTests {
    private static let texts = [
        "", "x", "愛", "I love it, you idiot!!! wow :( 😱 eww", "the train leaves at nine",
        "NO WAY this is sooooo good",
        String(repeating: "I hate this, it is disgusting. ", count: 400),
    ]

    @Test(
        "the emotion that stands out",
        arguments: [
            ("I love this so much!", .joy), ("I am so sad and lonely", .sadness), ("this makes me furious", .anger),
            ("I'm scared of the dark", .fear), ("ew that is disgusting", .disgust),
            ("wow I did not expect that", .surprise), ("the train leaves at nine", .neutral),
            ("thank you, that helped a lot", .joy), ("why would he do that?", .surprise), ("sooooo happyyyy", .joy),
            ("x", .neutral), ("", .neutral),
            ("ok", .neutral), ("the meeting is on Tuesday", .neutral), ("zxq", .neutral),
        ] as [(String, EmotionKind)])
    func dominant(text: String, expected: EmotionKind) {
        #expect(modelled.analyze(content: text).emotion.dominant == expected)
    }

    @Test("probabilities add up to one; valence and arousal are within their ranges", arguments: texts)
    func distribution(text: String) {
        let emotion = modelled.analyze(content: text).emotion
        #expect(abs(EmotionKind.allCases.reduce(0) { $0 + emotion[$1] } - 1) < 1e-12)
        #expect((-1...1).contains(emotion.valence) && (0...1).contains(emotion.arousal))
        #expect(EmotionKind.allCases.allSatisfy { (0...1).contains(emotion[$0]) })
    }

    @Test("pleasant and unpleasant lie apart, also behind a negation; exclamation marks excite")
    func axes() {
        func emotion(_ text: String) -> Emotion { modelled.analyze(content: text).emotion }
        #expect(emotion("it was great").valence > 0 && emotion("it was awful").valence < 0)
        #expect(emotion("I am not happy").valence < emotion("I am happy").valence)
        #expect(emotion("I HATE IT!!!").arousal > emotion("I hate it").arousal)
    }

    @Test("an emotion that came with the message wins")
    func supplied() {
        let result = modelled.analyze(content: "I hate it", suppliedEmotion: [("joy", 0.9)]).emotion
        #expect(result.source == .supplied && result.dominant == .joy && abs(result.joy - 0.9) < 1e-12)
        let useless = modelled.analyze(content: "I hate it", suppliedEmotion: [("unheard-of", 1)]).emotion
        #expect(useless.source == .computed && useless.dominant == .anger)
    }

    @Test(
        "what is not English is judged by the lexicon, as without a model",
        arguments: [
            "Завтра будет дождь", "Завтра будет дождь 😭", "今日はとても良い天気ですね", "😭😭", "", "123", "愛",
            "je ne sais pas pourquoi vous êtes tellement fâchés contre nous",
        ])
    func otherLanguages(text: String) {
        let with = modelled.analyze(content: text)
        #expect(!with.rulesApply)
        #expect(with.emotion == shippedAnalyzer.analyze(content: text).emotion)
    }

    @Test("the emotion does not depend on the width of embeddings, nor do other values on the model")
    func independence() {
        let wide = TextAnalyzer(table: shippedTable, emotions: shippedEmotions, dimensions: 256)
        for text in Self.texts {
            let with = modelled.analyze(content: text)
            #expect(wide.analyze(content: text).emotion == with.emotion)
            var without = shippedAnalyzer.analyze(content: text)
            without.emotion = with.emotion
            #expect(without == with)
        }
    }

    @Test("words that a model holds give the sums of their features, so that holding them changes nothing")
    func heldWords() throws {
        let bits = 10
        var generator = SeededRandom(seed: 7)
        let weights = (0..<EmotionModel.kinds << bits).map { _ in Double.random(in: -1...1, using: &generator) }
        let biases = [Double](repeating: -0.5, count: EmotionModel.kinds)
        let text = "The quick brown fox jumps over the lazy dog, and so does the cat."
        let words = shippedAnalyzer.emotionFeatures(of: text, bits: bits).words
        let distinct = Dictionary(words.map { ($0.hash, $0.buckets) }, uniquingKeysWith: { one, _ in one })
        #expect(distinct.count == 12)
        let holding = EmotionModel.bytes(
            bits: bits, weights: weights, biases: biases, words: distinct.map { (hash: $0.key, buckets: $0.value) })
        let empty = EmotionModel.bytes(bits: bits, weights: weights, biases: biases, words: [])
        #expect(holding != empty)
        let emotions = try [holding, empty].map { bytes in
            try bytes.withUnsafeBytes { raw in
                TextAnalyzer(table: shippedTable, emotions: try EmotionModel(raw)).analyze(content: text).emotion
            }
        }
        #expect(emotions[0] == emotions[1])
    }

    @Test("bytes that are no model are refused")
    func refusal() {
        let whole = EmotionModel.bytes(
            bits: 8, weights: [Double](repeating: 0, count: EmotionModel.kinds << 8),
            biases: [Double](repeating: 0, count: EmotionModel.kinds), words: [])
        func loads(_ bytes: [UInt8]) -> Bool {
            bytes.withUnsafeBytes { (try? EmotionModel($0)) != nil }
        }
        #expect(loads(whole))
        #expect(!loads([]) && !loads(Array(whole.dropLast())) && !loads(whole + [0]) && !loads([0] + whole.dropFirst()))
        var wide = whole
        wide[4] = 255
        #expect(!loads(wide))
    }
}
