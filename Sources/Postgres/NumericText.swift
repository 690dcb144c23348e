/// A `numeric` as decimal text, digit for digit as the server writes it; it is not a number to calculate with.
///
/// Source: PostgreSQL's `numeric_send`: groups of four digits, the weight of the first group, a sign, a display scale.
package struct NumericText: Hashable, Sendable {
    /// The decimal text, such as `-12.50`, `NaN` or `Infinity`.
    package var text: String

    package init(_ text: String) {
        self.text = text
    }

    /// The nearest double; nil when the text is no number.
    package var double: Double? { Double(text) }
}

extension NumericText: PostgresScalar {
    package static var postgresType: PostgresType { .numeric }

    package static var arrayType: PostgresType { .numericArray }

    /// Appends the number; text that is no plain decimal number is a fault told before anything is sent.
    package func encode(into buffer: inout WireBuffer) {
        switch text {
        case "NaN": return NumericText.header(groups: 0, weight: 0, sign: 0xC000, scale: 0, into: &buffer)
        case "Infinity": return NumericText.header(groups: 0, weight: 0, sign: 0xD000, scale: 0, into: &buffer)
        case "-Infinity": return NumericText.header(groups: 0, weight: 0, sign: 0xF000, scale: 0, into: &buffer)
        default: break
        }
        let isNegative = text.utf8.first == UInt8(ascii: "-")
        let parts = text.utf8.dropFirst(isNegative ? 1 : 0)
            .split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        let whole = parts.first.map(Array.init) ?? []
        let fraction = parts.count > 1 ? Array(parts[1]) : []
        let isDecimal = (whole + fraction).allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard isDecimal, !whole.isEmpty, parts.count == 1 || !fraction.isEmpty, whole.count <= 131_072,
            fraction.count <= 16_383
        else {
            return buffer.fail("expected a decimal number for numeric, got: other text")
        }
        let zero = UInt8(ascii: "0")
        let digits =
            [UInt8](repeating: zero, count: (4 - whole.count % 4) % 4) + whole + fraction
            + [UInt8](repeating: zero, count: (4 - fraction.count % 4) % 4)
        NumericText.header(
            groups: digits.count / 4, weight: (whole.count + 3) / 4 - 1, sign: isNegative ? 0x4000 : 0,
            scale: fraction.count, into: &buffer)
        for start in stride(from: 0, to: digits.count, by: 4) {
            buffer.append(digits[start..<start + 4].reduce(Int16(0)) { $0 * 10 + Int16($1 - zero) })
        }
    }

    private static func header(groups: Int, weight: Int, sign: UInt16, scale: Int, into buffer: inout WireBuffer) {
        buffer.append(Int16(truncatingIfNeeded: groups))
        buffer.append(Int16(truncatingIfNeeded: weight))
        buffer.append(sign)
        buffer.append(Int16(truncatingIfNeeded: scale))
    }

    package static func accepts(_ type: PostgresType) -> Bool { type == .numeric }

    package static func decode(_ cell: borrowing Cell) throws(PostgresError) -> NumericText {
        let groups = Int(try cell.integer(at: 0, as: Int16.self))
        let weight = Int(try cell.integer(at: 2, as: Int16.self))
        let sign: UInt16 = try cell.integer(at: 4)
        let scale = Int(try cell.integer(at: 6, as: Int16.self))
        switch sign {
        case 0xC000: return NumericText("NaN")
        case 0xD000: return NumericText("Infinity")
        case 0xF000: return NumericText("-Infinity")
        case 0x0000, 0x4000: break
        default: throw cell.malformed("a known sign of numeric")
        }
        guard groups >= 0, scale >= 0, cell.bytes.byteCount == 8 + 2 * groups else {
            throw cell.malformed("8 bytes and 2 for each group of digits")
        }
        var text: [UInt8] = sign == 0x4000 ? [UInt8(ascii: "-")] : []
        text.append(contentsOf: try wholePart(cell, groups: groups, weight: weight))
        if scale > 0 {
            text.append(UInt8(ascii: "."))
            for position in 0..<scale {
                // Position 0 is the first digit behind the point: group `weight + 1`, its highest digit.
                let group = weight + 1 + position / 4
                text.append(digit(try value(cell, group, groups), position % 4))
            }
        }
        return NumericText(String(decoding: text, as: UTF8.self))
    }

    /// Digits before the point, without leading zeroes.
    private static func wholePart(
        _ cell: borrowing Cell, groups: Int, weight: Int
    ) throws(PostgresError) -> [UInt8] {
        if weight < 0 { return [UInt8(ascii: "0")] }
        var digits: [UInt8] = []
        for group in 0...weight {
            let value = try value(cell, group, groups)
            for place in 0..<4 {
                let next = digit(value, place)
                if digits.isEmpty && next == UInt8(ascii: "0") { continue }
                digits.append(next)
            }
        }
        return digits.isEmpty ? [UInt8(ascii: "0")] : digits
    }

    /// The group at an index; groups that are not stored are zero.
    private static func value(_ cell: borrowing Cell, _ group: Int, _ groups: Int) throws(PostgresError) -> Int {
        guard group >= 0 && group < groups else { return 0 }
        let value = Int(try cell.integer(at: 8 + 2 * group, as: Int16.self))
        guard (0...9999).contains(value) else { throw cell.malformed("groups of four decimal digits") }
        return value
    }

    private static func digit(_ group: Int, _ place: Int) -> UInt8 {
        let divisors = (1000, 100, 10, 1)
        let divisor =
            switch place {
            case 0: divisors.0
            case 1: divisors.1
            case 2: divisors.2
            default: divisors.3
            }
        return UInt8(ascii: "0") + UInt8(group / divisor % 10)
    }
}
