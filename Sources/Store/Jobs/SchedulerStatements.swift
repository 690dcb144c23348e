import Bytes
import Model
import Postgres

/// Ends the attempts of workers that are gone; returns how many.
package struct EndLostAttempts: Statement {
    package static let name = "end_lost_attempts"
    package static let sql = "select afterthought.end_lost_attempts()"

    package init() {}
    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int32 { try row.decode(0) }
}

/// Deletes the history that is older than its setting says; returns how many rows.
package struct PruneJobHistory: Statement {
    package static let name = "prune_job_history"
    package static let sql = """
        select afterthought.prune_job_history(make_interval(days => value::integer))
        from afterthought.job_settings where name = 'JOB_HISTORY_DAYS'
        """

    package init() {}
    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int64 { try row.decode(0) }
}

/// Asks for a run; returns the job, which may be one that waited already.
package struct EnqueueJob: Statement {
    package static let name = "enqueue_job"
    package static let sql = """
        select afterthought.enqueue_job($1, $2::text::jsonb, $3, now() + make_interval(secs => $4), null, $5)
        """

    var job: String
    var arguments: JSONValue
    var reason: String
    var delaySeconds: Double
    /// What it is one of a kind by; nil: its name and arguments.
    var uniqueKey: String?

    package init(
        job: String, arguments: JSONValue = .object([]), reason: String, delaySeconds: Double = 0,
        uniqueKey: String? = nil
    ) {
        self.job = job
        self.arguments = arguments
        self.reason = reason
        self.delaySeconds = delaySeconds
        self.uniqueKey = uniqueKey
    }

    /// A run of the clustering that computes everything anew, whatever has changed.
    package static func forcedClustering(reason: String) -> EnqueueJob {
        EnqueueJob(
            job: "clustering", arguments: .object([JSONMember(key: "force", value: .bool(true))]), reason: reason)
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(job)
        parameters.append(arguments.text)
        parameters.append(reason)
        parameters.append(delaySeconds)
        parameters.append(uniqueKey)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int64 { try row.decode(0) }
}

/// Schedules what is due, ends lost attempts, and tells what a runner has to know, in one statement.
package struct PollJobs: Statement {
    package static let name = "poll_jobs"
    package static let sql = """
        select lost, due, not_to_ask, array(select jsonb_object_keys(settings)),
            array(select value from jsonb_each_text(settings))
        from afterthought.poll_jobs()
        """

    /// What a look at the queue found.
    package struct Row: Sendable {
        /// Attempts whose workers are gone.
        package var lost: Int32
        /// Whether a job may be claimed now.
        package var isDue: Bool
        /// Jobs that need not be asked whether they have something to do: they wait already, are paused, or used up
        /// their attempts lately.
        package var notToAsk: [String]
        /// All settings.
        package var settings: [String: String]
    }

    package init() {}

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Row {
        let names = try row.decode(3, as: [String].self)
        let values = try row.decode(4, as: [String].self)
        return Row(
            lost: try row.decode(0), isDue: try row.decode(1), notToAsk: try row.decode(2),
            settings: Dictionary(uniqueKeysWithValues: zip(names, values)))
    }
}

/// Jobs that also run some time after a worker starts, with that time in seconds.
package struct JobsAfterStart: Statement {
    package static let name = "jobs_after_start"
    package static let sql = """
        select job::text, first_delay_seconds from afterthought.job_schedules
        where first_delay_seconds is not null and paused_at is null
        order by job
        """

    package init() {}
    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> (job: String, seconds: Double) {
        (try row.decode(0), try row.decode(1))
    }
}
