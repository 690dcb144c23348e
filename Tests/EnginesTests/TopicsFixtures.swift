import Bytes
import Model
import Support

@testable import Engines

/// A pair's conversation as the engines see it, built message by message.
final class TopicScript {
    private(set) var observations: [Observation] = []
    private(set) var tracker = TopicTracker()
    private var previous: PreviousMessage?
    private var session: SessionPosition?
    private var nextID: Int64 = 1
    var now = Timestamp(seconds: 1_525_575_674)

    /// A message whose words are its terms and whose embedding points along the axes of `subject`.
    static func analysis(_ text: String, subject: Int? = nil, isQuestion: Bool = false) -> MessageAnalysis {
        var analysis = MessageAnalysis()
        let words = text.split(separator: " ").map(String.init)
        analysis.wordCount = words.count
        analysis.characterCount = text.count
        analysis.questionKind = isQuestion ? .wh : .none
        analysis.terms = words.map { Term(hash: StableHash.hash($0), text: $0) }
        if let subject {
            analysis.embedding = [Float](repeating: 0.02, count: 64)
            for axis in 0..<8 { analysis.embedding[(subject * 8 + axis) % 64] = 0.35 }
            analysis.embeddingSource = .table
        }
        return analysis
    }

    /// Adds a message `after` seconds after the one before.
    @discardableResult
    func say(
        _ role: Role, _ analysis: MessageAnalysis, after seconds: Double = 20, newSession: Bool = false
    ) -> TopicObservation? {
        now = now.advanced(bySeconds: seconds)
        if let current = session, !newSession {
            session = SessionPosition(
                index: current.index, startedAt: current.startedAt, isFirstMessage: false,
                messagesBefore: current.messagesBefore + 1)
        } else {
            session = SessionPosition(
                index: (session?.index ?? -1) + 1, startedAt: now, isFirstMessage: true, messagesBefore: 0)
        }
        let message = Message(id: nextID, role: role, content: "", createdAt: now)
        nextID += 1
        let row = InputRow(effectiveAt: now, event: .message(message))
        let topic =
            role == .system
            ? nil : tracker.observe(analysis, role: role, at: now, session: session!, previous: previous)
        observations.append(
            Observation(row: row, session: session!, previous: previous, analysis: analysis, topic: topic))
        if role != .system {
            previous = PreviousMessage(
                role: role, at: now, wordCount: analysis.wordCount, isQuestion: analysis.isQuestion)
        }
        return topic
    }

    /// Folds the script into an engine.
    func applied<E: Engine>(_: E.Type) -> E {
        var engine = E()
        for observation in observations { engine.apply(observation) }
        return engine
    }

    /// The row that an engine makes of the script.
    func row<E: Engine>(_ type: E.Type) -> StrategicRow {
        var row = StrategicRow(pair: Pair(userID: "user", botName: "bot"))
        applied(type).contribute(to: &row, topics: tracker)
        return row
    }

    /// A conversation of anything that can happen: other widths and sources of embedding, no words, all roles, equal
    /// times, years of silence.
    static func random(seed: UInt64, messages: Int) -> TopicScript {
        var generator = SeededRandom(seed: seed)
        let script = TopicScript()
        for _ in 0..<messages {
            let role: Role = [.user, .assistant, .user, .assistant, .system].randomElement(using: &generator)!
            let gap = [0, 3, 40, 700, 90_000, 9e7].randomElement(using: &generator)!
            script.say(
                role, randomAnalysis(&generator), after: gap,
                newSession: gap > 1800 || Int.random(in: 0..<20, using: &generator) == 0)
        }
        return script
    }

    static func randomAnalysis(_ generator: inout SeededRandom) -> MessageAnalysis {
        var analysis = MessageAnalysis()
        let terms = Int.random(in: 0...TextAnalyzer.termsMax, using: &generator)
        for _ in 0..<terms {
            let length = Int.random(in: 1...30, using: &generator)
            let letter = ["a", "é", "я", "学", "z"].randomElement(using: &generator)!
            let text = String(repeating: letter, count: length) + "\(Int.random(in: 0..<9, using: &generator))"
            analysis.terms.append(Term(hash: StableHash.hash(text), text: text))
        }
        analysis.wordCount = terms + Int.random(in: 0...300, using: &generator)
        analysis.questionKind = QuestionKind(rawValue: UInt8.random(in: 0...5, using: &generator))!
        analysis.formality = Double.random(in: 0...1, using: &generator)
        analysis.exclamations = Int.random(in: 0...3, using: &generator)
        analysis.hedges = Int.random(in: 0...2, using: &generator)
        analysis.cues = CueSet(rawValue: UInt32.random(in: 0..<(1 << 16), using: &generator))
        analysis.rulesApply = Bool.random(using: &generator)
        analysis.emotion.source = .computed
        analysis.emotion.neutral = Double.random(in: 0...1, using: &generator)
        analysis.emotion.valence = Double.random(in: -1...1, using: &generator)
        analysis.emotion.arousal = Double.random(in: 0...1, using: &generator)
        let width = [0, 64, 64, 64, 32, 384].randomElement(using: &generator)!
        analysis.embedding = (0..<width).map { _ in Float.random(in: -1...1, using: &generator) }
        analysis.embeddingSource = width == 0 ? .none : [.table, .hashed].randomElement(using: &generator)!
        return analysis
    }
}

/// The bytes of a state.
func stateBytes(_ body: (inout StateWriter) -> Void) -> [UInt8] {
    var writer = StateWriter()
    body(&writer)
    return writer.bytes
}

/// Reads a state back, and that nothing is left over.
func readState<State>(_ bytes: [UInt8], _ body: (inout StateReader) throws -> State) throws -> State {
    var reader = StateReader(bytes)
    let state = try body(&reader)
    try reader.finish()
    return state
}

/// Bytes with a few of them changed, cut or added.
func damagedState(_ bytes: [UInt8], _ generator: inout SeededRandom) -> [UInt8] {
    var bytes = bytes
    for _ in 0...Int.random(in: 0..<4, using: &generator) where !bytes.isEmpty {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes.removeSubrange(place...)
        case 1: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: place)
        default: bytes[place] = UInt8.random(in: 0...255, using: &generator)
        }
    }
    return bytes
}
