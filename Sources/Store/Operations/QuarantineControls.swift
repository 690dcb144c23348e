import Bytes
import Postgres

/// Pairs in quarantine, those that failed last first; with their errors, which hold no content.
package struct ListQuarantine: JSONListing {
    package static let name = "list_quarantine"
    package static let sql = """
        select (to_jsonb(q) - 'shard')::text
        from afterthought.quarantine as q
        order by q.last_failed_at desc, q.bot_name, q.user_id
        limit $1
        """

    var rowsMax: Int64

    package init(rowsMax: Int64) { self.rowsMax = rowsMax }

    package func bind(to parameters: inout Parameters) { parameters.append(rowsMax) }
}

/// Lets the next cycle try a pair in quarantine again; changes no row when it is not there.
package struct RetryQuarantined: Statement {
    package static let name = "retry_quarantined"
    package static let sql = """
        update afterthought.quarantine
        set next_attempt_at = least(next_attempt_at, now())
        where shard = afterthought.shard_of($1, $2) and user_id = $1 and bot_name = $2
        """

    var user: String
    var bot: String

    package init(user: String, bot: String) {
        self.user = user
        self.bot = bot
    }

    package func bind(to parameters: inout Parameters) { parameters.append(all: user, bot) }
}
