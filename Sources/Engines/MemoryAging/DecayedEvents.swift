import Bytes
import Glibc

/// Counts of events that fade with time, anchored at the last event, so that no timer has to touch them.
///
///     count(t)     = Σ e^(−(t − tᵢ)/τ) over all events but the first, τ = 14 and 90 days
///     effective(t) = count(t)/φ
///
/// The first event begins the record, so it is no evidence of a rate. φ is the index of dispersion: events come in
/// bursts, and n events in bursts say as much of their rate as n/φ independent ones (quasi-Poisson: McCullagh and
/// Nelder, "Generalized linear models", 1989, §4.5). A test for Poisson counts that is given effective counts keeps its
/// level. With n_d the events of day d (UTC), over the finished days from the fifth on:
///
///     r = (¼·Σ ((n_d + n_{d−1}) − (n_{d−3} + n_{d−4}))² + κ·φ₀)/(Σ n_d + κ)
///     φ = max(1, (1 + w·(r − 1))·(1 + c/days)),   κ = 5, φ₀ = 2, w = 1.3, c = 8
///
/// Mean squared differences are a variance that a change of rate hardly raises (von Neumann, "Distribution of the
/// ratio of the mean square successive difference to the variance", 1941); two days a side, with one between, because
/// midnight UTC cuts a user's day anywhere, and w because even so some of that covariance is missed. κ events of the
/// dispersion φ₀ stand in while little is known; the last factor pays for φ being an estimate, as Student's t does.
/// w and c were set by simulation (`bench quality retrieval-trend`).
///
/// Invariants: O(1) state and time; an event that is earlier than the last one counts as simultaneous.
package struct DecayedEvents: Equatable, Sendable {
    static let fastDays = 14.0
    static let slowDays = 90.0
    static let dispersionPrior = 2.0
    static let dispersionPriorEvents = 5.0
    static let covarianceWeight = 1.3
    static let estimationDays = 8.0
    /// Days before a finished one that it is compared with.
    static let daysKept = 4
    /// More events of one day are not told apart.
    static let dayEventsMax = 10_000
    /// Events in finished days beyond which the old ones fade by half, so that a user who changes can be followed.
    static let finishedEventsMax = 4096

    package private(set) var first: Timestamp?
    package private(set) var last = Timestamp(microseconds: 0)
    private(set) var fast = 0.0
    private(set) var slow = 0.0
    /// Events on the day of the last one, and on the days before it, newest first.
    private(set) var today = 0
    private(set) var earlier = [Int](repeating: 0, count: daysKept)
    /// Σ of squared differences and Σ n_d over the finished days from the fifth on.
    private(set) var squares = 0
    private(set) var finished = 0

    package init() {}

    package mutating func add(at moment: Timestamp) {
        guard let first else {
            (first, last, today) = (moment, moment, 1)
            return
        }
        let days = max(0, moment.days(since: last))
        fast = fast * exp(-days / Self.fastDays) + 1
        slow = slow * exp(-days / Self.slowDays) + 1
        let daysPassed = max(0, moment.dayIndex - last.dayIndex)
        if daysPassed > 0 {
            let age = last.dayIndex - first.dayIndex
            finishDay(hasWindow: age >= Self.daysKept)
            // Beyond these an empty day changes nothing.
            for empty in 0..<min(daysPassed - 1, Int64(Self.daysKept) + 1) {
                finishDay(hasWindow: age + 1 + empty >= Self.daysKept)
            }
        }
        today = min(today + 1, Self.dayEventsMax)
        last = max(last, moment)
    }

    private mutating func finishDay(hasWindow: Bool) {
        if hasWindow {
            let difference = today + earlier[0] - earlier[2] - earlier[3]
            squares += difference * difference
            finished += today
        }
        earlier.removeLast()
        earlier.insert(today, at: 0)
        today = 0
        if finished > Self.finishedEventsMax {
            finished /= 2
            squares /= 2
        }
    }

    /// φ, at least 1.
    var dispersion: Double {
        let days = first.map { Double(last.dayIndex - $0.dayIndex) } ?? 0
        let variance = Double(squares) / 4 + Self.dispersionPriorEvents * Self.dispersionPrior
        let ratio = variance / (Double(finished) + Self.dispersionPriorEvents)
        return max(1, (1 + Self.covarianceWeight * (ratio - 1)) * (1 + Self.estimationDays / max(days, 1)))
    }

    /// The counts as of the last event, in independent events.
    package var effective: (fast: Double, slow: Double) { (fast / dispersion, slow / dispersion) }

    func encode(into writer: inout StateWriter) {
        writer.write(first) { writer, first in
            writer.write(first)
            writer.write(last)
            writer.write(fast)
            writer.write(slow)
            for count in [today, squares, finished] + earlier { writer.write(UInt64(count)) }
        }
    }

    init(from reader: inout StateReader) throws(StateError) {
        guard try reader.readBool() else { return }
        let start = try reader.readTimestamp()
        last = try reader.readTimestamp()
        fast = try reader.readDouble()
        slow = try reader.readDouble()
        today = try reader.readMemoryCount()
        squares = try reader.readMemoryCount()
        finished = try reader.readMemoryCount()
        for index in earlier.indices { earlier[index] = try reader.readMemoryCount() }
        first = start
        guard start <= last, fast.isFinite, slow.isFinite, fast >= 0, slow >= 0,
            1...Self.dayEventsMax ~= today, earlier.allSatisfy({ $0 <= Self.dayEventsMax })
        else { throw StateError(offset: 0, expected: "events that end after they began") }
    }
}
