import Bytes
import Postgres

/// The newest signals of users.
package struct LoadPreferenceSignals: Statement {
    package static let name = "load_preference_signals"
    package static let sql = """
        select
            w.place - 1, s.id, s.effective_at, s.intent, s.style_keywords, s.price_mentions, s.brand_mentions,
            s.rating_mentions, coalesce(s.user_interaction <> '{}', false), s.aggregated_at is null
        from unnest($1::text[]) with ordinality as w (user_id, place)
        cross join lateral (
            select *
            from afterthought.preference_signals as n
            where n.user_id = w.user_id
            order by n.effective_at desc, n.id desc
            limit $2
        ) as s
        """

    /// One signal as it is stored.
    package struct Row: Sendable {
        /// The place of its user in the list.
        package var user: Int
        package var id: Int64
        package var at: Timestamp
        package var intent: String?
        package var styles: [String]
        package var prices: [String]
        package var brands: [String]
        package var ratings: [String]
        package var hasInteraction: Bool
        /// Whether no aggregation has counted it yet.
        package var isNew: Bool
    }

    var users: [String]
    var signalsMax: Int

    /// Loads up to so many signals a user.
    package init(users: [String], signalsMax: Int) {
        self.users = users
        self.signalsMax = signalsMax
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(users)
        parameters.append(signalsMax)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Row {
        Row(
            user: try row.decode(0), id: try row.decode(1), at: try row.decode(2), intent: try row.decode(3),
            styles: try texts(row, 4), prices: try texts(row, 5), brands: try texts(row, 6),
            ratings: try texts(row, 7), hasInteraction: try row.decode(8), isNew: try row.decode(9))
    }

    private static func texts(_ row: borrowing RowReader, _ column: Int) throws(PostgresError) -> [String] {
        // Hardly ever is one null, and the plain form is read in half the time.
        do throws(PostgresError) { return try row.decode(column, as: [String].self) } catch {
            return try row.decode(column, as: [String?].self).compactMap { $0 }
        }
    }
}

/// Marks signals as counted: those that were read, so that one that was committed meanwhile goes on counting.
package struct MarkPreferenceSignals: Statement {
    package static let name = "mark_preference_signals"
    package static let sql = """
        update afterthought.preference_signals
        set aggregated_at = now()
        where id = any ($1) and aggregated_at is null
        """

    var ids: [Int64]

    package init(ids: [Int64]) { self.ids = ids }

    package func bind(to parameters: inout Parameters) { parameters.append(ids) }
}

/// Deletes all but the newest signals of users.
package struct TrimPreferenceSignals: Statement {
    package static let name = "trim_preference_signals"
    package static let sql = """
        delete from afterthought.preference_signals as d
        using unnest($1::text[]) as w (user_id)
        cross join lateral (
            select n.id
            from afterthought.preference_signals as n
            where n.user_id = w.user_id
            order by n.effective_at desc, n.id desc
            offset $2
        ) as old
        where d.id = old.id
        """

    var users: [String]
    var signalsMax: Int

    package init(users: [String], signalsMax: Int) {
        self.users = users
        self.signalsMax = signalsMax
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(users)
        parameters.append(signalsMax)
    }
}
