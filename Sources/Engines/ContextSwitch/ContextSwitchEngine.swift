import Bytes
import Model

/// Engine 4, context switches: what a pair talks about, for how long, and how likely the next message changes it.
///
/// - A *segment* is a run of messages of one topic (`TopicTracker` decides). Its duration is the time between its
///   messages inside sessions; silence between sessions is nobody's topic. The average is total duration / segments,
///   all time.
/// - Frequency = switches / hours of talk, talk being the time between consecutive messages of one session, a gap
///   counted as 30 minutes at most.
/// - Likelihood at a moment = logistic(switchLogit + switchGapWeight · ln(1 + minutes since lastMessageAt)) of
///   `HazardModel`.
/// - The transition graph holds the tracker's decayed topic weights and transitions.
///
/// It is marked unvalidated while the hazard's predictions, each made before its message, have no smaller log-loss
/// than the pair's running base rate.
///
/// Invariants: at most `Limits.recentTopicsMax` segments are kept; sums of microseconds are integers; O(1) a message.
package struct ContextSwitchEngine: Engine {
    package static let name = EngineName.contextSwitch
    /// Seconds of talk below which a frequency means nothing.
    static let talkSecondsMin = 60.0
    /// Messages below which there is no likelihood.
    static let trialsMin = 5
    static let labelBytesMax = 3 * (TopicTerms.textBytesMax + 2)
    static let graphNodesMax = 12
    static let graphEdgesMax = 24

    struct Segment: Equatable, Sendable {
        var topicID: UInt32
        /// For when the tracker has forgotten the topic.
        var label: String
        var start: Timestamp
        var end: Timestamp
    }

    /// Oldest first, the running one last.
    var segments: [Segment] = []
    var segmentCount = 0
    /// Microseconds inside sessions: within segments, and altogether.
    var segmentMicroseconds: Int64 = 0
    var talkMicroseconds: Int64 = 0
    var switchCount = 0
    var messagesSinceSwitch = 0
    var lastMessageAt: Timestamp?
    /// Whether the newest message asked something.
    var lastAsked = false
    var sessionIndex = -1
    var hazard = HazardModel()

    package init() {}

    package mutating func apply(_ observation: Observation) {
        guard case .message(let message) = observation.row.event, message.role != .system,
            let topic = observation.topic
        else { return }
        let at = observation.at
        let gapSeconds = lastMessageAt.map { max(at.seconds(since: $0), 0) } ?? 0
        let continues = observation.session.index == sessionIndex && lastMessageAt != nil
        let talk = continues ? Int64((min(gapSeconds, Limits.sessionGapSeconds) * 1e6).rounded()) : 0
        talkMicroseconds += talk
        lastMessageAt = at
        let afterQuestion = lastAsked
        lastAsked = observation.analysis?.isQuestion ?? false
        sessionIndex = observation.session.index
        guard let id = topic.topicID else { return }
        if let running = segments.last {
            let isSwitch = running.topicID != id
            hazard.observe(
                isSwitch: isSwitch, messagesSinceSwitch: messagesSinceSwitch, gapMinutes: gapSeconds / 60,
                afterQuestion: afterQuestion)
            if isSwitch { switchCount += 1 }
            messagesSinceSwitch = isSwitch ? 0 : messagesSinceSwitch + 1
        }
        extend(id, label: topic.label, at: at, talk: talk)
    }

    private mutating func extend(_ id: UInt32, label: String, at: Timestamp, talk: Int64) {
        let label = label.utf8.count <= Self.labelBytesMax ? label : ""
        if let last = segments.indices.last, segments[last].topicID == id {
            segments[last].end = max(segments[last].end, at)
            if !label.isEmpty { segments[last].label = label }
            segmentMicroseconds += talk
            return
        }
        segments.append(Segment(topicID: id, label: label, start: at, end: at))
        segmentCount += 1
        if segments.count > Limits.recentTopicsMax { segments.removeFirst() }
    }

    package func contribute(to row: inout StrategicRow, topics: TopicTracker) {
        row.lastMessageAt = lastMessageAt
        guard segmentCount > 0 else {
            row.nullReasons[Self.name] = "no message with a topic yet"
            return
        }
        row.recentTopics = recentTopics(topics)
        row.averageTopicDurationMinutes = Double(segmentMicroseconds) / 60e6 / Double(segmentCount)
        row.topicTransitionGraph = TransitionGraph(topics).json
        var reasons: [String] = []
        if Double(talkMicroseconds) >= Self.talkSecondsMin * 1e6 {
            row.contextSwitchFrequency = Double(switchCount) / (Double(talkMicroseconds) / 3600e6)
        } else {
            reasons.append("context_switch_frequency: less than a minute of talk")
        }
        if hazard.trials >= Self.trialsMin {
            row.switchLogit = hazard.logit(messagesSinceSwitch: messagesSinceSwitch, afterQuestion: lastAsked)
            row.switchGapWeight = hazard.gapWeight
        } else {
            reasons.append("predicted_switch_likelihood: fewer than \(Self.trialsMin + 1) messages")
        }
        if !reasons.isEmpty { row.nullReasons[Self.name] = reasons.joined(separator: "; ") }
        if !hazard.isValidated { row.unvalidated.insert(Self.name) }
    }

    private func recentTopics(_ topics: TopicTracker) -> String {
        var json = JSONWriter()
        json.beginArray()
        for segment in segments.reversed() {
            json.beginObject()
            json.key("topic")
            json.value(topics.label(of: segment.topicID) ?? segment.label)
            json.key("start_time")
            json.value(segment.start)
            json.key("end_time")
            json.value(segment.end)
            json.endObject()
        }
        json.endArray()
        return json.text
    }
}
