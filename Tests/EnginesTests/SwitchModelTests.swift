import Bytes
import Model
import Support
import Testing

@testable import Engines

@Suite("Switch model")
struct SwitchModelTests {
    private let analyzer = TextAnalyzer(table: nil, dimensions: 64)
    private let start = Timestamp(seconds: 1_525_575_674)

    /// The features of the last of these messages, the user's and the assistant's in turn, a minute apart.
    private func features(_ texts: [String], opensSession: Bool = false, gapSeconds: Double = 60) -> SwitchFeatures {
        var context = SwitchContext()
        var previous: PreviousMessage?
        var at = start
        var features = SwitchFeatures()
        for (place, text) in texts.enumerated() {
            let role: Role = place.isMultiple(of: 2) ? .user : .assistant
            let isLast = place == texts.count - 1
            if place > 0 { at = at.advanced(bySeconds: isLast ? gapSeconds : 60) }
            let analysis = analyzer.analyze(content: text)
            features = context.observe(
                analysis, role: role, at: at, opensSession: isLast && opensSession, previous: previous)
            previous = PreviousMessage(
                role: role, at: at, wordCount: analysis.wordCount, isQuestion: analysis.isQuestion)
        }
        return features
    }

    @Test("names, inputs and weights are as many")
    func widths() {
        let inputs = SwitchFeatures().inputs
        #expect(SwitchFeatures.names.count == inputs.count)
        #expect(SwitchWeights.service.count == inputs.count && SwitchWeights.peers.count == inputs.count)
        #expect(SwitchWeights.userRegister.count == SwitchFeatures().registerInputs.count)
        #expect(inputs[0] == 1)
    }

    @Test("silence and a new session make a switch likelier, the more the longer")
    func silence() {
        let texts = ["I sail a small boat.", "Is it fast?", "Quite fast in a good wind."]
        let soon = SwitchModel.probability(features(texts))
        let later = SwitchModel.probability(features(texts, gapSeconds: 7200))
        let again = SwitchModel.probability(features(texts, opensSession: true, gapSeconds: 7200))
        #expect(soon < later && later < again && again <= 1 && soon >= 0)
        let capped = SwitchModel.probability(features(texts, gapSeconds: 1e9))
        #expect(capped == SwitchModel.probability(features(texts, gapSeconds: SwitchModel.gapMinutesMax * 60)))
    }

    @Test("who is served and thanks and asks sounds like a service, who tells of tastes like a peer")
    func register() {
        let service = features([
            "I need a taxi to the station, please.", "Certainly, where are you now?",
            "Thanks. Can you find me a hotel?",
            "You will find one near the station.", "Great, thank you. Please book a room for tonight.",
        ])
        let peers = features([
            "I love sailing, what do you like?", "I like dogs. I am a teacher.", "My sister has a dog and I love it.",
            "I prefer cats, my favorite is mine.", "I enjoy cats too, do you like fish?",
        ])
        #expect(service.register > peers.register + 1)
    }

    @Test("cues of requests are found where they are, and no phrase hides another's effect")
    func requests() {
        func cues(_ text: String) -> CueSet { analyzer.analyze(content: text).cues }
        #expect(cues("I also need a direct bus ticket.").contains(.request))
        #expect(cues("Find me a place to eat.").contains(.request))
        #expect(!cues("I did not find it.").contains(.request))
        #expect(cues("Can you help?").isSuperset(of: [.request, .unresolvedRequest]))
        #expect(cues("I want to learn to sail this year.").isSuperset(of: [.request, .plan]))
        let please = analyzer.analyze(content: "please book it for seven people")
        #expect(please.cues.isSuperset(of: [.request, .unresolvedRequest]) && please.politenessCues > 0)
    }

    @Test("an embedding of another space counts as neither near nor far")
    func otherSpace() {
        var context = SwitchContext()
        _ = context.observe(
            TopicScript.analysis("sailing boat", subject: 0), role: .user, at: start, opensSession: false,
            previous: nil)
        var other = TopicScript.analysis("pasta oven", subject: 4)
        other.embeddingSource = .hashed
        let features = context.observe(other, role: .user, at: start, opensSession: false, previous: nil)
        #expect(features.quickCosine == 0 && features.slowCosine == 0)
    }

    @Test("a context that was stored goes on as if it had not been")
    func coding() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        let script = TopicScript.random(seed: seed, messages: 120)
        var whole = SwitchContext()
        var stored = SwitchContext()
        for observation in script.observations {
            guard case .message(let message) = observation.row.event, message.role != .system,
                let analysis = observation.analysis
            else { continue }
            stored = try readState(stateBytes { stored.encode(into: &$0) }) { try SwitchContext(from: &$0) }
            for isWhole in [true, false] {
                var context = isWhole ? whole : stored
                let features = context.observe(
                    analysis, role: message.role, at: observation.at, opensSession: false,
                    previous: observation.previous)
                #expect(SwitchModel.probability(features).isFinite, "seed \(seed)")
                if isWhole { whole = context } else { stored = context }
            }
            #expect(stateBytes { stored.encode(into: &$0) } == stateBytes { whole.encode(into: &$0) }, "seed \(seed)")
        }
        #expect(stateBytes { whole.encode(into: &$0) }.count <= 260)
    }
}
