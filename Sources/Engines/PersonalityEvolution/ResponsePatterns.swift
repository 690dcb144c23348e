import Bytes
import Glibc
import Model

/// How one user reacts to a bot: running features of the answers.
struct ResponsePatterns: Equatable, Sendable {
    /// 1 for turns that were answered in their session, 0 for others.
    var replied = RunningBaseline()
    var valence = RunningBaseline()
    var logWords = RunningBaseline()
    /// ln(1 + seconds) from the bot's message to the answer.
    var logLatency = RunningBaseline()
    var replies = 0
    var questions = 0
    /// Sums of products of centred-at-zero log lengths: turn, answer.
    private var lengths = [Double](repeating: 0, count: 5)

    /// Answers that the features need.
    static let repliesMin = 3
    /// Answers that the mirroring of length needs.
    static let mirroringMin = 8

    init() {}

    mutating func addReply(seconds: Double?, isQuestion: Bool, botLogWords: Double, logWords: Double) {
        replies += 1
        if isQuestion { questions += 1 }
        if let seconds { logLatency.add(log(1 + seconds)) }
        let products = [
            botLogWords, logWords, botLogWords * botLogWords, logWords * logWords, botLogWords * logWords,
        ]
        for (place, product) in products.enumerated() { lengths[place] += product }
    }

    /// Correlation of the answer's log length with that of the turn it answers; nil for too few or equal lengths.
    var mirroring: Double? {
        guard replies >= Self.mirroringMin else { return nil }
        let n = Double(replies)
        let own = lengths[2] - lengths[0] * lengths[0] / n
        let answers = lengths[3] - lengths[1] * lengths[1] / n
        guard own > 1e-9 * n, answers > 1e-9 * n else { return nil }
        return min(max((lengths[4] - lengths[0] * lengths[1] / n) / (own * answers).squareRoot(), -1), 1)
    }

    /// The features as a JSON object; nil with fewer than `repliesMin` answers.
    var json: String? {
        guard replies >= Self.repliesMin else { return nil }
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("replies")
        writer.value(replies)
        writer.key("reply_rate")
        writer.value(replied.shrunken(.replied), decimals: 4)
        writer.key("reply_latency_seconds")
        writer.value(logLatency.count > 0 ? exp(logLatency.mean) - 1 : nil, decimals: 2)
        writer.key("reply_words")
        writer.value(exp(logWords.mean) - 1, decimals: 2)
        writer.key("valence_mean")
        writer.value(valence.mean, decimals: 4)
        writer.key("valence_deviation")
        writer.value(valence.deviation, decimals: 4)
        writer.key("question_share")
        writer.value(Double(questions) / Double(replies), decimals: 4)
        writer.key("length_mirroring")
        writer.value(mirroring, decimals: 4)
        writer.endObject()
        return writer.text
    }

    func encode(into writer: inout StateWriter) {
        for baseline in [replied, valence, logWords, logLatency] { baseline.encode(into: &writer) }
        writer.write(UInt64(replies))
        writer.write(UInt64(questions))
        for sum in lengths { writer.write(sum) }
    }

    init(from reader: inout StateReader) throws(StateError) {
        replied = try RunningBaseline(from: &reader)
        valence = try RunningBaseline(from: &reader)
        logWords = try RunningBaseline(from: &reader)
        logLatency = try RunningBaseline(from: &reader)
        replies = try reader.readTally()
        questions = try reader.readTally()
        for place in lengths.indices { lengths[place] = try reader.readDouble(in: 0...1e16) }
    }
}
