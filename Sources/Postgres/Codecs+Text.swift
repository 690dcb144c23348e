extension String: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .text }

    package func encode(into buffer: inout WireBuffer) { buffer.append(text: self) }

    package static func accepts(_ type: PostgresType) -> Bool {
        type == .text || type == .varchar || type == .name || type == .bpchar || type == .unknown
    }

    package static func decode(_ cell: borrowing Cell) throws(PostgresError) -> String { cell.text() }
}

/// JSON as text: sent as `jsonb`, read from `jsonb` and `json`.
///
/// It is not parsed or checked here; the server refuses what is not JSON (22P02).
package struct JSONText: Hashable, Sendable, ExpressibleByStringLiteral {
    /// The JSON document.
    package var text: String

    package init(_ text: String) {
        self.text = text
    }

    package init(stringLiteral value: String) {
        text = value
    }
}

extension JSONText: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .jsonb }

    package func encode(into buffer: inout WireBuffer) {
        buffer.append(JSONText.binaryVersion)
        buffer.append(text: text)
    }

    package static func accepts(_ type: PostgresType) -> Bool { type == .jsonb || type == .json }

    package static func decode(_ cell: borrowing Cell) throws(PostgresError) -> JSONText {
        if cell.type == .json { return JSONText(cell.text()) }
        guard try cell.integer(at: 0, as: UInt8.self) == binaryVersion else {
            throw cell.malformed("jsonb version \(binaryVersion)")
        }
        return JSONText(cell.text(from: 1))
    }

    /// The first byte of `jsonb` in binary form; the server knows no other.
    private static let binaryVersion: UInt8 = 1
}
