import Bytes

/// A stored bucket that no `BucketSums` wrote.
package struct BucketError: Error, Hashable, CustomStringConvertible {
    /// What was expected.
    package var expected: String

    package var description: String { "expected \(expected) in a bot's bucket" }
}

extension BucketSums {
    /// Measures that a stored bucket may hold; pairs hold fewer, their union may hold more.
    package static let measuresMax = 4096

    /// The bucket as JSON: `{"engagement":[count,total,squares],"trait:warmth":[count,total]}`, names in order of
    /// their bytes.
    ///
    /// Equal buckets give equal bytes.
    package var json: String {
        var writer = JSONWriter(reservingBytes: 32 * measures.count)
        writer.beginObject()
        for measure in measures {
            writer.key(measure.name)
            writer.beginArray()
            writer.value(measure.sum.count)
            writer.value(measure.sum.total)
            if let squares = measure.sum.totalOfSquares { writer.value(squares) }
            writer.endArray()
        }
        writer.endObject()
        return writer.text
    }

    /// Reads what `json` wrote, in whatever order and spacing `jsonb` gives it back.
    ///
    /// - Parameter json: one JSON object.
    /// - Throws: `BucketError` for anything else, `{}` is the empty bucket.
    package init(json: String) throws(BucketError) {
        var json = json
        json.makeContiguousUTF8()
        try self.init(json: json.utf8.span)
    }

    /// Reads what `json` wrote from UTF-8 bytes.
    ///
    /// - Parameter json: one JSON object.
    /// - Throws: `BucketError` for anything else.
    package init(json: Span<UInt8>) throws(BucketError) {
        var reader = BucketReader(json)
        guard let plain = reader.read() else {
            try self.init(anyJSON: json)
            return
        }
        self = plain
    }

    /// Reads whatever JSON says the same, however it is written.
    private init(anyJSON json: Span<UInt8>) throws(BucketError) {
        self.init()
        guard let value = try? JSONScanner.scan(json), let members = value.members else {
            throw BucketError(expected: "a JSON object")
        }
        guard members.count <= BucketSums.measuresMax else {
            throw BucketError(expected: "at most \(BucketSums.measuresMax) measures")
        }
        for member in members {
            guard let numbers = member.value.array, numbers.count == 2 || numbers.count == 3,
                let count = numbers[0].int64, let total = numbers[1].int64
            else { throw BucketError(expected: "[count, total] or [count, total, squares] of 64-bit integers") }
            var squares: Int64?
            if numbers.count == 3 {
                guard let third = numbers[2].int64 else {
                    throw BucketError(expected: "squares as a 64-bit integer")
                }
                squares = third
            }
            add(MeasureSum(count: count, total: total, totalOfSquares: squares), to: member.key)
        }
    }
}

/// Reads the plain form that the database gives buckets back in, without intermediate values; it gives up on any other.
private struct BucketReader: ~Escapable {
    private let bytes: Span<UInt8>
    private var offset = 0

    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>) { self.bytes = bytes }

    /// The bucket; nil when its text has an escape, a fraction, or is not a bucket at all.
    @_lifetime(self: copy self)
    mutating func read() -> BucketSums? {
        var sums = BucketSums()
        guard take("{") else { return nil }
        if take("}") { return offset == bytes.count ? sums : nil }
        var count = 0
        repeat {
            count += 1
            guard count <= BucketSums.measuresMax, let name = readName(), take(":"), take("["),
                let values = readInteger(), take(","), let total = readInteger()
            else { return nil }
            var squares: Int64?
            if take(",") {
                guard let third = readInteger() else { return nil }
                squares = third
            }
            guard take("]") else { return nil }
            sums.add(MeasureSum(count: values, total: total, totalOfSquares: squares), to: name)
        } while take(",")
        return take("}") && offset == bytes.count ? sums : nil
    }

    /// Takes a mark and the space after it.
    @_lifetime(self: copy self)
    private mutating func take(_ mark: Unicode.Scalar) -> Bool {
        guard offset < bytes.count, bytes[offset] == UInt8(truncatingIfNeeded: mark.value) else { return false }
        offset += 1
        while offset < bytes.count, bytes[offset] == 0x20 { offset += 1 }
        return true
    }

    @_lifetime(self: copy self)
    private mutating func readName() -> String? {
        let quote = UInt8(ascii: "\"")
        guard offset < bytes.count, bytes[offset] == quote else { return nil }
        let start = offset + 1
        var end = start
        while end < bytes.count, bytes[end] != quote {
            if bytes[end] < 0x20 || bytes[end] == UInt8(ascii: "\\") { return nil }
            end += 1
        }
        guard end < bytes.count, let name = try? UTF8Span(validating: bytes.extracting(start..<end)) else { return nil }
        offset = end + 1
        return String(copying: name)
    }

    @_lifetime(self: copy self)
    private mutating func readInteger() -> Int64? {
        let isNegative = offset < bytes.count && bytes[offset] == UInt8(ascii: "-")
        if isNegative { offset += 1 }
        let start = offset
        var value: Int64 = 0
        while offset < bytes.count, bytes[offset] >= 0x30, bytes[offset] <= 0x39 {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let digit = Int64(bytes[offset] - 0x30)
            let (sum, overflowToo) = product.addingReportingOverflow(isNegative ? -digit : digit)
            if overflow || overflowToo { return nil }
            value = sum
            offset += 1
        }
        let digits = offset - start
        guard digits > 0, digits == 1 || bytes[start] != 0x30 else { return nil }
        return value
    }
}
