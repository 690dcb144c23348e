import Bytes
import Model
import Postgres
import Store

/// One attempt at a job, in the hands of the job.
package struct JobRun: Sendable {
    /// Whose claim it is: every commit names it.
    package let claim: JobClaim
    package let settings: JobSettings
    /// Whether everything is undone at the end.
    package let isDryRun: Bool
    let stop: JobStop

    /// What the run came to so far, earlier attempts included.
    package var tally: JobTally
    /// Where the next attempt goes on; null at the beginning.
    package var cursor: JSONValue

    package init(claim: JobClaim, settings: JobSettings, isDryRun: Bool, stop: JobStop) {
        self.claim = claim
        self.settings = settings
        self.isDryRun = isDryRun
        self.stop = stop
        tally = JobTally(claim.tally)
        cursor = claim.cursor
    }

    /// What it was asked for, such as `user_id`; null if nothing.
    package var arguments: JSONValue { claim.arguments }

    /// When this run became due, by the database's clock: the moment that everything in it is reckoned from.
    package var dueAt: Timestamp { claim.dueAt }

    /// Runs one step: its changes, the tally and the cursor commit together, or nothing does.
    ///
    /// - Parameters:
    ///   - connection: the run's.
    ///   - mode: the transaction's.
    ///   - body: the step; it may change the run's tally and cursor.
    /// - Returns: what the step returned.
    /// - Throws: `ClaimLost` when another attempt has taken over; what the step throws.
    package mutating func commit<Result>(
        _ connection: inout Connection, _ mode: TransactionMode = .readWrite,
        _ body: (inout JobRun, inout Connection) throws -> Result
    ) throws -> Result {
        try checkStop()
        var next = self
        let step: (inout Connection) throws -> Result = { [claim] connection in
            let result = try body(&next, &connection)
            let saved = SaveJobProgress(claim: claim, tally: next.tally.json, cursor: next.cursor)
            guard try connection.run(saved) == 1 else { throw ClaimLost(job: claim.name) }
            return result
        }
        // A dry run is inside one transaction from its start to its end.
        let result = isDryRun ? try connection.savepoint(step) : try connection.transaction(mode, step)
        tally = next.tally
        cursor = next.cursor
        return result
    }

    /// Records that the run has nothing to do, and why; it counts as completed.
    package mutating func skip(_ reason: String) {
        tally.set(.text("skipped", reason))
    }

    /// Whether an earlier attempt did all there is to do, and was cut off before that was recorded.
    var isDone: Bool { cursor == Self.done }

    /// Says, in the last step, that nothing is left to do.
    mutating func markDone() { cursor = Self.done }

    private static let done = JSONValue.string("done")

    /// Throws if the run has to end early; to be called at least every second by work that is no statement.
    package func checkStop() throws { try stop.check() }
}

/// Another attempt has the job by now: this one must not commit anything.
package struct ClaimLost: Error, CustomStringConvertible {
    package let job: String
    package var description: String { "lost the claim on \(job): its lease ran out and another attempt took over" }
}
