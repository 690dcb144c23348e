import Bytes
import Model

/// Where a row stands in its session.
package struct SessionPosition: Sendable {
    /// 0 for the pair's first session.
    package var index: Int
    package var startedAt: Timestamp
    /// Whether this message opened the session.
    package var isFirstMessage: Bool
    /// Messages of this session before this row.
    package var messagesBefore: Int

    package init(index: Int, startedAt: Timestamp, isFirstMessage: Bool, messagesBefore: Int) {
        self.index = index
        self.startedAt = startedAt
        self.isFirstMessage = isFirstMessage
        self.messagesBefore = messagesBefore
    }
}

/// What the topic tracker made of a message.
package struct TopicObservation: Sendable {
    /// The topic that the message belongs to after it was applied; nil when the text carries no topic.
    package var topicID: UInt32?
    /// The topic's label at this moment (keywords); labels may be refined later, ids never change.
    package var label: String
    /// Cosine of the message to the topic it was assigned to, -1…1.
    package var similarity: Double
    /// Whether this message made the topic.
    package var isNewTopic: Bool
    /// Whether the topic was known, but not the running one: a return to it.
    package var isReturn: Bool
    /// P(this message switches topic), 0…1.
    package var switchProbability: Double
    /// Whether it was taken as a switch.
    package var isSwitch: Bool

    package init(
        topicID: UInt32?, label: String, similarity: Double, isNewTopic: Bool, isReturn: Bool,
        switchProbability: Double, isSwitch: Bool
    ) {
        self.topicID = topicID
        self.label = label
        self.similarity = similarity
        self.isNewTopic = isNewTopic
        self.isReturn = isReturn
        self.switchProbability = switchProbability
        self.isSwitch = isSwitch
    }
}

/// A message that came before, as far as engines may remember it.
package struct PreviousMessage: Sendable {
    package var role: Role
    package var at: Timestamp
    package var wordCount: Int
    package var isQuestion: Bool

    package init(role: Role, at: Timestamp, wordCount: Int, isQuestion: Bool) {
        self.role = role
        self.at = at
        self.wordCount = wordCount
        self.isQuestion = isQuestion
    }
}

/// One input row with everything that is computed once and shared by the engines.
package struct Observation: Sendable {
    package var row: InputRow
    package var session: SessionPosition
    /// The pair's previous message (any role but system), in whatever session.
    package var previous: PreviousMessage?
    /// For messages only.
    package var analysis: MessageAnalysis?
    /// For user and assistant messages only.
    package var topic: TopicObservation?

    package init(
        row: InputRow, session: SessionPosition, previous: PreviousMessage?, analysis: MessageAnalysis?,
        topic: TopicObservation?
    ) {
        self.row = row
        self.session = session
        self.previous = previous
        self.analysis = analysis
        self.topic = topic
    }

    /// Effective time of the row: the only time engines may use.
    package var at: Timestamp { row.effectiveAt }
}

/// An engine's bounded state of one pair: a pure fold over the pair's rows in order.
///
/// Invariants: no clock, no randomness, no I/O; O(1) a row; the same rows in the same order give the same bytes,
/// wherever the fold was interrupted by `encode` and `init(from:)`.
package protocol Engine: Sendable {
    static var name: EngineName { get }
    init()
    /// Folds one row in.
    mutating func apply(_ observation: Observation)
    /// Fills the engine's own columns, or leaves them nil with a reason in `row.nullReasons`.
    func contribute(to row: inout StrategicRow, topics: TopicTracker)
    func encode(into writer: inout StateWriter)
    init(from reader: inout StateReader) throws(StateError)
}
