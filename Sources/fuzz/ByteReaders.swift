import Bytes
import Postgres
import Store
import StrategicCache

/// JSON: what is accepted is written back as the same value; limits never trap.
func fuzzJSON(_ bytes: [UInt8]) {
    _ = try? JSONValue(parsing: bytes, limits: JSONLimits(bytesMax: 64, depthMax: 3, valuesMax: 8))
    guard let value = try? JSONValue(parsing: bytes) else { return }
    var writer = JSONWriter()
    writer.value(value)
    guard let again = try? JSONValue(parsing: writer.bytes) else { broken("JSON that is written can be read") }
    if again != withoutNUL(value) { broken("JSON that is written reads as the same value") }
    var twice = JSONWriter()
    twice.value(again)
    if twice.bytes != writer.bytes { broken("the same value is written in the same bytes") }
}

/// What the writer makes of a value: U+0000 is left out of texts.
private func withoutNUL(_ value: JSONValue) -> JSONValue {
    func cleaned(_ text: String) -> String { String(decoding: text.utf8.filter { $0 != 0 }, as: UTF8.self) }
    return switch value {
    case .string(let text): .string(cleaned(text))
    case .array(let elements): .array(elements.map(withoutNUL))
    case .object(let members):
        .object(members.map { JSONMember(key: cleaned($0.key), value: withoutNUL($0.value)) })
    default: value
    }
}

/// Import: the pieces in which a file is read change nothing, and neither does stopping anywhere.
func fuzzImport(_ bytes: [UInt8], _ format: ImportFormat) {
    var bytes = bytes
    // Most inputs should get past the header.
    if format == .csv, bytes.first.map({ $0 & 1 == 0 }) == true {
        bytes = Array("user_id,bot_name,role,content,created_at,emotion,embedding\n".utf8) + bytes.dropFirst()
    }
    let whole = ImportRehearsal(bytes, format: format)
    let pieces = ImportRehearsal(bytes, format: format, readBytes: 7)
    if whole != pieces { broken("an import in pieces is the import of the whole") }
    if whole.rows + whole.rejections.count != whole.ends.count { broken("every record is loaded or refused") }
    let small = ImportRehearsal(bytes, format: format, recordBytesMax: 32, readBytes: 5)
    if small.rows > whole.rows { broken("a limit of records lets no more through") }
    if let middle = whole.ends.dropFirst(whole.ends.count / 2).first {
        let rest = ImportRehearsal(bytes, format: format, from: middle)
        if rest.failure != whole.failure || !whole.copyBytes.reversed().starts(with: rest.copyBytes.reversed())
            || rest.ends != whole.ends.filter({ $0.offset > middle.offset })
        {
            broken("an import that goes on where one stopped loads the rest")
        }
    }
}

/// The database's URL: never shown with its password, and what was read can be checked without connecting.
func fuzzURL(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    do throws(PostgresError) {
        var options = try ConnectionOptions(url: text)
        let shown = "\(options) \(String(reflecting: options))"
        for keyword in ["password", "sslpassword"] where options[keyword: keyword] != nil {
            options[keyword: keyword] = "another"
        }
        if shown != "\(options) \(String(reflecting: options))" {
            broken("what is shown does not depend on a password")
        }
    } catch {
        if text.utf8.count >= 24, error.description.contains(text) { broken("a URL is not repeated in an error") }
    }
}

/// Times: what is read is written in a form that reads as the same moment.
func fuzzTime(_ bytes: [UInt8]) {
    for assumesUTC in [false, true] {
        guard let moment = try? Timestamp(text: bytes.span, assumeUTC: assumesUTC) else { continue }
        guard let again = try? Timestamp(text: moment.rfc3339) else { broken("a time that is written can be read") }
        if again != moment { broken("a time that is written reads as the same moment") }
    }
}
