import Bytes
import Glibc
import Model

/// How much readier to answer one user is than the population predicts.
///
/// A trial is a bot message: answered within 10 minutes or not. The population's logit (`ReceptivityWeights`) is
/// logit_i = intercept + recency·ln(1 + seconds of silence/10) + context·x + hour·(log-odds of the hour), x the
/// last user message's: ln(1 + messages of the session), farewell, ln(1 + words), ln(1 + user messages). The user's
/// offset δ ~ N(0, `offsetDeviation`²) is added: the maximum a posteriori by Newton's method, on trials counted by bins
/// of the logit. A bin counts as `binTrialsMax` trials at most, because turns of one conversation are no independent
/// trials.
package struct Receptivity: Equatable, Sendable {
    /// Upper ends of the bins of the population's logit; the last bin has none.
    static let binEnds = [-3.0, -2, -1, 0, 1, 2, 3, 4]
    static let binMiddles = [-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 4.5]
    static let binTrialsMax = 10.0
    /// An answer within this many seconds counts.
    package static let answerSeconds = 600.0

    private(set) var replyTrials = [Int](repeating: 0, count: 9)
    private(set) var replies = [Int](repeating: 0, count: 9)
    /// Prequential comparison: log loss of the user's running answer rate less that of this model.
    private(set) var gainCount = 0
    private(set) var gainSum = 0.0
    private var gainSquares = 0.0

    package init() {}

    static func bin(logit: Double) -> Int { binEnds.firstIndex { logit < $0 } ?? binEnds.count }

    /// Takes in what became of a bot message.
    ///
    /// - Parameters:
    ///   - logit: the population's for it.
    ///   - replied: whether the user answered in time.
    package mutating func addReplyTrial(logit: Double, replied: Bool) {
        let trials = replyTrials.reduce(0, +)
        if trials >= 5 {
            let model = Self.logistic(logit + offset(iterations: 3))
            let rate = (Double(replies.reduce(0, +)) + 1) / (Double(trials) + 2)
            let gain = replied ? log(model / rate) : log((1 - model) / (1 - rate))
            gainCount += 1
            gainSum += gain
            gainSquares += gain * gain
        }
        let bin = Self.bin(logit: logit)
        replyTrials[bin] += 1
        if replied { replies[bin] += 1 }
    }

    /// Whether predictions made before each outcome beat the user's own running rate: gain above zero at one-sided 5 %.
    var beatsRate: Bool {
        guard gainCount >= 30 else { return false }
        let n = Double(gainCount)
        let mean = gainSum / n
        let variance = max(0, gainSquares / n - mean * mean)
        return mean > 0 && mean > 1.645 * (variance / n).squareRoot()
    }

    /// The user's offset δ from the population.
    ///
    /// - Parameters:
    ///   - iterations: Newton steps, each at most 1 long; 25 are exact for any counts.
    ///   - deviation: the standard deviation of users' offsets.
    /// - Returns: zero without trials.
    package func offset(iterations: Int = 25, deviation: Double = ReceptivityWeights.offsetDeviation) -> Double {
        let precision = 1 / (deviation * deviation)
        var offset = 0.0
        for _ in 0..<iterations {
            var gradient = -offset * precision
            var curvature = precision
            for bin in replyTrials.indices where replyTrials[bin] > 0 {
                let n = min(Double(replyTrials[bin]), Self.binTrialsMax)
                let p = Self.logistic(Self.binMiddles[bin] + offset)
                gradient += n * (Double(replies[bin]) / Double(replyTrials[bin]) - p)
                curvature += n * p * (1 - p)
            }
            offset += min(max(gradient / curvature, -1), 1)
        }
        return offset
    }

    static func logistic(_ logit: Double) -> Double { 1 / (1 + exp(-logit)) }

    func encode(into writer: inout StateWriter) {
        for count in replyTrials + replies { writer.write(UInt64(count)) }
        writer.write(UInt64(gainCount))
        writer.write(gainSum)
        writer.write(gainSquares)
    }

    init(from reader: inout StateReader) throws(StateError) {
        for bin in replyTrials.indices { replyTrials[bin] = try reader.readTally() }
        for bin in replies.indices { replies[bin] = try reader.readTally() }
        guard zip(replies, replyTrials).allSatisfy({ $0 <= $1 }) else {
            throw reader.fault("no more outcomes than trials")
        }
        gainCount = try reader.readTally()
        gainSum = try reader.readDouble(in: -1e14...1e14)
        gainSquares = try reader.readDouble(in: 0...1e16)
    }
}
