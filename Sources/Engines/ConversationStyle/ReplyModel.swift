import Bytes
import Model

#if canImport(Glibc)
    import Glibc
#endif

/// Whether the user goes on after a bot's reply, by the reply's length.
///
/// A reply is a run of bot messages without a user message between; it counts as continued when the user writes
/// within `replySecondsMax` in the same session, and as not continued otherwise. A reply that nothing has followed
/// yet is censored: it counts only once the user's next message or the next session decides it.
///
/// P(continued | length bin) = (s + k·p₀) / (n + k), where s and n are the bin's continued and all replies with half
/// of either neighbour's added, p₀ = (S + 1/2) / (N + 1) the pair's pooled rate (Jeffreys 1946) and
/// k = `priorStrength`. The best length is the mean length of the bin with the largest probability among bins that
/// hold a reply. In chat between people (byu_chitchat) 97 % of replies are gone on after: lengths tell little, so that
/// k is large; and p₀ with a whole reply added on either side predicts worse.
///
/// Beside it run the sums of log-loss of P, predicted before each outcome, and of p₀ alone.
package struct ReplyModel: Sendable {
    /// Largest number of words of each bin but the last, which is open.
    static let wordsMax = [3, 6, 10, 16, 25, 40, 64, 100, 160]
    static let binCount = wordsMax.count + 1
    static let replySecondsMax = 600.0
    static let priorStrength = 100.0
    /// Replies below which there is no best length.
    static let repliesMin = 4
    static let validationRepliesMin = 20
    /// All counts are halved when they add up to this, and a bin that is worth less than `binWeightMin` is forgotten.
    static let weightMax = 1024.0
    static let binWeightMin = 1.0 / 64

    struct Bin: Equatable, Sendable {
        var replies = 0.0
        var continued = 0.0
        var words = 0.0
    }

    /// A reply that nothing has followed yet.
    struct Pending: Equatable, Sendable {
        var words: Int
        var at: Timestamp
        var sessionIndex: Int
    }

    private(set) var bins = [Bin](repeating: Bin(), count: binCount)
    /// Replies whose outcome is known, and the sums of log-loss over them.
    package private(set) var resolvedCount = 0
    package private(set) var lossModel = 0.0
    package private(set) var lossBase = 0.0
    private(set) var pending: Pending?

    package init() {}

    /// Whether predicting by length has been better than the pair's pooled rate.
    var isValidated: Bool { resolvedCount >= Self.validationRepliesMin && lossModel < lossBase }

    /// Folds in a message of the bot's.
    package mutating func observeBot(words: Int, at: Timestamp, sessionIndex: Int) {
        let words = min(max(words, 0), Limits.contentBytesMax)
        if var open = pending {
            if open.sessionIndex == sessionIndex && at.seconds(since: open.at) <= Self.replySecondsMax {
                open.words = min(open.words + words, Limits.contentBytesMax)
                open.at = at
                pending = open
                return
            }
            resolve(open, continued: false)
        }
        pending = Pending(words: words, at: at, sessionIndex: sessionIndex)
    }

    /// Folds in a message of the user's; seconds since the bot's reply if it answers one in the same session.
    package mutating func observeUser(at: Timestamp, sessionIndex: Int) -> Double? {
        guard let open = pending else { return nil }
        pending = nil
        let seconds = max(at.seconds(since: open.at), 0)
        let sameSession = open.sessionIndex == sessionIndex
        resolve(open, continued: sameSession && seconds <= Self.replySecondsMax)
        return sameSession ? seconds : nil
    }

    private mutating func resolve(_ reply: Pending, continued: Bool) {
        let bin = Self.bin(words: reply.words)
        let base = pooledRate
        let predicted = probability(bin: bin)
        lossModel -= log(continued ? predicted : 1 - predicted)
        lossBase -= log(continued ? base : 1 - base)
        resolvedCount += 1
        bins[bin].replies += 1
        bins[bin].words += Double(reply.words)
        if continued { bins[bin].continued += 1 }
        guard bins.reduce(0, { $0 + $1.replies }) >= Self.weightMax else { return }
        for index in bins.indices {
            bins[index].replies /= 2
            bins[index].words /= 2
            bins[index].continued /= 2
            if bins[index].replies < Self.binWeightMin { bins[index] = Bin() }
        }
    }

    static func bin(words: Int) -> Int { wordsMax.firstIndex { words <= $0 } ?? wordsMax.count }

    /// The pair's rate of continuing, whatever the length.
    var pooledRate: Double {
        var replies = 1.0
        var continued = 0.5
        for bin in bins {
            replies += bin.replies
            continued += bin.continued
        }
        return continued / replies
    }

    private func smoothed(_ bin: Int) -> Bin {
        var sum = bins[bin]
        for neighbour in [bin - 1, bin + 1] where bins.indices.contains(neighbour) {
            sum.replies += bins[neighbour].replies / 2
            sum.continued += bins[neighbour].continued / 2
        }
        return sum
    }

    /// P(the user goes on after a reply of that length).
    func probability(bin: Int) -> Double {
        let sum = smoothed(bin)
        return (sum.continued + Self.priorStrength * pooledRate) / (sum.replies + Self.priorStrength)
    }

    /// Words of the replies that the user goes on after most; nil below `repliesMin` replies.
    var bestLength: Int64? {
        guard resolvedCount >= Self.repliesMin else { return nil }
        var best: (bin: Int, probability: Double, replies: Double)?
        for (index, bin) in bins.enumerated() where bin.replies > 0 {
            let candidate = (bin: index, probability: probability(bin: index), replies: smoothed(index).replies)
            guard let leader = best else {
                best = candidate
                continue
            }
            if (candidate.probability, candidate.replies) > (leader.probability, leader.replies) { best = candidate }
        }
        return best.map { max(Int64((bins[$0.bin].words / bins[$0.bin].replies).rounded()), 1) }
    }

    func encode(into writer: inout StateWriter) {
        for bin in bins {
            writer.write(bin.replies > 0)
            guard bin.replies > 0 else { continue }
            writer.write(bin.replies)
            writer.write(bin.continued)
            writer.write(bin.words)
        }
        writer.write(UInt64(resolvedCount))
        writer.write(lossModel)
        writer.write(lossBase)
        writer.write(pending) { writer, reply in
            writer.write(UInt64(reply.words))
            writer.write(reply.at)
            writer.write(Int64(reply.sessionIndex))
        }
    }

    init(from reader: inout StateReader) throws(StateError) {
        var total = 0.0
        for index in bins.indices where try reader.readBool() {
            let replies = try reader.readDouble()
            let continued = try reader.readDouble()
            let words = try reader.readDouble()
            guard replies >= Self.binWeightMin, continued >= 0, continued <= replies, words >= 0,
                words <= replies * Double(Limits.contentBytesMax)
            else { throw reader.fault("a bin of replies") }
            total += replies
            bins[index] = Bin(replies: replies, continued: continued, words: words)
        }
        guard total < Self.weightMax else { throw reader.fault("fewer replies") }
        resolvedCount = Int(try reader.readUnsigned(max: TopicTracker.countMax))
        lossModel = try reader.readSum()
        lossBase = try reader.readSum()
        pending = try reader.readOptional { reader throws(StateError) in
            let words = Int(try reader.readUnsigned(max: UInt64(Limits.contentBytesMax)))
            return Pending(words: words, at: try reader.readTimestamp(), sessionIndex: try reader.readInt())
        }
    }
}
