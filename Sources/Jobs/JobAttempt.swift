import Bytes
import Postgres
import Store

/// One attempt at a job on one connection, from its claim to its end.
package struct JobAttempt: Sendable {
    let job: any Job
    let claim: JobClaim
    let stop: JobStop
    var isDryRun = false

    package init(job: any Job, claim: JobClaim, stop: JobStop, isDryRun: Bool = false) {
        self.job = job
        self.claim = claim
        self.stop = stop
        self.isDryRun = isDryRun
    }

    /// Runs the job and records its end, if the connection still can.
    ///
    /// The blocking part: to be called on the connection's own thread.
    ///
    /// - Returns: the report; its `state` is nil if the claim was lost.
    /// - Throws: only when the end could not be recorded here; `ending(for:)` tells what to record elsewhere.
    package func perform(_ connection: inout Connection) throws -> JobReport {
        if claim.arguments["user_id"] != nil, !job.takesUser {
            // Run for all, it would do what nobody asked for.
            throw JobFailure("expected no argument user_id, for \(job.name) is not run for one user, got: one")
        }
        // The server's side of the timeout: it holds even when nobody is left here to cancel.
        try connection.run(SetStatementTimeout(seconds: claim.timeoutSeconds))
        let settings = JobSettings(
            Dictionary(uniqueKeysWithValues: try connection.query(LoadJobSettings()).map { ($0.name, $0.value) }))
        var run = JobRun(claim: claim, settings: settings, isDryRun: isDryRun, stop: stop)
        try job.run(&run, &connection)
        // What the last step did not carry: a tally changed after it, or a run without any step.
        try run.commit(&connection) { _, _ in }
        return try end(&connection, .completed, error: nil, run.tally)
    }

    /// Records the end of the attempt.
    func end(
        _ connection: inout Connection, _ outcome: EndJobAttempt.Outcome, error: String?, _ tally: JobTally
    ) throws -> JobReport {
        let state = try connection.first(EndJobAttempt(claim: claim, outcome: outcome, error: error)) ?? nil
        return JobReport(
            claim: claim, state: state, outcome: state == nil ? nil : outcome, error: error, tally: tally)
    }

    /// Records that the attempt failed by an error.
    package func fail(_ connection: inout Connection, _ error: any Error) throws -> JobReport {
        guard let ending = ending(for: error) else {
            return JobReport(
                claim: claim, state: nil, outcome: nil, error: JobFailure.text(of: error), tally: JobTally())
        }
        try connection.run(SetStatementTimeout(seconds: 10))
        // What its steps committed, with the step that was under way when it threw, if the server did that one.
        return try connection.transaction { connection in
            let stored = try connection.first(LoadJobTally(claim: claim))
            return try end(&connection, ending.outcome, error: ending.text, JobTally(stored ?? claim.tally))
        }
    }

    /// What an attempt that threw ended as; nil if it is not this process's to say.
    func ending(for error: any Error) -> (outcome: EndJobAttempt.Outcome, text: String)? {
        if error is ClaimLost { return nil }
        guard let reason = stop.requested else { return (.failed, JobFailure.text(of: error)) }
        let text = JobStopped(reason: reason).description
        switch reason {
        case .timeout: return (.failed, text)
        case .cancelled: return (.cancelled, text)
        case .workerStops: return (.interrupted, text)
        case .claimLost: return nil
        }
    }
}
