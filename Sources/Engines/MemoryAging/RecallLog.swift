import Bytes
import Glibc

/// How well predictions did that were made before their outcome was known, against the running base rate.
///
///     loss = Σ −ln P(outcome);   base rate before outcome n: (hits + ½) / (n − 1 + 1)
///
/// Losses are summed in whole micronats, so that the sum does not depend on where the fold was interrupted.
/// Invariants: O(1) state and time.
struct RecallLog: Equatable, Sendable {
    /// Predictions below which nothing is claimed.
    static let predictionsMin = 20
    /// The model must lose at least this share less than the base rate.
    static let gainMin = 0.01

    private(set) var predictions = 0
    private(set) var hits = 0
    private(set) var modelLoss = 0
    private(set) var baselineLoss = 0

    init() {}

    /// The base rate as it is known so far, shrunk to one half by one pseudo-observation.
    var baseRate: Double { (Double(hits) + 0.5) / (Double(predictions) + 1) }

    /// Notes an outcome and what was predicted for it.
    mutating func record(predicted: Double, outcome: Bool) {
        modelLoss += Self.loss(predicted, outcome)
        baselineLoss += Self.loss(baseRate, outcome)
        predictions += 1
        if outcome { hits += 1 }
    }

    /// Both logs as one.
    static func + (left: RecallLog, right: RecallLog) -> RecallLog {
        var sum = left
        sum.predictions += right.predictions
        sum.hits += right.hits
        sum.modelLoss += right.modelLoss
        sum.baselineLoss += right.baselineLoss
        return sum
    }

    /// Whether the model has shown on enough predictions that it beats the base rate.
    var isBetterThanBaseRate: Bool {
        predictions >= Self.predictionsMin && Double(modelLoss) <= (1 - Self.gainMin) * Double(baselineLoss)
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

    init(from reader: inout StateReader) throws(StateError) {
        predictions = try reader.readTally()
        hits = try reader.readTally()
        modelLoss = try reader.readTally()
        baselineLoss = try reader.readTally()
        guard hits <= predictions else { throw StateError(offset: 0, expected: "hits among the predictions") }
    }
}
