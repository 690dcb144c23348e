import Bytes
import Model
import Postgres

/// Whether some conversation's vector has to be made anew.
package struct HasStaleVectors: Statement {
    package static let name = "has_stale_vectors"
    package static let sql = """
        select exists (select from afterthought.conversation_vectors where vector_version < $1)
            or exists (select from afterthought.conversation_vectors where vector_version > $1)
        """

    var version: Int32

    package init(version: Int32) { self.version = version }

    package func bind(to parameters: inout Parameters) { parameters.append(version) }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Bool { try row.decode(0) }
}

/// Marks every conversation's vector as to be made anew.
package struct MarkAllVectors: Statement {
    package static let name = "mark_all_vectors"
    package static let sql = "update afterthought.conversation_vectors set vector_version = 0 where vector_version <> 0"

    package init() {}
}

/// Holds off the other job that changes vectors until the transaction ends, and counts what this one changes.
package struct LockClusteringState: Statement {
    package static let name = "lock_clustering_state"
    package static let sql = """
        update afterthought.clustering_state
        set generation = generation + 1, changed_conversations = changed_conversations + $1
        """

    var changedConversations: Int64

    package init(changedConversations: Int64 = 0) { self.changedConversations = changedConversations }

    package func bind(to parameters: inout Parameters) { parameters.append(changedConversations) }
}

/// The next conversations whose vectors have to be made anew, by name.
package struct LoadStaleConversations: Statement {
    package static let name = "load_stale_conversations"
    package static let sql = """
        select \(ConversationRow.columns)
        from afterthought.conversation_vectors as v
        where v.vector_version <> $1 and (v.bot_name, v.user_id, v.conversation_id) > ($2, $3, $4)
        order by v.bot_name, v.user_id, v.conversation_id
        limit $5
        """

    var version: Int32
    var after: ConversationKey
    var conversationsMax: Int64

    package init(version: Int32, after: ConversationKey, conversationsMax: Int64) {
        self.version = version
        self.after = after
        self.conversationsMax = conversationsMax
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(version)
        parameters.append(after.pair.botName)
        parameters.append(after.pair.userID)
        parameters.append(after.conversationID)
        parameters.append(conversationsMax)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> ConversationRow {
        try ConversationRow(row)
    }
}

/// The messages of a pair that clustering has taken in, by time.
///
/// What it has not taken in yet will be added by it later, and must not be counted twice.
package struct LoadPairMessages: Statement {
    package static let name = "load_pair_messages"
    package static let sql = """
        select n.shard, n.tx, n.id, n.bot_name, n.user_id, n.role, n.conversation_id, n.effective_at,
            left(n.content, 8192), n.embedding
        from afterthought.clustering_state as s
        join afterthought.stream_floors as f on f.stream = 'messages'
        cross join afterthought.messages as n
        where n.shard = afterthought.shard_of($2, $1) and n.bot_name = $1 and n.user_id = $2
            and case
                when s.last_snapshot::text <> '3:3:'
                    and (n.id <= f.floor_id or pg_visible_in_snapshot(n.tx, s.last_snapshot)) then true
                when s.window_snapshot is null then false
                else (n.id <= f.floor_id or pg_visible_in_snapshot(n.tx, s.window_snapshot))
                    and (n.shard, n.tx, n.id) <= (s.position_shard, s.position_tx, s.position_id) end
            and (n.effective_at, n.id) > ($3, $4)
        order by n.effective_at, n.id
        limit $5
        """

    var pair: Pair
    var after: (at: Timestamp, id: Int64)
    var rowsMax: Int64

    package init(pair: Pair, after: (at: Timestamp, id: Int64), rowsMax: Int64) {
        self.pair = pair
        self.after = after
        self.rowsMax = rowsMax
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(pair.botName)
        parameters.append(pair.userID)
        parameters.append(after.at)
        parameters.append(after.id)
        parameters.append(rowsMax)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> WindowMessage {
        try ScanWindowMessages.decode(row)
    }
}

/// Forgets all conversations of some pairs but those that are kept.
package struct ForgetConversations: Statement {
    package static let name = "forget_conversations"
    package static let sql = """
        with gone as (
            delete from afterthought.conversation_vectors as v
            using unnest($1::text[], $2::text[]) as p (bot, "user")
            where v.bot_name = p.bot and v.user_id = p."user"
                and not exists (
                    select from unnest($3::text[], $4::text[], $5::text[]) as k (bot, "user", conversation)
                    where v.bot_name = k.bot and v.user_id = k."user" and v.conversation_id = k.conversation)
            returning v.bot_name, v.user_id, v.conversation_id
        )
        delete from afterthought.cluster_members as m
        using gone as g
        where m.bot_name = g.bot_name and m.user_id = g.user_id and m.conversation_id = g.conversation_id
        """

    var pairs: [Pair]
    var kept: [ConversationKey]

    package init(pairs: [Pair], kept: [ConversationKey]) {
        self.pairs = pairs
        self.kept = kept
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(pairs.map(\.botName))
        parameters.append(pairs.map(\.userID))
        parameters.append(kept)
    }
}
