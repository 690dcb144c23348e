import Bytes
import Glibc
import Model

/// How one user's answers differ from the population's, by how long the user had been silent.
///
/// Two kinds of trials are counted by bins of silence: a bot message (answered within 10 minutes or not), and a
/// silence that a user message ended (ended in this bin or outlasted it). In bin b, with x = ln(1 + hours) in its
/// middle, logit P = population_b + δ + ε·x, and δ ~ N(0, 0.7²), ε ~ N(0, 0.3²): the maximum a posteriori by Newton's
/// method on at most 17 binomial bins. A bin counts as `binTrialsMax` trials at most, because turns of one
/// conversation are no independent trials. The receptivity line is the population's for silences of 6 minutes and
/// more (logistic regression on bot messages, bins of silence weighted alike) moved by δ and ε.
///
/// Population values were counted with these same rules on the development half of byu_chitchat (MIT, 1 846 pairs, 32
/// 234 bot messages); silences above an hour are pooled (129 bot messages).
struct Receptivity: Equatable, Sendable {
    /// Upper ends of the bins of silence, in hours; the last bin has none.
    static let binHours = [0.02, 0.1, 0.35, 1, 3, 10, 30, 100]
    static let binMiddles = [0.01, 0.03, 0.17, 0.45, 1.1, 1.9, 3.0, 4.0, 5.1]
    static let replyLogits = [3.62, 2.6, 0.37, -1.07, -3.6, -3.6, -3.6, -3.6, -3.6]
    /// Bins 3…7: a silence of less is no return, and every silence ends in the last bin if it reaches it.
    static let returnLogits = [-2.05, -1.55, -1.3, -0.07, 0.34]
    static let returnBinFirst = 3
    static let populationIntercept = -0.11
    static let populationRecencyWeight = -1.36
    static let interceptDeviation = 0.7
    static let slopeDeviation = 0.3
    static let binTrialsMax = 10.0
    /// An answer within this many seconds counts.
    static let answerSeconds = 600.0

    private(set) var replyTrials = [Int](repeating: 0, count: 9)
    private(set) var replies = [Int](repeating: 0, count: 9)
    private(set) var returnTrials = [Int](repeating: 0, count: 5)
    private(set) var returns = [Int](repeating: 0, count: 5)
    /// Prequential comparison: log loss of the user's running answer rate less that of this model.
    private(set) var gainCount = 0
    private(set) var gainSum = 0.0
    private var gainSquares = 0.0

    init() {}

    /// The bin of a silence.
    static func bin(hours: Double) -> Int { binHours.firstIndex { hours < $0 } ?? binHours.count }

    /// Takes in what became of a bot message.
    mutating func addReplyTrial(bin: Int, replied: Bool) {
        let trials = replyTrials.reduce(0, +)
        if trials >= 5 {
            let shift = fit(iterations: 3)
            let model = Self.logistic(Self.replyLogits[bin] + shift.intercept + shift.slope * Self.binMiddles[bin])
            let rate = (Double(replies.reduce(0, +)) + 1) / (Double(trials) + 2)
            let gain = replied ? log(model / rate) : log((1 - model) / (1 - rate))
            gainCount += 1
            gainSum += gain
            gainSquares += gain * gain
        }
        replyTrials[bin] += 1
        if replied { replies[bin] += 1 }
    }

    /// Takes in a silence that a user message ended.
    mutating func addReturn(hours: Double) {
        let end = Self.bin(hours: hours)
        for bin in 0..<returnTrials.count where bin + Self.returnBinFirst <= end {
            returnTrials[bin] += 1
            if bin + Self.returnBinFirst == end { returns[bin] += 1 }
        }
    }

    /// Whether predictions made before each outcome beat the user's own running rate: gain above zero at one-sided 5 %.
    var beatsRate: Bool {
        guard gainCount >= 30 else { return false }
        let n = Double(gainCount)
        let mean = gainSum / n
        let variance = max(0, gainSquares / n - mean * mean)
        return mean > 0 && mean > 1.645 * (variance / n).squareRoot()
    }

    /// The user's differences δ and ε from the population.
    ///
    /// - Parameter iterations: Newton steps, each at most 1 long; 25 are exact for any counts.
    /// - Returns: zero without trials.
    func fit(iterations: Int = 25) -> (intercept: Double, slope: Double) {
        var trials: [(offset: Double, x: Double, n: Double, k: Double)] = []
        for bin in replyTrials.indices where replyTrials[bin] > 0 {
            trials.append(Self.trial(replyTrials[bin], replies[bin], Self.replyLogits[bin], bin: bin))
        }
        for bin in returnTrials.indices where returnTrials[bin] > 0 {
            trials.append(
                Self.trial(returnTrials[bin], returns[bin], Self.returnLogits[bin], bin: bin + Self.returnBinFirst))
        }
        var intercept = 0.0
        var slope = 0.0
        let interceptPrecision = 1 / (Self.interceptDeviation * Self.interceptDeviation)
        let slopePrecision = 1 / (Self.slopeDeviation * Self.slopeDeviation)
        for _ in 0..<iterations {
            var gradient = (-intercept * interceptPrecision, -slope * slopePrecision)
            var curvature = (interceptPrecision, 0.0, slopePrecision)
            for (offset, x, n, k) in trials {
                let p = Self.logistic(offset + intercept + slope * x)
                gradient.0 += k - n * p
                gradient.1 += (k - n * p) * x
                let weight = n * p * (1 - p)
                curvature = (curvature.0 + weight, curvature.1 + weight * x, curvature.2 + weight * x * x)
            }
            let determinant = curvature.0 * curvature.2 - curvature.1 * curvature.1
            guard determinant > 0 else { break }
            let step = (curvature.2 * gradient.0 - curvature.1 * gradient.1) / determinant
            let slopeStep = (curvature.0 * gradient.1 - curvature.1 * gradient.0) / determinant
            let shrink = min(1, 1 / max(step.magnitude, slopeStep.magnitude, 1e-300))
            intercept += step * shrink
            slope += slopeStep * shrink
        }
        return (intercept, slope)
    }

    private static func trial(
        _ trials: Int, _ successes: Int, _ offset: Double, bin: Int
    ) -> (offset: Double, x: Double, n: Double, k: Double) {
        let counted = min(Double(trials), binTrialsMax)
        return (offset, binMiddles[bin], counted, counted * Double(successes) / Double(trials))
    }

    static func logistic(_ logit: Double) -> Double { 1 / (1 + exp(-logit)) }

    func encode(into writer: inout StateWriter) {
        for count in replyTrials + replies + returnTrials + returns { writer.write(UInt64(count)) }
        writer.write(UInt64(gainCount))
        writer.write(gainSum)
        writer.write(gainSquares)
    }

    init(from reader: inout StateReader) throws(StateError) {
        for bin in replyTrials.indices { replyTrials[bin] = try reader.readTally() }
        for bin in replies.indices { replies[bin] = try reader.readTally() }
        for bin in returnTrials.indices { returnTrials[bin] = try reader.readTally() }
        for bin in returns.indices { returns[bin] = try reader.readTally() }
        guard zip(replies, replyTrials).allSatisfy({ $0 <= $1 }), zip(returns, returnTrials).allSatisfy({ $0 <= $1 })
        else { throw reader.fault("no more outcomes than trials") }
        gainCount = try reader.readTally()
        gainSum = try reader.readDouble(in: -1e14...1e14)
        gainSquares = try reader.readDouble(in: 0...1e16)
    }
}
