import Bytes

/// What a metric is, and what whoever is on call should know of it.
package struct MetricDescription: Equatable, Sendable {
    package var name: String
    package var kind: MetricsWriter.Kind
    /// The names of its labels, in order.
    package var labels: [String]
    /// What it counts or measures, as an exposition says it.
    package var help: String

    /// What is to be expected of it, and where to look otherwise; nil: not written down.
    package var advice: MetricAdvice? { MetricAdvice.all[name] }

    /// Reads the families of an exposition: those of a process that has no registry here, such as a bot's reader.
    ///
    /// - Parameter exposition: text in which each family has its `HELP` and `TYPE`, and a sample.
    /// - Returns: the families in their order.
    package static func list(_ exposition: String) -> [MetricDescription] {
        var found: [MetricDescription] = []
        var help = ""
        for line in exposition.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 3)
            if line.hasPrefix("# HELP "), words.count == 4 {
                help = String(words[3])
            } else if line.hasPrefix("# TYPE "), words.count == 4,
                let kind = MetricsWriter.Kind(rawValue: String(words[3]))
            {
                found.append(MetricDescription(name: String(words[2]), kind: kind, labels: [], help: help))
            } else if let last = found.indices.last, found[last].labels.isEmpty {
                found[last].labels = labels(of: line).filter { $0 != "le" }
            }
        }
        return found
    }

    private static func labels(of sample: Substring) -> [String] {
        guard let open = sample.firstIndex(of: "{"), let close = sample.lastIndex(of: "}") else { return [] }
        return sample[sample.index(after: open)..<close].split(separator: ",").compactMap { pair in
            pair.split(separator: "=").first.map(String.init)
        }
    }

    /// The table for the operating guide, a row a metric.
    package static func markdown(_ metrics: [MetricDescription]) -> String {
        var lines = ["| metric | what it tells | when all is well | else look at |", "|---|---|---|---|"]
        for metric in metrics {
            let labels = metric.labels.isEmpty ? "" : " by " + metric.labels.map { "`\($0)`" }.joined(separator: ", ")
            let advice = metric.advice
            lines.append(
                "| `\(metric.name)` | \(metric.kind.rawValue)\(labels): \(metric.help) | \(advice?.healthy ?? "") "
                    + "| \(advice?.otherwise ?? "") |")
        }
        return lines.joined(separator: "\n")
    }
}

extension MetricsRegistry {
    /// What all families are, in order.
    package var descriptions: [MetricDescription] {
        families.map { family in
            MetricDescription(
                name: family.name, kind: family.kind, labels: family.labels.map(\.name), help: family.help)
        }
    }
}
