import Bytes
import Glibc
import Model

/// The names of the measures in a bot's buckets.
///
/// The four given scores keep their own names; what users did has the names below; all other given names carry a
/// prefix, so that no application can write into a computed measure.
package enum CharacterMeasure {
    /// Metric points by these names are the scores themselves.
    package static let scores = ["engagement", "satisfaction", "coherence", "personality_consistency"]
    /// Bot turns: 1 when the user answered in the same session, counted in the hour of the turn.
    package static let continuation = "continuation"
    /// ln(1 + seconds) from a bot turn to the user's answer in the same session.
    package static let replyLatency = "reply_latency"
    /// Messages of a session, counted in the hour in which it began.
    package static let sessionMessages = "session_messages"
    /// Days (UTC) on which the user wrote: 1 when the user also wrote on the next day; in the hour of the day's first
    /// message.
    package static let returnNextDay = "return_next_day"
    /// Questions and requests: 1 when they repeat or rephrase the user's message before.
    package static let retry = "retry"
    /// (1 + valence) / 2 of the user's answers to the bot.
    package static let replyPositivity = "reply_positivity"
    /// ln(1 + words) of a bot message: of what a turn alone shows, its brevity tells best that it was poor.
    package static let turnWords = "turn_words"
    /// The measures of what users and the bot did.
    static let behavioural = [
        continuation, replyLatency, replyPositivity, retry, returnNextDay, sessionMessages, turnWords,
    ]
    package static let traitPrefix = "trait:"
    package static let stylePrefix = "style:"
    package static let metricPrefix = "metric:"

    /// Bytes of a metric's or trait's name that are kept; longer names are cut at a scalar's border.
    package static let nameBytesMax = 64

    /// A bot message's value of `turnWords`; nil where its words can't be counted.
    package static func turnWords(of analysis: MessageAnalysis) -> Double? {
        analysis.wordCount > 0 ? log(1 + Double(analysis.wordCount)) : nil
    }

    /// A name cut to `nameBytesMax` bytes.
    static func bounded(_ name: String) -> String {
        guard name.utf8.count > nameBytesMax else { return name }
        var kept = ""
        for scalar in name.unicodeScalars {
            guard kept.utf8.count + String(scalar).utf8.count <= nameBytesMax else { break }
            kept.unicodeScalars.append(scalar)
        }
        return kept
    }
}

extension Timestamp {
    /// Microseconds that engines reckon with, 1684…2255: what lies outside is taken as the nearer end, so that sums and
    /// differences of times never overflow.
    static let reckonedMicrosecondsMax: Int64 = 9_000_000_000_000_000

    /// This moment within the range that engines reckon with.
    var reckoned: Timestamp {
        Timestamp(
            microseconds: min(max(microseconds, -Timestamp.reckonedMicrosecondsMax), Timestamp.reckonedMicrosecondsMax))
    }
}

extension StateReader {
    /// Reads a moment within the range that engines reckon with.
    mutating func readReckonedTimestamp() throws(StateError) -> Timestamp {
        let moment = try readTimestamp()
        guard moment == moment.reckoned else { throw fault("a moment between 1684 and 2255") }
        return moment
    }

    /// Reads a finite double within bounds.
    mutating func readDouble(in range: ClosedRange<Double>) throws(StateError) -> Double {
        let value = try readDouble()
        guard range.contains(value) else { throw fault("a number in \(range)") }
        return value
    }

    /// Reads a count that no sum of it can overflow.
    mutating func readTally() throws(StateError) -> Int {
        let value = try readUnsigned()
        guard value <= 1 << 40 else { throw fault("a count below 2^40") }
        return Int(value)
    }

    /// Reads a trait's or metric's name, cut as engines cut it.
    mutating func readBoundedName(bytesMax: Int) throws(StateError) -> String {
        let name = try readString()
        guard name.utf8.count <= bytesMax else { throw fault("a name of at most \(bytesMax) bytes") }
        return name
    }
}
