import Bytes
import Postgres

/// Pairs in quarantine, for people: those that wait longest first.
package struct ListQuarantine: JSONListing {
    package static let name = "list_quarantine"
    package static let sql = """
        select jsonb_build_object(
            'user_id', q.user_id, 'bot_name', q.bot_name, 'reason', q.reason, 'error', q.error,
            'attempts', q.attempts, 'since', q.first_failed_at, 'last_failed_at', q.last_failed_at,
            'next_attempt_at', q.next_attempt_at)::text
        from afterthought.quarantine as q
        where ($1::text is null or q.user_id = $1) and ($2::text is null or q.bot_name = $2)
        order by q.first_failed_at, q.bot_name, q.user_id
        limit $3
        """

    /// Of one user; nil: of all.
    var user: String?
    /// Of one bot; nil: of all.
    var bot: String?
    var rowsMax: Int64

    package init(user: String? = nil, bot: String? = nil, rowsMax: Int64) {
        self.user = user
        self.bot = bot
        self.rowsMax = rowsMax
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(user)
        parameters.append(bot)
        parameters.append(rowsMax)
    }
}

/// Has pairs in quarantine tried again by the next cycle; changes as many rows as pairs.
package struct RetryQuarantine: Statement {
    package static let name = "retry_quarantine"
    package static let sql = """
        update afterthought.quarantine as q
        set next_attempt_at = now()
        where ($1::text is null or q.user_id = $1) and ($2::text is null or q.bot_name = $2)
        """

    var user: String?
    var bot: String?

    /// Those of a user and a bot; nil: of all.
    package init(user: String? = nil, bot: String? = nil) {
        self.user = user
        self.bot = bot
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(user)
        parameters.append(bot)
    }
}
