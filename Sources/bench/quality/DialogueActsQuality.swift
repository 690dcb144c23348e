import Engines
import Worker

/// Basic dialogue acts of meetings (MRDA) as the text analysis tells them, with no context and no fitting.
///
/// Q is what asks, B what is a back-channel, D (disruption) what breaks off, F (floor-grabber) what breaks off after
/// at most two words, S (statement) all else. The text alone does not tell a "yeah" that answers from one that only
/// listens.
enum DialogueActsQuality: QualityTask {
    static let name = "dialogue-acts"
    private static let meetings = "mrda/meetings.jsonl.gz"
    static let files = [meetings]
    private static let acts = ["S", "B", "D", "F", "Q"]

    static func run(_ data: DataFolder, _ report: inout QualityReport) throws {
        let analyzer = TextAnalyzer.shipped(dimensions: 64)
        var labels: [(predicted: Int, actual: Int)] = []
        for meeting in try data.lines(meetings) {
            for turn in try meeting.member("turns").array ?? [] {
                guard let cells = turn.array, cells.count == 5, let text = cells[1].string,
                    let actual = acts.firstIndex(of: cells[2].string ?? "")
                else { throw BenchError("expected a turn of five texts, got: another") }
                labels.append((predicted: act(analyzer.analyze(content: text)), actual: actual))
            }
        }
        let majority = labels.map { (predicted: 0, actual: $0.actual) }
        func accuracy(_ labels: [(predicted: Int, actual: Int)]) -> Double {
            Double(labels.count { $0.predicted == $0.actual }) / Double(labels.count)
        }
        report.add(
            "macro-f1", Metrics.macroF1(labels, classes: acts.count),
            baseline: ("majority", Metrics.macroF1(majority, classes: acts.count)))
        report.add("accuracy", accuracy(labels), baseline: ("majority", accuracy(majority)))
        for (index, act) in acts.enumerated() {
            let one = labels.map { (predicted: $0.predicted == index ? 1 : 0, actual: $0.actual == index ? 1 : 0) }
            let hits = Double(one.count { $0.predicted == 1 && $0.actual == 1 })
            let marked = Double(one.count { $0.predicted == 1 } + one.count { $0.actual == 1 })
            let f1 = 2 * hits / max(1, marked)
            if act == "Q" { report.add("question-f1", f1) } else { report.note("f1_\(act)", .number(f1)) }
        }
        report.note("utterances", .count(labels.count))
    }

    private static func act(_ analysis: MessageAnalysis) -> Int {
        if analysis.isQuestion { return 4 }
        if analysis.cues.contains(.backchannel) { return 1 }
        if analysis.cues.contains(.unfinished) { return analysis.wordCount <= 2 ? 3 : 2 }
        return 0
    }
}
