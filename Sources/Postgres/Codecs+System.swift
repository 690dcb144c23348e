import Bytes

extension Timestamp: PostgresEncodable, PostgresDecodable {
    /// Microseconds from 1970-01-01 to PostgreSQL's own epoch, 2000-01-01.
    private static let epochMicroseconds: Int64 = 946_684_800_000_000

    package static var postgresType: PostgresType { .timestamptz }

    /// Appends the moment; one before the server's range is refused by the server (22008), not by this.
    package func encode(into buffer: inout WireBuffer) {
        if self == .infinity || self == .negativeInfinity {
            buffer.append(microseconds)
            return
        }
        let (value, overflow) = microseconds.subtractingReportingOverflow(Timestamp.epochMicroseconds)
        buffer.append(overflow ? Int64.min + 1 : value)
    }

    package static func accepts(_ type: PostgresType) -> Bool { type == .timestamptz }

    /// Reads a moment; the last 30 years of the server's range (to 294276) saturate just below infinity.
    package static func decode(_ cell: borrowing Cell) throws(PostgresError) -> Timestamp {
        let value: Int64 = try cell.whole()
        if value == .max || value == .min { return Timestamp(microseconds: value) }
        let (sum, overflow) = value.addingReportingOverflow(epochMicroseconds)
        return Timestamp(microseconds: overflow || sum == .max ? .max - 1 : sum)
    }
}

/// A top-level transaction id that never wraps around: `xid8`.
package struct TransactionID: Hashable, Comparable, Sendable {
    /// The id, epoch included.
    package var value: UInt64

    package init(_ value: UInt64) {
        self.value = value
    }

    package static func < (left: TransactionID, right: TransactionID) -> Bool { left.value < right.value }
}

extension TransactionID: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .xid8 }

    package func encode(into buffer: inout WireBuffer) { buffer.append(value) }

    package static func accepts(_ type: PostgresType) -> Bool { type == .xid8 }

    package static func decode(_ cell: borrowing Cell) throws(PostgresError) -> TransactionID {
        TransactionID(try cell.whole())
    }
}

extension Snapshot: PostgresEncodable, PostgresDecodable {
    package static var postgresType: PostgresType { .pgSnapshot }

    package func encode(into buffer: inout WireBuffer) {
        buffer.append(Int32(truncatingIfNeeded: inProgress.count))
        buffer.append(minimum)
        buffer.append(maximum)
        for transaction in inProgress { buffer.append(transaction) }
    }

    package static func accepts(_ type: PostgresType) -> Bool { type == .pgSnapshot }

    package static func decode(_ cell: borrowing Cell) throws(PostgresError) -> Snapshot {
        let count = Int(try cell.integer(at: 0, as: Int32.self))
        guard count >= 0, cell.bytes.byteCount == 20 + 8 * count else {
            throw cell.malformed("20 bytes and 8 for each transaction in progress")
        }
        var inProgress: [UInt64] = []
        inProgress.reserveCapacity(count)
        for index in 0..<count { inProgress.append(try cell.integer(at: 20 + 8 * index)) }
        return Snapshot(
            minimum: try cell.integer(at: 4), maximum: try cell.integer(at: 12), inProgress: inProgress)
    }
}
