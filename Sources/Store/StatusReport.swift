import Bytes
import Postgres

/// How far the worker has come and what readers get, at one moment of the database's clock.
package struct StatusReport: Equatable, Sendable {
    /// How many rows have null columns of an engine for one reason.
    package struct NullReason: Equatable, Sendable {
        package var engine: String
        package var reason: String
        package var rows: Int64
    }

    package var at: Timestamp
    package var schemaVersion: Int
    /// Rows of `messages`.
    package var messages: Int64
    /// Users with a bot, among the messages.
    package var pairs: Int64
    /// Committed input rows, of all streams, that are not yet reflected.
    package var unprocessed: Int64
    /// When the oldest of these was received; nil if there is none.
    package var oldestUnprocessedAt: Timestamp?
    /// Cache rows that a read calls fresh.
    package var fresh: Int64
    /// Cache rows that a read calls stale.
    package var stale: Int64
    package var quarantined: Int64
    /// The moment before which everything is reflected, in every shard; nil: some shard was never finished.
    package var verifiedThrough: Timestamp?
    /// Workers with a lease.
    package var workers: Int64
    /// Shards that some worker holds, of 64.
    package var shardsLeased: Int64
    /// Shards whose pairs are being rebuilt for a new engine version or configuration.
    package var shardsRebuilding: Int64
    package var refreshRequests: Int64
    /// Most frequent first within each engine, at most `nullReasonsMax`.
    package var nullReasons: [NullReason]
    /// Engine → cache rows in which it has not beaten its baseline.
    package var unvalidated: [NullReason]
    /// Calls to a language model in 30 days, of all workers.
    package var modelSpending = ModelSpending.Row(calls: 0, tokens: 0, usd: 0, lastAt: nil)

    package static let nullReasonsMax = 50

    /// Seconds from `verifiedThrough` to now.
    package var lagSeconds: Double? { verifiedThrough.map { max(0, at.seconds(since: $0)) } }

    /// Reads the status in one snapshot.
    ///
    /// - Parameter connection: a session that may read the schema, outside a transaction.
    /// - Returns: the figures.
    /// - Throws: `MigrationError` when the schema is not this build's, else `PostgresError`.
    /// - Complexity: reads `messages` and `strategic_cache` whole, and what is unprocessed by index.
    package static func read(_ connection: inout Connection) throws -> StatusReport {
        try Migrator.requireCurrent(&connection)
        return try connection.transaction(.readOnlyRepeatableRead) { connection in
            guard var report = try connection.first(StatusOverview()) else {
                preconditionFailure("expected one row from a select without from, got: none")
            }
            report.schemaVersion = Migration.all.last?.version ?? 0
            guard let backlog = try connection.first(Backlog()) else {
                preconditionFailure("expected one row from an aggregate, got: none")
            }
            report.unprocessed = backlog.rows
            report.oldestUnprocessedAt = backlog.oldest
            report.nullReasons = try connection.query(NullReasons())
            report.unvalidated = try connection.query(UnvalidatedEngines())
            if let spending = try connection.first(ModelSpending()) { report.modelSpending = spending }
            return report
        }
    }
}

/// The append-only tables that the worker reads, and the column that says when a row was received.
enum InputStreams {
    static let all: [(table: String, receivedAt: String)] = [
        ("messages", "received_at"), ("memory_retrievals", "received_at"), ("metric_points", "received_at"),
        ("trait_activations", "received_at"), ("outreach_attempts", "received_at"), ("pair_changes", "requested_at"),
    ]
}

/// Counts what does not depend on the backlog.
struct StatusOverview: Statement {
    static let name = "status_overview"
    static let sql = """
        with rows as (
            select
                now() < p.verified_at + p.ttl
                    and p.verified_at <= now() + interval '1 second'
                    and c.stale_reason is null as is_fresh
            from afterthought.strategic_cache as c
            join afterthought.shard_progress as p using (shard)
        )
        select
            now(),
            (select count(*) from afterthought.messages),
            (select count(*) from (select distinct shard, bot_name, user_id from afterthought.messages) as pairs),
            (select count(*) filter (where is_fresh) from rows),
            (select count(*) filter (where is_fresh is not true) from rows),
            (select count(*) from afterthought.quarantine),
            (select case when count(verified_at) = count(*) then min(verified_at) end from afterthought.shard_progress),
            (select count(*) from afterthought.worker_leases where lease_until > now()),
            (select count(*) from afterthought.shard_progress where owner is not null and lease_until > now()),
            (select count(*) from afterthought.shard_progress where rebuild_pending),
            (select count(*) from afterthought.refresh_requests)
        """

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> StatusReport {
        StatusReport(
            at: try row.decode(0), schemaVersion: 0, messages: try row.decode(1), pairs: try row.decode(2),
            unprocessed: 0, oldestUnprocessedAt: nil, fresh: try row.decode(3), stale: try row.decode(4),
            quarantined: try row.decode(5), verifiedThrough: try row.decode(6), workers: try row.decode(7),
            shardsLeased: try row.decode(8), shardsRebuilding: try row.decode(9), refreshRequests: try row.decode(10),
            nullReasons: [], unvalidated: [])
    }
}

/// Counts the committed rows of all streams that their shard's watermark does not cover.
struct Backlog: Statement {
    static let name = "backlog"

    // The two branches are those of the worker's own scan, so that each is one range of the index (shard, tx, id): rows
    // of transactions that began after the watermark, and rows of those that were in progress then.
    static let sql = """
        with progress as materialized (
            select
                shard,
                pg_snapshot_xmax(last_snapshot) as next,
                array(select pg_snapshot_xip(last_snapshot)) as running
            from afterthought.shard_progress
        )
        select coalesce(sum(rows), 0)::bigint, min(oldest)
        from (
        \(InputStreams.all.map { branch($0.table, $0.receivedAt) }.joined(separator: "\n    union all\n"))
        ) as streams
        """

    private static func branch(_ table: String, _ receivedAt: String) -> String {
        """
            select count(*) as rows, min(r.received_at) as oldest
            from progress as p
            cross join lateral (
                select m.\(receivedAt) as received_at
                from afterthought.\(table) as m
                where m.shard = p.shard
                    and m.tx >= p.next
                    and m.id > (select floor_id from afterthought.stream_floors where stream = '\(table)')
                union all
                select m.\(receivedAt)
                from afterthought.\(table) as m
                where m.shard = p.shard
                    and m.tx = any (p.running)
                    and m.id > (select floor_id from afterthought.stream_floors where stream = '\(table)')
            ) as r
        """
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> (rows: Int64, oldest: Timestamp?) {
        (try row.decode(0), try row.decode(1))
    }
}

/// Counts why columns are null, by engine.
struct NullReasons: Statement {
    static let name = "null_reasons"
    static let sql = """
        select engine, reason, count(*)
        from (
            select reasons.key as engine, reasons.value as reason
            from afterthought.strategic_cache as c
            cross join lateral jsonb_each_text(c.null_reasons) as reasons
            union all
            -- A bot's reasons are by column; they are one engine's.
            select 'character_performance', reasons.key || ': ' || reasons.value
            from afterthought.character_cache as c
            cross join lateral jsonb_each_text(c.null_reasons) as reasons
        ) as nulls
        group by engine, reason
        order by engine collate "C", count(*) desc, reason collate "C"
        limit \(StatusReport.nullReasonsMax)
        """

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> StatusReport.NullReason {
        StatusReport.NullReason(engine: try row.decode(0), reason: try row.decode(1), rows: try row.decode(2))
    }
}

/// Counts the rows in which an engine is no better than its baseline.
struct UnvalidatedEngines: Statement {
    static let name = "unvalidated_engines"
    static let sql = """
        select engine, count(*)
        from afterthought.strategic_cache as c
        cross join lateral unnest(c.unvalidated) as engine
        group by engine
        order by engine collate "C"
        """

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> StatusReport.NullReason {
        StatusReport.NullReason(engine: try row.decode(0), reason: "", rows: try row.decode(1))
    }
}

/// Asks for a pair to be rebuilt from its history; a pair without rows gives none.
package struct RequestRebuild: Statement {
    package static let name = "request_rebuild"
    package static let sql = """
        insert into afterthought.pair_changes (user_id, bot_name, reason)
        select $1::text, $2::text, 'requested'
        where exists (
            select from afterthought.messages
            where shard = afterthought.shard_of($1, $2) and bot_name = $2 and user_id = $1)
            or exists (
                select from afterthought.engine_state
                where shard = afterthought.shard_of($1, $2) and bot_name = $2 and user_id = $1)
        """

    package var userID: String
    package var botName: String

    package init(userID: String, botName: String) {
        self.userID = userID
        self.botName = botName
    }

    package func bind(to parameters: inout Parameters) { parameters.append(all: userID, botName) }
}
