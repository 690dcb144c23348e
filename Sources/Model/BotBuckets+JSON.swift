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
        self.init()
        guard let value = try? JSONValue(parsing: json), let members = value.members else {
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
