import Bytes
import Glibc

/// A topic that the user could return to: how long ago it was mentioned, and how stable it is.
package struct ReturnCandidate: Sendable {
    /// Seconds since it was last mentioned.
    package var elapsed: Double
    /// Days.
    package var stability: Double
    /// Whether the user did return to it.
    package var isChosen: Bool

    package init(elapsed: Double, stability: Double, isChosen: Bool) {
        self.elapsed = elapsed
        self.stability = stability
        self.isChosen = isChosen
    }
}

/// How a user's memories fade, learnt from what the user came back to.
///
/// Input: the topics that could be returned to when the user begins a new stretch of talk, with the one that was (or
/// none); and retrievals with a known outcome. With FSRS-6's retrievability R, t the time since the last mention and
/// t′ = min(t, 30 min) in minutes:
///
///     strength of topic i:      sᵢ = R(tᵢ, Sᵢ·m)·(1 + t′ᵢ)^−d
///     P(stretch returns to i):  q·sᵢ/Σs
///     P(memory is recalled):    R(t, S·m)
///
/// m, the stability multiplier, says how much more slowly than the population this user forgets; d how fast a topic
/// drops out of the talk within a session (need odds fall as a power of recency); q how often a stretch returns at
/// all.
///
/// Fit: ln m on 9 points −3…3 and d on 9 points −0.25…1.75, each with the normal prior that `MemoryPrior` has from the
/// population, each point weighted by the likelihood of every outcome so far (Bayes on a grid; the other parameter
/// stays at its mean meanwhile); q by the prior's beta distribution. So a user without evidence has the population's
/// curve.
///
/// Invariants: O(1) state; O(topics) time an outcome; every weight finite, the greatest 0.
/// Source: Anderson and Schooler, "Reflections of the environment in memory", 1991, for need odds.
package struct StrengthModel: Equatable, Sendable {
    static let multiplierLogs: [Double] = [-3, -2.25, -1.5, -0.75, 0, 0.75, 1.5, 2.25, 3]
    static let recencyExponents: [Double] = [-0.25, 0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75]
    /// Seconds beyond which recency within the talk no longer tells topics apart.
    static let recencySecondsMax = 1800.0
    /// No point's weight falls below this, so that a user who changes can be followed.
    static let logWeightMin: Float = -40

    private let prior: MemoryPrior
    private(set) var multiplierWeights: [Float]
    private(set) var recencyWeights: [Float]
    /// New stretches that could have returned to a topic, and those that did.
    private(set) var openings = 0
    private(set) var returns = 0

    package init(prior: MemoryPrior = .shipped) {
        self.prior = prior
        multiplierWeights = Self.weights(Self.multiplierLogs, prior.multiplierLog)
        recencyWeights = Self.weights(Self.recencyExponents, prior.recencyExponent)
    }

    /// A normal density at some points, as logarithms whose greatest is 0.
    private static func weights(_ points: [Double], _ normal: MemoryPrior.Normal) -> [Float] {
        var weights = points.map { point in
            let distance = (point - normal.mean) / normal.deviation
            return Float(max(-distance * distance / 2, -1e6))
        }
        settle(&weights)
        return weights
    }

    /// P(a new stretch returns to some known topic).
    package var returnRate: Double { prior.returnRate(returns: returns, openings: openings) }

    /// Posterior mean and standard deviation of ln m.
    var multiplierLog: (mean: Double, deviation: Double) { Self.moments(Self.multiplierLogs, multiplierWeights) }

    /// Posterior mean and standard deviation of d.
    var recencyExponent: (mean: Double, deviation: Double) { Self.moments(Self.recencyExponents, recencyWeights) }

    /// P(recalled) for a memory, from what is known so far.
    package func recall(days: Double, stability: Double) -> Double {
        FSRS6.published.retrievability(days: days, stability: stability * exp(multiplierLog.mean))
    }

    /// P(return) for each topic, from what is known so far; at most `returnRate` together.
    package func predict(_ candidates: [ReturnCandidate]) -> [Double] {
        let multiplier = multiplierLog.mean
        let exponent = recencyExponent.mean
        let strengths = candidates.map { exp(Self.logRecall($0, multiplier) - exponent * Self.recency($0)) }
        let total = strengths.reduce(0, +)
        guard total > 0 else { return candidates.map { _ in returnRate / Double(candidates.count) } }
        return strengths.map { returnRate * $0 / total }
    }

    /// Learns from a new stretch; it was a new topic when no candidate is chosen.
    package mutating func learn(_ candidates: [ReturnCandidate]) {
        guard !candidates.isEmpty else { return }
        openings += 1
        guard let chosen = candidates.firstIndex(where: \.isChosen) else { return }
        returns += 1
        guard candidates.count > 1 else { return }
        let multiplier = multiplierLog.mean
        let exponent = recencyExponent.mean
        let recency = candidates.map(Self.recency)
        let recalls = candidates.map { Self.logRecall($0, multiplier) }
        for (point, value) in Self.multiplierLogs.enumerated() {
            let logs = candidates.indices.map { Self.logRecall(candidates[$0], value) - exponent * recency[$0] }
            multiplierWeights[point] += Float(Self.logShare(of: chosen, in: logs))
        }
        for (point, value) in Self.recencyExponents.enumerated() {
            let logs = candidates.indices.map { recalls[$0] - value * recency[$0] }
            recencyWeights[point] += Float(Self.logShare(of: chosen, in: logs))
        }
        Self.settle(&multiplierWeights)
        Self.settle(&recencyWeights)
    }

    /// Learns from a retrieval whose outcome is known.
    mutating func learn(days: Double, stability: Double, recalled: Bool) {
        for (point, value) in Self.multiplierLogs.enumerated() {
            let recall = FSRS6.published.retrievability(days: days, stability: stability * exp(value))
            multiplierWeights[point] += Float(log(max(recalled ? recall : 1 - recall, 1e-6)))
        }
        Self.settle(&multiplierWeights)
    }

    private static func logRecall(_ candidate: ReturnCandidate, _ multiplierLog: Double) -> Double {
        let curve = FSRS6.published
        let days = candidate.elapsed / 86400
        return curve.decay * log1p(curve.factor * days / (candidate.stability * exp(multiplierLog)))
    }

    private static func recency(_ candidate: ReturnCandidate) -> Double {
        log1p(min(candidate.elapsed, recencySecondsMax) / 60)
    }

    private static func logShare(of index: Int, in logs: [Double]) -> Double {
        let greatest = logs.max() ?? 0
        return logs[index] - greatest - log(logs.reduce(0) { $0 + exp($1 - greatest) })
    }

    private static func settle(_ weights: inout [Float]) {
        let greatest = weights.max() ?? 0
        for index in weights.indices { weights[index] = max(weights[index] - greatest, logWeightMin) }
    }

    private static func moments(_ points: [Double], _ weights: [Float]) -> (mean: Double, deviation: Double) {
        var (total, sum, squares) = (0.0, 0.0, 0.0)
        for (point, weight) in zip(points, weights) {
            let share = exp(Double(weight))
            total += share
            sum += share * point
            squares += share * point * point
        }
        let mean = sum / total
        return (mean, max(0, squares / total - mean * mean).squareRoot())
    }

    func encode(into writer: inout StateWriter) {
        for weight in multiplierWeights + recencyWeights { writer.write(weight) }
        writer.write(UInt64(openings))
        writer.write(UInt64(returns))
    }

    init(from reader: inout StateReader) throws(StateError) {
        self.init()
        try Self.read(&multiplierWeights, from: &reader)
        try Self.read(&recencyWeights, from: &reader)
        openings = try reader.readMemoryCount()
        returns = try reader.readMemoryCount()
        guard returns <= openings else { throw StateError(offset: 0, expected: "returns among the openings") }
    }

    private static func read(_ weights: inout [Float], from reader: inout StateReader) throws(StateError) {
        for index in weights.indices {
            weights[index] = try reader.readFloat()
            guard logWeightMin...0 ~= weights[index] else {
                throw StateError(offset: 0, expected: "a logarithm of at most 0")
            }
        }
        guard weights.contains(0) else { throw StateError(offset: 0, expected: "a greatest weight of 0") }
    }
}
