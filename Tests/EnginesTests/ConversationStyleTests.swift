import Bytes
import Foundation
import Model
import Support
import Testing

@testable import Engines

@Suite("Engine 6, conversation patterns")
struct ConversationStyleTests {
    private func message(words: Int, formality: Double = 0.5, isQuestion: Bool = false) -> MessageAnalysis {
        var analysis = MessageAnalysis()
        analysis.wordCount = words
        analysis.formality = formality
        analysis.rulesApply = true
        analysis.emotion.source = .computed
        analysis.questionKind = isQuestion ? .wh : .none
        return analysis
    }

    @Test("labels follow formality, length and manner")
    func labels() {
        let casual = TopicScript()
        let formal = TopicScript()
        for _ in 0..<12 {
            casual.say(.user, message(words: 3, formality: 0.1, isQuestion: true))
            casual.say(.assistant, message(words: 12))
            formal.say(.user, message(words: 40, formality: 0.9))
            formal.say(.assistant, message(words: 12))
        }
        #expect(casual.row(ConversationStyleEngine.self).communicationStyle == "casual, brief, inquisitive")
        #expect(formal.row(ConversationStyleEngine.self).communicationStyle == "formal, expansive, matter-of-fact")
        #expect(casual.row(ConversationStyleEngine.self).preferredDepth == "brief")
    }

    @Test("long messages, staying on a topic and disclosure make a deep conversation")
    func depth() {
        let script = TopicScript()
        for _ in 0..<12 {
            var analysis = TopicScript.analysis("sailing boat harbour", subject: 0)
            analysis.wordCount = 45
            analysis.rulesApply = true
            analysis.cues = .selfDisclosure
            script.say(.user, analysis)
        }
        #expect(script.row(ConversationStyleEngine.self).preferredDepth == "deep")
    }

    @Test("emotional engagement grows with feeling and with moving along with the bot")
    func engagement() throws {
        let flat = TopicScript()
        let warm = TopicScript()
        for index in 0..<20 {
            flat.say(.assistant, message(words: 5))
            flat.say(.user, message(words: 5))
            var feeling = message(words: 5)
            feeling.emotion.neutral = 0.2
            feeling.emotion.arousal = 0.7
            feeling.emotion.valence = index % 2 == 0 ? 0.8 : -0.6
            feeling.exclamations = 1
            warm.say(.assistant, feeling)
            warm.say(.user, feeling)
        }
        let low = try #require(flat.row(ConversationStyleEngine.self).emotionalEngagement)
        let high = try #require(warm.row(ConversationStyleEngine.self).emotionalEngagement)
        #expect((0...1).contains(low) && (0...1).contains(high) && high > low + 0.3)
    }

    @Test("the best reply length is that of the replies that the user goes on after")
    func replyLength() throws {
        let script = TopicScript()
        for _ in 0..<15 {
            script.say(.assistant, message(words: 30), after: 20)
            script.say(.user, message(words: 5), after: 20)
            script.say(.assistant, message(words: 120), after: 20)
            script.say(.user, message(words: 5), after: 4000, newSession: true)
        }
        let row = script.row(ConversationStyleEngine.self)
        #expect(row.optimalResponseLength == 30)
        #expect(!row.unvalidated.contains(.conversationPatterns))
    }

    @Test("a reply that nothing has followed yet is not counted")
    func censored() {
        let script = TopicScript()
        script.say(.user, message(words: 5))
        script.say(.assistant, message(words: 30))
        #expect(script.applied(ConversationStyleEngine.self).replies.resolvedCount == 0)
        script.say(.assistant, message(words: 10))
        #expect(script.applied(ConversationStyleEngine.self).replies.resolvedCount == 0)
        script.say(.user, message(words: 5))
        let answered = script.applied(ConversationStyleEngine.self).replies
        #expect(answered.resolvedCount == 1)
        #expect(answered.bins[ReplyModel.bin(words: 40)] == .init(replies: 1, continued: 1, words: 40))
        script.say(.assistant, message(words: 8))
        script.say(.assistant, message(words: 9), after: 90_000, newSession: true)
        let dropped = script.applied(ConversationStyleEngine.self).replies
        #expect(dropped.resolvedCount == 2)
        #expect(dropped.bins[ReplyModel.bin(words: 8)] == .init(replies: 1, continued: 0, words: 8))
    }

    @Test("too little to say gives nulls with reasons; system messages do not count")
    func tooLittle() {
        let script = TopicScript()
        for _ in 0..<9 { script.say(.system, message(words: 50)) }
        script.say(.user, message(words: 0))
        let row = script.row(ConversationStyleEngine.self)
        #expect(row.communicationStyle == nil && row.preferredDepth == nil && row.emotionalEngagement == nil)
        #expect(row.optimalResponseLength == nil && row.styleFeatures == nil)
        #expect(row.nullReasons[.conversationPatterns]?.contains("fewer than 5 messages") == true)
        #expect(script.applied(ConversationStyleEngine.self).userMessages == 1)
    }

    @Test("where no rule about words applies, nothing is said of register or feeling, with a reason")
    func otherLanguage() {
        let analyzer = TextAnalyzer(table: nil)
        let script = TopicScript()
        for _ in 0..<8 {
            script.say(.user, analyzer.analyze(content: "今日はとても良い天気ですね、散歩に行きましょう"))
            script.say(.assistant, analyzer.analyze(content: "😀"))
        }
        let row = script.row(ConversationStyleEngine.self)
        #expect(row.emotionalEngagement == nil)
        #expect(row.nullReasons[.conversationPatterns]?.contains("emotional_engagement") == true)
        #expect(row.communicationStyle?.contains("neutral") == false)
        #expect(row.preferredDepth != nil && row.optimalResponseLength != nil)
    }

    @Test("the features are JSON and hold medians near the true ones")
    func features() throws {
        let script = TopicScript()
        for index in 0..<60 {
            script.say(.assistant, message(words: 10), after: 5)
            script.say(.user, message(words: index % 2 == 0 ? 8 : 24), after: 30)
        }
        let json = try #require(script.row(ConversationStyleEngine.self).styleFeatures)
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        let median = try #require(object["reply_seconds_median"] as? Double)
        #expect(abs(median - 30) < 12)
        #expect(abs(try #require(object["user_word_share"] as? Double) - 16.0 / 26) < 1e-3)
        #expect(object["user_messages"] as? Int == 60)
        #expect((object["active_hours_utc"] as? [Int])?.isEmpty == false)
    }

    @Test("features of a long life take at most 640 bytes")
    func featuresAreSmall() throws {
        let script = TopicScript.random(seed: 5, messages: 3000)
        var engine = script.applied(ConversationStyleEngine.self)
        engine.userMessages = 123_456_789
        engine.botMessages = 123_456_788
        engine.userWords = 1_234_567_890
        engine.botWords = 1_234_567_891
        for kind in engine.questionKinds.indices { engine.questionKinds[kind] = 12_345_678 }
        var row = StrategicRow(pair: Pair(userID: "user", botName: "bot"))
        engine.contribute(to: &row, topics: script.tracker)
        let bytes = try #require(row.styleFeatures).utf8.count
        #expect(bytes <= 640, "got: \(bytes)")
    }

    @Test("quantiles are within a bin of the exact ones")
    func quantiles() throws {
        var generator = SeededRandom(seed: 2)
        var sketch = LogHistogram(resolution: 3)
        var values: [Double] = []
        for _ in 0..<1500 {
            let value = exp(Double.random(in: 0..<5, using: &generator))
            values.append(value)
            sketch.add(value)
        }
        values.sort()
        for share in [0.1, 0.5, 0.9] {
            let exact = values[Int(share * 1500)]
            let approximate = try #require(sketch.quantile(share))
            #expect(abs(log2((1 + approximate) / (1 + exact))) < 1.0 / 3)
        }
        #expect(LogHistogram(resolution: 3).quantile(0.5) == nil)
    }

    @Test("different terms are counted within a third")
    func vocabulary() {
        for distinct in [30, 200, 3000] {
            var vocabulary = Vocabulary()
            for round in 0..<3 * distinct { vocabulary.add(StableHash.hash("term\(round % distinct)")) }
            #expect(abs(vocabulary.distinct / Double(distinct) - 1) < 0.33)
            #expect(vocabulary.richness! < 1)
        }
    }

    @Test("the same rows give the same bytes wherever the state was stored in between")
    func splitInvariance() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededRandom(seed: seed)
        let script = TopicScript.random(seed: seed, messages: 3000)
        var engine = ConversationStyleEngine()
        for observation in script.observations {
            if Int.random(in: 0..<10, using: &generator) == 0 {
                let bytes = stateBytes { engine.encode(into: &$0) }
                engine = try readState(bytes) { try ConversationStyleEngine(from: &$0) }
            }
            engine.apply(observation)
        }
        let whole = script.applied(ConversationStyleEngine.self)
        #expect(stateBytes { engine.encode(into: &$0) } == stateBytes { whole.encode(into: &$0) }, "seed \(seed)")
        #expect(stateBytes { engine.encode(into: &$0) }.count <= 1100)
    }

    @Test("damaged bytes are refused or give an engine that goes on")
    func fuzz() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededRandom(seed: seed)
        let script = TopicScript.random(seed: seed, messages: 100)
        let original = script.applied(ConversationStyleEngine.self)
        let whole = stateBytes { original.encode(into: &$0) }
        var refused = 0
        for _ in 0..<2000 {
            let bytes = damagedState(whole, &generator)
            guard var engine = try? readState(bytes, { try ConversationStyleEngine(from: &$0) }) else {
                refused += 1
                continue
            }
            for observation in script.observations.prefix(8) { engine.apply(observation) }
            var row = StrategicRow(pair: Pair(userID: "user", botName: "bot"))
            engine.contribute(to: &row, topics: script.tracker)
            #expect(row.emotionalEngagement.map { (0...1).contains($0) } ?? true, "seed \(seed)")
        }
        #expect(refused > 100, "seed \(seed)")
    }
}
