import Bytes
import Postgres

/// One insight or interaction that is not applied yet.
package struct OpenInsight: Sendable {
    /// The place of its user in the list.
    package var user: Int
    package var id: Int64
    package var adjustments: JSONText
    /// In ten-thousandths; nil: of no known kind.
    package var weight: Int64?
}

/// Insights from chats to apply, locked: of two that would apply one, the second finds it applied.
package struct LoadChatInsights: Statement {
    package static let name = "load_chat_insights"
    package static let sql = """
        select w.place - 1, i.id, i.adjustments
        from unnest($1::text[]) with ordinality as w (user_id, place)
        join afterthought.chat_personality_insights as i on i.user_id = w.user_id
        where i.settled_at is null and i.effective_at > $2
        limit $3
        for update of i
        """

    var users: [String]
    var since: Timestamp
    var insightsMax: Int

    package init(users: [String], since: Timestamp, insightsMax: Int) {
        self.users = users
        self.since = since
        self.insightsMax = insightsMax
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(users)
        parameters.append(since)
        parameters.append(insightsMax)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> OpenInsight {
        OpenInsight(user: try row.decode(0), id: try row.decode(1), adjustments: try row.decode(2), weight: 10_000)
    }
}

/// Interactions to apply, with the weight of their kind, locked.
package struct LoadInteractions: Statement {
    package static let name = "load_interactions"
    package static let sql = """
        select w.place - 1, e.id, e.adjustments, (k.weight * 10000)::bigint
        from unnest($1::text[]) with ordinality as w (user_id, place)
        join afterthought.entertainment_interactions as e on e.user_id = w.user_id
        left join afterthought.entertainment_weights as k on k.kind = e.kind
        where e.settled_at is null and e.effective_at > $2
        limit $3
        for update of e
        """

    var users: [String]
    var since: Timestamp
    var interactionsMax: Int

    package init(users: [String], since: Timestamp, interactionsMax: Int) {
        self.users = users
        self.since = since
        self.interactionsMax = interactionsMax
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(users)
        parameters.append(since)
        parameters.append(interactionsMax)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> OpenInsight {
        OpenInsight(
            user: try row.decode(0), id: try row.decode(1), adjustments: try row.decode(2), weight: try row.decode(3))
    }
}

/// What became of insights.
package struct SettledInsights: Sendable {
    package var ids: [Int64] = []
    /// Why each was not applied; nil: it was.
    package var rejections: [String?] = []

    package init() {}
}

/// Where insights come from: two tables with the same marks.
package protocol InsightSource {
    /// The table's name, which is also what tells the statements about it apart.
    static var table: String { get }
}

/// Insights from chats.
package enum ChatInsights: InsightSource {
    package static let table = "chat_personality_insights"
}

/// Interactions with entertainment.
package enum Interactions: InsightSource {
    package static let table = "entertainment_interactions"
}

/// Marks insights of one source as applied or rejected.
package struct SettleInsights<Source: InsightSource>: Statement {
    package static var name: String { "settle_" + Source.table }
    package static var sql: String {
        """
        update afterthought.\(Source.table) as i
        set settled_at = now(), rejection = s.rejection
        from unnest($1::bigint[], $2::text[]) as s (id, rejection)
        where i.id = s.id
        """
    }

    var settled: SettledInsights

    package init(_ settled: SettledInsights) { self.settled = settled }

    package func bind(to parameters: inout Parameters) {
        parameters.append(settled.ids)
        parameters.append(settled.rejections)
    }
}

/// Deletes insights of one source, applied or not, that happened before a moment.
package struct DeleteOldInsights<Source: InsightSource>: Statement {
    package static var name: String { "delete_old_" + Source.table }
    package static var sql: String {
        """
        delete from afterthought.\(Source.table)
        where id = any (array(
            select id from afterthought.\(Source.table)
            where effective_at < $1 order by effective_at limit $2))
        """
    }

    var before: Timestamp
    var rowsMax: Int

    package init(before: Timestamp, rowsMax: Int) {
        self.before = before
        self.rowsMax = rowsMax
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(before)
        parameters.append(rowsMax)
    }
}
