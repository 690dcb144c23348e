/// Writes the compact binary form of engine state: variable-length integers, fixed floats, counted strings.
///
/// It is not self-describing: the reader must ask for the same fields in the same order.
package struct StateWriter {
    /// What has been written so far.
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// Appends an unsigned integer, seven bits a byte, lowest first (LEB128).
    package mutating func write(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// Appends a signed integer, zigzag coded so that small magnitudes stay short.
    package mutating func write(_ value: Int64) {
        write(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    package mutating func write(_ value: Int) { write(Int64(value)) }
    package mutating func write(_ value: Timestamp) { write(value.microseconds) }
    package mutating func write(_ value: Bool) { bytes.append(value ? 1 : 0) }
    package mutating func write(byte: UInt8) { bytes.append(byte) }

    /// Appends the eight bytes of a double, little endian, bit for bit.
    package mutating func write(_ value: Double) {
        let bits = value.bitPattern
        for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: bits >> UInt64(shift))) }
    }

    /// Appends the four bytes of a float, little endian, bit for bit.
    package mutating func write(_ value: Float) {
        let bits = value.bitPattern
        for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(shift))) }
    }

    /// Appends a counted UTF-8 string.
    package mutating func write(_ value: String) {
        write(UInt64(value.utf8.count))
        bytes.append(contentsOf: value.utf8)
    }

    /// Appends counted raw bytes.
    package mutating func write(_ value: [UInt8]) {
        write(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    /// Appends a value that may be absent: one byte of presence, then the value.
    @inlinable
    package mutating func write<Value>(_ value: Value?, _ body: (inout StateWriter, Value) -> Void) {
        write(value != nil)
        if let value { body(&self, value) }
    }

    /// Appends a counted list.
    @inlinable
    package mutating func write<Values: Collection>(
        list values: Values, _ body: (inout StateWriter, Values.Element) -> Void
    ) {
        write(UInt64(values.count))
        for value in values { body(&self, value) }
    }
}

/// What is wrong with a stored state: it ends too early, or holds what no writer writes.
package struct StateError: Error, Hashable, CustomStringConvertible {
    /// Where in the bytes the fault is.
    package var offset: Int
    /// What was expected there.
    package var expected: String

    package init(offset: Int, expected: String) {
        self.offset = offset
        self.expected = expected
    }

    package var description: String { "expected \(expected) at byte \(offset) of the engine state" }
}

/// Reads what `StateWriter` wrote; every read is bounds-checked and throws rather than traps.
package struct StateReader {
    private let bytes: [UInt8]
    private var offset = 0

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Whether everything has been read.
    package var isAtEnd: Bool { offset == bytes.count }

    package mutating func readUnsigned() throws(StateError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            guard offset < bytes.count, shift < 64 else { throw fault("a whole integer") }
            let byte = bytes[offset]
            offset += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte & 0x80 == 0 { return value }
            shift += 7
        }
    }

    package mutating func readSigned() throws(StateError) -> Int64 {
        let value = try readUnsigned()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    package mutating func readInt() throws(StateError) -> Int { Int(try readSigned()) }
    package mutating func readTimestamp() throws(StateError) -> Timestamp {
        Timestamp(microseconds: try readSigned())
    }

    package mutating func readByte() throws(StateError) -> UInt8 {
        guard offset < bytes.count else { throw fault("a byte") }
        offset += 1
        return bytes[offset - 1]
    }

    package mutating func readBool() throws(StateError) -> Bool {
        let byte = try readByte()
        guard byte <= 1 else { throw fault("0 or 1") }
        return byte == 1
    }

    package mutating func readDouble() throws(StateError) -> Double {
        Double(bitPattern: try readFixed(8))
    }

    package mutating func readFloat() throws(StateError) -> Float {
        Float(bitPattern: UInt32(truncatingIfNeeded: try readFixed(4)))
    }

    package mutating func readString() throws(StateError) -> String {
        let raw = try readBytes()
        guard let text = String(validating: raw, as: UTF8.self) else { throw fault("valid UTF-8") }
        return text
    }

    package mutating func readBytes() throws(StateError) -> [UInt8] {
        let count = try readCount(max: bytes.count)
        let raw = Array(bytes[offset..<offset + count])
        offset += count
        return raw
    }

    @inlinable
    package mutating func readOptional<Value>(
        _ body: (inout StateReader) throws(StateError) -> Value
    ) throws(StateError) -> Value? {
        try readBool() ? try body(&self) : nil
    }

    @inlinable
    package mutating func readList<Value>(
        max: Int, _ body: (inout StateReader) throws(StateError) -> Value
    ) throws(StateError) -> [Value] {
        let count = try readCount(max: max)
        var values: [Value] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try body(&self)) }
        return values
    }

    /// Throws unless everything has been read.
    package func finish() throws(StateError) {
        guard isAtEnd else { throw fault("the end") }
    }

    @usableFromInline mutating func readCount(max: Int) throws(StateError) -> Int {
        let count = try readUnsigned()
        guard count <= UInt64(max), count <= UInt64(bytes.count - offset) else {
            throw fault("a count of at most \(max)")
        }
        return Int(count)
    }

    private mutating func readFixed(_ width: Int) throws(StateError) -> UInt64 {
        guard offset + width <= bytes.count else { throw fault("\(width) bytes") }
        var value: UInt64 = 0
        for index in 0..<width { value |= UInt64(bytes[offset + index]) << UInt64(8 * index) }
        offset += width
        return value
    }

    /// The error that says what was expected at the place reached.
    package func fault(_ expected: String) -> StateError { StateError(offset: offset, expected: expected) }
}
