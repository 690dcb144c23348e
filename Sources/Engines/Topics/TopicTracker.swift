import Bytes
import Model

/// A topic as others see it.
package struct TopicSummary: Equatable, Sendable {
    package var id: UInt32
    /// Two or three keywords; never a sentence of the conversation's.
    package var label: String
    /// Decayed count of messages.
    package var weight: Double
    /// Whole seconds.
    package var firstSeen: Timestamp
    package var lastSeen: Timestamp
    package var messageCount: Int
    package var userMessageCount: Int
}

/// How often one topic was left for another, decayed by later switches.
package struct TopicTransition: Equatable, Sendable {
    package var from: UInt32
    package var to: UInt32
    package var weight: Double
}

/// A pair's recurring topics and the running one: a bounded fold over the pair's messages.
///
/// For each message: P(switch) by `SwitchModel` of what `SwitchContext` keeps. Below the threshold the message joins
/// the running topic; otherwise it returns to the known topic whose centroid is nearest, if near enough, or opens a
/// new one. A centroid is a direction of the embedding space, a byte a dimension; where embeddings can't be compared
/// (none, another width, another source) shared terms decide. Messages without content (acknowledgements, no terms)
/// change nothing, and one whose terms are all `VagueWords` opens no topic.
///
/// Invariants: at most `Limits.topicsTrackedMax` topics and `transitionsMax` edges; ids are never used twice; the
/// running topic is never evicted; O(topics · 64) a message; about 130 bytes a topic when encoded.
package struct TopicTracker: Sendable {
    package static let transitionsMax = 24
    /// Each message with content takes 1/128 off every topic's weight.
    static let weightKept: Float = 1 - 1 / 128
    /// Each switch takes 1/32 off every transition's weight.
    static let transitionKept: Float = 1 - 1 / 32

    struct Topic: Sendable {
        var id: UInt32
        var firstSeen: Int64
        var lastSeen: Int64
        var messageCount: Int
        var userMessageCount: Int
        var weight: Float
        var terms = TopicTerms()
        /// Nil until a message with an embedding joined.
        var centroid: SwitchContext.Centroid?
    }

    struct Edge: Sendable {
        var from: UInt32
        var to: UInt32
        var weight: Float
    }

    var stored: [Topic] = []
    var edges: [Edge] = []
    /// The topic of the newest message with content; nil before the first.
    package internal(set) var runningTopicID: UInt32?
    var nextID: UInt32 = 0
    /// What tells of a switch.
    var context = SwitchContext()
    /// The session of the newest message; -1 before the first.
    var sessionIndex = -1

    package init() {}

    /// The topics that are known, by id; at most `Limits.topicsTrackedMax`.
    package var topics: [TopicSummary] {
        stored.map { topic in
            TopicSummary(
                id: topic.id, label: topic.terms.label, weight: Double(topic.weight),
                firstSeen: Timestamp(microseconds: topic.firstSeen * 1_000_000),
                lastSeen: Timestamp(microseconds: topic.lastSeen * 1_000_000),
                messageCount: topic.messageCount, userMessageCount: topic.userMessageCount)
        }.sorted { $0.id < $1.id }
    }

    /// How topics follow each other, strongest first; at most `transitionsMax`.
    package var transitions: [TopicTransition] {
        edges.map { TopicTransition(from: $0.from, to: $0.to, weight: Double($0.weight)) }
            .sorted { ($1.weight, $0.from, $0.to) < ($0.weight, $1.from, $1.to) }
    }

    /// The keywords of a topic; nil when it is not (or no longer) known.
    package func label(of id: UInt32) -> String? {
        place(of: id).map { stored[$0].terms.label }
    }

    private func place(of id: UInt32) -> Int? {
        for index in stored.indices where stored[index].id == id { return index }
        return nil
    }

    /// Folds one message of the user or the assistant in and says what became of it.
    ///
    /// System messages change nothing and carry no topic.
    /// - Parameters:
    ///   - analysis: What the text analysis found.
    ///   - role: Who wrote the message.
    ///   - at: The message's effective time.
    ///   - session: Where it stands in its session.
    ///   - previous: The message before it, if any.
    /// - Returns: The topic that the message belongs to, and whether it was switched to.
    package mutating func observe(
        _ analysis: MessageAnalysis, role: Role, at: Timestamp, session: SessionPosition, previous: PreviousMessage?
    ) -> TopicObservation {
        guard role != .system else { return unchanged(probability: 0) }
        let message = Incoming(analysis, role: role, at: at, centroid: context.centroid(of: analysis))
        let opensSession = session.index != sessionIndex
        sessionIndex = session.index
        let features = context.observe(message, analysis, opensSession: opensSession, previous: previous)
        guard let running = runningTopicID.flatMap({ place(of: $0) }) else {
            guard message.hasContent, message.namesSubject else { return unchanged(probability: 0) }
            return assign(message, to: open(message), isNew: true, probability: 0)
        }
        let probability = SwitchModel.probability(features)
        guard message.hasContent else { return unchanged(probability: probability) }
        if probability < SwitchModel.threshold {
            return assign(message, to: running, isNew: false, probability: probability)
        }
        // A session that opens on the topic that the last one closed on goes on with it: silence alone is no switch.
        if let known = bestMatch(for: message, besides: opensSession ? nil : running) {
            return assign(message, to: known, isNew: false, probability: probability)
        }
        guard message.namesSubject else {
            return assign(message, to: running, isNew: false, probability: probability)
        }
        return assign(message, to: open(message), isNew: true, probability: probability)
    }

    private func unchanged(probability: Double) -> TopicObservation {
        TopicObservation(
            topicID: runningTopicID, label: runningTopicID.flatMap { label(of: $0) } ?? "", similarity: 0,
            isNewTopic: false, isReturn: false, switchProbability: probability, isSwitch: false)
    }
}
