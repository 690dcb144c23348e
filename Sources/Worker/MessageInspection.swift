import Bytes
import Engines
import Model
import Postgres
import Store

/// Looks at one message because somebody asks: its concepts, its emotion, and whether it changed the topic.
///
///     let found = try MessageInspection().inspect(&connection, message: 42)
///
/// Concepts are the message's content words, those that say much first. The probability of a switch is that of the
/// model that context switches go by, with what was said before: at most the newest 2,000 messages of the pair, as
/// far as the running topic goes back in practice. The result is stored in `message_analysis`; asked again, the message
/// is looked at again.
package struct MessageInspection: Sendable {
    /// Messages before the one asked about that are looked at.
    static let historyRowsMax: Int64 = 2_000
    static let conceptsMax = 12

    private let analyzer: TextAnalyzer
    private let configHash: String

    /// - Parameters:
    ///   - configuration: the workers', which decides about results.
    ///   - analyzer: the workers' text analysis.
    package init(configuration: WorkerConfiguration, analyzer: TextAnalyzer) {
        self.analyzer = analyzer
        configHash = configuration.configHash
    }

    /// What was found about a message.
    package struct Result: Sendable {
        package var finding: SaveMessageAnalysis.Finding
        package var concepts: [String]
        package var emotion: Emotion
        /// The cluster of its conversation, if it is in one.
        package var clusterID: Int64?
    }

    /// Looks at a message and stores what it finds.
    ///
    /// - Parameters:
    ///   - connection: outside a transaction.
    ///   - id: the message's number.
    /// - Returns: what was found; nil: there is no such message.
    /// - Throws: `PostgresError`.
    /// - Complexity: O(messages of the pair before it), at most 2,000.
    package func inspect(_ connection: inout Connection, message id: Int64) throws -> Result? {
        guard let place = try connection.first(LocateMessage(id: id)) else { return nil }
        let newestFirst = try connection.query(
            LoadMessagesThrough(place: place, id: id, rowsMax: Self.historyRowsMax + 1))
        guard var found = look(at: newestFirst.reversed(), id, place) else { return nil }
        let finding = found.finding
        let saved: Int64?? = try connection.transaction { connection in
            // One at a time with an erasure: the message is looked for after it.
            _ = try connection.query(HoldOffErasure(shard: place.shard))
            return try connection.first(SaveMessageAnalysis(finding))
        }
        guard let saved else { return nil }
        found.clusterID = saved
        return found
    }

    private func look(at rows: [ScannedRow], _ id: Int64, _ place: LocateMessage.Place) -> Result? {
        var sessions = SessionTracker()
        var topics = TopicTracker()
        var previous: PreviousMessage?
        for row in rows {
            guard case .message(let message) = row.event else { continue }
            let analysis = analyzer.analyze(
                content: message.content, suppliedEmotion: message.emotion, suppliedEmbedding: message.embedding)
            guard message.role != .system else {
                if message.id == id { return result(analysis, nil, "a system message changes no topic", id, place) }
                continue
            }
            let session = sessions.observe(message, at: row.effectiveAt)
            let isFirst = topics.runningTopicID == nil
            let topic = topics.observe(
                analysis, role: message.role, at: row.effectiveAt, session: session, previous: previous)
            if message.id == id {
                return result(analysis, topic, isFirst ? "no topic was running before it" : nil, id, place)
            }
            previous = PreviousMessage(
                role: message.role, at: row.effectiveAt, wordCount: analysis.wordCount,
                isQuestion: analysis.isQuestion)
        }
        return nil
    }

    private func result(
        _ analysis: MessageAnalysis, _ topic: TopicObservation?, _ nullReason: String?, _ id: Int64,
        _ place: LocateMessage.Place
    ) -> Result {
        let ranked = analysis.terms.enumerated().sorted { left, right in
            let vague = (VagueWords.contains(left.element.text), VagueWords.contains(right.element.text))
            if vague.0 != vague.1 { return vague.1 }
            if left.element.count != right.element.count { return left.element.count > right.element.count }
            return left.offset < right.offset
        }
        let concepts = Array(ranked.prefix(Self.conceptsMax).map(\.element))
        let emotion = analysis.emotion
        let finding = SaveMessageAnalysis.Finding(
            id: id, place: place, concepts: JSONText(Self.json(concepts)), emotion: JSONText(Self.json(emotion)),
            dominantEmotion: "\(emotion.dominant)", valence: emotion.valence, arousal: emotion.arousal,
            switchProbability: nullReason == nil ? topic?.switchProbability : nil,
            isSwitch: nullReason == nil ? topic?.isSwitch : nil,
            topic: topic.flatMap { $0.label.isEmpty ? nil : $0.label }, nullReason: nullReason,
            engineVersion: PairState.engineVersion, configHash: configHash)
        return Result(finding: finding, concepts: concepts.map(\.text), emotion: emotion, clusterID: nil)
    }

    private static func json(_ concepts: [Term]) -> String {
        var json = JSONWriter()
        json.beginArray()
        for concept in concepts {
            json.beginObject()
            json.key("term")
            json.value(concept.text)
            json.key("count")
            json.value(concept.count)
            json.endObject()
        }
        json.endArray()
        return json.text
    }

    private static func json(_ emotion: Emotion) -> String {
        var json = JSONWriter()
        json.beginObject()
        for kind in EmotionKind.allCases {
            json.key("\(kind)")
            json.value(emotion[kind], decimals: 4)
        }
        json.key("source")
        json.value("\(emotion.source)")
        json.endObject()
        return json.text
    }
}
