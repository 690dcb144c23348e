extension Int16: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .int2 }

    package func encode(into buffer: inout WireBuffer) { buffer.append(self) }

    package static func accepts(_ type: PostgresType) -> Bool { type == .int2 }

    package static func decode(_ cell: borrowing Cell) throws(PostgresError) -> Int16 { try cell.whole() }
}

extension Int32: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .int4 }

    package func encode(into buffer: inout WireBuffer) { buffer.append(self) }

    package static func accepts(_ type: PostgresType) -> Bool { type == .int4 || type == .int2 }

    package static func decode(_ cell: borrowing Cell) throws(PostgresError) -> Int32 {
        cell.type == .int2 ? Int32(try cell.whole(as: Int16.self)) : try cell.whole()
    }
}

extension Int64: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .int8 }

    package func encode(into buffer: inout WireBuffer) { buffer.append(self) }

    package static func accepts(_ type: PostgresType) -> Bool {
        type == .int8 || type == .int4 || type == .int2 || type == .oid
    }

    package static func decode(_ cell: borrowing Cell) throws(PostgresError) -> Int64 {
        switch cell.type {
        case .int2: Int64(try cell.whole(as: Int16.self))
        case .int4: Int64(try cell.whole(as: Int32.self))
        case .oid: Int64(try cell.whole(as: UInt32.self))
        default: try cell.whole()
        }
    }
}

/// `Int` is `bigint` on the wire.
extension Int: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .int8 }

    package func encode(into buffer: inout WireBuffer) { buffer.append(Int64(self)) }

    package static func accepts(_ type: PostgresType) -> Bool { Int64.accepts(type) }

    package static func decode(_ cell: borrowing Cell) throws(PostgresError) -> Int { Int(try Int64.decode(cell)) }
}

extension Float: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .float4 }

    package func encode(into buffer: inout WireBuffer) { buffer.append(bitPattern) }

    package static func accepts(_ type: PostgresType) -> Bool { type == .float4 }

    package static func decode(_ cell: borrowing Cell) throws(PostgresError) -> Float {
        Float(bitPattern: try cell.whole())
    }
}

extension Double: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .float8 }

    package func encode(into buffer: inout WireBuffer) { buffer.append(bitPattern) }

    package static func accepts(_ type: PostgresType) -> Bool { type == .float8 || type == .float4 }

    package static func decode(_ cell: borrowing Cell) throws(PostgresError) -> Double {
        cell.type == .float4 ? Double(Float(bitPattern: try cell.whole())) : Double(bitPattern: try cell.whole())
    }
}

extension Bool: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .bool }

    package func encode(into buffer: inout WireBuffer) { buffer.append(UInt8(self ? 1 : 0)) }

    package static func accepts(_ type: PostgresType) -> Bool { type == .bool }

    package static func decode(_ cell: borrowing Cell) throws(PostgresError) -> Bool {
        try cell.whole(as: UInt8.self) != 0
    }
}
