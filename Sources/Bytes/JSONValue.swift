/// A number as JSON carries it: a double, and the exact integer where the text was one.
package struct JSONNumber: Hashable, Sendable {
    /// The nearest double; always finite.
    package var double: Double
    /// The exact value, if it is an integer that fits 64 bits and the text did not lose it to rounding.
    package var int64: Int64?

    package init(_ double: Double) {
        self.double = double
        int64 = double.magnitude < 9_007_199_254_740_992 ? Int64(exactly: double) : nil
    }

    package init(_ integer: Int64) {
        double = Double(integer)
        int64 = integer
    }
}

/// One member of a JSON object.
package struct JSONMember: Hashable, Sendable {
    package var key: String
    package var value: JSONValue

    package init(key: String, value: JSONValue) {
        self.key = key
        self.value = value
    }

    /// A member that is a string.
    package static func text(_ key: String, _ value: String) -> JSONMember {
        JSONMember(key: key, value: .string(value))
    }

    /// A member that is a whole number of at most 64 bits.
    package static func count(_ key: String, _ value: some BinaryInteger) -> JSONMember {
        JSONMember(key: key, value: .number(JSONNumber(Int64(value))))
    }

    /// A member that is a finite number.
    package static func number(_ key: String, _ value: Double) -> JSONMember {
        JSONMember(key: key, value: .number(JSONNumber(value)))
    }
}

/// A JSON value in memory; objects keep the order and the duplicates of their members.
package enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONValue])
    case object([JSONMember])

    /// Reads one JSON text, and nothing after it but white space.
    ///
    /// - Parameters:
    ///   - bytes: UTF-8 without a byte order mark.
    ///   - limits: what the text may cost.
    /// - Throws: `JSONError` with the offset of the first fault.
    /// - Complexity: O(n) in the bytes.
    package init(parsing bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) {
        self = try JSONScanner.scan(bytes.span, limits: limits)
    }

    /// Reads one JSON text from a string.
    package init(parsing text: String, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        self = try JSONScanner.scan(text.utf8.span, limits: limits)
    }

    /// The value of the last member with this key, as `jsonb` takes it; nil for what is no object.
    ///
    /// - Complexity: O(n) in the members.
    package subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.key == key }?.value
    }

    /// The element at this place; nil past the end and for what is no array.
    package subscript(index: Int) -> JSONValue? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }

    /// The string, or nil for any other kind.
    package var string: String? { if case .string(let string) = self { string } else { nil } }

    /// The number as a double, or nil for any other kind.
    package var double: Double? { if case .number(let number) = self { number.double } else { nil } }

    /// The number where it is an exact 64-bit integer, or nil.
    package var int64: Int64? { if case .number(let number) = self { number.int64 } else { nil } }

    /// The flag, or nil for any other kind.
    package var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }

    /// The elements, or nil for what is no array.
    package var array: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }

    /// The members in order, duplicates included, or nil for what is no object.
    package var members: [JSONMember]? { if case .object(let members) = self { members } else { nil } }

    /// Whether this is `null`.
    package var isNull: Bool { self == .null }
}

extension JSONValue {
    /// The value as JSON text, without spaces; members in their order.
    package var text: String {
        var json = JSONWriter()
        json.value(self)
        return json.text
    }
}
