import Bytes
import Postgres

extension JobRun {
    /// Experiments that the metadata names; the others that failed are counted.
    private static let failedExperimentsNamedMax = 5
    private static let failureCharactersMax = 300

    /// Analyses an experiment so that one whose data can't be processed fails alone.
    ///
    /// It goes in a savepoint: when it fails, what it did is undone, the tally names it, and the run goes on.
    ///
    /// - Parameters:
    ///   - experiment: its name.
    ///   - connection: the run's, inside the open transaction.
    ///   - analyse: what may fail.
    /// - Throws: what is no fault of the experiment's data: such an error is met by all of them.
    mutating func isolate(
        _ experiment: String, _ connection: inout Connection,
        _ analyse: (inout JobRun, inout Connection) throws -> Void
    ) throws {
        var next = self
        do {
            try connection.savepoint { connection in try analyse(&next, &connection) }
            self = next
        } catch let error as PostgresError where Self.isFaultOfExperiment(error) {
            noteFailed(experiment, error.description)
        }
    }

    /// Counts an experiment that could not be analysed, and names it as long as there is room.
    mutating func noteFailed(_ experiment: String, _ error: String) {
        tally.failedUpdates += 1
        var named = tally.metadata.first { $0.key == "failed_experiments" }?.value.array ?? []
        guard named.count < Self.failedExperimentsNamedMax else { return }
        named.append(
            .object([
                .text("experiment", experiment), .text("error", String(error.prefix(Self.failureCharactersMax))),
            ]))
        tally.set(JSONMember(key: "failed_experiments", value: .array(named)))
    }

    /// Tells whether an error comes from the data at hand: refused or undecodable values, rules of the database's own
    /// (class P0), damaged rows (class XX).
    private static func isFaultOfExperiment(_ error: PostgresError) -> Bool {
        if error.code == .decoding || error.isDataError { return true }
        guard error.code == .serverError, let state = error.sqlState else { return false }
        return state.hasPrefix("P0") || state.hasPrefix("XX")
    }
}
