/// How far a value lies beyond everything before it: the surprise of a single hour.
///
/// Three series are followed: the value x, its exponentially weighted level m (time constant `levelValues`), and x less
/// the level before it. For each, excess = distance outside of the range so far / width of that range; the score is the
/// largest of the three, 0 where nothing is a record. A score counts only when it is the highest of `restValues`
/// values, so that one event is one alarm.
///
/// Invariants: no score changes when all values are shifted or scaled; nothing is assumed about the distribution, of
/// which records are few (about 2·ln n of n values) whatever it is. A range without width says nothing: 0. O(1) for
/// each value.
/// Source: the theory of records, Chandler 1952 and Rényi 1962; the ratio to the range is as Dixon's (1950).
package struct RecordExcess {
    /// Values that the level's memory spans.
    package static let levelValues = 12.0
    /// Values before a score that it must exceed.
    package static let restValues = 12

    /// The score of a wild hour: set by simulation, so that a stationary week of heavy-tailed hours hardly gives one.
    package static let alarmMin = 2.0

    private struct Range {
        var low = Double.infinity
        var high = -Double.infinity

        /// The excess over the range, signed by its side; then takes the value in.
        mutating func excess(_ value: Double) -> Double {
            defer {
                low = min(low, value)
                high = max(high, value)
            }
            guard high > low else { return 0 }
            return value > high ? (value - high) / (high - low) : value < low ? (value - low) / (high - low) : 0
        }
    }

    private var level = 0.0
    /// (1 − 1/`levelValues`) to the power of the values so far.
    private var rest = 1.0
    private var ranges = [Range](repeating: Range(), count: 3)
    private var recent: [Double] = []

    package init() {}

    /// Scores the next value.
    ///
    /// - Parameter value: finite.
    /// - Returns: the score, signed by its direction; 0 for no record.
    package mutating func score(_ value: Double) -> Double {
        let before = rest == 1 ? value : level
        rest *= 1 - 1 / RecordExcess.levelValues
        // Over 1 − rest, the weights of the values so far add up to one.
        level = before + (value - before) / (RecordExcess.levelValues * (1 - rest))
        var score = 0.0
        for (place, one) in [value, level, value - before].enumerated() {
            let excess = ranges[place].excess(one)
            if excess.magnitude > score.magnitude { score = excess }
        }
        let isHighest = recent.allSatisfy { $0 < score.magnitude }
        recent.append(score.magnitude)
        if recent.count > RecordExcess.restValues { recent.removeFirst() }
        return isHighest ? score : 0
    }
}
