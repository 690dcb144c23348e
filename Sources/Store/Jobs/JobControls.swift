import Postgres

/// Cancels a job; returns its state, or no row when it neither waits nor runs.
package struct CancelJob: Statement {
    package static let name = "cancel_job"
    package static let sql = "select state from afterthought.cancel_job($1) as state where state is not null"

    var id: Int64

    package init(id: Int64) { self.id = id }

    package func bind(to parameters: inout Parameters) { parameters.append(id) }
    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> String { try row.decode(0) }
}

/// Lets a waiting job wait longer; no row when it does not wait.
package struct SnoozeJob: Statement {
    package static let name = "snooze_job"
    package static let sql = """
        select extract(epoch from run_at - now())::float8
        from afterthought.snooze_job($1, make_interval(secs => $2)) as run_at where run_at is not null
        """

    var id: Int64
    var seconds: Double

    package init(id: Int64, seconds: Double) {
        self.id = id
        self.seconds = seconds
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(id)
        parameters.append(seconds)
    }
    /// Seconds until it may run.
    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Double { try row.decode(0) }
}

/// Lets a failed or cancelled job go on; returns the job that waits for it, or no row when there is nothing to retry.
package struct RetryJob: Statement {
    package static let name = "retry_job"
    package static let sql = "select id from afterthought.retry_job($1) as id where id is not null"

    var id: Int64

    package init(id: Int64) { self.id = id }

    package func bind(to parameters: inout Parameters) { parameters.append(id) }
    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int64 { try row.decode(0) }
}

/// Changes a job's schedule; what is nil stays.
package struct ChangeSchedule: Statement {
    package static let name = "change_schedule"
    package static let sql = """
        update afterthought.job_schedules
        set cron = case when $2 = 'none' then null else coalesce($2, cron) end,
            time_zone = coalesce($3, time_zone),
            catch_up = coalesce($4, catch_up),
            timeout_seconds = coalesce($5, timeout_seconds),
            attempts_max = coalesce($6, attempts_max),
            paused_at = case $7::boolean
                when true then coalesce(paused_at, now())
                when false then null
                else paused_at end
        where job = $1
        """

    var job: String
    /// `none`: only by need or by hand.
    package var cron: String?
    package var timeZone: String?
    package var catchUp: String?
    package var timeoutSeconds: Double?
    package var attemptsMax: Int32?
    package var isPaused: Bool?

    package init(job: String) { self.job = job }

    package func bind(to parameters: inout Parameters) {
        parameters.append(job)
        parameters.append(cron)
        parameters.append(timeZone)
        parameters.append(catchUp)
        parameters.append(timeoutSeconds)
        parameters.append(attemptsMax)
        parameters.append(isPaused)
    }
}
