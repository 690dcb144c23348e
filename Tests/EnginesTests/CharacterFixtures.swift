import Bytes
import Model
import Support
import Testing

@testable import Engines

extension SeededRandom {
    mutating func uniform() -> Double { Double.random(in: 0..<1, using: &self) }

    /// A standard normal value.
    mutating func normal() -> Double {
        (-2 * logarithm(1 - uniform())).squareRoot() * cosine(2 * Double.pi * uniform())
    }

    /// A value of Student's t with three degrees of freedom, unit scale.
    mutating func studentT3() -> Double {
        let squares = (0..<3).reduce(0.0) { sum, _ in
            let z = normal()
            return sum + z * z
        }
        return normal() / (squares / 3).squareRoot()
    }

    mutating func chance(_ probability: Double) -> Bool { uniform() < probability }
}

/// Rows of one pair, made one after another as the worker would show them to the engines.
struct CharacterScript {
    var random: SeededRandom
    var now: Timestamp
    private(set) var observations: [Observation] = []
    private var tracker = TopicTracker()
    private var session: SessionPosition?
    private var previous: PreviousMessage?
    private var nextID: Int64 = 1

    init(seed: UInt64, start: Timestamp = Timestamp(seconds: 1_525_575_674)) {
        random = SeededRandom(seed: seed)
        now = start
    }

    var topics: TopicTracker { tracker }

    /// Adds a message `after` seconds after the row before; 30 minutes of silence open a session.
    mutating func say(
        _ role: Role, after seconds: Double = 20, _ fill: (inout MessageAnalysis) -> Void = { _ in }
    ) {
        now = now.advanced(bySeconds: seconds)
        var analysis = MessageAnalysis()
        analysis.wordCount = 8
        analysis.rulesApply = true
        fill(&analysis)
        let isNew = session == nil || now.seconds(since: previous?.at ?? now) > Limits.sessionGapSeconds
        if isNew {
            session = SessionPosition(
                index: (session?.index ?? -1) + 1, startedAt: now, isFirstMessage: true, messagesBefore: 0)
        } else {
            session?.isFirstMessage = false
            session?.messagesBefore += 1
        }
        guard let session else { return }
        let topic = tracker.observe(analysis, role: role, at: now, session: session, previous: previous)
        let message = Message(id: nextID, role: role, content: "", createdAt: now)
        append(.message(message), analysis: analysis, topic: topic)
        if role != .system {
            previous = PreviousMessage(
                role: role, at: now, wordCount: analysis.wordCount, isQuestion: analysis.isQuestion)
        }
    }

    mutating func metric(_ name: String, _ value: Double, after seconds: Double = 1) {
        now = now.advanced(bySeconds: seconds)
        append(.metric(MetricPoint(id: nextID, metric: name, value: value)))
    }

    mutating func trait(_ name: String, _ intensity: Double, after seconds: Double = 1) {
        now = now.advanced(bySeconds: seconds)
        append(.trait(TraitActivation(id: nextID, trait: name, intensity: intensity)))
    }

    mutating func outreach(answered: Bool = false, after seconds: Double = 1) {
        now = now.advanced(bySeconds: seconds)
        append(.outreach(OutreachAttempt(id: nextID, sentAt: now, answeredAt: answered ? now : nil)))
    }

    private mutating func append(
        _ event: InputEvent, analysis: MessageAnalysis? = nil, topic: TopicObservation? = nil
    ) {
        nextID += 1
        let position =
            session ?? SessionPosition(index: 0, startedAt: now, isFirstMessage: false, messagesBefore: 0)
        observations.append(
            Observation(
                row: InputRow(effectiveAt: now, event: event), session: position, previous: previous,
                analysis: analysis, topic: topic))
    }

    /// Adds rows of every kind, with silences of seconds to weeks and values that no application should send.
    mutating func addAnything(rows: Int) {
        let wild = [Double.nan, .infinity, -.infinity, 1e300, -1e300, -0.0, .leastNonzeroMagnitude]
        for _ in 0..<rows {
            let pause = random.chance(0.1) ? random.uniform() * 900_000 : random.uniform() * 400
            let value = random.chance(0.1) ? wild.randomElement(using: &random) ?? 0 : random.uniform()
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                let names = CharacterMeasure.scores + ["a", "b", "latency é", String(repeating: "ü", count: 90)]
                let index = Int.random(in: 0..<40, using: &random)
                metric(index < names.count ? names[index] : "m\(index)", value, after: pause)
            case 1 where random.chance(0.3):
                trait("trait \(Int.random(in: 0..<24, using: &random))", value, after: pause)
            case 2: outreach(answered: random.chance(0.3), after: pause)
            default:
                let role: Role = random.chance(0.05) ? .system : random.chance(0.5) ? .user : .assistant
                var drawn = random
                say(role, after: pause) { Self.randomise(&$0, using: &drawn) }
                random = drawn
            }
        }
    }

    static func randomise(_ analysis: inout MessageAnalysis, using random: inout SeededRandom) {
        analysis.wordCount = Int.random(in: 0..<40, using: &random)
        analysis.questionKind = random.chance(0.3) ? .polar : .none
        analysis.emotion.valence = random.chance(0.02) ? .nan : random.uniform() * 2 - 1
        analysis.cues = CueSet(rawValue: random.chance(0.3) ? UInt32.random(in: 0..<1 << 15, using: &random) : 0)
            .subtracting(random.chance(0.95) ? .optOut : [])
        analysis.exclamations = Int.random(in: 0..<3, using: &random)
        let subject = Int.random(in: 0..<6, using: &random)
        analysis.terms = (0..<4).map { Term(hash: StableHash.hash("s\(subject)w\($0)"), text: "s\(subject)w\($0)") }
        analysis.embedding = (0..<64).map { $0 / 8 == subject ? 0.35 : Float.random(in: 0..<0.02, using: &random) }
        analysis.embeddingSource = .table
    }
}

extension Engine {
    /// The state's bytes.
    var encoded: [UInt8] {
        var writer = StateWriter()
        encode(into: &writer)
        return writer.bytes
    }

    /// Reads a state back from all of these bytes.
    init(bytes: [UInt8]) throws {
        var reader = StateReader(bytes)
        try self.init(from: &reader)
        try reader.finish()
    }
}

/// A JSON column that must be there.
func parsed(_ json: String?) throws -> JSONValue {
    let text = try #require(json)
    return try JSONValue(parsing: text)
}

/// The elements of a JSON column that must be there and an array.
func elements(_ json: String?) throws -> [JSONValue] {
    let value = try parsed(json)
    return try #require(value.array)
}

/// Folds rows, encoding and decoding the state in between with a probability.
func fold<E: Engine>(
    _ type: E.Type, _ observations: [Observation], interruptions: Double = 0, seed: UInt64 = 0
) throws -> E {
    var random = SeededRandom(seed: seed)
    var engine = E()
    for observation in observations {
        engine.apply(observation)
        if random.chance(interruptions) { engine = try E(bytes: engine.encoded) }
    }
    return engine
}
