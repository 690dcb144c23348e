import CLibPQ

/// One row of a result, read column by column; lives only inside the closure or `decode` it is lent to.
@safe
package struct RowReader: ~Copyable {
    private let result: OpaquePointer
    private let row: Int32

    init(_ result: borrowing QueryResult, row: Int) {
        unsafe self.result = unsafe result.pointer
        self.row = Int32(truncatingIfNeeded: row)
    }

    /// How many columns the row has.
    package var columnCount: Int { unsafe Int(PQnfields(result)) }

    /// The column's name; columns count from 0.
    package func columnName(_ column: Int) -> String {
        guard let name = unsafe PQfname(result, Int32(column)) else { return "?" }
        return unsafe String(cString: name)
    }

    /// The column's type.
    package func columnType(_ column: Int) -> PostgresType {
        unsafe PostgresType(oid: PQftype(result, Int32(column)))
    }

    /// Tells whether the column is null; true as well for a column that does not exist.
    package func isNull(_ column: Int) -> Bool {
        unsafe PQgetisnull(result, row, Int32(truncatingIfNeeded: column)) == 1
    }

    /// Reads a column.
    ///
    /// - Parameters:
    ///   - column: the column's index from 0.
    ///   - type: the type to read; an optional type reads null as nil.
    /// - Returns: the value.
    /// - Throws: `decoding` when the column's type is not accepted, or is null where the type has no null.
    @inlinable
    package func decode<Value: PostgresDecodable>(
        _ column: Int, as type: Value.Type = Value.self
    ) throws(PostgresError) -> Value {
        // Inlinable, so that callers get code for their types: looking metadata up takes longer than reading a number.
        let oid = columnType(column)
        guard Value.accepts(oid) else { throw mismatch(column, "\(Value.self)") }
        let (start, length) = unsafe bytes(column)
        guard let start = unsafe start else {
            guard let value = Value.nullValue else { throw nullFault(column) }
            return value
        }
        return try Value.decode(Cell(unsafe RawSpan(_unsafeStart: start, byteCount: length), oid))
    }

    /// Reads a column that may be null.
    ///
    /// - Parameters:
    ///   - column: the column's index from 0.
    ///   - type: the type to read.
    /// - Returns: the value; nil for null.
    /// - Throws: `decoding` when the column's type is not accepted.
    @inlinable
    package func decode<Value: PostgresDecodable>(
        _ column: Int, as type: Value?.Type = Value?.self
    ) throws(PostgresError) -> Value? {
        let oid = columnType(column)
        guard Value.accepts(oid) else { throw mismatch(column, "\(Value?.self)") }
        let (start, length) = unsafe bytes(column)
        guard let start = unsafe start else { return nil }
        return try Value.decode(Cell(unsafe RawSpan(_unsafeStart: start, byteCount: length), oid))
    }

    /// Where a column's bytes are; nil for null.
    @unsafe @usableFromInline
    func bytes(_ column: Int) -> (start: UnsafeRawPointer?, count: Int) {
        let index = Int32(truncatingIfNeeded: column)
        let length = unsafe Int(PQgetlength(result, row, index))
        if length == 0, unsafe PQgetisnull(result, row, index) == 1 { return (nil, 0) }
        return unsafe (PQgetvalue(result, row, index).map { UnsafeRawPointer($0) }, length)
    }

    @usableFromInline
    func nullFault(_ column: Int) -> PostgresError {
        PostgresError(.decoding, "expected column \(column) \"\(columnName(column))\" to be not null, got: null")
    }

    /// Calls a closure with the column's bytes as the server sent them, valid only meanwhile; nil for null.
    package func withBytes<Result, Failure: Error>(
        _ column: Int, _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        let index = Int32(truncatingIfNeeded: column)
        if unsafe PQgetisnull(result, row, index) == 1 { return nil }
        guard let start = unsafe PQgetvalue(result, row, index) else { return nil }
        let bytes = unsafe UnsafeRawPointer(start).assumingMemoryBound(to: UInt8.self)
        return try unsafe body(Span(_unsafeStart: bytes, count: Int(PQgetlength(result, row, index))))
    }

    @usableFromInline
    func mismatch(_ column: Int, _ type: String) -> PostgresError {
        guard column >= 0, column < columnCount else {
            return PostgresError(.decoding, "expected a column \(column), got: a row of \(columnCount) columns")
        }
        return PostgresError(
            .decoding,
            "expected column \(column) \"\(columnName(column))\" to be readable as \(type), "
                + "got: type \(columnType(column).oid)")
    }
}
