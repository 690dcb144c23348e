import Bytes

/// What is kept of one measure in one bucket: integer sums in millionths, so that any order of addition gives the
/// same bits.
///
/// Additions wrap on overflow instead of saturating: a saturated sum could not be taken back exactly.
/// `BucketSums.add` bounds every value, so that a bucket wraps only after nine million values at the bound.
package struct MeasureSum: Hashable, Sendable {
    /// How many values.
    package var count: Int64
    /// Their sum in millionths.
    package var total: Int64
    /// The sum of their squares in millionths; nil for measures that are 0 or 1, and for traits.
    package var totalOfSquares: Int64?

    package init(count: Int64 = 0, total: Int64 = 0, totalOfSquares: Int64? = nil) {
        self.count = count
        self.total = total
        self.totalOfSquares = totalOfSquares
    }

    /// Whether nothing is in it: a bucket keeps no such entry.
    package var isZero: Bool { count == 0 && total == 0 && (totalOfSquares ?? 0) == 0 }

    /// The mean of the values in their own unit; nil when there is none.
    package var mean: Double? { count > 0 ? Double(total) / (Double(count) * 1e6) : nil }

    package static func + (left: MeasureSum, right: MeasureSum) -> MeasureSum {
        MeasureSum(
            count: left.count &+ right.count, total: left.total &+ right.total,
            totalOfSquares: left.totalOfSquares == nil && right.totalOfSquares == nil
                ? nil : (left.totalOfSquares ?? 0) &+ (right.totalOfSquares ?? 0))
    }

    package static prefix func - (sum: MeasureSum) -> MeasureSum {
        MeasureSum(count: 0 &- sum.count, total: 0 &- sum.total, totalOfSquares: sum.totalOfSquares.map { 0 &- $0 })
    }
}

/// A measure's name and its sums.
package struct Measure: Sendable {
    package var name: String
    package var sum: MeasureSum

    package init(name: String, sum: MeasureSum) {
        self.name = name
        self.sum = sum
    }
}

/// The measures of one bucket: a commutative group under `+`, whose zero is the empty bucket.
///
/// A bot's bucket is the sum of its pairs' buckets, in whatever order and however often parts of it were taken back.
/// Names are told apart and ordered byte by byte, because Unicode's equivalence would let the order of addition
/// choose the spelling.
package struct BucketSums: Sendable {
    /// Ascending by name, byte by byte; no entry is zero.
    package private(set) var measures: [Measure] = []

    /// The largest magnitude that a value may have; a larger one is counted as this.
    package static let valueMax = 1000.0

    package init() {}

    /// Whether nothing is in it.
    package var isZero: Bool { measures.isEmpty }

    /// The sums of a measure, zero if there are none.
    ///
    /// - Complexity: O(log n) in the measures.
    package subscript(name: String) -> MeasureSum {
        let (place, isThere) = find(name)
        return isThere ? measures[place].sum : MeasureSum()
    }

    /// Adds a value to a measure.
    ///
    /// - Parameters:
    ///   - value: NaN and infinities are refused; magnitudes above `valueMax` are clamped to it.
    ///   - name: the measure.
    ///   - squares: whether the measure keeps its squares; always the same for a name.
    /// - Returns: whether the value was taken.
    @discardableResult
    package mutating func add(_ value: Double, to name: String, squares: Bool) -> Bool {
        guard let micro = BucketSums.micro(value) else { return false }
        let bounded = Double(micro) / 1e6
        add(
            MeasureSum(
                count: 1, total: micro, totalOfSquares: squares ? Int64((bounded * bounded * 1e6).rounded()) : nil),
            to: name)
        return true
    }

    /// Adds sums to a measure.
    package mutating func add(_ sum: MeasureSum, to name: String) {
        let (place, isThere) = find(name)
        guard isThere else {
            if !sum.isZero { measures.insert(Measure(name: name, sum: sum), at: place) }
            return
        }
        let result = measures[place].sum + sum
        if result.isZero { measures.remove(at: place) } else { measures[place].sum = result }
    }

    /// A value in millionths, bounded by `valueMax`; nil unless it is finite.
    package static func micro(_ value: Double) -> Int64? {
        guard value.isFinite else { return nil }
        return Int64((min(max(value, -valueMax), valueMax) * 1e6).rounded())
    }

    package static func + (left: BucketSums, right: BucketSums) -> BucketSums {
        var sum = left
        for measure in right.measures { sum.add(measure.sum, to: measure.name) }
        return sum
    }

    package static func - (left: BucketSums, right: BucketSums) -> BucketSums {
        var difference = left
        for measure in right.measures { difference.add(-measure.sum, to: measure.name) }
        return difference
    }

    /// Where a name is, or where it belongs.
    private func find(_ name: String) -> (place: Int, isThere: Bool) {
        var low = 0
        var high = measures.count
        while low < high {
            let middle = (low + high) / 2
            let order = UTF8Text.order(measures[middle].name, name)
            if order == 0 { return (middle, true) }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return (low, false)
    }

    fileprivate static func same(_ left: String, _ right: String) -> Bool { UTF8Text.order(left, right) == 0 }
}

extension BucketSums: Equatable {
    package static func == (left: BucketSums, right: BucketSums) -> Bool {
        left.measures.count == right.measures.count
            && zip(left.measures, right.measures).allSatisfy { same($0.name, $1.name) && $0.sum == $1.sum }
    }
}

/// What one pair gives to its bot's buckets: hour index → sums, and the long run under a key of its own.
///
/// A worker loads a pair's old map and new map, adds `delta(from:to:)` to the bot's stored buckets, and stores the
/// absolute values: a bucket then always equals the sum of the maps of all pairs. A pair withdraws hours that lie
/// more than `Limits.bucketHoursMax` before its own newest one, so a delta may name old hours with negative sums: a
/// store that deletes old buckets must ignore deltas to hours below what it deleted. No hour of a bot's last 168 is
/// ever withdrawn for age.
package struct BotContributions: Equatable, Sendable {
    /// Hour index (`Timestamp.hourIndex`), or `longRun`, → sums; no bucket is zero.
    package private(set) var buckets: [Int64: BucketSums] = [:]

    /// The key of what is kept without end: counts and intensities of traits.
    package static let longRun = Int64.min

    package init() {}

    /// Makes a map from buckets, leaving zero ones out.
    package init(buckets: [Int64: BucketSums]) {
        self.buckets = buckets.filter { !$0.value.isZero }
    }

    /// Whether nothing is in it.
    package var isZero: Bool { buckets.isEmpty }

    /// The keys in ascending order, `longRun` first.
    package var keys: [Int64] { buckets.keys.sorted() }

    package subscript(key: Int64) -> BucketSums {
        get { buckets[key] ?? BucketSums() }
        set { buckets[key] = newValue.isZero ? nil : newValue }
    }

    /// Adds a value to a measure of a bucket in place; see `BucketSums.add`.
    @discardableResult
    package mutating func add(_ value: Double, to name: String, squares: Bool = false, at key: Int64) -> Bool {
        guard value.isFinite else { return false }
        return buckets[key, default: BucketSums()].add(value, to: name, squares: squares)
    }

    /// Adds sums to a measure of a bucket.
    package mutating func add(_ sum: MeasureSum, to name: String, at key: Int64) {
        buckets[key, default: BucketSums()].add(sum, to: name)
        if buckets[key]?.isZero == true { buckets[key] = nil }
    }

    /// Adds a bucket to another.
    package mutating func add(_ sums: BucketSums, at key: Int64) {
        for measure in sums.measures { buckets[key, default: BucketSums()].add(measure.sum, to: measure.name) }
        if buckets[key]?.isZero == true { buckets[key] = nil }
    }

    /// What has to be added to a bot's buckets when one of its pairs went from one map to another.
    package static func delta(from old: BotContributions, to new: BotContributions) -> BotContributions {
        new - old
    }

    package static func + (left: BotContributions, right: BotContributions) -> BotContributions {
        var sum = left
        for (key, bucket) in right.buckets { sum[key] = sum[key] + bucket }
        return sum
    }

    package static func - (left: BotContributions, right: BotContributions) -> BotContributions {
        var difference = left
        for (key, bucket) in right.buckets { difference[key] = difference[key] - bucket }
        return difference
    }
}
