import Bytes
import Model
import Postgres

/// A message as conversation vectors need it.
package struct WindowMessage: Sendable {
    package var position: CommitPosition
    package var pair: Pair
    package var role: Role
    package var conversationID: String?
    package var at: Timestamp
    /// At most its first 8,192 characters: no more of it is looked at.
    package var content: String
    /// What came with it; nil also if that is no vector.
    package var embedding: [Float]?
}

/// The next messages of the window, in the order of shard, transaction and id.
///
/// The order follows from that of the shards and of the rows in each; whoever reads checks it, because no `order by`
/// says so: it would read the backlog of all shards for each page.
package struct ScanWindowMessages: Statement {
    package static let name = "scan_window_messages"
    package static let sql = """
        select m.shard, m.tx, m.id, m.bot_name, m.user_id, m.role, m.conversation_id, m.effective_at, m.content,
            m.embedding
        from generate_series($1::integer, 63) as part
        cross join lateral (
            (
                -- Joined one by one: as `tx = any (…)` the planner would read the whole shard for the order's sake.
                select n.shard, n.tx, n.id, n.bot_name, n.user_id, n.role, n.conversation_id, n.effective_at,
                    left(n.content, 8192) as content, n.embedding
                from pg_snapshot_xip($2) as ended
                cross join lateral (
                    select * from afterthought.messages as q
                    where q.shard = part::smallint and q.tx = ended and (part > $1 or (q.tx, q.id) > ($4, $5))
                        and q.id + 0 > $6
                    order by q.id
                    limit $8
                ) as n
                where pg_visible_in_snapshot(ended, $3)
                limit $8
            )
            union all
            (
                select n.shard, n.tx, n.id, n.bot_name, n.user_id, n.role, n.conversation_id, n.effective_at,
                    left(n.content, 8192) as content, n.embedding
                from afterthought.messages as n
                where n.shard = part::smallint
                    and (n.tx, n.id) > (
                        case when part = $1 and $4 >= pg_snapshot_xmax($2) then $4 else pg_snapshot_xmax($2) end,
                        case when part = $1 and $4 >= pg_snapshot_xmax($2) then $5 else 0 end)
                    and (pg_visible_in_snapshot(n.tx, $3) or n.id <= $7)
                    and n.id + 0 > $6
                order by n.tx, n.id
                limit $8
            )
        ) as m
        limit $8
        """

    var state: ClusteringState
    var window: Snapshot
    var rowsMax: Int64

    package init(state: ClusteringState, window: Snapshot, rowsMax: Int64) {
        self.state = state
        self.window = window
        self.rowsMax = rowsMax
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(Int32(state.position.shard))
        parameters.append(state.last)
        parameters.append(window)
        parameters.append(TransactionID(state.position.transaction))
        parameters.append(state.position.id)
        // The first time everything is read, foreign transaction ids or not; from then on what is below the floor is
        // done.
        parameters.append(state.isFirstWindow ? Int64(0) : state.floor)
        parameters.append(state.isFirstWindow ? state.floor : Int64(0))
        parameters.append(rowsMax)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> WindowMessage {
        let bot = try row.decode(3, as: String.self)
        return WindowMessage(
            position: CommitPosition(
                shard: try row.decode(0), transaction: try row.decode(1, as: TransactionID.self).value,
                id: try row.decode(2)),
            pair: Pair(userID: try row.decode(4, as: String.self), botName: bot),
            role: Role(name: try row.decode(5, as: String.self)) ?? .system,
            conversationID: try row.decode(6, as: String?.self), at: try row.decode(7), content: try row.decode(8),
            embedding: try row.decode(9, as: VectorIfAny.self).numbers)
    }
}
