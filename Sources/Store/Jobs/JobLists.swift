import Bytes
import Postgres

/// Lists for people and programs: each row is a JSON object whose members are the columns.
package protocol JSONListing: Statement where Row == JSONValue {}

extension JSONListing {
    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> JSONValue { try row.decodeJSON(0) }
}

/// Each job with its schedule, its state and its last run.
package struct ListSchedules: JSONListing {
    package static let name = "list_schedules"
    package static let sql = """
        select to_jsonb(o)::text from afterthought.job_overview as o
        where $1::text is null or o.job = $1
        order by o.job
        """

    /// One job; nil: all.
    var job: String?

    package init(job: String? = nil) { self.job = job }

    package func bind(to parameters: inout Parameters) { parameters.append(job) }
}

/// Settings of the jobs.
package struct ListJobSettings: JSONListing {
    package static let name = "list_job_settings"
    package static let sql = "select to_jsonb(s)::text from afterthought.job_settings as s order by s.name"

    package init() {}
}

/// Jobs in the queue, those that wait or run first, then the newest that ended.
package struct ListJobs: JSONListing {
    package static let name = "list_jobs"
    package static let sql = """
        select (to_jsonb(j) - 'claim_token' - 'arguments' - 'tally_claimed')::text
        from afterthought.jobs as j
        where ($1::text is null or j.job = $1) and ($2::text is null or j.state = $2)
        order by j.finished_at desc nulls first, j.run_at, j.id
        limit $3
        """

    /// Of one job; nil: of all.
    var job: String?
    /// In one state; nil: in all.
    var state: String?
    var rowsMax: Int64

    package init(job: String? = nil, state: String? = nil, rowsMax: Int64) {
        self.job = job
        self.state = state
        self.rowsMax = rowsMax
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(job)
        parameters.append(state)
        parameters.append(rowsMax)
    }
}

/// Attempts that ended, newest first.
package struct ListSystemTasks: JSONListing {
    package static let name = "list_system_tasks"
    package static let sql = """
        select (to_jsonb(t) #- '{metadata,arguments}')::text
        from afterthought.system_tasks as t
        where ($1::text is null or t.name = $1) and ($2::bigint is null or t.job_id = $2)
            and ($4::text is null or t.status = $4 or $4 = 'completed' and t.status = 'completed_with_errors')
        order by t.executed_at desc, t.id desc
        limit $3
        """

    /// Of one job's name; nil: of all.
    var job: String?
    /// Of one job; nil: of all.
    var id: Int64?
    /// `failed`, or `completed` with errors or without; nil: both.
    var state: String?
    var rowsMax: Int64

    package init(job: String? = nil, id: Int64? = nil, state: String? = nil, rowsMax: Int64) {
        self.job = job
        self.id = id
        self.state = state
        self.rowsMax = rowsMax
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(job)
        parameters.append(id)
        parameters.append(rowsMax)
        parameters.append(state)
    }
}
