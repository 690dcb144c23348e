import Bytes
import Model
import Testing

@testable import Engines

@Suite("Topic tracker")
struct TopicsTests {
    @Test("a change of subject is a switch, and going back is a return to the same id")
    func switchAndReturn() throws {
        let script = Script()
        let first = try #require(script.say(.user, Script.analysis("sailing boat harbour", subject: 0)))
        #expect(first.isNewTopic && !first.isSwitch && first.topicID == 0)
        let stay = try #require(script.say(.assistant, Script.analysis("boat wind sailing", subject: 0)))
        #expect(stay.topicID == first.topicID && !stay.isSwitch && stay.similarity > 0.9)
        let away = try #require(script.say(.user, Script.analysis("pasta tomato oven", subject: 3)))
        #expect(away.isSwitch && away.isNewTopic && away.topicID != first.topicID)
        #expect(away.switchProbability > stay.switchProbability)
        let back = try #require(script.say(.user, Script.analysis("harbour sailing wind", subject: 0)))
        #expect(back.isSwitch && back.isReturn && !back.isNewTopic && back.topicID == first.topicID)
        #expect(script.tracker.runningTopicID == first.topicID)
        #expect(script.tracker.transitions.map { [$0.from, $0.to] }.sorted { $0[0] < $1[0] } == [[0, 1], [1, 0]])
    }

    @Test("counts, times and labels of a topic are those of its messages")
    func summary() throws {
        let script = Script()
        script.say(.user, Script.analysis("sailing boat", subject: 0))
        let start = script.now
        script.say(.assistant, Script.analysis("sailing lake", subject: 0))
        script.say(.user, Script.analysis("sailing boat", subject: 0))
        let topic = try #require(script.tracker.topics.first)
        #expect(script.tracker.topics.count == 1)
        #expect(topic.messageCount == 3 && topic.userMessageCount == 2)
        #expect(topic.firstSeen == start && topic.lastSeen == script.now)
        #expect(topic.label == "sailing, boat" || topic.label == "sailing, boat, lake")
        #expect(script.tracker.label(of: topic.id) == topic.label)
        #expect(script.tracker.label(of: 99) == nil)
    }

    @Test("acknowledgements, emoji and empty texts start no topic and keep the running one")
    func lowContent() throws {
        let script = Script()
        #expect(script.say(.user, MessageAnalysis())?.topicID == nil)
        var nod = Script.analysis("okay", subject: 5)
        nod.cues = .backchannel
        #expect(script.say(.assistant, nod)?.topicID == nil)
        #expect(script.tracker.topics.isEmpty && script.tracker.runningTopicID == nil)
        let topic = try #require(script.say(.user, Script.analysis("sailing boat", subject: 0))?.topicID)
        var emoji = MessageAnalysis()
        emoji.emojiCount = 3
        for analysis in [nod, emoji, MessageAnalysis()] {
            let observation = try #require(script.say(.assistant, analysis))
            #expect(observation.topicID == topic && !observation.isSwitch && !observation.isNewTopic)
        }
        #expect(script.tracker.topics.map(\.messageCount) == [1])
    }

    @Test("a system message changes nothing")
    func systemMessage() {
        let script = Script()
        script.say(.user, Script.analysis("sailing boat", subject: 0))
        var tracker = script.tracker
        let before = encoded { tracker.encode(into: &$0) }
        let session = SessionPosition(index: 7, startedAt: script.now, isFirstMessage: true, messagesBefore: 0)
        let observation = tracker.observe(
            Script.analysis("you are a pirate", subject: 4), role: .system, at: script.now, session: session,
            previous: nil)
        #expect(!observation.isSwitch && !observation.isNewTopic)
        #expect(encoded { tracker.encode(into: &$0) } == before)
    }

    @Test("without comparable embeddings shared terms decide")
    func lexicalFallback() throws {
        let script = Script()
        let sea = try #require(script.say(.user, Script.analysis("парус море ветер"))?.topicID)
        #expect(script.say(.assistant, Script.analysis("парус ветер"))?.topicID == sea)
        let food = try #require(script.say(.user, Script.analysis("борщ суп кухня"), after: 86_400, newSession: true))
        #expect(food.isNewTopic && food.isSwitch)
        let back = try #require(script.say(.user, Script.analysis("море парус"), after: 86_400, newSession: true))
        #expect(back.topicID == sea && back.isReturn)
        var narrow = Script.analysis("парус море")
        narrow.embedding = [1, 0, 0]
        script.say(.user, Script.analysis("парус", subject: 0))
        #expect(script.say(.user, narrow)?.topicID == sea)
    }

    @Test("directions of two embedding sources are not compared")
    func sourcesApart() throws {
        let script = Script()
        script.say(.user, Script.analysis("sailing boat", subject: 0))
        var other = Script.analysis("sailing wind", subject: 4)
        other.embeddingSource = .hashed
        let observation = try #require(script.say(.user, other))
        #expect(!observation.isSwitch && observation.similarity == 0)
    }

    @Test("a wide embedding is folded, and keeps near what is near and far what is far")
    func folding() throws {
        var generator = SeededGenerator(seed: 11)
        func noise() -> [Float] { (0..<1536).map { _ in Float.random(in: -1...1, using: &generator) } }
        let base = noise()
        let other = noise()
        let near = zip(base, noise()).map { $0 + 0.2 * $1 }
        let direction = try #require(Direction(base))
        #expect(direction.cosine(to: try #require(Direction(near))) > 0.9)
        #expect(direction.cosine(to: try #require(Direction(other))).magnitude < 0.5)
    }

    @Test("zero, empty and non-finite embeddings have no direction")
    func noDirection() {
        #expect(Direction([]) == nil)
        #expect(Direction([Float](repeating: 0, count: 64)) == nil)
        #expect(Direction([.nan, 1]) == nil)
        #expect(Direction([.infinity, 1]) == nil)
        #expect(Direction([1, .nan]) == nil)
    }

    @Test("the weakest topic makes room for a new one, and its transitions go with it")
    func eviction() {
        let script = Script()
        for index in 0..<40 {
            var analysis = Script.analysis("term\(index) word\(index)")
            analysis.cues = .topicShift
            script.say(.user, analysis, after: 4000, newSession: true)
        }
        let ids = script.tracker.topics.map(\.id)
        #expect(ids.count == Limits.topicsTrackedMax)
        #expect(ids.contains(39) && !ids.contains(0))
        #expect(script.tracker.transitions.allSatisfy { ids.contains($0.from) && ids.contains($0.to) })
    }

    @Test("the same rows give the same bytes wherever the state was stored in between")
    func splitInvariance() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed)
        let script = Script.random(seed: seed, messages: 300)
        var tracker = TopicTracker()
        for observation in script.observations {
            guard case .message(let message) = observation.row.event, message.role != .system else { continue }
            if Bool.random(using: &generator) {
                let bytes = encoded { tracker.encode(into: &$0) }
                tracker = try decoded(bytes) { try TopicTracker(from: &$0) }
            }
            _ = tracker.observe(
                observation.analysis!, role: message.role, at: observation.at, session: observation.session,
                previous: observation.previous)
        }
        let whole = encoded { script.tracker.encode(into: &$0) }
        #expect(encoded { tracker.encode(into: &$0) } == whole, "seed \(seed)")
    }

    @Test("the state is bounded")
    func bounded() {
        let script = Script.random(seed: 3, messages: 3000)
        #expect(script.tracker.topics.count <= Limits.topicsTrackedMax)
        #expect(script.tracker.transitions.count <= TopicTracker.transitionsMax)
        #expect(encoded { script.tracker.encode(into: &$0) }.count <= 7000)
        #expect(script.tracker.topics.allSatisfy { $0.label.utf8.count <= 3 * TopicTerms.textBytesMax + 4 })
    }

    @Test("damaged bytes are refused or give a tracker that goes on")
    func fuzz() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed)
        let script = Script.random(seed: seed, messages: 60)
        let whole = encoded { script.tracker.encode(into: &$0) }
        var refused = 0
        for _ in 0..<2000 {
            let bytes = damaged(whole, &generator)
            guard var tracker = try? decoded(bytes, { try TopicTracker(from: &$0) }) else {
                refused += 1
                continue
            }
            #expect(encoded { tracker.encode(into: &$0) }.count <= 8000, "seed \(seed)")
            for observation in script.observations.prefix(8) {
                _ = tracker.observe(
                    observation.analysis!, role: .user, at: observation.at, session: observation.session,
                    previous: observation.previous)
            }
            _ = (tracker.topics, tracker.transitions)
        }
        #expect(refused > 100, "seed \(seed)")
    }
}
