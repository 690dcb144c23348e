/// Writes metrics in Prometheus' text exposition format, version 0.0.4.
///
/// It is not a registry: the caller says what each family and sample is. All samples of a family follow its `family`.
///
///     var writer = MetricsWriter()
///     writer.family("jobs_total", .counter, help: "Jobs that ended.")
///     writer.sample("jobs_total", [("status", "failed")], 3)     // jobs_total{status="failed"} 3
///
/// Source: prometheus.io/docs/instrumenting/exposition_formats.
package struct MetricsWriter: Sendable {
    /// What a family's samples are.
    package enum Kind: String, Sendable {
        /// Only grows, and starts from nothing with the process.
        case counter
        case gauge
        case histogram
    }

    /// What has been written so far.
    package private(set) var text = ""

    package init() {}

    /// Begins a family.
    ///
    /// - Parameters:
    ///   - name: letters, digits and underscores.
    ///   - kind: what its samples are.
    ///   - help: one sentence.
    package mutating func family(_ name: String, _ kind: Kind, help: String) {
        text += "# HELP \(name) "
        escape(help, quotes: false)
        text += "\n# TYPE \(name) \(kind.rawValue)\n"
    }

    /// Writes a sample of the family at hand.
    package mutating func sample(_ name: String, _ labels: [(name: String, value: String)] = [], _ value: Double) {
        text += name
        if !labels.isEmpty {
            for (index, label) in labels.enumerated() {
                text += (index == 0 ? "{" : ",") + label.name + "=\""
                escape(label.value, quotes: true)
                text += "\""
            }
            text += "}"
        }
        text += " \(Self.number(value))\n"
    }

    /// Writes a histogram's samples.
    ///
    /// - Parameters:
    ///   - name: the family's.
    ///   - labels: all but `le`.
    ///   - bounds: upper bounds, growing, without infinity.
    ///   - counts: of each bucket alone, not cumulated; one more than bounds, for what lies above the last.
    ///   - sum: of all observed values.
    package mutating func histogram(
        _ name: String, _ labels: [(name: String, value: String)] = [], bounds: [Double], counts: [Double], sum: Double
    ) {
        precondition(counts.count == bounds.count + 1, "expected \(bounds.count + 1) counts, got: \(counts.count)")
        var total = 0.0
        for (count, bound) in zip(counts, bounds + [.infinity]) {
            total += count
            sample(name + "_bucket", labels + [("le", Self.number(bound))], total)
        }
        sample(name + "_sum", labels, sum)
        sample(name + "_count", labels, total)
    }

    private mutating func escape(_ source: String, quotes: Bool) {
        for scalar in source.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\"" where quotes: text += "\\\""
            default: text.unicodeScalars.append(scalar)
            }
        }
    }

    /// A number as Go reads it.
    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        if value == value.rounded(.towardZero), value.magnitude < 9e15 { return String(Int64(value)) }
        return value.description
    }
}
