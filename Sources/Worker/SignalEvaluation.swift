import Bytes
import Engines
import Glibc
import Model
import Postgres
import Store

/// Measures the engines on the history at hand: predictions made before their outcomes, in the last part of each pair's
/// history, against naive methods.
///
/// The first part only teaches. Each pair is one cluster: an engine is validated when the sum of its gains is above
/// zero at one-sided 5 %, by the pairs' own spread, on at least `predictionsMin` predictions of `pairsMin` pairs.
package struct SignalEvaluation: Sendable {
    package static let predictionsMin = 100
    package static let pairsMin = 5
    /// The share of a pair's rows that only teaches.
    package static let trainingShare = 0.7

    /// What became of one engine.
    package struct Finding: Sendable {
        package var evidence: Evidence
        /// Pairs with a prediction.
        package var pairs = 0
        /// Sums of the pairs' gains and of their squares.
        fileprivate var gain = 0.0
        fileprivate var gainSquares = 0.0

        /// Mean loss of the engine's predictions; nil without any.
        package var value: Double? { mean(evidence.loss) }
        /// Mean loss of the naive method; nil without predictions.
        package var baseline: Double? { mean(evidence.baseline) }

        private func mean(_ sum: Double) -> Double? {
            evidence.predictions > 0 ? sum / Double(evidence.predictions) : nil
        }

        /// Whether the engine beats the naive method beyond chance; nil when there is too little to tell.
        package var isValidated: Bool? {
            guard evidence.predictions >= SignalEvaluation.predictionsMin, pairs >= SignalEvaluation.pairsMin else {
                return nil
            }
            return gain > 0 && gain > 1.645 * gainSquares.squareRoot()
        }

        fileprivate init(_ evidence: Evidence) {
            self.evidence = evidence
            add(evidence)
        }

        fileprivate mutating func add(_ evidence: Evidence) {
            guard evidence.predictions > 0 else { return }
            let gain = evidence.baseline - evidence.loss
            pairs += 1
            self.gain += gain
            gainSquares += gain * gain
        }
    }

    package private(set) var findings: [Finding] = []
    /// Pairs that were looked at.
    package private(set) var pairs = 0
    /// Pairs whose history is too long to be held.
    package private(set) var pairsTooLong = 0

    package init() {}

    /// Adds a pair's history.
    mutating func add(_ input: [InputRow], analyzer: TextAnalyzer) {
        let split = Int((Double(input.count) * Self.trainingShare).rounded(.up))
        var state = PairState()
        for row in input.prefix(split) { state.apply(row, analyzer: analyzer) }
        let before = state.evidence
        for row in input.dropFirst(split) { state.apply(row, analyzer: analyzer) }
        let found = zip(state.evidence, before).map { $0.since($1) }
        pairs += 1
        if findings.isEmpty {
            findings = found.map(Finding.init)
            return
        }
        for index in findings.indices {
            findings[index].evidence.predictions += found[index].predictions
            findings[index].evidence.loss += found[index].loss
            findings[index].evidence.baseline += found[index].baseline
            findings[index].add(found[index])
        }
    }

    mutating func addTooLong() { pairsTooLong += 1 }
}

extension Recomputation {
    /// Rows of a pair that an evaluation holds at most.
    package static let evaluationRowsMax = 50_000

    /// Evaluates the engines on the histories of chosen pairs.
    ///
    /// - Parameters:
    ///   - connection: outside a transaction.
    ///   - pairs: chosen a moment ago; those in a backlog are passed over.
    ///   - report: told after each pair how many are done; returns whether to go on.
    /// - Returns: what was found up to the end or the stop.
    /// - Throws: `PostgresError`.
    package func evaluate(
        _ connection: inout Connection, _ pairs: [CachedPair], report: (Int) -> Bool
    ) throws -> SignalEvaluation {
        var evaluation = SignalEvaluation()
        for (index, pair) in pairs.enumerated() {
            guard report(index) else { break }
            guard let through = pair.through else { continue }
            let input = try history(&connection, of: pair.pair, through: through, rowsMax: Self.evaluationRowsMax)
            if let input { evaluation.add(input, analyzer: analyzer) } else { evaluation.addTooLong() }
        }
        return evaluation
    }

    /// Keeps what was found, for the views to mark what is not validated.
    package func save(_ evaluation: SignalEvaluation, _ connection: inout Connection) throws {
        let rows = evaluation.findings.map { finding in
            SaveSignalQuality.Figure(
                engine: finding.evidence.engine, metric: finding.evidence.metric, value: finding.value,
                baselineName: finding.evidence.baselineName, baseline: finding.baseline,
                predictions: Int64(finding.evidence.predictions), pairs: Int64(finding.pairs),
                isValidated: finding.isValidated)
        }
        _ = try connection.run(SaveSignalQuality(rows: rows, identity: identity))
    }
}
