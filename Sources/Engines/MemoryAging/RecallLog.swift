import Bytes
import Glibc

/// How well predictions did that were made before their outcome was known, against the running base rate.
///
///     loss = Σ −ln P(outcome);   base rate: (hits + prior hits)/(predictions + prior predictions), before the outcome
///
/// Losses are summed in whole micronats, so that the sum does not depend on where the fold was interrupted.
/// Invariants: O(1) state and time.
struct RecallLog: Equatable, Sendable {
    /// What is known of a base rate before anything was observed.
    struct Prior: Equatable, Sendable {
        var hits: Double
        var predictions: Double

        /// Returns to one of several topics, as the population has them.
        static let returns = Prior(
            hits: MemoryPrior.shipped.topicReturns.hits,
            predictions: MemoryPrior.shipped.topicReturns.hits + MemoryPrior.shipped.topicReturns.misses)
        /// Explicit recall outcomes: nothing is known (Krichevsky and Trofimov, 1981).
        static let outcomes = Prior(hits: 0.5, predictions: 1)
    }

    /// Predictions below which nothing is claimed.
    static let predictionsMin = 20
    /// The model must lose at least this share less than the base rate.
    static let gainMin = 0.01

    private let prior: Prior
    private(set) var predictions = 0
    private(set) var hits = 0
    private(set) var modelLoss = 0
    private(set) var baselineLoss = 0

    init(_ prior: Prior) { self.prior = prior }

    /// The base rate as it is known so far, shrunk to the prior.
    var baseRate: Double { (Double(hits) + prior.hits) / (Double(predictions) + prior.predictions) }

    /// Notes an outcome and what was predicted for it.
    mutating func record(predicted: Double, outcome: Bool) {
        modelLoss += Self.loss(predicted, outcome)
        baselineLoss += Self.loss(baseRate, outcome)
        predictions += 1
        if outcome { hits += 1 }
    }

    /// Whether the logs together show on enough predictions that their model beats the base rates.
    static func areBetterThanBaseRate(_ logs: RecallLog...) -> Bool {
        let predictions = logs.reduce(0) { $0 + $1.predictions }
        let model = logs.reduce(0.0) { $0 + Double($1.modelLoss) }
        let baseline = logs.reduce(0.0) { $0 + Double($1.baselineLoss) }
        return predictions >= predictionsMin && model <= (1 - gainMin) * baseline
    }

    private static func loss(_ predicted: Double, _ outcome: Bool) -> Int {
        let probability = outcome ? predicted : 1 - predicted
        return Int((-log(min(max(probability, 1e-6), 1)) * 1e6).rounded())
    }

    func encode(into writer: inout StateWriter) {
        writer.write(UInt64(predictions))
        writer.write(UInt64(hits))
        writer.write(UInt64(modelLoss))
        writer.write(UInt64(baselineLoss))
    }

    init(_ prior: Prior, from reader: inout StateReader) throws(StateError) {
        self.prior = prior
        predictions = try reader.readMemoryCount()
        hits = try reader.readMemoryCount()
        modelLoss = try reader.readMemoryCount()
        baselineLoss = try reader.readMemoryCount()
        guard hits <= predictions else { throw StateError(offset: 0, expected: "hits among the predictions") }
    }
}
