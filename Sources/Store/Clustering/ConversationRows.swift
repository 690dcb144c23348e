import Bytes
import Model
import Postgres

/// Which conversation.
package struct ConversationKey: Hashable, Sendable, Comparable {
    package var pair: Pair
    package var conversationID: String

    package init(pair: Pair, conversationID: String) {
        self.pair = pair
        self.conversationID = conversationID
    }

    package static func < (left: ConversationKey, right: ConversationKey) -> Bool {
        left.pair == right.pair ? left.conversationID < right.conversationID : left.pair < right.pair
    }
}

/// A row of `conversation_vectors`.
package struct ConversationRow: Hashable, Sendable {
    package var key: ConversationKey
    /// Cut by silence, because its messages name no conversation.
    package var isSession: Bool
    package var space: Int16
    package var version: Int32
    package var messages: Int64
    package var weight: Int64
    package var firstAt: Timestamp
    package var lastAt: Timestamp
    /// 256 integers of four bytes, little endian.
    package var sums: [UInt8]
    /// An object: term → messages with it.
    package var terms: JSONText

    package init(
        key: ConversationKey, isSession: Bool, space: Int16, version: Int32, messages: Int64, weight: Int64,
        firstAt: Timestamp, lastAt: Timestamp, sums: [UInt8], terms: JSONText
    ) {
        self.key = key
        self.isSession = isSession
        self.space = space
        self.version = version
        self.messages = messages
        self.weight = weight
        self.firstAt = firstAt
        self.lastAt = lastAt
        self.sums = sums
        self.terms = terms
    }

    static let columns = """
        v.bot_name, v.user_id, v.conversation_id, v.is_session, v.space, v.vector_version, v.messages, v.weight,
        v.first_at, v.last_at, v.sums, v.terms
        """

    init(_ row: borrowing RowReader) throws(PostgresError) {
        let bot = try row.decode(0, as: String.self)
        key = ConversationKey(
            pair: Pair(userID: try row.decode(1, as: String.self), botName: bot), conversationID: try row.decode(2))
        isSession = try row.decode(3)
        space = try row.decode(4)
        version = try row.decode(5)
        messages = try row.decode(6)
        weight = try row.decode(7)
        firstAt = try row.decode(8)
        lastAt = try row.decode(9)
        sums = try row.decode(10)
        terms = try row.decode(11)
    }
}

extension Parameters {
    /// Appends bots, users and conversation ids.
    mutating func append(_ keys: some Collection<ConversationKey>) {
        append(keys.map(\.pair.botName))
        append(keys.map(\.pair.userID))
        append(keys.map(\.conversationID))
    }
}

/// Conversations by name.
package struct LoadConversations: Statement {
    package static let name = "load_conversations"
    package static let sql = """
        select \(ConversationRow.columns)
        from unnest($1::text[], $2::text[], $3::text[]) as wanted (bot, "user", conversation)
        cross join lateral (
            select * from afterthought.conversation_vectors as c
            where c.bot_name = bot and c.user_id = "user" and c.conversation_id = conversation
            -- Keeps the planner from turning index scans into one scan of the table.
            offset 0
        ) as v
        """

    var keys: [ConversationKey]

    package init(keys: [ConversationKey]) { self.keys = keys }

    package func bind(to parameters: inout Parameters) { parameters.append(keys) }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> ConversationRow {
        try ConversationRow(row)
    }
}

/// The sessions of some pairs that lie near a span of time.
package struct LoadSessions: Statement {
    package static let name = "load_sessions"
    package static let sql = """
        select \(ConversationRow.columns)
        from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[])
            as wanted (bot, "user", from_at, through_at)
        cross join lateral (
            select * from afterthought.conversation_vectors as c
            where c.bot_name = bot and c.user_id = "user" and c.is_session
                and c.last_at >= from_at and c.first_at <= through_at
            offset 0
        ) as v
        """

    /// A pair and the span in which a session has to have a part.
    package struct Span: Sendable {
        package var pair: Pair
        package var from: Timestamp
        package var through: Timestamp

        package init(pair: Pair, from: Timestamp, through: Timestamp) {
            self.pair = pair
            self.from = from
            self.through = through
        }
    }

    var spans: [Span]

    package init(spans: [Span]) { self.spans = spans }

    package func bind(to parameters: inout Parameters) {
        parameters.append(spans.map(\.pair.botName))
        parameters.append(spans.map(\.pair.userID))
        parameters.append(spans.map(\.from))
        parameters.append(spans.map(\.through))
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> ConversationRow {
        try ConversationRow(row)
    }
}

/// The newest conversations that say anything, with vectors of one version.
package struct LoadNewestConversations: Statement {
    package static let name = "load_newest_conversations"
    package static let sql = """
        select \(ConversationRow.columns)
        from afterthought.conversation_vectors as v
        where v.vector_version = $1 and v.weight > 0
        order by v.last_at desc, v.bot_name, v.user_id, v.conversation_id
        limit $2
        """

    var version: Int32
    var conversationsMax: Int64

    package init(version: Int32, conversationsMax: Int64) {
        self.version = version
        self.conversationsMax = conversationsMax
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(version)
        parameters.append(conversationsMax)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> ConversationRow {
        try ConversationRow(row)
    }
}

/// How many conversations have usable vectors, and how many have vectors to be made anew; both counted up to a limit.
package struct CountConversations: Statement {
    package static let name = "count_conversations"
    package static let sql = """
        select
            (select count(*) from (
                select from afterthought.conversation_vectors where vector_version = $1 and weight > 0 limit $2) as q),
            (select count(*) from (
                select from afterthought.conversation_vectors where vector_version <> $1 limit $2) as q)
        """

    var version: Int32
    var conversationsMax: Int64

    package init(version: Int32, conversationsMax: Int64) {
        self.version = version
        self.conversationsMax = conversationsMax
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(version)
        parameters.append(conversationsMax)
    }

    package static func decode(
        _ row: borrowing RowReader
    ) throws(PostgresError) -> (usable: Int64, stale: Int64) { (try row.decode(0), try row.decode(1)) }
}

/// Stores conversations as they are now.
package struct SaveConversations: Statement {
    package static let name = "save_conversations"
    package static let sql = """
        insert into afterthought.conversation_vectors (
            bot_name, user_id, conversation_id, is_session, space, vector_version, messages, weight, first_at, last_at,
            sums, terms)
        select * from unnest(
            $1::text[], $2::text[], $3::text[], $4::boolean[], $5::smallint[], $6::integer[], $7::bigint[],
            $8::bigint[], $9::timestamptz[], $10::timestamptz[], $11::bytea[], $12::jsonb[])
        on conflict (bot_name, user_id, conversation_id) do update set
            space = excluded.space, vector_version = excluded.vector_version, messages = excluded.messages,
            weight = excluded.weight, first_at = excluded.first_at, last_at = excluded.last_at, sums = excluded.sums,
            terms = excluded.terms
        """

    var rows: [ConversationRow]

    package init(rows: [ConversationRow]) { self.rows = rows }

    package func bind(to parameters: inout Parameters) {
        parameters.append(rows.map(\.key))
        parameters.append(rows.map(\.isSession))
        parameters.append(rows.map(\.space))
        parameters.append(rows.map(\.version))
        parameters.append(rows.map(\.messages))
        parameters.append(rows.map(\.weight))
        parameters.append(rows.map(\.firstAt))
        parameters.append(rows.map(\.lastAt))
        parameters.append(rows.map(\.sums))
        parameters.append(rows.map(\.terms))
    }
}
