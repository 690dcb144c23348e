import Bytes
import Model
import Postgres
import Store

/// Real conversations for tests: the sample that ships with the product.
package enum SampleRows {
    /// One message of the sample.
    package struct Row: Sendable {
        package var messageID: String
        package var conversationID: String
        package var pair: Pair
        package var role: String
        package var content: String
        package var createdAt: Timestamp
    }

    /// All messages, in the order of the file.
    package static let all: [Row] = parse(Sample.csv)

    /// Messages of some pairs: the first ones by pair order.
    package static func ofPairs(_ count: Int) -> [Row] {
        let pairs = Set(Set(all.map(\.pair)).sorted().prefix(count))
        return all.filter { pairs.contains($0.pair) }
    }

    private static func parse(_ csv: [UInt8]) -> [Row] {
        var records: [[String]] = []
        var fields: [String] = []
        var field: [UInt8] = []
        var isQuoted = false
        var index = 0
        while index < csv.count {
            let byte = csv[index]
            if isQuoted {
                if byte == UInt8(ascii: "\"") {
                    if index + 1 < csv.count, csv[index + 1] == byte {
                        field.append(byte)
                        index += 1
                    } else {
                        isQuoted = false
                    }
                } else {
                    field.append(byte)
                }
            } else if byte == UInt8(ascii: "\"") {
                isQuoted = true
            } else if byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\n") {
                fields.append(String(decoding: field, as: UTF8.self))
                field = []
                if byte == UInt8(ascii: "\n") {
                    records.append(fields)
                    fields = []
                }
            } else if byte != UInt8(ascii: "\r") {
                field.append(byte)
            }
            index += 1
        }
        return records.dropFirst().map { record in
            guard let time = try? Timestamp(text: record[6]) else {
                preconditionFailure("expected a time in the sample, got: \(record[6])")
            }
            return Row(
                messageID: record[0], conversationID: record[1], pair: Pair(userID: record[2], botName: record[3]),
                role: record[4], content: record[5], createdAt: time)
        }
    }

    /// Inserts messages as an application would.
    package static func insert(_ rows: some Collection<Row>, into connection: inout Connection) throws {
        _ = try connection.run(InsertMessages(rows: Array(rows)))
    }

    private struct InsertMessages: Statement {
        static let name = "test_insert_messages"
        static let sql = """
            insert into afterthought.messages
                (external_id, conversation_id, user_id, bot_name, role, content, created_at)
            select * from unnest(
                $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
            """
        var rows: [Row]

        func bind(to parameters: inout Parameters) {
            parameters.append(rows.map(\.messageID))
            parameters.append(rows.map(\.conversationID))
            parameters.append(rows.map(\.pair.userID))
            parameters.append(rows.map(\.pair.botName))
            parameters.append(rows.map(\.role))
            parameters.append(rows.map(\.content))
            parameters.append(rows.map(\.createdAt))
        }
    }
}
