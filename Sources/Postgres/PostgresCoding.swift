/// A value that can be sent to PostgreSQL in binary form.
package protocol PostgresEncodable {
    /// The type the server is told; the statement's SQL need not cast.
    static var postgresType: PostgresType { get }

    /// Appends the value's bytes, without their length.
    func encode(into buffer: inout WireBuffer)

    /// Appends the length and the bytes, or the mark of null.
    func encodeField(into buffer: inout WireBuffer)
}

extension PostgresEncodable {
    package func encodeField(into buffer: inout WireBuffer) {
        buffer.appendField { encode(into: &$0) }
    }
}

/// A value that can be read from PostgreSQL's binary form.
package protocol PostgresDecodable {
    /// Tells whether values of a server type can be read as this type without loss.
    static func accepts(_ type: PostgresType) -> Bool

    /// Reads a value.
    ///
    /// - Parameter cell: the bytes, with a type that was accepted.
    /// - Returns: the value.
    /// - Throws: `decoding` when the bytes do not have the type's form.
    static func decode(_ cell: borrowing Cell) throws(PostgresError) -> Self

    /// The value that stands for null; nil when null can't be read as this type.
    static var nullValue: Self? { get }
}

extension PostgresDecodable {
    @inlinable package static var nullValue: Self? { nil }
}

extension Optional: PostgresEncodable where Wrapped: PostgresEncodable {
    package static var postgresType: PostgresType { Wrapped.postgresType }

    package func encode(into buffer: inout WireBuffer) {
        self?.encode(into: &buffer)
    }

    package func encodeField(into buffer: inout WireBuffer) {
        if let value = self { value.encodeField(into: &buffer) } else { buffer.append(Int32(-1)) }
    }
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    package static func accepts(_ type: PostgresType) -> Bool { Wrapped.accepts(type) }

    package static func decode(_ cell: borrowing Cell) throws(PostgresError) -> Wrapped? {
        try Wrapped.decode(cell)
    }

    package static var nullValue: Wrapped?? { .some(.none) }
}

/// The bytes of one value that is not null, with its type; can't outlive the result it came from.
package struct Cell: ~Escapable {
    /// The value's bytes in binary form.
    package let bytes: RawSpan
    /// The server's type of the value.
    package let type: PostgresType

    @_lifetime(copy bytes)
    @inlinable package init(_ bytes: RawSpan, _ type: PostgresType) {
        self.bytes = bytes
        self.type = type
    }

    /// Reads a big-endian integer.
    ///
    /// - Throws: `decoding` when there are not enough bytes.
    @inline(__always)
    package func integer<Value: FixedWidthInteger & BitwiseCopyable>(
        at offset: Int, as _: Value.Type = Value.self
    ) throws(PostgresError) -> Value {
        let size = MemoryLayout<Value>.size
        guard offset >= 0, bytes.byteCount >= size, offset <= bytes.byteCount - size else {
            throw malformed("\(offset + size) bytes or more")
        }
        return unsafe Value(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self))
    }

    /// Reads the whole value as an integer.
    ///
    /// - Throws: `decoding` when the length is another.
    @inline(__always)
    package func whole<Value: FixedWidthInteger & BitwiseCopyable>(
        as _: Value.Type = Value.self
    ) throws(PostgresError) -> Value {
        let size = MemoryLayout<Value>.size
        guard bytes.byteCount == size else { throw malformed("\(size) bytes") }
        return unsafe Value(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 0, as: Value.self))
    }

    /// Reads bytes from an offset to the end as UTF-8 text.
    package func text(from offset: Int = 0) -> String {
        unsafe bytes.withUnsafeBytes { unsafe String(decoding: $0.dropFirst(offset), as: UTF8.self) }
    }

    /// The error of a value whose bytes do not have their type's form; names lengths only.
    package func malformed(_ expected: String) -> PostgresError {
        PostgresError(
            .decoding, "expected a value of type \(type.oid) to have \(expected), got: \(bytes.byteCount) bytes")
    }
}
