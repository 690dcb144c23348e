import Bytes
import Postgres

/// The weekly `afterthought eval`: measures the engines on the history at hand, and marks what does not beat its
/// baseline.
package struct SignalQualityJob: Job {
    package let name = "signal_quality"

    /// What an evaluation came to, not stored yet.
    package struct Evaluation {
        /// Pairs that were looked at.
        package var pairs: Int
        /// Engines that do not beat their naive baseline.
        package var unvalidated: [String]
        /// Stores it, inside a transaction.
        package var save: (inout Connection) throws -> Void

        package init(pairs: Int, unvalidated: [String], save: @escaping (inout Connection) throws -> Void) {
            self.pairs = pairs
            self.unvalidated = unvalidated
            self.save = save
        }
    }

    /// Evaluates up to a number of pairs, asking before each whether to go on.
    package typealias Evaluate =
        @Sendable (
            _ pairsMax: Int, _ connection: inout Connection, _ goesOn: () -> Bool
        ) throws -> Evaluation

    private let evaluate: Evaluate

    /// Makes the job.
    ///
    /// - Parameter evaluate: given by whoever knows the engines' fold, which is the worker's.
    package init(evaluate: @escaping Evaluate) { self.evaluate = evaluate }

    package func run(_ run: inout JobRun, _ connection: inout Connection) throws {
        if run.isDone { return }
        var stopped: (any Error)?
        let current = run
        let evaluation = try evaluate(run.settings.integer("SIGNAL_QUALITY_PAIRS"), &connection) {
            do { try current.checkStop() } catch { stopped = error }
            return stopped == nil
        }
        if let stopped { throw stopped }
        guard evaluation.pairs > 0 else { return run.skip("no pair was processed yet") }
        try run.commit(&connection) { run, connection in
            try evaluation.save(&connection)
            run.tally.recordsProcessed = evaluation.pairs
            run.tally.metadata = [
                JSONMember(key: "unvalidated", value: .array(evaluation.unvalidated.map { .string($0) }))
            ]
            run.markDone()
        }
    }
}
