import Postgres

/// What the database knows at one moment of one worker, or of all workers together.
package struct WorkerPresence: Equatable, Sendable {
    /// Workers with a lease.
    package var workers: Int64
    /// Shards that they hold.
    package var shards: Int64
    /// Of these, shards with a backlog or with pairs of an older version: their time stands still until it is done.
    package var shardsCatchingUp: Int64
    /// Seconds since a cycle last found everything reflected in any of these shards; nil: none has yet.
    package var verifiedSecondsAgo: Double?

    package init(workers: Int64, shards: Int64, shardsCatchingUp: Int64, verifiedSecondsAgo: Double?) {
        self.workers = workers
        self.shards = shards
        self.shardsCatchingUp = shardsCatchingUp
        self.verifiedSecondsAgo = verifiedSecondsAgo
    }
}

/// Reads who works, from the leases alone: cheap whatever the database holds.
package struct LoadWorkerPresence: Statement {
    package static let name = "load_worker_presence"
    package static let sql = """
        select
            (
                select count(*)
                from afterthought.worker_leases
                where lease_until > now() and ($1::uuid is null or owner = $1)
            ),
            count(*),
            count(*) filter (where window_snapshot is not null or rebuild_pending),
            extract(epoch from now() - max(verified_at))::float8
        from afterthought.shard_progress
        where lease_until > now() and owner is not null and ($1::uuid is null or owner = $1)
        """

    /// Nil: all workers.
    package var owner: UUID?

    package init(owner: UUID?) { self.owner = owner }

    package func bind(to parameters: inout Parameters) { parameters.append(owner) }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> WorkerPresence {
        WorkerPresence(
            workers: try row.decode(0), shards: try row.decode(1), shardsCatchingUp: try row.decode(2),
            verifiedSecondsAgo: try row.decode(3))
    }
}
