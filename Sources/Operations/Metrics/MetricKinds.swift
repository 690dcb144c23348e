import Bytes

/// A number that only grows while the process runs.
package struct Counter: Sendable {
    let series: MetricSeries

    init(_ series: MetricSeries) { self.series = series }

    /// Adds to the series with these label values.
    ///
    /// - Parameters:
    ///   - amount: finite, at least 0.
    ///   - labels: a value for each label, in order.
    package func add(_ amount: Double = 1, _ labels: String...) {
        precondition(amount >= 0 && amount.isFinite, "expected a counter to grow by 0 or more, got: \(amount)")
        let cell = series.cell(labels)
        series.registry.change { $0[cell] += amount }
    }
}

/// A number that goes up and down.
package struct Gauge: Sendable {
    let series: MetricSeries

    init(_ series: MetricSeries) { self.series = series }

    /// Sets the series with these label values; nil: nothing is known, and no sample is shown.
    package func set(_ value: Double?, _ labels: String...) {
        let cell = series.cell(labels)
        series.registry.change { $0[cell] = value ?? .nan }
    }
}

/// How often values fell into each of some ranges.
package struct Histogram: Sendable {
    let series: MetricSeries

    init(_ series: MetricSeries) { self.series = series }

    /// Counts a value in the series with these label values.
    package func observe(_ value: Double, _ labels: String...) {
        guard value.isFinite else { return }
        let cell = series.cell(labels)
        let bounds = series.family.bounds
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        series.registry.change {
            $0[cell + bucket] += 1
            $0[cell + bounds.count + 1] += value
        }
    }

    /// From 50 µs to 10 s: what a lane's work takes.
    package static let workBounds: [Double] = [
        50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]
    /// From a millisecond to ten minutes: what a cycle takes.
    package static let cycleBounds: [Double] = [1e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600]
}

extension MetricsRegistry {
    /// Adds a counter; all its series start at 0.
    package func counter(_ name: String, _ help: String, _ labels: MetricLabel...) -> Counter {
        Counter(add(name, .counter, help: help, labels: labels))
    }

    /// Adds a gauge; its series show nothing until they are set.
    package func gauge(_ name: String, _ help: String, _ labels: MetricLabel...) -> Gauge {
        Gauge(add(name, .gauge, help: help, labels: labels))
    }

    /// Adds a histogram; all its series start empty.
    package func histogram(_ name: String, _ help: String, bounds: [Double], _ labels: MetricLabel...) -> Histogram {
        Histogram(add(name, .histogram, help: help, labels: labels, bounds: bounds))
    }

    /// Adds a family of one series whose value is asked for at each exposition; nil: no sample.
    package func read(
        _ name: String, _ kind: MetricsWriter.Kind, _ help: String, _ value: @escaping @Sendable () -> Double?
    ) {
        _ = add(name, kind, help: help, read: value)
    }
}
