import Bytes
import Foundation
import Model
import Support
import Testing

@testable import Engines

@Suite("Engine 4, context switches")
struct ContextSwitchTests {
    private struct RecentTopic: Decodable {
        var topic: String
        var start_time: String
        var end_time: String
    }

    private struct Graph: Decodable {
        struct Node: Decodable {
            var topic: String
            var weight: Double
        }
        struct Edge: Decodable {
            var from: String
            var to: String
            var weight: Double
        }
        var nodes: [Node]
        var edges: [Edge]
    }

    private func parse<Value: Decodable>(_ json: String?, as: Value.Type) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(try #require(json).utf8))
    }

    /// Sea for two minutes, food for one, a night of silence, sea again for one.
    private var evening: TopicScript {
        let script = TopicScript()
        var aside = TopicScript.analysis("pasta oven", subject: 3, isQuestion: true)
        aside.cues = .topicShift
        script.say(.user, TopicScript.analysis("sailing boat", subject: 0), after: 0)
        script.say(.assistant, TopicScript.analysis("sailing wind", subject: 0), after: 60)
        script.say(.assistant, TopicScript.analysis("boat wind", subject: 0), after: 60)
        script.say(.user, aside, after: 60)
        script.say(.assistant, TopicScript.analysis("pasta tomato", subject: 3), after: 60)
        script.say(.user, TopicScript.analysis("sailing boat wind", subject: 0), after: 36_000, newSession: true)
        script.say(.assistant, TopicScript.analysis("sailing boat", subject: 0), after: 60)
        return script
    }

    @Test("segments, durations and frequency of a scripted evening")
    func scriptedEvening() throws {
        let row = evening.row(ContextSwitchEngine.self)
        let topics = try parse(row.recentTopics, as: [RecentTopic].self)
        try #require(topics.count == 3)
        #expect(topics[0].topic == topics[2].topic && topics[1].topic.contains("pasta"))
        #expect(topics[2].start_time == "2018-05-06T03:01:14Z")
        #expect(topics[2].end_time == "2018-05-06T03:03:14Z")
        #expect(topics[1].start_time == "2018-05-06T03:04:14Z")
        // (2 + 1 + 1) minutes in three segments; two switches in 5 minutes of talk.
        #expect(abs(try #require(row.averageTopicDurationMinutes) - 4.0 / 3) < 1e-9)
        #expect(abs(try #require(row.contextSwitchFrequency) - 2.0 / (5.0 / 60)) < 1e-9)
        #expect(row.lastMessageAt == evening.now)
        let graph = try parse(row.topicTransitionGraph, as: Graph.self)
        #expect(graph.nodes.count == 2 && graph.edges.count == 2)
        #expect(graph.nodes[0].topic.contains("sailing") && graph.nodes[0].weight > graph.nodes[1].weight)
        #expect(graph.edges.contains { $0.from == topics[1].topic && $0.to == topics[0].topic && $0.weight == 1 })
    }

    @Test("nothing said gives nulls with a reason")
    func empty() {
        let script = TopicScript()
        script.say(.system, TopicScript.analysis("you are a pirate", subject: 1))
        script.say(.user, MessageAnalysis())
        let row = script.row(ContextSwitchEngine.self)
        #expect(row.recentTopics == nil && row.switchLogit == nil && row.averageTopicDurationMinutes == nil)
        #expect(row.nullReasons[.contextSwitch] == "no message with a topic yet")
        #expect(row.lastMessageAt == script.now)
    }

    @Test("messages at one and the same time have no frequency, and say so")
    func equalTimes() {
        let script = TopicScript()
        for index in 0..<8 {
            script.say(index % 2 == 0 ? .user : .assistant, TopicScript.analysis("sailing boat", subject: 0), after: 0)
        }
        let row = script.row(ContextSwitchEngine.self)
        #expect(row.contextSwitchFrequency == nil)
        #expect(row.nullReasons[.contextSwitch]?.contains("context_switch_frequency") == true)
        #expect(row.averageTopicDurationMinutes == 0)
        #expect(row.switchLogit != nil)
    }

    @Test("a gap of years inside a session counts as half an hour of talk")
    func longGap() throws {
        let script = TopicScript()
        script.say(.user, TopicScript.analysis("sailing boat", subject: 0), after: 0)
        script.say(.user, TopicScript.analysis("sailing boat", subject: 0), after: 1e8)
        let engine = script.applied(ContextSwitchEngine.self)
        #expect(engine.talkMicroseconds == 1_800_000_000)
    }

    @Test("a pair that switches often has a higher hazard than one that never does")
    func hazardOrders() throws {
        let restless = TopicScript()
        let steady = TopicScript()
        for index in 0..<40 {
            // Who asks for one thing after another, and who asks for more of one.
            var other = TopicScript.analysis("word\(index) thing\(index)", subject: index % 8)
            var same = TopicScript.analysis("sailing boat", subject: 0)
            other.cues = [.request, .unresolvedRequest]
            same.cues = other.cues
            restless.say(.user, other)
            steady.say(.user, same)
        }
        let high = try #require(restless.row(ContextSwitchEngine.self).switchLogit)
        let low = try #require(steady.row(ContextSwitchEngine.self).switchLogit)
        #expect(high > low + 2)
    }

    @Test("the hazard finds the coefficients that made the data, and beats the base rate then")
    func hazardLearns() {
        var generator = SeededRandom(seed: 5)
        var model = HazardModel()
        for _ in 0..<4000 {
            let gap = Bool.random(using: &generator) ? 0.0 : 60.0
            let isSwitch = Double.random(in: 0..<1, using: &generator) < (gap == 0 ? 0.1 : 0.6)
            model.observe(isSwitch: isSwitch, messagesSinceSwitch: 0, gapMinutes: gap)
        }
        let atOnce = model.logit(messagesSinceSwitch: 0)
        #expect(abs(1 / (1 + exp(-atOnce)) - 0.1) < 0.03)
        #expect(abs(1 / (1 + exp(-atOnce - model.gapWeight * log(61))) - 0.6) < 0.06)
        #expect(model.isValidated)
    }

    @Test("a switch is less likely right after a question")
    func afterQuestion() {
        let model = HazardModel()
        let plain = model.logit(messagesSinceSwitch: 3)
        #expect(model.logit(messagesSinceSwitch: 3, afterQuestion: true) < plain)
    }

    @Test("a hazard that depends on nothing is not validated as better than the base rate")
    func hazardOfNoise() {
        var generator = SeededRandom(seed: 8)
        var validated = 0
        for _ in 0..<50 {
            var model = HazardModel()
            for _ in 0..<300 {
                model.observe(
                    isSwitch: Double.random(in: 0..<1, using: &generator) < 0.5,
                    messagesSinceSwitch: Int.random(in: 0..<20, using: &generator),
                    gapMinutes: Double.random(in: 0..<100, using: &generator))
            }
            if model.isValidated { validated += 1 }
        }
        #expect(validated < 20)
    }

    @Test("the same rows give the same bytes wherever the state was stored in between")
    func splitInvariance() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededRandom(seed: seed)
        let script = TopicScript.random(seed: seed, messages: 300)
        var engine = ContextSwitchEngine()
        for observation in script.observations {
            if Bool.random(using: &generator) {
                let bytes = stateBytes { engine.encode(into: &$0) }
                engine = try readState(bytes) { try ContextSwitchEngine(from: &$0) }
            }
            engine.apply(observation)
        }
        let whole = script.applied(ContextSwitchEngine.self)
        #expect(stateBytes { engine.encode(into: &$0) } == stateBytes { whole.encode(into: &$0) }, "seed \(seed)")
    }

    @Test("state and lists are bounded")
    func bounded() throws {
        let script = TopicScript.random(seed: 4, messages: 2000)
        let engine = script.applied(ContextSwitchEngine.self)
        #expect(stateBytes { engine.encode(into: &$0) }.count <= 1100)
        let row = script.row(ContextSwitchEngine.self)
        #expect(try parse(row.recentTopics, as: [RecentTopic].self).count == Limits.recentTopicsMax)
        let graph = try parse(row.topicTransitionGraph, as: Graph.self)
        #expect(graph.nodes.count <= 12 && graph.edges.count <= 24)
    }

    @Test("damaged bytes are refused or give an engine that goes on")
    func fuzz() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededRandom(seed: seed)
        let script = TopicScript.random(seed: seed, messages: 60)
        let original = script.applied(ContextSwitchEngine.self)
        let whole = stateBytes { original.encode(into: &$0) }
        var refused = 0
        for _ in 0..<2000 {
            let bytes = damagedState(whole, &generator)
            guard var engine = try? readState(bytes, { try ContextSwitchEngine(from: &$0) }) else {
                refused += 1
                continue
            }
            for observation in script.observations.prefix(8) { engine.apply(observation) }
            var row = StrategicRow(pair: Pair(userID: "user", botName: "bot"))
            engine.contribute(to: &row, topics: script.tracker)
            #expect(row.averageTopicDurationMinutes.map(\.isFinite) ?? true, "seed \(seed)")
            #expect(row.switchLogit.map(\.isFinite) ?? true, "seed \(seed)")
        }
        #expect(refused > 100, "seed \(seed)")
    }
}
