import Bytes
import Glibc
import Model

/// Which topics are worth coming back to with a user: left open, liked, or often raised.
///
/// - A question or request stays open when its session ends without a bot message after it.
/// - A plan is open until the user returns to its topic in a later session.
/// - Weight: 1 for an open question or request, 0.8 for an open plan; liked topics 0.3 + 0.5·v, v = Σ valence/(n + 3)
///   ≥ 0.1 from two user messages on; recurring topics 0.2·(1 − e^(−n/5)) from three on unless disliked; all times
///   e^(−days behind the user's last message/30). These weights rank, they are no probabilities.
///
/// Invariants: at most `topicsMax` topics; the longest unmentioned one makes room.
struct TopicInterests: Equatable, Sendable {
    static let topicsMax = 16
    static let likedMin = 0.1
    static let decayDays = 30.0

    enum Open: UInt8, Sendable { case none, question, request, plan }

    struct Interest: Equatable, Sendable {
        var id: UInt32
        var userMessages: Int
        /// Σ valence in thousandths.
        var valence: Int
        var lastAt: Timestamp
        var open: Open
        /// The session in which it was opened.
        var session: Int
    }

    struct Suggestion {
        var id: UInt32
        var reason: String
        var weight: Double
        var lastAt: Timestamp
    }

    private(set) var interests: [Interest] = []
    /// The topic whose question or request waits for the bot, if any.
    private var asked: UInt32?

    init() {}

    /// Takes in a user message.
    mutating func add(_ analysis: MessageAnalysis, topic: UInt32, at: Timestamp, session: Int) {
        let place = place(of: topic, at: at, session: session)
        var interest = interests[place]
        interest.userMessages += 1
        let valence = analysis.emotion.valence
        interest.valence += valence.isFinite ? Int((min(max(valence, -1), 1) * 1000).rounded()) : 0
        interest.lastAt = at
        if interest.open == .plan, interest.session != session { interest.open = .none }
        let opened: Open =
            analysis.isQuestion
            ? .question
            : analysis.cues.contains(.unresolvedRequest)
                ? .request : analysis.cues.contains(.plan) ? .plan : .none
        if opened != .none {
            interest.open = opened
            interest.session = session
            asked = opened == .plan ? nil : topic
        }
        interests[place] = interest
    }

    /// Takes in a bot message: it answers what was asked last in its session.
    mutating func botSpoke(session: Int) {
        guard let topic = asked else { return }
        asked = nil
        guard let place = interests.firstIndex(where: { $0.id == topic }), interests[place].session == session,
            interests[place].open == .question || interests[place].open == .request
        else { return }
        interests[place].open = .none
    }

    private mutating func place(of topic: UInt32, at: Timestamp, session: Int) -> Int {
        if let known = interests.firstIndex(where: { $0.id == topic }) { return known }
        if interests.count == Self.topicsMax,
            let oldest = interests.indices.min(by: { interests[$0].lastAt < interests[$1].lastAt })
        {
            interests.remove(at: oldest)
        }
        interests.append(
            Interest(id: topic, userMessages: 0, valence: 0, lastAt: at, open: .none, session: session))
        return interests.count - 1
    }

    /// What is worth coming back to, best first.
    ///
    /// - Parameter last: when the user last wrote.
    /// - Returns: one suggestion a topic at most.
    func suggestions(last: Timestamp) -> [Suggestion] {
        interests.compactMap { interest -> Suggestion? in
            let recency = exp(-max(0, last.days(since: interest.lastAt)) / Self.decayDays)
            guard let (reason, weight) = reason(interest) else { return nil }
            return Suggestion(id: interest.id, reason: reason, weight: weight * recency, lastAt: interest.lastAt)
        }
        .sorted { $0.weight != $1.weight ? $0.weight > $1.weight : $0.id > $1.id }
    }

    private func reason(_ interest: Interest) -> (String, Double)? {
        switch interest.open {
        case .question: return ("unanswered question", 1)
        case .request: return ("unanswered request", 1)
        case .plan: return ("open plan", 0.8)
        case .none: break
        }
        let n = Double(interest.userMessages)
        let liking = Double(interest.valence) / 1000 / (n + 3)
        if interest.userMessages >= 2, liking >= Self.likedMin { return ("liked", 0.3 + 0.5 * liking) }
        if interest.userMessages >= 3, liking >= -0.05 { return ("recurring", 0.2 * (1 - exp(-n / 5))) }
        return nil
    }

    func encode(into writer: inout StateWriter) {
        writer.write(list: interests) { writer, interest in
            writer.write(UInt64(interest.id))
            writer.write(UInt64(interest.userMessages))
            writer.write(interest.valence)
            writer.write(interest.lastAt)
            writer.write(byte: interest.open.rawValue)
            writer.write(interest.session)
        }
        writer.write(asked) { writer, topic in writer.write(UInt64(topic)) }
    }

    init(from reader: inout StateReader) throws(StateError) {
        interests = try reader.readList(max: Self.topicsMax) { reader throws(StateError) in
            let id = UInt32(try reader.readUnsigned(max: UInt64(UInt32.max)))
            let messages = try reader.readTally()
            let valence = try reader.readInt()
            guard valence.magnitude <= UInt(messages) * 1000 else { throw reader.fault("valences of -1…1") }
            let lastAt = try reader.readReckonedTimestamp()
            guard let open = Open(rawValue: try reader.readByte()) else { throw reader.fault("a topic's state") }
            return Interest(
                id: id, userMessages: messages, valence: valence, lastAt: lastAt, open: open,
                session: try reader.readInt())
        }
        for (place, interest) in interests.enumerated()
        where interests[..<place].contains(where: { $0.id == interest.id }) {
            throw reader.fault("different topics")
        }
        asked = try reader.readOptional { reader throws(StateError) in
            UInt32(try reader.readUnsigned(max: UInt64(UInt32.max)))
        }
    }
}
