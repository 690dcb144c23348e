import Bytes

#if canImport(Glibc)
    import Glibc
#endif

/// The hazard of a topic switch at the next message, learnt online for one pair.
///
/// log-odds = b + a · ln(1 + messages since the last switch) + g · ln(1 + minutes since the last message) + q if the
/// last message asked something. q is the population's for every pair; the other coefficients have a Gaussian prior
/// at the population's values; each message is one step of assumed-density filtering for the logistic (Spiegelhalter
/// and Lauritzen 1990): with p the predicted probability, P ← P − (Px)(Px)ᵀ·p(1−p)/(1 + p(1−p)·xᵀPx) and
/// m ← m + Px·(y − p). A pair with little history therefore keeps near the population.
///
/// Beside it run the sums of log-loss of the predictions, each made before its message was seen, and of the pair's
/// own running base rate: a model that does not beat the base rate is not validated.
struct HazardModel: Sendable {
    /// The population's coefficients (b, a, g) and their standard deviation between pairs.
    ///
    /// The coefficients are those of the tracker's switches in byu_chitchat and tiage (MIT licence; `bench fit
    /// hazard`); the deviations were found by empirical Bayes in byu_chitchat when the tracker was an earlier one.
    static let priorMean = HazardPrior.mean
    static let priorDeviation: [Double] = [0.42, 0.22, 0.31]
    /// Minutes of silence beyond which the gap says no more (a year).
    static let gapMinutesMax = 365.0 * 24 * 60
    /// Messages below which nothing is said about validity.
    static let trialsMin = 20

    /// Coefficients b, a, g.
    private(set) var mean = priorMean
    /// The upper triangle of their covariance: bb, ba, bg, aa, ag, gg.
    private(set) var covariance = HazardModel.priorCovariance
    private(set) var trials = 0
    private(set) var switches = 0
    private(set) var lossModel = 0.0
    private(set) var lossBase = 0.0

    private static let priorCovariance: [Double] = [
        priorDeviation[0] * priorDeviation[0], 0, 0, priorDeviation[1] * priorDeviation[1], 0,
        priorDeviation[2] * priorDeviation[2],
    ]

    init() {}

    /// Whether the predictions so far were better than the pair's running base rate.
    var isValidated: Bool { trials >= Self.trialsMin && lossModel < lossBase }

    /// Log-odds of a switch when the next message comes at once.
    ///
    /// `afterQuestion` says that the last message asked something.
    func logit(messagesSinceSwitch: Int, afterQuestion: Bool = false) -> Double {
        mean[0] + mean[1] * log(1 + Double(messagesSinceSwitch)) + (afterQuestion ? HazardPrior.afterQuestion : 0)
    }

    /// Added to the log-odds for each ln(1 + minutes of silence).
    var gapWeight: Double { mean[2] }

    /// Folds in whether a message switched topic.
    mutating func observe(
        isSwitch: Bool, messagesSinceSwitch: Int, gapMinutes: Double, afterQuestion: Bool = false
    ) {
        let gap = min(max(gapMinutes, 0), Self.gapMinutesMax)
        let inputs = [1, log(1 + Double(messagesSinceSwitch)), log(1 + gap)]
        let logit =
            logit(messagesSinceSwitch: messagesSinceSwitch, afterQuestion: afterQuestion) + mean[2] * inputs[2]
        let predicted = min(max(1 / (1 + exp(-logit)), 1e-6), 1 - 1e-6)
        let base = (Double(switches) + 0.5) / (Double(trials) + 1)
        lossModel -= log(isSwitch ? predicted : 1 - predicted)
        lossBase -= log(isSwitch ? base : 1 - base)
        trials += 1
        if isSwitch { switches += 1 }
        update(inputs, predicted: predicted, outcome: isSwitch ? 1 : 0)
    }

    private mutating func update(_ x: [Double], predicted: Double, outcome: Double) {
        let c = covariance
        let px = [
            c[0] * x[0] + c[1] * x[1] + c[2] * x[2],
            c[1] * x[0] + c[3] * x[1] + c[4] * x[2],
            c[2] * x[0] + c[4] * x[1] + c[5] * x[2],
        ]
        let variance = predicted * (1 - predicted)
        let spread = x[0] * px[0] + x[1] * px[1] + x[2] * px[2]
        let shrink = variance / (1 + variance * spread)
        let step = (outcome - predicted) / (1 + variance * spread)
        let moved = [mean[0] + px[0] * step, mean[1] + px[1] * step, mean[2] + px[2] * step]
        let tightened = [
            c[0] - px[0] * px[0] * shrink, c[1] - px[0] * px[1] * shrink, c[2] - px[0] * px[2] * shrink,
            c[3] - px[1] * px[1] * shrink, c[4] - px[1] * px[2] * shrink, c[5] - px[2] * px[2] * shrink,
        ]
        guard Self.isPlausible(mean: moved, covariance: tightened) else { return }
        mean = moved
        covariance = tightened
    }

    /// Whether coefficients and covariance are finite, bounded and of non-negative variances.
    private static func isPlausible(mean: [Double], covariance: [Double]) -> Bool {
        mean.allSatisfy { $0.magnitude <= 50 } && covariance.allSatisfy { $0.magnitude <= 50 }
            && covariance[0] >= 0 && covariance[3] >= 0 && covariance[5] >= 0
    }

    func encode(into writer: inout StateWriter) {
        for value in mean { writer.write(value) }
        for value in covariance { writer.write(value) }
        writer.write(UInt64(trials))
        writer.write(UInt64(switches))
        writer.write(lossModel)
        writer.write(lossBase)
    }

    init(from reader: inout StateReader) throws(StateError) {
        for index in mean.indices { mean[index] = try reader.readDouble() }
        for index in covariance.indices { covariance[index] = try reader.readDouble() }
        guard Self.isPlausible(mean: mean, covariance: covariance) else { throw reader.fault("hazard coefficients") }
        trials = Int(try reader.readUnsigned(max: TopicTracker.countMax))
        switches = Int(try reader.readUnsigned(max: UInt64(trials)))
        lossModel = try reader.readSum()
        lossBase = try reader.readSum()
    }
}

extension StateReader {
    /// Reads a sum that is finite and not negative.
    mutating func readSum() throws(StateError) -> Double {
        let value = try readDouble()
        guard value >= 0, value <= 1e15 else { throw fault("a sum") }
        return value
    }
}
