import Engines
import Model
import Postgres

/// Where the time of a batch went, in seconds.
package struct BatchTimes: Sendable {
    /// Reading states and checkpoints.
    package var readSeconds = 0.0
    /// Computing, with the reading of histories for rebuilds.
    package var computeSeconds = 0.0
    /// Writing, the commit included.
    package var writeSeconds = 0.0
    /// By `EnginePart.rawValue`, estimated from the rows and pairs that were timed; empty when none was computed.
    package var partSeconds: [Double] = []

    mutating func add(_ other: BatchTimes) {
        readSeconds += other.readSeconds
        computeSeconds += other.computeSeconds
        writeSeconds += other.writeSeconds
        if partSeconds.isEmpty {
            partSeconds = other.partSeconds
        } else {
            for (index, seconds) in other.partSeconds.enumerated() { partSeconds[index] += seconds }
        }
    }
}

/// Takes the time of a batch's phases, and of some of its rows by engine.
///
/// Ten looks at the clock a row would be felt; every 17th row is enough for a batch's sum. The first is always timed,
/// so that a batch of one row is measured, not estimated. Both numbers are odd because users and bots take turns.
struct BatchTimer {
    static let rowsPerTiming = 17
    static let pairsPerTiming = 5

    private var times = PhaseTimes()
    private var rows = SampledStopwatch()
    private var pairs = SampledStopwatch()
    private var last = Deadline.now

    /// The phases that `end` ends.
    struct PhaseTimes {
        var readSeconds = 0.0
        var computeSeconds = 0.0
        var writeSeconds = 0.0
    }

    /// Ends a phase: what passed since the last one ended was it.
    mutating func end(_ phase: WritableKeyPath<PhaseTimes, Double>) {
        let now = Deadline.now
        times[keyPath: phase] += Double(now &- last) / 1e9
        last = now
    }

    /// Folds a row in, taking its time if its turn has come.
    mutating func apply(_ row: InputRow, to state: inout PairState, analyzer: TextAnalyzer) {
        if rows.isDue(every: Self.rowsPerTiming) {
            state.apply(row, analyzer: analyzer, stopwatch: &rows.stopwatch)
        } else {
            state.apply(row, analyzer: analyzer)
        }
    }

    /// Draws a pair's row, taking its time if its turn has come.
    mutating func row(of state: PairState, for pair: Pair) -> StrategicRow {
        if pairs.isDue(every: Self.pairsPerTiming) {
            return state.strategicRow(for: pair, stopwatch: &pairs.stopwatch)
        }
        return state.strategicRow(for: pair)
    }

    /// What has been measured, the parts scaled up to all rows and pairs.
    var report: BatchTimes {
        var report = BatchTimes(
            readSeconds: times.readSeconds, computeSeconds: times.computeSeconds, writeSeconds: times.writeSeconds)
        if rows.seen + pairs.seen > 0 {
            report.partSeconds = zip(rows.scaledSeconds, pairs.scaledSeconds).map { $0 + $1 }
        }
        return report
    }
}

/// A stopwatch that runs for some of many things.
private struct SampledStopwatch {
    var stopwatch = EngineStopwatch(clock: { Deadline.now })
    private(set) var seen = 0
    private var timed = 0

    mutating func isDue(every count: Int) -> Bool {
        seen += 1
        guard (seen - 1) % count == 0 else { return false }
        timed += 1
        return true
    }

    var scaledSeconds: [Double] {
        let scale = timed == 0 ? 0 : Double(seen) / Double(timed) / 1e9
        return stopwatch.nanoseconds.map { Double($0) * scale }
    }
}
