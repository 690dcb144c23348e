import Bytes
import Model
import Postgres

/// A pair that could not be processed.
package struct QuarantinedPair: Sendable {
    package var shard: Int16
    package var pair: Pair
    /// How often it was tried.
    package var attempts: Int32
    /// Whether its next try is due.
    package var isDue: Bool

    package init(shard: Int16, pair: Pair, attempts: Int32, isDue: Bool) {
        self.shard = shard
        self.pair = pair
        self.attempts = attempts
        self.isDue = isDue
    }
}

/// A failure to record: what kind, and an error text without message content.
package struct PairFailure: Sendable {
    package var shard: Int16
    package var pair: Pair
    package var reason: String
    package var error: String

    package init(shard: Int16, pair: Pair, reason: String, error: String) {
        self.shard = shard
        self.pair = pair
        self.reason = reason
        self.error = error
    }
}

struct LoadQuarantine: Statement {
    static let name = "load_quarantine"
    static let sql = """
        select shard, bot_name, user_id, attempts, next_attempt_at <= now() from afterthought.quarantine
        where shard = any($1)
        """

    var shards: [Int16]

    func bind(to parameters: inout Parameters) { parameters.append(shards) }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> QuarantinedPair {
        let bot = try row.decode(1, as: String.self)
        return QuarantinedPair(
            shard: try row.decode(0, as: Int16.self),
            pair: Pair(userID: try row.decode(2, as: String.self), botName: bot),
            attempts: try row.decode(3, as: Int32.self), isDue: try row.decode(4, as: Bool.self))
    }
}

/// Records failures and marks the pairs' rows stale; the next try is due after 30 s, doubled each time, at most a day.
struct QuarantinePairs: Statement {
    static let name = "quarantine_pairs"
    static let sql = """
        with failed as (
            select * from unnest($1::smallint[], $2::text[], $3::text[], $4::text[], $5::text[])
                as f (shard, bot_name, user_id, reason, error)
        ), stale as (
            update afterthought.strategic_cache as c set stale_reason = 'quarantined'
            from failed as f
            where c.bot_name = f.bot_name and c.user_id = f.user_id
        )
        insert into afterthought.quarantine as q
            (shard, bot_name, user_id, reason, error, attempts, next_attempt_at)
        select shard, bot_name, user_id, reason, error, 1, now() + interval '30 seconds' from failed
        on conflict (shard, bot_name, user_id) do update
        set
            reason = excluded.reason,
            error = excluded.error,
            attempts = q.attempts + 1,
            last_failed_at = now(),
            next_attempt_at =
                now() + least(interval '1 day', interval '30 seconds' * power(2, least(q.attempts, 12)))
        """

    var failures: [PairFailure]

    func bind(to parameters: inout Parameters) {
        parameters.append(failures.map { PairInShard(shard: $0.shard, pair: $0.pair) })
        parameters.append(failures.map(\.reason))
        parameters.append(failures.map(\.error))
    }
}

struct ReleaseFromQuarantine: Statement {
    static let name = "release_from_quarantine"
    static let sql = """
        delete from afterthought.quarantine as q
        using unnest($1::smallint[], $2::text[], $3::text[]) as ok (shard, bot_name, user_id)
        where q.shard = ok.shard and q.bot_name = ok.bot_name and q.user_id = ok.user_id
        """

    var pairs: [PairInShard]

    func bind(to parameters: inout Parameters) { parameters.append(pairs) }
}
