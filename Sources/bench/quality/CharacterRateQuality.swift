import Bytes
import Engines
import Glibc
import Model

/// Error rates of a bot's anomalies and trend by simulation: a thousand stationary weeks of hours of each kind.
///
/// Kinds: normal; Student t with 3 degrees; AR(1) with ρ = 0.5; normal with a daily cycle of two deviations. Rows are
/// made by the product's own evaluation of a bot's buckets. A planted shift is three deviations of the series (of its
/// noise, where it has a cycle), at hour 48…150, and counts as found when, twelve hours after it began, the row has an
/// anomaly in that direction within 12 hours of it.
enum CharacterRateQuality: QualityTask {
    static let name = "character-rates"
    static let files: [String] = []
    static let weeks = 1000
    static let hours = 168
    static let firstHour: Int64 = 423_768
    static let kinds = ["normal", "heavy-tailed", "autocorrelated", "daily-cycle"]

    static func run(_ data: DataFolder, _ report: inout QualityReport) throws {
        var alarms: [Double] = []
        var wild: [Double] = []
        var hits: [Double] = []
        var trends: [Double] = []
        for (place, kind) in kinds.enumerated() {
            var random = SeededRandom(seed: 11 + UInt64(place))
            var counts = (alarms: 0, wild: 0, hits: 0, trends: 0)
            for _ in 0..<weeks {
                var values = series(kind, &random)
                let row = evaluate(values)
                let found = try anomalies(row)
                counts.alarms += found.count
                counts.wild += found.count { $0["kind"]?.string == "value" }
                counts.trends += row.qualityTrend == "stable" ? 0 : 1
                let start = Int.random(in: 48...150, using: &random)
                let shift = Bool.random(using: &random) ? 3.0 : -3.0
                for hour in start..<hours { values[hour] += shift * deviation(kind) }
                counts.hits += try isFound(values, start: start, isUp: shift > 0) ? 1 : 0
            }
            alarms.append(Double(counts.alarms) / Double(weeks))
            wild.append(Double(counts.wild) / Double(weeks))
            hits.append(Double(counts.hits) / Double(weeks))
            trends.append(Double(counts.trends) / Double(weeks))
        }
        report.add("false-alarms-a-series", Metrics.mean(alarms), .atMost(0.05))
        for (kind, rate) in zip(kinds, alarms) { report.add("false-alarms-a-series-\(kind)", rate, .atMost(0.05)) }
        report.add("false-wild-values-a-series", Metrics.mean(wild))
        report.add("shifts-found-in-12-hours", Metrics.mean(hits), .atLeast(0.9))
        for (kind, rate) in zip(kinds, hits) { report.add("shifts-found-in-12-hours-\(kind)", rate) }
        // Two standard errors of a thousand weeks above 5 %.
        let level = 0.05 + 2 * (0.05 * 0.95 / Double(weeks)).squareRoot()
        for (kind, rate) in zip(kinds, trends) { report.add("false-trends-\(kind)", rate, .atMost(level)) }
    }

    /// The deviation that a shift is three of.
    private static func deviation(_ kind: String) -> Double {
        switch kind {
        case "heavy-tailed": 3.0.squareRoot()
        case "autocorrelated": (1 / (1 - 0.25)).squareRoot()
        default: 1
        }
    }

    private static func series(_ kind: String, _ random: inout SeededRandom) -> [Double] {
        var last = normal(&random) * deviation(kind)
        return (0..<hours).map { hour in
            let noise = normal(&random)
            switch kind {
            case "heavy-tailed":
                let squares = (0..<3).reduce(0.0) { sum, _ in
                    let one = normal(&random)
                    return sum + one * one
                }
                return noise / (squares / 3).squareRoot()
            case "autocorrelated":
                last = 0.5 * last + noise
                return last
            case "daily-cycle": return noise + 2 * cos(Double(hour) * .pi / 12)
            default: return noise
            }
        }
    }

    /// Box and Muller 1958.
    private static func normal(_ random: inout SeededRandom) -> Double {
        let radius = (-2 * log(1 - Double.random(in: 0..<1, using: &random))).squareRoot()
        return radius * cos(2 * .pi * Double.random(in: 0..<1, using: &random))
    }

    private static func evaluate(_ values: [Double]) -> CharacterRow {
        var buckets: [Int64: BucketSums] = [:]
        for (hour, value) in values.enumerated() {
            buckets[firstHour + Int64(hour), default: BucketSums()].add(value, to: "engagement", squares: true)
        }
        return CharacterPerformance.evaluate(botName: "simulated", buckets: buckets, longRun: BucketSums())
    }

    private static func anomalies(_ row: CharacterRow) throws -> [JSONValue] {
        try row.recentAnomalies.map { try JSONValue(parsing: $0).array ?? [] } ?? []
    }

    private static func isFound(_ values: [Double], start: Int, isUp: Bool) throws -> Bool {
        try anomalies(evaluate(Array(values.prefix(start + 12)))).contains { anomaly in
            guard let text = anomaly["time"]?.string, anomaly["direction"]?.string == (isUp ? "up" : "down") else {
                return false
            }
            return abs(try Timestamp(text: text).hourIndex - firstHour - Int64(start)) <= 12
        }
    }
}
