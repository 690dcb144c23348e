import Bytes
import Engines

/// Anomalies in streams: the engine's detector of wild values on the Numenta Anomaly Benchmark.
///
/// Its scores do not change when a series is shifted or scaled, so the residuals that it gets in the product and the
/// values here are the same to it. The published figures (windowed Gaussian 39.6, random cut forest 51.7) are for all
/// 58 series; the baseline printed is the windowed Gaussian on the series at hand.
enum AnomalyQuality: QualityTask {
    static let name = "anomalies"
    private static let file = "nab/series.jsonl.gz"
    static let files = [file]
    static let publishedGaussian = 39.6
    static let publishedForest = 51.7

    static func run(_ data: DataFolder, _ report: inout QualityReport) throws {
        let series = try data.lines(file).map(read)
        let gaussian = NABScore.best(series, scores: series.map { NABScore.windowedGaussian($0.values) })
        let scores = series.map { one in
            var records = RecordExcess()
            return one.values.map { records.score($0).magnitude }
        }
        let own = NABScore.best(series, scores: scores)
        // Weeks of hours are much shorter series, and the product's alarms must be rare in heavy tails.
        let alarms = scores.map { $0.map { $0 >= RecordExcess.alarmMin ? 1.0 : 0 } }
        let strict = NABScore.best(series, scores: alarms, thresholdMin: 1)
        let goal = max(publishedGaussian, gaussian.score)
        report.add("nab-score", own.score, baseline: ("windowed-gaussian-here", gaussian.score), .atLeast(goal))
        report.add(
            "nab-score-past-forest", own.score, baseline: ("random-cut-forest-published", publishedForest),
            .atLeast(publishedForest))
        report.add("nab-score-at-product-threshold", strict.score)
        report.note("windowed_gaussian_published", .number(publishedGaussian))
        report.note("series", .count(series.count))
        report.note("windows", .count(series.reduce(0) { $0 + $1.windows.count }))
        report.note("threshold", .number(own.threshold))
    }

    private static func read(_ line: JSONValue) throws -> NABSeries {
        let times = try line.texts("timestamps").map { try Timestamp(text: $0, assumeUTC: true) }
        var windows: [ClosedRange<Int>] = []
        for window in try line.member("anomaly_windows").array ?? [] {
            let ends = try (window.array ?? []).map { try Timestamp(text: $0.string ?? "", assumeUTC: true) }
            guard ends.count == 2, let first = times.firstIndex(where: { $0 >= ends[0] }),
                let last = times.lastIndex(where: { $0 <= ends[1] }), first <= last
            else { throw BenchError("expected a window [from, to] within the series, got: another") }
            windows.append(first...last)
        }
        return NABSeries(
            id: try line.member("id").string ?? "", values: try line.numbers("values"),
            windows: windows.sorted { $0.lowerBound < $1.lowerBound })
    }
}
