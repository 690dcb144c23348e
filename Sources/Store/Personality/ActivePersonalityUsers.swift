import Bytes
import Postgres

/// Users with insights or interactions to apply who were active lately, by name.
///
/// Active is who wrote a message or had an interaction; what a bot wrote does not count.
package struct ActivePersonalityUsers: Statement {
    package static let name = "active_personality_users"
    package static let sql = """
        select o.user_id
        from (
            select user_id
            from afterthought.chat_personality_insights
            where settled_at is null and effective_at > $2 and user_id > $1
            union
            select user_id
            from afterthought.entertainment_interactions
            where settled_at is null and effective_at > $2 and user_id > $1
        ) as o
        where o.user_id in (
            select m.user_id
            from afterthought.messages as m
            -- Nothing is effective more than five minutes after its receipt: that time has the index.
            where m.received_at > $3::timestamptz - interval '5 minutes' and m.effective_at > $3 and m.role = 'user'
            union all
            select e.user_id
            from afterthought.entertainment_interactions as e
            where e.effective_at > $3
        )
        order by o.user_id
        limit $4
        """

    var after: String
    var insightsSince: Timestamp
    var activeSince: Timestamp
    var usersMax: Int

    package init(after: String, insightsSince: Timestamp, activeSince: Timestamp, usersMax: Int) {
        self.after = after
        self.insightsSince = insightsSince
        self.activeSince = activeSince
        self.usersMax = usersMax
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(after)
        parameters.append(insightsSince)
        parameters.append(activeSince)
        parameters.append(usersMax)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> String { try row.decode(0) }
}
