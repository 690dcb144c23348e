import Bytes
import Model

/// When and about what a user could be written to unasked, and whether it has worked.
///
/// In: messages with their topics, outreach attempts. Out: `optimalTimingHours`, the anchors of receptivity,
/// `suggestedTopics`, `proactiveSuccessRate`, `lastOutreachAt`, `outreachFatigue`.
///
/// At a moment, receptivity = logistic(intercept + recencyWeight·ln(1 + hours since the user's last message) +
/// hourLogits[hour, UTC] − fatigue·e^(−days since the last outreach/7)): about the chance that a message sent now is
/// answered within ten minutes.
///
/// Invariants: a user who asked not to be contacted stays opted out, whatever is written later: the intercept is
/// `optedOutLogit` and no topic is suggested. Times are UTC, as the user's zone is not known. O(1) a row.
package struct ProactiveEngagementEngine: Engine {
    package static let name = EngineName.proactiveEngagement
    /// The intercept of a user who asked not to be contacted: odds of one in 5·10⁸.
    package static let optedOutLogit = -20.0
    /// User messages that hours and receptivity need.
    package static let userMessagesMin = 3

    /// A bot message that waits for its outcome.
    struct OpenTrial: Equatable, Sendable {
        var at: Timestamp
        /// The bin of the user's silence before it.
        var bin: Int
    }

    var userMessages = 0
    var lastUserAt: Timestamp?
    var hasOptedOut = false
    var hours = ActiveHours()
    var receptivity = Receptivity()
    var trial: OpenTrial?
    var outreach = Outreach()
    var interests = TopicInterests()

    package init() {}

    package mutating func apply(_ observation: Observation) {
        let at = observation.at.reckoned
        switch observation.row.event {
        case .message(let message) where message.role == .user: applyUserMessage(observation, at: at)
        case .message(let message) where message.role == .assistant:
            interests.botSpoke(session: observation.session.index)
            openTrial(at: at)
        case .outreach(let attempt): outreach.add(attempt, at: at)
        case .message, .retrieval, .metric, .trait: break
        }
    }

    private mutating func applyUserMessage(_ observation: Observation, at: Timestamp) {
        if let open = trial {
            trial = nil
            let answered = at.seconds(since: open.at) <= Receptivity.answerSeconds
            receptivity.addReplyTrial(bin: open.bin, replied: answered)
        }
        if let last = lastUserAt, at.seconds(since: last) > Limits.sessionGapSeconds {
            receptivity.addReturn(hours: at.hours(since: last))
        }
        outreach.userWrote(at: at)
        userMessages += 1
        lastUserAt = at
        hours.add(at)
        guard let analysis = observation.analysis else { return }
        if analysis.cues.contains(.optOut) { hasOptedOut = true }
        if let topic = observation.topic?.topicID {
            interests.add(analysis, topic: topic, at: at, session: observation.session.index)
        }
    }

    /// A bot message within ten minutes of one that still waits is part of the same attempt.
    private mutating func openTrial(at: Timestamp) {
        guard let last = lastUserAt else { return }
        if let open = trial {
            guard at.seconds(since: open.at) > Receptivity.answerSeconds else { return }
            receptivity.addReplyTrial(bin: open.bin, replied: false)
        }
        trial = OpenTrial(at: at, bin: Receptivity.bin(hours: max(0, at.hours(since: last))))
    }

    package func encode(into writer: inout StateWriter) {
        writer.write(UInt64(userMessages))
        writer.write(lastUserAt) { writer, at in writer.write(at) }
        writer.write(hasOptedOut)
        hours.encode(into: &writer)
        receptivity.encode(into: &writer)
        writer.write(trial) { writer, trial in
            writer.write(trial.at)
            writer.write(byte: UInt8(trial.bin))
        }
        outreach.encode(into: &writer)
        interests.encode(into: &writer)
    }

    package init(from reader: inout StateReader) throws(StateError) {
        userMessages = try reader.readTally()
        lastUserAt = try reader.readOptional { reader throws(StateError) in try reader.readReckonedTimestamp() }
        guard (lastUserAt == nil) == (userMessages == 0) else { throw reader.fault("a time for user messages") }
        hasOptedOut = try reader.readBool()
        hours = try ActiveHours(from: &reader)
        receptivity = try Receptivity(from: &reader)
        trial = try reader.readOptional { reader throws(StateError) in
            let at = try reader.readReckonedTimestamp()
            let bin = Int(try reader.readByte())
            guard bin <= Receptivity.binHours.count else { throw reader.fault("a bin of silence") }
            return OpenTrial(at: at, bin: bin)
        }
        outreach = try Outreach(from: &reader)
        interests = try TopicInterests(from: &reader)
    }
}
