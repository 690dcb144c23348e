import Bytes
import Synchronization

/// Counts reads for Prometheus: what an application hands to `onRead` and prints where it is scraped.
///
///     let statistics = ReadStatistics()
///     var configuration = StrategicCache.Configuration.environment
///     configuration.onRead = { statistics.record($0) }
///     …
///     respond(with: statistics.exposition())
///
/// Recording takes no lock. An exposition beside running reads may see one of them half counted.
public final class ReadStatistics: Sendable {
    // Outcomes, then buckets of ages and durations, each with its overflow, then the sums: of durations in
    // nanoseconds, of ages in microseconds, so that neither is cut to nothing nor overflows.
    private let cells: InlineArray<40, Atomic<UInt64>>
    private static let outcomes = ReadMetrics.Outcome.allCases
    private static let ageStart = outcomes.count
    private static let durationStart = ageStart + ageBounds.count + 1
    private static let sumStart = durationStart + durationBounds.count + 1

    /// In seconds: around the usual TTL of five minutes, up to the day that a last known row may be old.
    static let ageBounds: [Double] = [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 21_600, 86_400]
    /// In seconds: around the usual deadline of five milliseconds.
    static let durationBounds: [Double] = [50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 0.1, 1]

    /// Makes one that has seen nothing.
    public init() {
        cells = InlineArray { _ in Atomic(0) }
        precondition(Self.sumStart + 2 <= cells.count, "expected room for \(Self.sumStart + 2) cells")
    }

    /// Counts a read; safe to call from any thread.
    public func record(_ read: ReadMetrics) {
        add(1, to: Self.index(of: read.outcome))
        observe(read.duration, Self.durationBounds, start: Self.durationStart, sum: Self.sumStart, unit: 1e9)
        if let age = read.age {
            observe(age, Self.ageBounds, start: Self.ageStart, sum: Self.sumStart + 1, unit: 1e6)
        }
    }

    /// All counts in Prometheus' text format, `text/plain; version=0.0.4`.
    public func exposition() -> String {
        var writer = MetricsWriter()
        writer.family("afterthought_cache_reads_total", .counter, help: "Reads of the strategic cache, by outcome.")
        for outcome in Self.outcomes {
            writer.sample(
                "afterthought_cache_reads_total", [("outcome", outcome.rawValue)], Double(load(Self.index(of: outcome)))
            )
        }
        write(
            &writer, "afterthought_cache_age_seconds", "Age of the rows that reads were answered with.",
            Self.ageBounds, start: Self.ageStart, sum: Self.sumStart + 1, unit: 1e6)
        write(
            &writer, "afterthought_cache_read_duration_seconds", "How long reads took.", Self.durationBounds,
            start: Self.durationStart, sum: Self.sumStart, unit: 1e9)
        return writer.text
    }

    private func write(
        _ writer: inout MetricsWriter, _ name: String, _ help: String, _ bounds: [Double], start: Int, sum: Int,
        unit: Double
    ) {
        writer.family(name, .histogram, help: help)
        let counts = (start...start + bounds.count).map { Double(load($0)) }
        writer.histogram(name, bounds: bounds, counts: counts, sum: Double(load(sum)) / unit)
    }

    private static func index(of outcome: ReadMetrics.Outcome) -> Int {
        switch outcome {
        case .hit: 0
        case .fresh: 1
        case .stale: 2
        case .lastKnown: 3
        case .missing: 4
        case .unavailable: 5
        }
    }

    private func observe(_ duration: Duration, _ bounds: [Double], start: Int, sum: Int, unit: Double) {
        let seconds = max(0, duration / .seconds(1))
        add(1, to: start + (bounds.firstIndex { seconds <= $0 } ?? bounds.count))
        add(UInt64(min(seconds * unit, 1e15)), to: sum)
    }

    private func add(_ amount: UInt64, to cell: Int) { cells[cell].wrappingAdd(amount, ordering: .relaxed) }
    private func load(_ cell: Int) -> UInt64 { cells[cell].load(ordering: .relaxed) }
}
