import Bytes
import Glibc
import Model

/// When and about what a user could be written to unasked, and whether it has worked.
///
/// In: messages with their topics, outreach attempts. Out: `optimalTimingHours`, the anchors of receptivity,
/// `suggestedTopics`, `proactiveSuccessRate` with its interval, `expectedReturnHours`, `outreachTimes`,
/// `lastOutreachAt`, `outreachFatigue`.
///
/// At a moment, receptivity = logistic(intercept + recencyWeight·ln(1 + seconds since the user's last message/10) +
/// hourLogits[hour, UTC] − fatigue·e^(−days since the last outreach/7)): about the chance that a message sent now is
/// answered within ten minutes. The intercept holds what the user's last message tells and the user's own offset.
///
/// Invariants: a user who asked not to be contacted stays opted out, whatever is written later: the intercept is
/// `optedOutLogit`, no topic is suggested and no hour is good. After `Outreach.unansweredMax` proactive messages
/// without an answer no hour is good until the user writes. Hours near which the user never wrote are never
/// suggested. Times are UTC: quiet hours by the user's clock, caps and `do_not_contact` are applied where the row is
/// read (`Projections.engagement`), so that the row depends on the input only. O(1) a row.
package struct ProactiveEngagementEngine: Engine {
    package static let name = EngineName.proactiveEngagement
    /// The intercept of a user who asked not to be contacted: odds of one in 5·10⁸.
    package static let optedOutLogit = -20.0
    /// User messages that hours and receptivity need.
    package static let userMessagesMin = 3
    /// User messages after which one more tells nothing about receptivity.
    static let tenureMax = 100
    static let countMax = 10_000

    /// A bot message that waits for its outcome.
    struct OpenTrial: Equatable, Sendable {
        var at: Timestamp
        /// The population's log-odds of an answer to it.
        var logit: Double
    }

    var userMessages = 0
    var lastUserAt: Timestamp?
    var hasOptedOut = false
    var hours = ActiveHours()
    var receptivity = Receptivity()
    var trial: OpenTrial?
    var returns = ReturnHazard()
    /// Of the last user message: messages of its session so far, itself included; its words; whether it said farewell.
    var sessionMessages = 0
    var lastWords = 0
    var lastIsFarewell = false
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
            receptivity.addReplyTrial(logit: open.logit, replied: answered)
        }
        if let last = lastUserAt, at.seconds(since: last) > Limits.sessionGapSeconds {
            returns.returned(after: at.hours(since: last), at: at)
        }
        outreach.userWrote(at: at)
        userMessages += 1
        lastUserAt = at
        hours.add(at)
        sessionMessages = min(observation.session.messagesBefore + 1, Self.countMax)
        lastWords = min(observation.analysis?.wordCount ?? 0, Self.countMax)
        lastIsFarewell = observation.analysis?.cues.contains(.farewell) ?? false
        guard let analysis = observation.analysis else { return }
        if analysis.cues.contains(.optIn) { hasOptedOut = false }
        if analysis.cues.contains(.optOut) { hasOptedOut = true }
        if let topic = observation.topic?.topicID {
            interests.add(analysis, topic: topic, at: at, session: observation.session.index)
        }
    }

    /// A bot message within ten minutes of one that still waits is part of the same attempt.
    private mutating func openTrial(at: Timestamp) {
        guard lastUserAt != nil else { return }
        if let open = trial {
            guard at.seconds(since: open.at) > Receptivity.answerSeconds else { return }
            receptivity.addReplyTrial(logit: open.logit, replied: false)
        }
        trial = OpenTrial(at: at, logit: populationLogit(at: at))
    }

    /// Whether a bot message at this moment would be an attempt of its own, not part of one that waits.
    package func opensTrial(at: Timestamp) -> Bool {
        lastUserAt != nil && trial.map { at.seconds(since: $0.at) > Receptivity.answerSeconds } ?? true
    }

    /// What the population's log-odds are made of: ln(1 + silence/10 s), the context, the hour's log-odds.
    package func receptivityFeatures(at: Timestamp) -> [Double] {
        let silence = lastUserAt.map { max(0, at.seconds(since: $0)) } ?? 0
        return [log(1 + silence / Projections.recencySeconds)] + context + [hours.logits[Projections.hourOfDay(at)]]
    }

    private var context: [Double] {
        [
            log(1 + Double(sessionMessages)), lastIsFarewell ? 1 : 0, log(1 + Double(lastWords)),
            log(1 + Double(min(userMessages, Self.tenureMax))),
        ]
    }

    private func populationLogit(at: Timestamp) -> Double {
        let weights = [ReceptivityWeights.recency] + ReceptivityWeights.context + [ReceptivityWeights.hour]
        return zip(weights, receptivityFeatures(at: at)).reduce(ReceptivityWeights.intercept) { $0 + $1.0 * $1.1 }
    }

    /// The log-odds of an answer at once, before the hour: the population's in this context and the user's offset.
    var receptivityIntercept: Double {
        zip(ReceptivityWeights.context, context).reduce(ReceptivityWeights.intercept) { $0 + $1.0 * $1.1 }
            + receptivity.offset()
    }

    /// The mean time in hours, of at most a week, after which the user is expected to write again, counted from
    /// the last user message; nil before the first.
    package var expectedReturnHours: Double? {
        lastUserAt.map { returns.restrictedMeanHours(sessionMessages: sessionMessages, at: $0) }
    }

    package func encode(into writer: inout StateWriter) {
        writer.write(UInt64(userMessages))
        writer.write(lastUserAt) { writer, at in writer.write(at) }
        writer.write(hasOptedOut)
        hours.encode(into: &writer)
        receptivity.encode(into: &writer)
        writer.write(trial) { writer, trial in
            writer.write(trial.at)
            writer.write(trial.logit)
        }
        returns.encode(into: &writer)
        writer.write(UInt64(sessionMessages))
        writer.write(UInt64(lastWords))
        writer.write(lastIsFarewell)
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
            return OpenTrial(at: at, logit: try reader.readDouble(in: -1e6...1e6))
        }
        returns = try ReturnHazard(from: &reader)
        sessionMessages = Int(try reader.readUnsigned(max: UInt64(Self.countMax)))
        lastWords = Int(try reader.readUnsigned(max: UInt64(Self.countMax)))
        lastIsFarewell = try reader.readBool()
        outreach = try Outreach(from: &reader)
        interests = try TopicInterests(from: &reader)
    }
}
