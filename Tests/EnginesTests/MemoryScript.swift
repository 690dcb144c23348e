import Bytes
import Engines
import Model
import Support

/// Writes a pair's rows as the shared pass would hand them to the engines.
struct MemoryScript {
    /// Seconds since the Unix epoch.
    var now: Int64 = 1_525_575_600
    var session = 0
    private var nextID: Int64 = 1

    init() {}

    /// A message on a topic; nil topic or `isAcknowledgement`: nothing of its own to say.
    mutating func message(
        _ role: Role, topic: UInt32?, label: String = "", after seconds: Int64 = 10, isAcknowledgement: Bool = false
    ) -> Observation {
        now += seconds
        var analysis = MessageAnalysis()
        if isAcknowledgement { analysis.cues = .backchannel }
        analysis.terms = [Term(hash: 7, text: "word")]
        let event = InputEvent.message(
            Message(id: takeID(), role: role, content: "", createdAt: Timestamp(microseconds: 0)))
        return observation(
            event, analysis,
            TopicObservation(
                topicID: topic, label: label.isEmpty ? "label \(topic ?? 0)" : label, similarity: 1, isNewTopic: false,
                isReturn: false, switchProbability: 0.5, isSwitch: false))
    }

    mutating func user(_ topic: UInt32?, after seconds: Int64 = 10) -> Observation {
        message(.user, topic: topic, after: seconds)
    }

    mutating func bot(_ topic: UInt32?, after seconds: Int64 = 10) -> Observation {
        message(.assistant, topic: topic, after: seconds)
    }

    mutating func retrieval(
        _ memory: String, _ outcome: RecallOutcome, score: Double? = nil, after seconds: Int64 = 10
    ) -> Observation {
        now += seconds
        let row = MemoryRetrieval(id: takeID(), memoryID: memory, score: score, outcome: outcome)
        return observation(.retrieval(row), nil, nil)
    }

    mutating func metric(after seconds: Int64 = 10) -> Observation {
        now += seconds
        return observation(.metric(MetricPoint(id: takeID(), metric: "engagement", value: 0.5)), nil, nil)
    }

    private mutating func takeID() -> Int64 {
        nextID += 1
        return nextID - 1
    }

    private func observation(
        _ event: InputEvent, _ analysis: MessageAnalysis?, _ topic: TopicObservation?
    ) -> Observation {
        let moment = Timestamp(microseconds: now &* 1_000_000)
        return Observation(
            row: InputRow(effectiveAt: moment, event: event),
            session: SessionPosition(index: session, startedAt: moment, isFirstMessage: false, messagesBefore: 0),
            previous: nil, analysis: analysis, topic: topic)
    }
}

extension Engine {
    /// The engine after these rows.
    static func folding(_ rows: [Observation]) -> Self {
        var engine = Self()
        for row in rows { engine.apply(row) }
        return engine
    }

    var stateBytes: [UInt8] {
        var writer = StateWriter()
        encode(into: &writer)
        return writer.bytes
    }

    init(stateBytes: [UInt8]) throws {
        var reader = StateReader(stateBytes)
        self = try Self(from: &reader)
        try reader.finish()
    }

    /// What the engine alone puts into a row.
    var row: StrategicRow {
        var row = StrategicRow(pair: Pair(userID: "u", botName: "b"))
        contribute(to: &row, topics: TopicTracker())
        return row
    }
}
