import Bytes
import Model
import Postgres

/// One input stream's table: which columns an event is made of, and how.
protocol StreamTable: Sendable {
    /// The table's name inside the schema.
    static var table: String { get }
    /// The stream's place in the order of rows with equal effective time; equals `InputEvent.stream`.
    static var stream: UInt8 { get }
    /// The SQL expression of the user, never null.
    static var userColumn: String { get }
    /// The event's own columns, comma separated, as they follow the common ones.
    static var eventColumns: String { get }
    /// Makes the event from the row's columns at `StreamColumns.count` and after; nil for a change of the pair.
    static func event(id: Int64, _ row: borrowing RowReader) throws(PostgresError) -> InputEvent?
    /// The SQL expression of the time that rows are ordered by.
    static var timeColumn: String { get }
}

extension StreamTable {
    static var userColumn: String { "user_id" }
    static var timeColumn: String { "effective_at" }
}

/// The columns that every stream's scan begins with.
enum StreamColumns {
    static let count = 6

    static func list(_ table: any StreamTable.Type) -> String {
        "id, shard, bot_name, \(table.userColumn) as user_id, \(table.timeColumn) as effective_at, tx"
    }
}

/// One row of a stream as the worker reads it.
package struct ScannedRow: Sendable {
    package var id: Int64
    package var shard: Int16
    package var pair: Pair
    package var effectiveAt: Timestamp
    package var transaction: UInt64
    package var stream: UInt8
    /// Nil: the pair's history changed; it has to be rebuilt.
    package var event: InputEvent?

    /// Where the row stands among its pair's rows.
    package var key: OrderKey { OrderKey(effectiveAt: effectiveAt, stream: stream, id: id) }

    /// The row as engines take it; nil for a change of the pair.
    package var inputRow: InputRow? { event.map { InputRow(effectiveAt: effectiveAt, event: $0) } }
}

extension ScannedRow {
    init<Table: StreamTable>(_ row: borrowing RowReader, of table: Table.Type) throws(PostgresError) {
        id = try row.decode(0, as: Int64.self)
        shard = try row.decode(1, as: Int16.self)
        let bot = try row.decode(2, as: String.self)
        pair = Pair(userID: try row.decode(3, as: String.self), botName: bot)
        effectiveAt = try row.decode(4, as: Timestamp.self)
        transaction = try row.decode(5, as: TransactionID.self).value
        stream = Table.stream
        event = try Table.event(id: id, row)
    }
}

enum MessagesTable: StreamTable {
    static let table = "messages"
    static let stream: UInt8 = 0
    static let eventColumns = "created_at, role, conversation_id, content, emotion, embedding"

    static func event(id: Int64, _ row: borrowing RowReader) throws(PostgresError) -> InputEvent? {
        let role = try row.decode(7, as: String.self)
        let emotion = try row.decode(10, as: JSONText?.self)
        return .message(
            Message(
                id: id, conversationID: try row.decode(8, as: String?.self), role: Role(name: role) ?? .system,
                content: try row.decode(9, as: String.self),
                emotion: emotion.flatMap { suppliedEmotion($0.text) },
                embedding: try row.decode(11, as: VectorIfAny.self).numbers,
                createdAt: try row.decode(6, as: Timestamp.self)))
    }

    /// Labels with scores 0…1; a value of another kind is left out rather than guessed at.
    static func suppliedEmotion(_ json: String) -> [(label: String, score: Double)]? {
        guard case .object(let members)? = try? JSONValue(parsing: json) else { return nil }
        let scores = members.compactMap { member -> (label: String, score: Double)? in
            guard let score = member.value.double, score.isFinite, (0...1).contains(score) else { return nil }
            return (member.key, score)
        }
        return scores.isEmpty ? nil : scores
    }
}

enum RetrievalsTable: StreamTable {
    static let table = "memory_retrievals"
    static let stream: UInt8 = 1
    static let eventColumns = "memory_id, score, outcome"

    static func event(id: Int64, _ row: borrowing RowReader) throws(PostgresError) -> InputEvent? {
        let outcome = try row.decode(8, as: String?.self)
        return .retrieval(
            MemoryRetrieval(
                id: id, memoryID: try row.decode(6, as: String.self), score: try row.decode(7, as: Double?.self),
                outcome: outcome == "recalled" ? .recalled : outcome == "missed" ? .missed : .unknown))
    }
}

enum MetricsTable: StreamTable {
    static let table = "metric_points"
    static let stream: UInt8 = 2
    static let userColumn = "coalesce(user_id, '')"
    static let eventColumns = "metric, value"

    static func event(id: Int64, _ row: borrowing RowReader) throws(PostgresError) -> InputEvent? {
        .metric(
            MetricPoint(
                id: id, metric: try row.decode(6, as: String.self), value: try row.decode(7, as: Double.self)))
    }
}

enum TraitsTable: StreamTable {
    static let table = "trait_activations"
    static let stream: UInt8 = 3
    static let eventColumns = "trait, intensity, message_id"

    static func event(id: Int64, _ row: borrowing RowReader) throws(PostgresError) -> InputEvent? {
        .trait(
            TraitActivation(
                id: id, trait: try row.decode(6, as: String.self), intensity: try row.decode(7, as: Double.self),
                messageID: try row.decode(8, as: Int64?.self)))
    }
}

enum OutreachTable: StreamTable {
    static let table = "outreach_attempts"
    static let stream: UInt8 = 4
    static let eventColumns = "topic, propensity, sent_at, answered_at"

    static func event(id: Int64, _ row: borrowing RowReader) throws(PostgresError) -> InputEvent? {
        .outreach(
            OutreachAttempt(
                id: id, topic: try row.decode(6, as: String?.self), propensity: try row.decode(7, as: Double?.self),
                sentAt: try row.decode(8, as: Timestamp.self), answeredAt: try row.decode(9, as: Timestamp?.self)))
    }
}

enum ChangesTable: StreamTable {
    static let table = "pair_changes"
    static let stream: UInt8 = 5
    static let timeColumn = "requested_at"
    static let eventColumns = "reason"

    static func event(id: Int64, _ row: borrowing RowReader) throws(PostgresError) -> InputEvent? { nil }
}

/// Every stream, in the order of `StreamTable.stream`: a new one is added here and nowhere else.
enum Streams {
    /// Those whose rows are folded into a pair's state.
    static let events: [any StreamTable.Type] = [
        MessagesTable.self, RetrievalsTable.self, MetricsTable.self, TraitsTable.self, OutreachTable.self,
    ]
    /// With the one that asks for rebuilds.
    static let all: [any StreamTable.Type] = events + [ChangesTable.self]
}
