import Bytes
import Synchronization

/// A label and every value it can have: no series comes into being while the process runs.
package struct MetricLabel: Sendable {
    package let name: String
    package let values: [String]
    /// Whether a value that is not among them counts as `other`, rather than as a mistake of the program.
    let isOpen: Bool

    /// What stands for values that are not known.
    package static let other = "other"

    /// A label.
    ///
    /// - Parameters:
    ///   - name: letters, digits and underscores.
    ///   - values: never users, bots, or anything else that grows with the data.
    ///   - isOpen: whether others may come; they count as `other`.
    package init(_ name: String, _ values: [String], isOpen: Bool = false) {
        self.name = name
        self.values = isOpen ? values.filter { $0 != Self.other } + [Self.other] : values
        self.isOpen = isOpen
    }

    func index(of value: String) -> Int {
        if let index = values.firstIndex(of: value) { return index }
        precondition(isOpen, "expected a value of the label \(name), got another one")
        return values.count - 1
    }
}

/// The metrics of a process: counters, gauges and histograms whose series are all there from the start.
///
/// It is written once a batch, a job or a sample, never once a row, so one lock guards it all: 5 ns uncontended. An
/// exposition copies the numbers under it and writes the text afterwards.
package final class MetricsRegistry: Sendable {
    struct Family: Sendable {
        var name: String
        var kind: MetricsWriter.Kind
        var help: String
        var labels: [MetricLabel]
        /// Upper bounds of a histogram's buckets.
        var bounds: [Double]
        /// Where its cells begin.
        var start: Int
        /// What gives the only value at the moment of an exposition; nil: it is in the cells.
        var read: (@Sendable () -> Double?)?

        var seriesCount: Int { labels.reduce(1) { $0 * $1.values.count } }
        /// A histogram has a cell for each bucket, the last one's included, and one for the sum.
        var cellsPerSeries: Int { kind == .histogram ? bounds.count + 2 : 1 }
    }

    private struct State {
        var families: [Family] = []
        var cells: [Double] = []
    }

    private let state = Mutex(State())

    package init() {}

    /// The names of all families, in order.
    package var names: [String] { families.map(\.name) }

    /// All families, in order.
    var families: [Family] { state.withLock { $0.families } }

    /// The names and label names of all families, with the suffixes under which a histogram's samples go.
    package var sampleNames: Set<String> {
        state.withLock { state in
            var names: Set<String> = []
            for family in state.families {
                let suffixes = family.kind == .histogram ? ["_bucket", "_sum", "_count"] : [""]
                for suffix in suffixes { names.insert(family.name + suffix) }
            }
            return names
        }
    }

    /// Adds a family; programmer errors only can make it fail.
    func add(
        _ name: String, _ kind: MetricsWriter.Kind, help: String, labels: [MetricLabel] = [], bounds: [Double] = [],
        read: (@Sendable () -> Double?)? = nil
    ) -> MetricSeries {
        state.withLock { state in
            precondition(!state.families.contains { $0.name == name }, "expected one family \(name), got: two")
            let family = Family(
                name: name, kind: kind, help: help, labels: labels, bounds: bounds, start: state.cells.count,
                read: read)
            let initial = kind == .gauge ? Double.nan : 0
            state.families.append(family)
            state.cells += [Double](repeating: initial, count: family.seriesCount * family.cellsPerSeries)
            return MetricSeries(registry: self, family: family)
        }
    }

    func change(_ body: (inout [Double]) -> Void) { state.withLock { body(&$0.cells) } }

    /// Some cells in a row.
    func cells(_ start: Int, count: Int) -> [Double] { state.withLock { Array($0.cells[start..<(start + count)]) } }

    /// Everything in Prometheus' text format; a gauge of which nothing is known has no sample.
    package func exposition() -> String {
        let (families, cells) = state.withLock { ($0.families, $0.cells) }
        var writer = MetricsWriter()
        for family in families {
            writer.family(family.name, family.kind, help: family.help)
            if let read = family.read {
                if let value = read() { writer.sample(family.name, [], value) }
                continue
            }
            for series in 0..<family.seriesCount {
                let first = family.start + series * family.cellsPerSeries
                let labels = Self.labels(of: series, in: family)
                guard family.kind == .histogram else {
                    if !cells[first].isNaN { writer.sample(family.name, labels, cells[first]) }
                    continue
                }
                let sum = first + family.bounds.count + 1
                writer.histogram(
                    family.name, labels, bounds: family.bounds, counts: Array(cells[first..<sum]), sum: cells[sum])
            }
        }
        return writer.text
    }

    /// The values that a series' number stands for: the last label varies fastest.
    private static func labels(of series: Int, in family: Family) -> [(name: String, value: String)] {
        var rest = series
        var labels: [(name: String, value: String)] = []
        for label in family.labels.reversed() {
            labels.append((label.name, label.values[rest % label.values.count]))
            rest /= label.values.count
        }
        return labels.reversed()
    }
}

/// Where a family's series lie in its registry.
struct MetricSeries: Sendable {
    let registry: MetricsRegistry
    let family: MetricsRegistry.Family

    /// The first cell of the series with these values.
    func cell(_ values: [String]) -> Int {
        precondition(
            values.count == family.labels.count,
            "expected \(family.labels.count) label values for \(family.name), got: \(values.count)")
        var series = 0
        for (label, value) in zip(family.labels, values) {
            series = series * label.values.count + label.index(of: value)
        }
        return family.start + series * family.cellsPerSeries
    }
}
