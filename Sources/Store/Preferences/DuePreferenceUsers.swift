import Bytes
import Postgres

/// Users whose signals are to be aggregated now, by name.
package struct DuePreferenceUsers: Statement {
    package static let name = "due_preference_users"
    package static let sql = """
        select w.user_id
        from (
            select user_id, count(*) as signals, min(received_at) as since
            from afterthought.preference_signals
            where aggregated_at is null and user_id > $1
            group by user_id
        ) as w
        left join afterthought.user_preferences as p on p.user_id = w.user_id
        where (
                w.signals >= $2
                or coalesce(p.aggregated_at, w.since) <= $3::timestamptz - interval '1 hour' * $4::float8
            )
            and (
                select count(*)
                from (select from afterthought.preference_signals as s where s.user_id = w.user_id limit $5) as enough
            ) >= $5
        order by w.user_id
        limit $6
        """

    /// What makes a user due.
    package struct Rules: Sendable {
        /// So many new signals.
        package var conversations: Int
        /// Or any, so many hours after the last aggregation or, before the first, after the first signal.
        package var hours: Double
        /// In either case so many in all.
        package var signalsMin: Int

        package init(conversations: Int, hours: Double, signalsMin: Int) {
            self.conversations = conversations
            self.hours = hours
            self.signalsMin = signalsMin
        }
    }

    var after: String
    var rules: Rules
    var at: Timestamp
    var usersMax: Int

    package init(after: String, rules: Rules, at: Timestamp, usersMax: Int) {
        self.after = after
        self.rules = rules
        self.at = at
        self.usersMax = usersMax
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(after)
        parameters.append(rules.conversations)
        parameters.append(at)
        parameters.append(rules.hours)
        parameters.append(rules.signalsMin)
        parameters.append(usersMax)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> String { try row.decode(0) }
}

/// Whether new signals of the last hour have made a user due; it looks at those alone, however many wait.
///
/// Users whose last aggregation failed are left to the schedule: they would be due again at once.
package struct PreferenceUserIsDue: Statement {
    package static let name = "preference_user_is_due"
    package static let sql = """
        select true
        from (
            select distinct user_id
            from afterthought.preference_signals
            where aggregated_at is null and received_at > now() - interval '1 hour'
        ) as l
        where (
                select count(*)
                from (
                    select from afterthought.preference_signals as s
                    where s.user_id = l.user_id and s.aggregated_at is null
                    limit $1
                ) as waiting
            ) >= $1
            and (
                select count(*)
                from (select from afterthought.preference_signals as s where s.user_id = l.user_id limit $2) as enough
            ) >= $2
            and not exists (
                select from afterthought.user_update_failures as f
                where f.job = 'preference_aggregation' and f.user_id = l.user_id)
        limit 1
        """

    var rules: DuePreferenceUsers.Rules

    package init(rules: DuePreferenceUsers.Rules) { self.rules = rules }

    package func bind(to parameters: inout Parameters) {
        parameters.append(rules.conversations)
        parameters.append(rules.signalsMin)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Bool { try row.decode(0) }
}

/// How many signals a user has, up to a number.
package struct CountPreferenceSignals: Statement {
    package static let name = "count_preference_signals"
    package static let sql = """
        select count(*)
        from (select from afterthought.preference_signals where user_id = $1 limit $2) as enough
        """

    var user: String
    var signalsMax: Int

    package init(user: String, signalsMax: Int) {
        self.user = user
        self.signalsMax = signalsMax
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(user)
        parameters.append(signalsMax)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int { try row.decode(0) }
}
