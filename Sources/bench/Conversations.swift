import Bytes
import Postgres
import Store

/// Conversations made of the real messages that ship with the product, recombined by a seed.
///
/// It is not a model of a population: texts, their lengths and their turns are real, who says them to whom is not.
struct Conversations {
    /// Bots that the pairs are spread over.
    static let bots = 20
    /// Days that the conversations are spread over.
    static let days = 30
    /// Messages that are taken from one place of the sample.
    static let stretch = 5
    /// 2024-03-01T00:00:00Z.
    static let start = Timestamp(microseconds: 1_709_251_200_000_000)

    private let texts: [String]
    private let seed: UInt64

    init(seed: UInt64) {
        self.seed = seed
        texts = CSVText.records(Sample.csv).dropFirst().map { $0[5] }
    }

    /// Which messages to make.
    struct Range {
        var pairs: [Int]
        /// Turns of each pair, from the one on that is given.
        var turns: Int
        var firstTurn = 0
    }

    /// Loads messages by COPY.
    ///
    /// - Returns: how many.
    @discardableResult
    func load(_ range: Range, into connection: inout Connection) throws -> Int {
        try connection.copyIn(
            """
            copy afterthought.messages (user_id, bot_name, role, conversation_id, content, created_at)
            from stdin (format binary)
            """
        ) { writer in
            for pair in range.pairs { try write(pair, range, to: &writer) }
        }
    }

    private func write(_ pair: Int, _ range: Range, to writer: inout CopyWriter) throws {
        // A pair's texts depend on the seed and its number only, whatever else is loaded.
        var random = SeededRandom(seed: seed ^ UInt64(pair) &* 0x9E37_79B9_7F4A_7C15)
        let user = "user-\(pair)"
        let bot = "bot-\(pair % Conversations.bots)"
        let conversation = "conversation-\(pair)"
        var moment = Conversations.start.advanced(
            bySeconds: Double.random(in: 0..<Double(Conversations.days) * 86_400, using: &random))
        var place = 0
        for turn in 0..<range.firstTurn + range.turns {
            if turn % Conversations.stretch == 0 { place = Int.random(in: 0..<texts.count, using: &random) }
            moment = moment.advanced(bySeconds: Double.random(in: 2...120, using: &random))
            if turn < range.firstTurn { continue }
            let text = texts[(place + turn % Conversations.stretch) % texts.count]
            try writer.row(user, bot, turn % 2 == 0 ? "user" : "assistant", conversation, text, moment)
        }
    }
}

/// Reads the sample's CSV, which is known to be well formed.
enum CSVText {
    static func records(_ csv: [UInt8]) -> [[String]] {
        let quote = UInt8(ascii: "\"")
        var records: [[String]] = []
        var fields: [String] = []
        var field: [UInt8] = []
        var isQuoted = false
        var index = 0
        while index < csv.count {
            let byte = csv[index]
            if byte == quote {
                let isDoubled = isQuoted && index + 1 < csv.count && csv[index + 1] == quote
                if isDoubled {
                    field.append(quote)
                    index += 1
                } else {
                    isQuoted.toggle()
                }
            } else if !isQuoted, byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\n") {
                fields.append(String(decoding: field, as: UTF8.self))
                field = []
                if byte == UInt8(ascii: "\n") {
                    records.append(fields)
                    fields = []
                }
            } else if isQuoted || byte != UInt8(ascii: "\r") {
                field.append(byte)
            }
            index += 1
        }
        return records
    }
}
