import Engines
import Glibc
import Worker

/// Poor turns of a character, by what the engine computes of a turn and its answer alone.
///
/// A turn is poor when the other person rated it Poor or Not Good (about 1 %). The set is measured on only. Scores: the
/// brevity of the turn, the negativity of the answer to it, and how little of the turn the answer takes up.
enum PoorTurnQuality: QualityTask {
    static let name = "poor-turns"
    private static let file = "topical_chat/conversations.jsonl.gz"
    static let files = [file]

    static func run(_ data: DataFolder, _ report: inout QualityReport) throws {
        let analyzer = TextAnalyzer.shipped(dimensions: 64)
        var brevity: [Metrics.Prediction] = []
        var negativity: [Metrics.Prediction] = []
        var distance: [Metrics.Prediction] = []
        for line in try data.lines(file) {
            let turns = try line.member("turns").array ?? []
            let analyses = try turns.map { analyzer.analyze(content: try $0.member("text").string ?? "") }
            for (place, turn) in turns.enumerated() {
                let rating = try turn.member("partner_rating").string ?? ""
                guard !rating.isEmpty else { continue }
                let isPoor = rating == "Poor" || rating == "Not Good"
                brevity.append((-(CharacterMeasure.turnWords(of: analyses[place]) ?? 0), isPoor))
                guard place + 1 < turns.count else { continue }
                let answer = analyses[place + 1]
                negativity.append((-answer.emotion.valence, isPoor))
                let said = Set(analyses[place].terms.map(\.hash))
                distance.append((-Double(answer.terms.count { said.contains($0.hash) }), isPoor))
            }
        }
        report.add("auc-brevity", Metrics.auc(brevity), baseline: ("chance", 0.5), .atLeast(0.6))
        report.add("auc-negative-answer", Metrics.auc(negativity), baseline: ("chance", 0.5))
        report.add("auc-answer-takes-up-nothing", Metrics.auc(distance), baseline: ("chance", 0.5))
        report.note("turns", .count(brevity.count))
        report.note("poor_turns", .count(brevity.count { $0.isTrue }))
    }
}
