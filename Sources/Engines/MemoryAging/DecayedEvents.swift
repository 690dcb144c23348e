import Bytes
import Glibc

/// Counts of events that fade with time, anchored at the last event, so that no timer has to touch them.
///
///     count(t) = Σ e^(−(t − tᵢ)/τ),   τ = 7 and 28 days
///
/// Invariants: O(1) state and time; an event that is earlier than the last one counts as simultaneous.
struct DecayedEvents: Equatable, Sendable {
    static let fastDays = 7.0
    static let slowDays = 28.0

    private(set) var first: Timestamp?
    private(set) var last = Timestamp(microseconds: 0)
    private(set) var fast = 0.0
    private(set) var slow = 0.0

    init() {}

    mutating func add(at moment: Timestamp) {
        guard first != nil else {
            (first, last, fast, slow) = (moment, moment, 1, 1)
            return
        }
        let days = max(0, moment.days(since: last))
        fast = fast * exp(-days / Self.fastDays) + 1
        slow = slow * exp(-days / Self.slowDays) + 1
        last = max(last, moment)
    }

    func encode(into writer: inout StateWriter) {
        writer.write(first) { writer, first in
            writer.write(first)
            writer.write(last)
            writer.write(fast)
            writer.write(slow)
        }
    }

    init(from reader: inout StateReader) throws(StateError) {
        guard try reader.readBool() else { return }
        let start = try reader.readTimestamp()
        last = try reader.readTimestamp()
        fast = try reader.readDouble()
        slow = try reader.readDouble()
        first = start
        guard start <= last, fast.isFinite, slow.isFinite, fast >= 1, slow >= 1 else {
            throw StateError(offset: 0, expected: "events that end after they began")
        }
    }
}
