import Bytes
import Glibc
import Model

/// What became of the bot's proactive messages to one user.
///
/// An attempt counts as answered when its row says so, or when the user writes within 24 hours after it (inferred).
/// Until then it counts as not answered. Success rate: (answered + 1) / (sent + 3), the mean of a Beta(1, 2) prior's
/// posterior; its 90 % interval is Wilson's: (p + z²/2n ± z·√(p(1 − p)/n + z²/4n²)) / (1 + z²/n), p = answered / sent,
/// z = 1.645 (Wilson 1927; recommended for small n by Brown, Cai and DasGupta 2001). Fatigue:
/// Σ e^(−age/7 d) over unanswered attempts as of the last one.
struct Outreach: Equatable, Sendable {
    static let pendingMax = 8
    /// Attempts without an answer since the user last wrote after which no further one should be made.
    static let unansweredMax = 3
    static let answerSeconds = 86_400.0
    static let fatigueDays = 7.0
    /// Of the Beta prior: answers, and attempts.
    static let priorAnswered = 1.0
    static let priorSent = 3.0
    static let capWindowDays = 7.0
    /// Leaves 5 % of a normal distribution on either side.
    static let intervalDeviations = 1.6448536269514722

    private(set) var sent = 0
    private(set) var answered = 0
    private(set) var lastAt: Timestamp?
    private(set) var fatigue = 0.0
    /// Attempts without an answer that may still be answered, oldest first.
    private var pending: [Timestamp] = []
    /// Attempts of the week that ends with the last one, oldest first.
    private(set) var recent: [Timestamp] = []

    init() {}

    mutating func add(_ attempt: OutreachAttempt, at: Timestamp) {
        if let lastAt { fatigue *= exp(-max(0, at.days(since: lastAt)) / Self.fatigueDays) }
        lastAt = at
        sent += 1
        recent.removeAll { at.days(since: $0) >= Self.capWindowDays }
        recent.append(at)
        if recent.count > Limits.outreachTimesMax { recent.removeFirst() }
        if attempt.answeredAt != nil {
            answered += 1
        } else {
            fatigue += 1
            pending.append(at)
            if pending.count > Self.pendingMax { pending.removeFirst() }
        }
    }

    /// The user wrote: attempts of the last 24 hours are answered by it, older ones stay unanswered.
    mutating func userWrote(at: Timestamp) {
        guard !pending.isEmpty, let lastAt else { return }
        for attempt in pending where at.seconds(since: attempt) <= Self.answerSeconds {
            answered += 1
            fatigue = max(0, fatigue - exp(-max(0, lastAt.days(since: attempt)) / Self.fatigueDays))
        }
        pending = []
    }

    /// Whether so many attempts in a row stayed without an answer that no further one should be made.
    var isExhausted: Bool { pending.count >= Self.unansweredMax }

    /// The shrunken share of answered attempts; nil without attempts.
    var successRate: Double? {
        sent > 0 ? (Double(answered) + Self.priorAnswered) / (Double(sent) + Self.priorSent) : nil
    }

    /// The 90 % interval of the share of answers; nil without attempts.
    var successInterval: ClosedRange<Double>? {
        guard sent > 0 else { return nil }
        let n = Double(sent)
        let p = Double(answered) / n
        let square = Self.intervalDeviations * Self.intervalDeviations
        let middle = p + square / (2 * n)
        let half = Self.intervalDeviations * (p * (1 - p) / n + square / (4 * n * n)).squareRoot()
        let scale = 1 + square / n
        return max(0, (middle - half) / scale)...min(1, (middle + half) / scale)
    }

    func encode(into writer: inout StateWriter) {
        writer.write(UInt64(sent))
        writer.write(UInt64(answered))
        writer.write(lastAt) { writer, at in writer.write(at) }
        writer.write(fatigue)
        writer.write(list: pending) { writer, at in writer.write(at) }
        writer.write(list: recent) { writer, at in writer.write(at) }
    }

    init(from reader: inout StateReader) throws(StateError) {
        sent = try reader.readTally()
        answered = try reader.readTally()
        lastAt = try reader.readOptional { reader throws(StateError) in try reader.readReckonedTimestamp() }
        fatigue = try reader.readDouble(in: 0...1e12)
        pending = try reader.readList(max: Self.pendingMax) { reader throws(StateError) in
            try reader.readReckonedTimestamp()
        }
        recent = try reader.readList(max: Limits.outreachTimesMax) { reader throws(StateError) in
            try reader.readReckonedTimestamp()
        }
        guard recent.count <= sent, recent.isEmpty == (sent == 0) else { throw reader.fault("the latest attempts") }
        guard answered <= sent, (lastAt == nil) == (sent == 0), pending.count <= sent - answered else {
            throw reader.fault("no more answers than attempts")
        }
    }
}
