import Bytes
import Postgres

/// How far the shards are and what waits, as one JSON object; reads a few hundred rows whatever the history.
package struct OperationsOverview: JSONListing {
    package static let name = "operations_overview"
    package static let sql = """
        select jsonb_build_object(
            'at', now(),
            'verified_through', case when count(p.verified_at) = count(*) then min(p.verified_at) end,
            'lag_seconds', case
                when count(p.verified_at) = count(*)
                then greatest(round(extract(epoch from now() - min(p.verified_at)), 3), 0) end,
            'ttl_seconds', extract(epoch from min(p.ttl)),
            'shards_fresh', count(*) filter (
                where now() < p.verified_at + p.ttl and p.verified_at <= now() + interval '1 second'),
            'shards_leased', count(*) filter (where p.owner is not null and p.lease_until > now()),
            'shards_rebuilding', count(*) filter (where p.rebuild_pending),
            'workers', (select count(*) from afterthought.worker_leases as w where w.lease_until > now()),
            'quarantined', (select count(*) from afterthought.quarantine),
            'refresh_requests', (select count(*) from afterthought.refresh_requests),
            'jobs_waiting', (select count(*) from afterthought.jobs as j where j.state = 'waiting'),
            'jobs_running', (select count(*) from afterthought.jobs as j where j.state = 'running'))::text
        from afterthought.shard_progress as p
        """

    package init() {}
}

/// Messages received in each hour of the last day that had any, oldest first.
package struct MessagesByHour: Statement {
    package static let name = "messages_by_hour"
    package static let sql = """
        select date_bin('1 hour', m.received_at, timestamptz '2000-01-01 00:00:00Z') as hour, count(*)
        from afterthought.messages as m
        where m.received_at > now() - interval '24 hours'
        group by hour
        order by hour
        """

    package init() {}

    package static func decode(
        _ row: borrowing RowReader
    ) throws(PostgresError) -> (hour: Timestamp, messages: Int64) {
        (try row.decode(0), try row.decode(1))
    }
}

/// Users who wrote something in the last days, as personality updates count them.
package struct CountActiveUsers: Statement {
    package static let name = "count_active_users"
    package static let sql = """
        select count(distinct m.user_id)
        from afterthought.messages as m
        where m.received_at > now() - make_interval(days => $1) and m.role = 'user'
        """

    var days: Int32

    package init(days: Int) { self.days = Int32(days) }

    package func bind(to parameters: inout Parameters) { parameters.append(days) }
    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int64 { try row.decode(0) }
}

/// Asks for one job's run; no row when there is no such job.
package struct TriggerJob: Statement {
    package static let name = "trigger_job"
    package static let sql = """
        select afterthought.enqueue_job(s.job, '{}', $2)
        from afterthought.job_schedules as s where s.job = $1
        """

    var job: String
    var reason: String

    package init(job: String, reason: String) {
        self.job = job
        self.reason = reason
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(job)
        parameters.append(reason)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int64 { try row.decode(0) }
}
