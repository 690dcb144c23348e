/// What a JSON text may cost its reader.
package struct JSONLimits: Hashable, Sendable {
    /// Bytes of the text.
    package var bytesMax: Int
    /// Objects and arrays inside each other.
    package var depthMax: Int
    /// Values of any kind, keys not counted.
    package var valuesMax: Int

    package init(bytesMax: Int = 16 << 20, depthMax: Int = 64, valuesMax: Int = 1_000_000) {
        self.bytesMax = bytesMax
        self.depthMax = depthMax
        self.valuesMax = valuesMax
    }
}

/// Where a JSON text is not JSON, or is more than was allowed.
///
/// It never carries the text.
package struct JSONError: Error, Hashable, CustomStringConvertible {
    /// The byte at which the fault was found.
    package var offset: Int
    /// What was expected there.
    package var expected: String

    package init(offset: Int, expected: String) {
        self.offset = offset
        self.expected = expected
    }

    package var description: String { "expected \(expected) at byte \(offset) of the JSON text" }
}

/// Reads JSON (RFC 8259, strictly) from UTF-8 bytes; `JSONValue(parsing:)` is the usual way in.
///
/// It accepts no comments, no trailing commas, no lone surrogates, no numbers beyond a double, no byte order mark.
package struct JSONScanner: ~Escapable {
    let bytes: Span<UInt8>
    var offset = 0
    private let limits: JSONLimits
    private var depth = 0
    private var values = 0

    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>, limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    /// Reads one JSON text that fills the bytes but for white space around it.
    ///
    /// - Parameters:
    ///   - bytes: UTF-8.
    ///   - limits: what the text may cost.
    /// - Returns: the value.
    /// - Throws: `JSONError` with the offset of the first fault.
    package static func scan(_ bytes: Span<UInt8>, limits: JSONLimits = JSONLimits()) throws(JSONError) -> JSONValue {
        guard bytes.count <= limits.bytesMax else {
            throw JSONError(offset: limits.bytesMax, expected: "at most \(limits.bytesMax) bytes")
        }
        var scanner = JSONScanner(bytes, limits: limits)
        let value = try scanner.scanValue()
        scanner.skipSpace()
        guard scanner.offset == bytes.count else { throw scanner.fault("the end") }
        return value
    }

    /// The byte at hand, or nil at the end.
    var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    func fault(_ expected: String) -> JSONError { JSONError(offset: offset, expected: expected) }

    @_lifetime(self: copy self)
    mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { offset += 1 }
    }

    @_lifetime(self: copy self)
    private mutating func scanValue() throws(JSONError) -> JSONValue {
        skipSpace()
        values += 1
        guard values <= limits.valuesMax else { throw fault("at most \(limits.valuesMax) values") }
        switch next ?? 0 {
        case UInt8(ascii: "{"): return try scanObject()
        case UInt8(ascii: "["): return try scanArray()
        case UInt8(ascii: "\""): return .string(try scanString())
        case UInt8(ascii: "t"): return try scanWord("true", .bool(true))
        case UInt8(ascii: "f"): return try scanWord("false", .bool(false))
        case UInt8(ascii: "n"): return try scanWord("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try scanNumber())
        default: throw fault("a value")
        }
    }

    @_lifetime(self: copy self)
    private mutating func scanWord(_ word: String, _ value: JSONValue) throws(JSONError) -> JSONValue {
        let start = offset
        for expected in word.utf8 {
            guard next == expected else { throw JSONError(offset: start, expected: "a value") }
            offset += 1
        }
        return value
    }

    @_lifetime(self: copy self)
    private mutating func scanArray() throws(JSONError) -> JSONValue {
        try descend()
        var elements: [JSONValue] = []
        if next == UInt8(ascii: "]") { return ascend(.array(elements)) }
        while true {
            elements.append(try scanValue())
            skipSpace()
            switch next {
            case UInt8(ascii: ","): offset += 1
            case UInt8(ascii: "]"): return ascend(.array(elements))
            default: throw fault("a comma or ]")
            }
        }
    }

    @_lifetime(self: copy self)
    private mutating func scanObject() throws(JSONError) -> JSONValue {
        try descend()
        var members: [JSONMember] = []
        if next == UInt8(ascii: "}") { return ascend(.object(members)) }
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw fault("a member's name") }
            let key = try scanString()
            skipSpace()
            guard next == UInt8(ascii: ":") else { throw fault("a colon") }
            offset += 1
            members.append(JSONMember(key: key, value: try scanValue()))
            skipSpace()
            switch next {
            case UInt8(ascii: ","): offset += 1
            case UInt8(ascii: "}"): return ascend(.object(members))
            default: throw fault("a comma or }")
            }
        }
    }

    @_lifetime(self: copy self)
    private mutating func descend() throws(JSONError) {
        depth += 1
        guard depth <= limits.depthMax else { throw fault("a depth of at most \(limits.depthMax)") }
        offset += 1
        skipSpace()
    }

    @_lifetime(self: copy self)
    private mutating func ascend(_ value: JSONValue) -> JSONValue {
        offset += 1
        depth -= 1
        return value
    }
}
