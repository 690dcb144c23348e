import Bytes
import Model
import Support
import Testing

@testable import Engines

@Suite("Topic tracker")
struct TopicsTests {
    @Test("a change of subject is a switch, and going back is a return to the same id")
    func switchAndReturn() throws {
        let script = TopicScript()
        let first = try #require(script.say(.user, TopicScript.analysis("sailing boat harbour", subject: 0)))
        #expect(first.isNewTopic && !first.isSwitch && first.topicID == 0)
        let stay = try #require(script.say(.assistant, TopicScript.analysis("boat wind sailing", subject: 0)))
        #expect(stay.topicID == first.topicID && !stay.isSwitch && stay.similarity > 0.9)
        let away = try #require(
            script.say(.user, TopicScript.analysis("pasta tomato oven", subject: 3, isQuestion: true)))
        #expect(away.isSwitch && away.isNewTopic && away.topicID != first.topicID)
        #expect(away.switchProbability > stay.switchProbability)
        // Long enough that the words of before are no longer the newest.
        for index in 0..<6 {
            let role: Role = index.isMultiple(of: 2) ? .assistant : .user
            let more = try #require(
                script.say(role, TopicScript.analysis("pasta sauce\(index) pan\(index)", subject: 3)))
            #expect(more.topicID == away.topicID)
        }
        let back = try #require(
            script.say(.user, TopicScript.analysis("harbour sailing wind", subject: 0, isQuestion: true)))
        #expect(back.isSwitch && back.isReturn && !back.isNewTopic && back.topicID == first.topicID)
        #expect(script.tracker.runningTopicID == first.topicID)
        #expect(script.tracker.transitions.map { [$0.from, $0.to] }.sorted { $0[0] < $1[0] } == [[0, 1], [1, 0]])
    }

    @Test("counts, times and labels of a topic are those of its messages")
    func summary() throws {
        let script = TopicScript()
        script.say(.user, TopicScript.analysis("sailing boat", subject: 0))
        let start = script.now
        script.say(.assistant, TopicScript.analysis("sailing lake", subject: 0))
        script.say(.user, TopicScript.analysis("sailing boat", subject: 0))
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
        let script = TopicScript()
        #expect(script.say(.user, MessageAnalysis())?.topicID == nil)
        var nod = TopicScript.analysis("okay", subject: 5)
        nod.cues = .backchannel
        #expect(script.say(.assistant, nod)?.topicID == nil)
        #expect(script.tracker.topics.isEmpty && script.tracker.runningTopicID == nil)
        let topic = try #require(script.say(.user, TopicScript.analysis("sailing boat", subject: 0))?.topicID)
        var emoji = MessageAnalysis()
        emoji.emojiCount = 3
        for analysis in [nod, emoji, MessageAnalysis()] {
            let observation = try #require(script.say(.assistant, analysis))
            #expect(observation.topicID == topic && !observation.isSwitch && !observation.isNewTopic)
        }
        #expect(script.tracker.topics.map(\.messageCount) == [1])
    }

    @Test("words that fit any subject open no topic and stay out of labels while there are better ones")
    func vagueWords() throws {
        let script = TopicScript()
        #expect(script.say(.user, TopicScript.analysis("honestly awesome", subject: 2))?.topicID == nil)
        let topic = try #require(script.say(.user, TopicScript.analysis("pretty sailing", subject: 0)))
        #expect(topic.label.hasPrefix("sailing"))
        let aside = try #require(script.say(.user, TopicScript.analysis("crazy weird", subject: 6), after: 86_400))
        #expect(aside.topicID == topic.topicID && !aside.isSwitch)
        #expect(VagueWords.contains("hahaha", hash: TopicTerms.hash("hahaha")))
        #expect(!VagueWords.contains("harbour", hash: TopicTerms.hash("harbour")))
    }

    @Test("a session that opens on the running topic goes on with it, however long the silence")
    func resumption() throws {
        let script = TopicScript()
        let first = try #require(script.say(.user, TopicScript.analysis("sailing boat", subject: 0)))
        let next = try #require(
            script.say(.user, TopicScript.analysis("sailing wind", subject: 0), after: 1e6, newSession: true))
        #expect(next.switchProbability > 0.5 && next.topicID == first.topicID && !next.isSwitch)
    }

    @Test("a system message changes nothing")
    func systemMessage() {
        let script = TopicScript()
        script.say(.user, TopicScript.analysis("sailing boat", subject: 0))
        var tracker = script.tracker
        let before = stateBytes { tracker.encode(into: &$0) }
        let session = SessionPosition(index: 7, startedAt: script.now, isFirstMessage: true, messagesBefore: 0)
        let observation = tracker.observe(
            TopicScript.analysis("you are a pirate", subject: 4), role: .system, at: script.now, session: session,
            previous: nil)
        #expect(!observation.isSwitch && !observation.isNewTopic)
        #expect(stateBytes { tracker.encode(into: &$0) } == before)
    }

    @Test("without comparable embeddings shared terms decide")
    func lexicalFallback() throws {
        let script = TopicScript()
        let sea = try #require(script.say(.user, TopicScript.analysis("парус море ветер"))?.topicID)
        #expect(script.say(.assistant, TopicScript.analysis("парус ветер"))?.topicID == sea)
        let food = try #require(
            script.say(.user, TopicScript.analysis("борщ суп кухня"), after: 86_400, newSession: true))
        #expect(food.isNewTopic && food.isSwitch)
        let back = try #require(script.say(.user, TopicScript.analysis("море парус"), after: 86_400, newSession: true))
        #expect(back.topicID == sea && back.isReturn)
        var narrow = TopicScript.analysis("парус море")
        narrow.embedding = [1, 0, 0]
        script.say(.user, TopicScript.analysis("парус", subject: 0))
        #expect(script.say(.user, narrow)?.topicID == sea)
    }

    @Test("directions of two embedding sources are not compared")
    func sourcesApart() throws {
        let script = TopicScript()
        script.say(.user, TopicScript.analysis("sailing boat", subject: 0))
        var other = TopicScript.analysis("sailing wind", subject: 4)
        other.embeddingSource = .hashed
        let observation = try #require(script.say(.user, other))
        #expect(!observation.isSwitch && observation.similarity == 0)
    }

    @Test("a wide embedding is folded, and keeps near what is near and far what is far")
    func folding() throws {
        var generator = SeededRandom(seed: 11)
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
        let script = TopicScript()
        for index in 0..<40 {
            var analysis = TopicScript.analysis("term\(index) word\(index)")
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
        var generator = SeededRandom(seed: seed)
        let script = TopicScript.random(seed: seed, messages: 300)
        var tracker = TopicTracker()
        for observation in script.observations {
            guard case .message(let message) = observation.row.event, message.role != .system else { continue }
            if Bool.random(using: &generator) {
                let bytes = stateBytes { tracker.encode(into: &$0) }
                tracker = try readState(bytes) { try TopicTracker(from: &$0) }
            }
            _ = tracker.observe(
                observation.analysis!, role: message.role, at: observation.at, session: observation.session,
                previous: observation.previous)
        }
        let whole = stateBytes { script.tracker.encode(into: &$0) }
        #expect(stateBytes { tracker.encode(into: &$0) } == whole, "seed \(seed)")
    }

    @Test("the state is bounded")
    func bounded() {
        let script = TopicScript.random(seed: 3, messages: 3000)
        #expect(script.tracker.topics.count <= Limits.topicsTrackedMax)
        #expect(script.tracker.transitions.count <= TopicTracker.transitionsMax)
        #expect(stateBytes { script.tracker.encode(into: &$0) }.count <= 7000)
        #expect(script.tracker.topics.allSatisfy { $0.label.utf8.count <= 3 * TopicTerms.textBytesMax + 4 })
    }

    @Test("damaged bytes are refused or give a tracker that goes on")
    func fuzz() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededRandom(seed: seed)
        let script = TopicScript.random(seed: seed, messages: 60)
        let whole = stateBytes { script.tracker.encode(into: &$0) }
        var refused = 0
        for _ in 0..<2000 {
            let bytes = damagedState(whole, &generator)
            guard var tracker = try? readState(bytes, { try TopicTracker(from: &$0) }) else {
                refused += 1
                continue
            }
            #expect(stateBytes { tracker.encode(into: &$0) }.count <= 8000, "seed \(seed)")
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
