/// What the metrics say, as numbers.
extension WorkerMetrics {
    /// What this process has done since it started.
    package var figures: EndpointServices.Figures {
        EndpointServices.Figures(
            messages: Int64(messages.value()),
            parts: engineDuration.labelValues.map { name in
                let (count, seconds) = engineDuration.totals(name)
                let isEngine = sampled.engines.contains(name)
                return EndpointServices.Figures.Part(
                    name: name, batches: Int64(count), seconds: seconds,
                    nullRatio: isEngine ? sampled.nullRatio.value(name) : nil)
            })
    }
}

extension Counter {
    /// Where the series with these label values stands.
    func value(_ labels: String...) -> Double { series.registry.cells(series.cell(labels), count: 1)[0] }
}

extension Gauge {
    /// What the series with these label values shows; nil: nothing is known.
    func value(_ labels: String...) -> Double? {
        let value = series.registry.cells(series.cell(labels), count: 1)[0]
        return value.isNaN ? nil : value
    }
}

extension Histogram {
    /// The values of its first label but for the one that stands for all others.
    var labelValues: [String] { series.family.labels.first?.values.filter { $0 != MetricLabel.other } ?? [] }

    /// How many values were counted in the series with these label values, and their sum.
    func totals(_ labels: String...) -> (count: Double, sum: Double) {
        let buckets = series.family.bounds.count + 1
        let cells = series.registry.cells(series.cell(labels), count: buckets + 1)
        return (cells[..<buckets].reduce(0, +), cells[buckets])
    }
}
