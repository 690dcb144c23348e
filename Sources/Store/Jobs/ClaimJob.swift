import Bytes
import Model
import Postgres

/// Takes the next job that is due, or a certain one, for this process; its attempt counts from now on.
///
/// It may take as long as the schedule says now, however long ago it was asked for.
///
/// Another process may take one of the same name at the same moment: that is a unique violation then, and no fault.
package struct ClaimJob: Statement {
    package static let name = "claim_job"
    package static let sql = """
        update afterthought.jobs as j
        set state = 'running',
            attempt = j.attempt + 1,
            claim_token = gen_random_uuid(),
            claimed_by = $2,
            lease_until = now() + make_interval(secs => $3),
            started_at = now(),
            snoozed_until = null,
            timeout_seconds = (
                select t.timeout_seconds from afterthought.job_schedules as t where t.job = j.job),
            tally_claimed = case jsonb_typeof(j.tally) when 'object' then j.tally - 'metadata' else 'null' end
        where j.id = (
            select w.id
            from afterthought.jobs as w
            join afterthought.job_queues as q on q.queue = w.queue
            join afterthought.job_schedules as s on s.job = w.job
            where w.state = 'waiting'
                and w.job = any ($1::text[])
                and case
                    when $4::bigint is null then w.run_at <= now() and q.paused_at is null and s.paused_at is null
                    else w.id = $4 end
                and not exists (select from afterthought.jobs as r where r.job = w.job and r.state = 'running')
            order by q."position", w.run_at, w.id
            limit 1
            for update of w skip locked)
        returning
            j.id, j.job::text, j.attempt, j.claim_token, j.arguments::text, j.tally::text, j.progress::text, j.due_at,
            j.timeout_seconds, j.attempts_max
        """

    /// Names of jobs that this process can run.
    var jobs: [String]
    /// Who claims, for people.
    var claimant: String
    var leaseSeconds: Double
    /// A certain job, whatever is paused; nil: the next that is due.
    var id: Int64?

    package init(jobs: [String], claimant: String, leaseSeconds: Double, id: Int64? = nil) {
        self.jobs = jobs
        self.claimant = claimant
        self.leaseSeconds = leaseSeconds
        self.id = id
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(jobs)
        parameters.append(claimant)
        parameters.append(leaseSeconds)
        parameters.append(id)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> JobClaim {
        JobClaim(
            id: try row.decode(0), name: try row.decode(1), attempt: try row.decode(2), token: try row.decode(3),
            arguments: try row.decodeJSON(4), tally: try row.decodeJSON(5), cursor: try row.decodeJSON(6),
            dueAt: try row.decode(7),
            timeoutSeconds: try row.decode(8), attemptsMax: try row.decode(9))
    }
}

/// Prolongs a claim; no row when it was lost, else whether somebody asked for the job to be cancelled.
package struct RenewJobClaim: Statement {
    package static let name = "renew_job_claim"
    package static let sql = """
        update afterthought.jobs
        set lease_until = now() + make_interval(secs => $4)
        where id = $1 and attempt = $2 and claim_token = $3 and state = 'running'
        returning cancel_requested_at is not null
        """

    var claim: JobClaim
    var leaseSeconds: Double

    package init(claim: JobClaim, leaseSeconds: Double) {
        self.claim = claim
        self.leaseSeconds = leaseSeconds
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(claim.id)
        parameters.append(claim.attempt)
        parameters.append(claim.token)
        parameters.append(leaseSeconds)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Bool { try row.decode(0) }
}

/// Ends an attempt with its row in `system_tasks`; returns the job's state, or nil if the claim was lost.
package struct EndJobAttempt: Statement {
    package static let name = "end_job_attempt"
    package static let sql = "select afterthought.end_job_attempt($1, $2, $3, $4, $5)"

    /// How an attempt ended.
    package enum Outcome: String, Sendable {
        case completed, failed, cancelled
        /// Given back on purpose, so that it does not count.
        case interrupted
    }

    var claim: JobClaim
    var outcome: Outcome
    /// Without any content.
    var error: String?

    package init(claim: JobClaim, outcome: Outcome, error: String? = nil) {
        self.claim = claim
        self.outcome = outcome
        self.error = error
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(claim.id)
        parameters.append(claim.attempt)
        parameters.append(claim.token)
        parameters.append(outcome.rawValue)
        parameters.append(error)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> String? { try row.decode(0) }
}

/// What a claimed job came to so far, as it is stored; no row if the claim was lost.
package struct LoadJobTally: Statement {
    package static let name = "load_job_tally"
    package static let sql = """
        select tally::text from afterthought.jobs
        where id = $1 and attempt = $2 and claim_token = $3 and state = 'running'
        for update
        """

    var claim: JobClaim

    package init(claim: JobClaim) { self.claim = claim }

    package func bind(to parameters: inout Parameters) {
        parameters.append(claim.id)
        parameters.append(claim.attempt)
        parameters.append(claim.token)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> JSONValue { try row.decodeJSON(0) }
}

/// Sets how long a statement of this session may take, on the server's side.
package struct SetStatementTimeout: Statement {
    package static let name = "set_statement_timeout"
    package static let sql = "select set_config('statement_timeout', $1, false) is not null"

    var seconds: Double

    package init(seconds: Double) { self.seconds = seconds }

    package func bind(to parameters: inout Parameters) {
        parameters.append(String(Int64((seconds * 1000).rounded(.up))))
    }
}
