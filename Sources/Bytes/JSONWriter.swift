/// Writes JSON text (RFC 8259) piece by piece into bytes, without spaces and without intermediate values.
///
/// It is not a serialiser of types: the caller says what comes next, and commas and colons follow from that.
/// The same calls give the same bytes on every platform. U+0000 is left out of strings because `jsonb` refuses it.
///
///     var json = JSONWriter()
///     json.beginObject()
///     json.key("topic"); json.value("sailing")
///     json.key("weight"); json.value(0.25, decimals: 3)
///     json.endObject()                     // {"topic":"sailing","weight":0.25}
///
/// Complexity: O(1) amortised a byte written.
package struct JSONWriter: Sendable {
    /// What has been written so far: valid UTF-8.
    package private(set) var bytes: [UInt8] = []
    /// How many objects and arrays are open.
    package private(set) var depth = 0
    private var needsComma = false

    package init(reservingBytes capacity: Int = 0) {
        bytes.reserveCapacity(capacity)
    }

    /// What has been written so far, as a string.
    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Opens an object; every member is then a `key` and one value.
    package mutating func beginObject() { begin(UInt8(ascii: "{")) }

    /// Closes the innermost object.
    package mutating func endObject() { end(UInt8(ascii: "}")) }

    /// Opens an array.
    package mutating func beginArray() { begin(UInt8(ascii: "[")) }

    /// Closes the innermost array.
    package mutating func endArray() { end(UInt8(ascii: "]")) }

    /// Writes the name of the next member.
    package mutating func key(_ name: String) {
        value(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Writes a string, escaped as needed.
    package mutating func value(_ string: String) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        let source = string.utf8.span
        for index in source.indices {
            let byte = source[index]
            if byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                bytes.append(byte)
            } else {
                append(escaping: byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Writes an integer.
    package mutating func value(_ integer: Int) { value(Int64(integer)) }

    /// Writes an integer.
    package mutating func value(_ integer: Int64) {
        separate()
        if integer < 0 { bytes.append(UInt8(ascii: "-")) }
        appendDigits(integer.magnitude, widthMin: 1)
    }

    /// Writes a double in the shortest form that reads back as the same double; NaN and infinities become `null`.
    package mutating func value(_ number: Double) {
        guard number.isFinite else { return null() }
        if number == number.rounded(.towardZero), number.magnitude < 9e15 { return value(Int64(number)) }
        separate()
        bytes.append(contentsOf: number.description.utf8)
    }

    /// Writes a double rounded to so many decimals, trailing zeros trimmed; NaN and infinities become `null`.
    ///
    /// - Parameters:
    ///   - number: any double; from 2⁵³ units of the last decimal on, the shortest form is written.
    ///   - decimals: digits after the point, 0…15; ties go away from zero.
    package mutating func value(_ number: Double, decimals: Int) {
        precondition((0...15).contains(decimals), "expected decimals to be 0…15, got: \(decimals)")
        guard number.isFinite else { return null() }
        var unit: UInt64 = 1
        for _ in 0..<decimals { unit *= 10 }
        let scaled = (number.magnitude * Double(unit)).rounded(.toNearestOrAwayFromZero)
        guard scaled < 9_007_199_254_740_992 else { return value(number) }
        let units = UInt64(scaled)
        separate()
        if number < 0, units > 0 { bytes.append(UInt8(ascii: "-")) }
        appendDigits(units / unit, widthMin: 1)
        var fraction = units % unit
        guard fraction > 0 else { return }
        var width = decimals
        while fraction % 10 == 0 {
            fraction /= 10
            width -= 1
        }
        bytes.append(UInt8(ascii: "."))
        appendDigits(fraction, widthMin: width)
    }

    /// Writes `true` or `false`.
    package mutating func value(_ flag: Bool) {
        separate()
        bytes.append(contentsOf: flag ? "true".utf8 : "false".utf8)
    }

    /// Writes a moment as an RFC 3339 string in UTC.
    package mutating func value(_ moment: Timestamp) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        moment.appendRFC3339(to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Writes `null`.
    package mutating func null() {
        separate()
        bytes.append(contentsOf: "null".utf8)
    }

    package mutating func value(_ string: String?) { if let string { value(string) } else { null() } }
    package mutating func value(_ integer: Int?) { if let integer { value(integer) } else { null() } }
    package mutating func value(_ integer: Int64?) { if let integer { value(integer) } else { null() } }
    package mutating func value(_ number: Double?) { if let number { value(number) } else { null() } }
    package mutating func value(_ flag: Bool?) { if let flag { value(flag) } else { null() } }
    package mutating func value(_ moment: Timestamp?) { if let moment { value(moment) } else { null() } }
    package mutating func value(_ number: Double?, decimals: Int) {
        if let number { value(number, decimals: decimals) } else { null() }
    }

    /// Writes a text that is JSON already, as it stands; the caller vouches for it.
    package mutating func value(json text: some Sequence<UInt8>) {
        separate()
        bytes.append(contentsOf: text)
    }

    /// Writes a value that was read earlier, members in their order.
    package mutating func value(_ json: JSONValue) {
        switch json {
        case .null: null()
        case .bool(let flag): value(flag)
        case .number(let number): if let exact = number.int64 { value(exact) } else { value(number.double) }
        case .string(let string): value(string)
        case .array(let elements):
            beginArray()
            for element in elements { value(element) }
            endArray()
        case .object(let members):
            beginObject()
            for member in members {
                key(member.key)
                value(member.value)
            }
            endObject()
        }
    }

    private mutating func begin(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        depth += 1
        needsComma = false
    }

    private mutating func end(_ bracket: UInt8) {
        precondition(depth > 0, "expected an open object or array to end, got: none")
        bytes.append(bracket)
        depth -= 1
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func append(escaping byte: UInt8) {
        switch byte {
        case 0: break
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(byte)
        case 0x08: bytes.append(contentsOf: "\\b".utf8)
        case 0x09: bytes.append(contentsOf: "\\t".utf8)
        case 0x0A: bytes.append(contentsOf: "\\n".utf8)
        case 0x0C: bytes.append(contentsOf: "\\f".utf8)
        case 0x0D: bytes.append(contentsOf: "\\r".utf8)
        case 0x01..<0x20:
            bytes.append(contentsOf: "\\u00".utf8)
            bytes.append(Hexadecimal.digit(byte >> 4))
            bytes.append(Hexadecimal.digit(byte & 15))
        default: bytes.append(byte)
        }
    }

    private mutating func appendDigits(_ number: UInt64, widthMin: Int) {
        Decimal.append(number, widthMin: widthMin, to: &bytes)
    }
}

/// Decimal digits of unsigned integers as ASCII.
enum Decimal {
    /// Appends the digits of a number, padded on the left with zeros up to `widthMin`.
    static func append(_ number: UInt64, widthMin: Int, to bytes: inout [UInt8]) {
        var width = 1
        var rest = number / 10
        while rest > 0 {
            width += 1
            rest /= 10
        }
        width = max(width, widthMin)
        for _ in 0..<width { bytes.append(UInt8(ascii: "0")) }
        var place = bytes.count - 1
        rest = number
        while rest > 0 {
            bytes[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
            place -= 1
        }
    }
}
