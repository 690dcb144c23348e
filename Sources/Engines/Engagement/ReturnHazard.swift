import Bytes
import Glibc
import Model

/// When a user comes back: a discrete hazard over the time since the last message of a session.
///
/// In interval b (upper ends `intervalHours`), logit h_b = α_b + β·f, where f are: the mean logarithm of earlier gaps,
/// newest first by `gapShare` and drawn to a prior of two gaps; ln(1 + returns), ln(1 + returns that decay over 7
/// days), the same over 1 day, ln(1 + messages of the session). S_b = Π(1 − h), and the restricted mean return time is
/// Σ S_{b−1}·(width of b) over the first week.
///
/// Fitted on users' gaps with the last one censored at the end of the record (after Cox 1972, discrete form; Singer and
/// Willett 1993). Invariants: O(1) a return; the same sequence of returns gives the same bits.
package struct ReturnHazard: Equatable, Sendable {
    package static let intervalHours = [1.0, 3, 10, 24, 72, 168]
    static let gapShare = 0.7
    static let priorGaps = 2.0
    static let priorLogHours = 3.7
    static let decayDays = [7.0, 1.0]

    private(set) var returns = 0
    /// Σ gapShare^age·ln(hours), and the weights' sum.
    private var logHours = 0.0
    private var weight = 0.0
    /// Returns that decay over `decayDays`, as of `lastAt`.
    private var decayed = [0.0, 0.0]
    private var lastAt: Timestamp?

    package init() {}

    /// Takes in that a silence ended.
    ///
    /// - Parameters:
    ///   - hours: its length.
    ///   - at: its end.
    package mutating func returned(after hours: Double, at: Timestamp) {
        logHours = logHours * Self.gapShare + log(min(max(hours, 0.5), 1e5))
        weight = weight * Self.gapShare + 1
        let shares = shares(at: at)
        for place in decayed.indices { decayed[place] = decayed[place] * shares[place] + 1 }
        lastAt = at
        returns += 1
    }

    private func shares(at: Timestamp) -> [Double] {
        let days = lastAt.map { max(0, at.days(since: $0)) } ?? 0
        return Self.decayDays.map { exp(-days / $0) }
    }

    /// The features f, at the session's last message.
    package func features(sessionMessages: Int, at: Timestamp) -> [Double] {
        let shares = shares(at: at)
        return [
            (logHours + Self.priorGaps * Self.priorLogHours) / (weight + Self.priorGaps), log(1 + Double(returns)),
            log(1 + decayed[0] * shares[0]), log(1 + decayed[1] * shares[1]), log(1 + Double(sessionMessages)),
        ]
    }

    /// The chance to return in each interval, given no return before it.
    package func hazards(sessionMessages: Int, at: Timestamp) -> [Double] {
        let features = features(sessionMessages: sessionMessages, at: at)
        let shift = zip(ReceptivityWeights.returnFeatures, features).reduce(0) { $0 + $1.0 * $1.1 }
        return ReceptivityWeights.returnIntercepts.map { Receptivity.logistic($0 + shift) }
    }

    /// The mean return time in hours, of which no more than the first week counts.
    package func restrictedMeanHours(sessionMessages: Int, at: Timestamp) -> Double {
        var survival = 1.0
        var mean = 0.0
        var from = 0.0
        for (end, hazard) in zip(Self.intervalHours, hazards(sessionMessages: sessionMessages, at: at)) {
            mean += survival * (end - from)
            survival *= 1 - hazard
            from = end
        }
        return mean
    }

    func encode(into writer: inout StateWriter) {
        writer.write(lastAt) { writer, at in
            writer.write(at)
            writer.write(UInt64(returns))
            for value in [logHours, weight] + decayed { writer.write(value) }
        }
    }

    init(from reader: inout StateReader) throws(StateError) {
        guard try reader.readBool() else { return }
        lastAt = try reader.readReckonedTimestamp()
        returns = try reader.readTally()
        guard returns > 0 else { throw reader.fault("a return") }
        logHours = try reader.readDouble(in: -100...100)
        weight = try reader.readDouble(in: 1...100)
        for place in decayed.indices { decayed[place] = try reader.readDouble(in: 0...1e12) }
    }
}
