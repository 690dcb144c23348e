import Bytes
import Model

/// Checks records and writes them as rows of PostgreSQL's binary COPY format.
///
/// The columns are those of `ImportColumn`, in its order: seven texts and a timestamptz among them, jsonb, real[].
///
/// Source: PostgreSQL manual, COPY, "Binary Format".
struct ImportRowEncoder {
    /// Times from here on are refused: a clock that far ahead is wrong.
    var latest: Timestamp
    /// Added to every time.
    var shiftMicroseconds: Int64 = 0
    /// Rows written since the last reset.
    private(set) var rows = 0
    /// The rows, without the format's header and trailer.
    private(set) var bytes: [UInt8] = []
    /// The newest time accepted so far, before the shift.
    private(set) var newest: Timestamp?

    private static let microsecondsTo2000: Int64 = 946_684_800_000_000
    private static let embeddingMax = 4096
    private static let jsonBytesMax = 1 << 20

    init(latest: Timestamp) { self.latest = latest }

    /// Forgets the rows and keeps the memory.
    mutating func reset() {
        rows = 0
        bytes.removeAll(keepingCapacity: true)
    }

    /// Appends one record as a row, or nothing if it is refused.
    ///
    /// - Parameters:
    ///   - record: the cells.
    ///   - defaultBot: the bot of records that name none.
    /// - Throws: `ImportRejection` with what was expected.
    mutating func append(_ record: borrowing ImportRecord, defaultBot: String?) throws(ImportRejection) {
        let before = bytes.count
        do {
            try appendRow(record, defaultBot: defaultBot)
            rows += 1
        } catch {
            bytes.removeSubrange(before...)
            throw ImportRejection(line: record.line, reason: error.reason)
        }
    }

    private struct Fault: Error { var reason: String }

    private mutating func appendRow(_ record: borrowing ImportRecord, defaultBot: String?) throws(Fault) {
        appendInteger(Int16(ImportColumn.allCases.count))
        let cells = record.bytes.span
        guard let user = record.range(of: .userID), !user.isEmpty else { throw Fault(reason: "user_id is empty") }
        try appendText(cells.extracting(user), .userID)
        if let bot = record.range(of: .botName), !(bot.isEmpty && defaultBot != nil) {
            try appendText(cells.extracting(bot), .botName)
        } else if let defaultBot {
            try appendText(defaultBot.utf8.span, .botName)
        } else {
            throw Fault(reason: "bot_name is missing")
        }
        guard let role = record.range(of: .role) else { throw Fault(reason: "role is missing") }
        try appendRole(cells.extracting(role))
        guard let content = record.range(of: .content) else { throw Fault(reason: "content is missing") }
        try appendText(cells.extracting(content), .content)
        guard let time = record.range(of: .createdAt), !time.isEmpty else {
            throw Fault(reason: "created_at is missing")
        }
        try appendTime(cells.extracting(time))
        for column in [ImportColumn.conversationID, .externalID] {
            guard let range = record.range(of: column), !range.isEmpty else {
                appendNull()
                continue
            }
            try appendText(cells.extracting(range), column)
        }
        if let emotion = record.range(of: .emotion), !emotion.isEmpty {
            try appendEmotion(cells.extracting(emotion))
        } else {
            appendNull()
        }
        if let embedding = record.range(of: .embedding), !embedding.isEmpty {
            try appendEmbedding(cells.extracting(embedding))
        } else {
            appendNull()
        }
    }

    private mutating func appendText(_ text: Span<UInt8>, _ column: ImportColumn) throws(Fault) {
        let bytesMax = column.isIdentifier ? Limits.identifierBytesMax : Limits.contentBytesMax
        guard text.count <= bytesMax else {
            throw Fault(reason: "\(column.name) has \(text.count) bytes, more than \(bytesMax)")
        }
        if let offset = UTF8Text.firstInvalidOffset(in: text) {
            throw Fault(reason: "\(column.name) is not valid UTF-8 at its byte \(offset)")
        }
        for index in text.indices where text[index] == 0 {
            throw Fault(reason: "\(column.name) holds a NUL at its byte \(index)")
        }
        appendInteger(Int32(text.count))
        bytes.append(contentsOf: text)
    }

    private mutating func appendRole(_ text: Span<UInt8>) throws(Fault) {
        // A known role is ASCII of at most nine bytes, so anything longer need not become a string.
        guard text.count <= 9, let role = Role(name: UTF8Text.string(text)) else {
            throw Fault(reason: "role is none of user, assistant, bot, system")
        }
        try appendText(role.name.utf8.span, .role)
    }

    private mutating func appendTime(_ text: Span<UInt8>) throws(Fault) {
        var moment: Timestamp
        do {
            moment = try Timestamp(text: text, assumeUTC: true)
        } catch {
            throw Fault(reason: "created_at is no time: \(error)")
        }
        guard moment >= Timestamp(microseconds: 0) else { throw Fault(reason: "created_at is before 1970-01-01") }
        guard moment < latest else { throw Fault(reason: "created_at is more than a day in the future") }
        newest = max(newest ?? moment, moment)
        moment.microseconds += shiftMicroseconds
        appendInteger(Int32(8))
        appendInteger(moment.microseconds - Self.microsecondsTo2000)
    }

    private mutating func appendEmotion(_ text: Span<UInt8>) throws(Fault) {
        let value = try parse(text, .emotion)
        if value.isNull { return appendNull() }
        guard value.members != nil else { throw Fault(reason: "emotion is not a JSON object") }
        var writer = JSONWriter()
        writer.value(value)
        appendInteger(Int32(writer.bytes.count + 1))
        bytes.append(1)
        bytes.append(contentsOf: writer.bytes)
    }

    private mutating func appendEmbedding(_ text: Span<UInt8>) throws(Fault) {
        let value = try parse(text, .embedding)
        if value.isNull { return appendNull() }
        guard let elements = value.array, (1...Self.embeddingMax).contains(elements.count) else {
            throw Fault(reason: "embedding is not a JSON array of 1…\(Self.embeddingMax) numbers")
        }
        let realType: Int32 = 700
        appendInteger(Int32(20 + 8 * elements.count))
        for word in [1, 0, realType, Int32(elements.count), 1] { appendInteger(word) }
        for element in elements {
            guard let double = element.double, Float(double).isFinite else {
                throw Fault(reason: "embedding holds something other than numbers of single precision")
            }
            appendInteger(Int32(4))
            appendInteger(Float(double).bitPattern)
        }
    }

    private func parse(_ text: Span<UInt8>, _ column: ImportColumn) throws(Fault) -> JSONValue {
        do {
            return try JSONScanner.scan(text, limits: JSONLimits(bytesMax: Self.jsonBytesMax, depthMax: 16))
        } catch {
            throw Fault(reason: "\(column.name) is no JSON: \(error)")
        }
    }

    private mutating func appendNull() { appendInteger(Int32(-1)) }

    private mutating func appendInteger<Integer: FixedWidthInteger>(_ value: Integer) {
        var shift = Integer.bitWidth - 8
        while shift >= 0 {
            bytes.append(UInt8(truncatingIfNeeded: value >> Integer(shift)))
            shift -= 8
        }
    }
}
