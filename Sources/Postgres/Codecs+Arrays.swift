import Bytes

/// A type that arrays can be sent and read of.
///
/// `[UInt8]` is `bytea`, not an array: that is why the element, not `Array`, says how its array looks on the wire.
package protocol PostgresArrayElement {
    /// The type of an array of this.
    static var arrayType: PostgresType { get }

    /// Appends an array's bytes, without their length.
    static func encodeArray(_ values: [Self], into buffer: inout WireBuffer)

    /// Tells whether a server type can be read as an array of this.
    static func acceptsArray(_ type: PostgresType) -> Bool

    /// Reads an array of one dimension.
    static func decodeArray(_ cell: borrowing Cell) throws(PostgresError) -> [Self]
}

/// A type whose arrays have PostgreSQL's usual form: a header, then a field for each element.
package protocol PostgresScalar: PostgresArrayElement, PostgresEncodable, PostgresDecodable {}

extension Array: PostgresEncodable where Element: PostgresArrayElement {
    package static var postgresType: PostgresType { Element.arrayType }

    package func encode(into buffer: inout WireBuffer) { Element.encodeArray(self, into: &buffer) }
}

extension Array: PostgresDecodable where Element: PostgresArrayElement {
    package static func accepts(_ type: PostgresType) -> Bool { Element.acceptsArray(type) }

    package static func decode(_ cell: borrowing Cell) throws(PostgresError) -> [Element] {
        try Element.decodeArray(cell)
    }
}

extension PostgresScalar {
    package static func encodeArray(_ values: [Self], into buffer: inout WireBuffer) {
        ArrayForm.header(count: values.count, element: postgresType, into: &buffer)
        for value in values { buffer.appendField { value.encode(into: &$0) } }
    }

    package static func acceptsArray(_ type: PostgresType) -> Bool {
        guard let element = ArrayForm.element(of: type) else { return false }
        return accepts(element)
    }

    package static func decodeArray(_ cell: borrowing Cell) throws(PostgresError) -> [Self] {
        try ArrayForm.decode(cell, accepts: accepts, null: nil, decode)
    }
}

extension Optional: PostgresArrayElement where Wrapped: PostgresScalar {
    package static var arrayType: PostgresType { Wrapped.arrayType }

    package static func encodeArray(_ values: [Wrapped?], into buffer: inout WireBuffer) {
        let flagsOffset = buffer.count + 4
        ArrayForm.header(count: values.count, element: Wrapped.postgresType, into: &buffer)
        var holdsNull = false
        for value in values {
            if let value {
                buffer.appendField { value.encode(into: &$0) }
            } else {
                holdsNull = true
                buffer.append(Int32(-1))
            }
        }
        if holdsNull { buffer.overwrite(1, at: flagsOffset) }
    }

    package static func acceptsArray(_ type: PostgresType) -> Bool { Wrapped.acceptsArray(type) }

    package static func decodeArray(_ cell: borrowing Cell) throws(PostgresError) -> [Wrapped?] {
        try ArrayForm.decode(cell, accepts: Wrapped.accepts, null: .some(nil)) {
            cell throws(PostgresError) in try Wrapped.decode(cell)
        }
    }
}

/// The numbers of an array if they make a vector; nil if there is a null among them, or more than one dimension.
package struct VectorIfAny: PostgresDecodable {
    package let numbers: [Float]?

    package static func accepts(_ type: PostgresType) -> Bool { [Float].accepts(type) }

    package static func decode(_ cell: borrowing Cell) throws(PostgresError) -> VectorIfAny {
        if try cell.integer(at: 0, as: Int32.self) > 1 { return VectorIfAny(numbers: nil) }
        let mayHoldNull = try cell.integer(at: 4, as: Int32.self) != 0
        if !mayHoldNull { return VectorIfAny(numbers: try [Float].decode(cell)) }
        let numbers = try [Float?].decode(cell)
        let known = numbers.compactMap { $0 }
        return VectorIfAny(numbers: known.count == numbers.count ? known : nil)
    }

    package static var nullValue: VectorIfAny? { VectorIfAny(numbers: nil) }
}

/// PostgreSQL's array layout: dimensions, a flag for nulls, the element type, length and lower bound of each dimension.
///
/// Source: PostgreSQL's `array_recv`. Arrays of more than one dimension are refused.
enum ArrayForm {
    static func header(count: Int, element: PostgresType, into buffer: inout WireBuffer) {
        buffer.append(Int32(count == 0 ? 0 : 1))
        buffer.append(Int32(0))
        buffer.append(element.oid)
        if count > 0 {
            buffer.append(Int32(truncatingIfNeeded: count))
            buffer.append(Int32(1))
        }
    }

    static func decode<Value>(
        _ cell: borrowing Cell, accepts: (PostgresType) -> Bool, null: Value?,
        _ element: (borrowing Cell) throws(PostgresError) -> Value
    ) throws(PostgresError) -> [Value] {
        let dimensions = try cell.integer(at: 0, as: Int32.self)
        let type = PostgresType(oid: try cell.integer(at: 8))
        guard accepts(type) else {
            throw PostgresError(.decoding, "expected an array of another element type, got: oid \(type.oid)")
        }
        if dimensions == 0 { return [] }
        guard dimensions == 1 else {
            throw PostgresError(.decoding, "expected an array of 1 dimension, got: \(dimensions)")
        }
        let count = Int(try cell.integer(at: 12, as: Int32.self))
        // Every element takes four bytes at least: a larger count is a lie, and must not become a large reservation.
        guard count >= 0, count <= (cell.bytes.byteCount - 20) / 4 else {
            throw cell.malformed("4 bytes or more for each of \(count) elements")
        }
        var values: [Value] = []
        values.reserveCapacity(count)
        var offset = 20
        for _ in 0..<count {
            let size = Int(try cell.integer(at: offset, as: Int32.self))
            offset += 4
            if size < 0 {
                guard let null else {
                    throw PostgresError(.decoding, "expected an array without nulls, got: one with a null")
                }
                values.append(null)
                continue
            }
            guard size <= cell.bytes.byteCount - offset else { throw cell.malformed("\(offset + size) bytes") }
            values.append(try element(Cell(cell.bytes.extracting(offset..<offset + size), type)))
            offset += size
        }
        return values
    }

    /// The element type of a built-in array type; nil for types that are no arrays we read.
    static func element(of type: PostgresType) -> PostgresType? {
        switch type {
        case .boolArray: .bool
        case .byteaArray: .bytea
        case .nameArray: .name
        case .int2Array: .int2
        case .int4Array: .int4
        case .int8Array: .int8
        case .textArray: .text
        case .bpcharArray: .bpchar
        case .varcharArray: .varchar
        case .float4Array: .float4
        case .float8Array: .float8
        case .timestamptzArray: .timestamptz
        case .numericArray: .numeric
        case .uuidArray: .uuid
        case .jsonArray: .json
        case .jsonbArray: .jsonb
        case .xid8Array: .xid8
        case .pgSnapshotArray: .pgSnapshot
        default: nil
        }
    }
}

extension Bool: PostgresScalar {
    package static var arrayType: PostgresType { .boolArray }
}
extension Int16: PostgresScalar {
    package static var arrayType: PostgresType { .int2Array }
}
extension Int32: PostgresScalar {
    package static var arrayType: PostgresType { .int4Array }
}
extension Int64: PostgresScalar {
    package static var arrayType: PostgresType { .int8Array }
}
extension Int: PostgresScalar {
    package static var arrayType: PostgresType { .int8Array }
}
extension Float: PostgresScalar {
    package static var arrayType: PostgresType { .float4Array }
}
extension Double: PostgresScalar {
    package static var arrayType: PostgresType { .float8Array }
}
extension String: PostgresScalar {
    package static var arrayType: PostgresType { .textArray }
}
extension JSONText: PostgresScalar {
    package static var arrayType: PostgresType { .jsonbArray }
}
extension UUID: PostgresScalar {
    package static var arrayType: PostgresType { .uuidArray }
}
extension Timestamp: PostgresScalar {
    package static var arrayType: PostgresType { .timestamptzArray }
}
extension TransactionID: PostgresScalar {
    package static var arrayType: PostgresType { .xid8Array }
}
extension Snapshot: PostgresScalar {
    package static var arrayType: PostgresType { .pgSnapshotArray }
}

/// `[UInt8]` is `bytea`.
extension UInt8: PostgresArrayElement {
    package static var arrayType: PostgresType { .bytea }

    package static func encodeArray(_ values: [UInt8], into buffer: inout WireBuffer) { buffer.append(bytes: values) }

    package static func acceptsArray(_ type: PostgresType) -> Bool { type == .bytea }

    package static func decodeArray(_ cell: borrowing Cell) throws(PostgresError) -> [UInt8] {
        unsafe cell.bytes.withUnsafeBytes { unsafe [UInt8]($0) }
    }
}

/// `[[UInt8]]` is `bytea[]`.
extension Array: PostgresArrayElement where Element == UInt8 {
    package static var arrayType: PostgresType { .byteaArray }

    package static func encodeArray(_ values: [[UInt8]], into buffer: inout WireBuffer) {
        ArrayForm.header(count: values.count, element: .bytea, into: &buffer)
        for value in values { buffer.appendField { $0.append(bytes: value) } }
    }

    package static func acceptsArray(_ type: PostgresType) -> Bool { type == .byteaArray }

    package static func decodeArray(_ cell: borrowing Cell) throws(PostgresError) -> [[UInt8]] {
        try ArrayForm.decode(cell, accepts: { $0 == .bytea }, null: nil) {
            cell throws(PostgresError) in try UInt8.decodeArray(cell)
        }
    }
}

extension Array: PostgresScalar where Element == UInt8 {}
