/// A universally unique identifier of sixteen bytes (RFC 9562); `uuid` in PostgreSQL.
package struct UUID: Hashable, Sendable {
    /// The first eight bytes, highest first.
    package let high: UInt64
    /// The last eight bytes, highest first.
    package let low: UInt64

    /// Makes an identifier from its two halves.
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Makes a random identifier (version 4) from the system's random source.
    package static func random() -> UUID {
        UUID(
            high: (UInt64.random(in: .min ... .max) & 0xFFFF_FFFF_FFFF_0FFF) | 0x4000,
            low: (UInt64.random(in: .min ... .max) & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000)
    }

    /// Reads the usual form of 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12; nil for anything else.
    package init?(_ text: some StringProtocol) {
        var halves: (UInt64, UInt64) = (0, 0)
        var digits = 0
        var position = 0
        for byte in text.utf8 {
            defer { position += 1 }
            if position == 8 || position == 13 || position == 18 || position == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let digit = UUID.digit(byte), digits < 32 else { return nil }
            if digits < 16 { halves.0 = halves.0 << 4 | digit } else { halves.1 = halves.1 << 4 | digit }
            digits += 1
        }
        guard digits == 32, position == 36 else { return nil }
        self.init(high: halves.0, low: halves.1)
    }

    private static func digit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}

extension UUID: CustomStringConvertible {
    /// The usual form in lower case.
    package var description: String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for index in 0..<32 {
            if index == 8 || index == 12 || index == 16 || index == 20 { text.append(UInt8(ascii: "-")) }
            let half = index < 16 ? high : low
            text.append(digits[Int(half >> UInt64(60 - 4 * (index % 16)) & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}

extension UUID: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .uuid }

    package func encode(into buffer: inout WireBuffer) {
        buffer.append(high)
        buffer.append(low)
    }

    package static func accepts(_ type: PostgresType) -> Bool { type == .uuid }

    package static func decode(_ cell: borrowing Cell) throws(PostgresError) -> UUID {
        guard cell.bytes.byteCount == 16 else { throw cell.malformed("16 bytes") }
        return UUID(high: try cell.integer(at: 0), low: try cell.integer(at: 8))
    }
}
