import Engines
import Store
import Worker

/// The emotion model against the lexicon on the official test part of GoEmotions, and what it costs.
///
/// A message shows each emotion that is more probable than neutral; neutral is shown where none is. F1 is by emotion
/// over all comments, several labels allowed, as for the set's reference figures (BERT: 0.624 over the seven groups).
/// The lexicon is judged by its dominant emotion too, and the better of its figures is the baseline.
enum EmotionQuality: QualityTask {
    static let name = "emotion"
    static let files = [EmotionComments.file]

    static func run(_ data: DataFolder, _ report: inout QualityReport) throws {
        let comments = try EmotionComments(data).parts["test"] ?? []
        let analyzer = TextAnalyzer.shipped(dimensions: 64)
        let lexicon = TextAnalyzer.shippedWithoutModels(dimensions: 64)
        let byModel = comments.map { ($0, analyzer.analyze(content: $0.text)) }
        let byLexicon = comments.map { ($0, lexicon.analyze(content: $0.text)) }
        let model = scores(byModel, shown)
        let one = scores(byModel) { [$0.dominant] }
        let baseline = scores(byLexicon, shown)
        let baselineOne = scores(byLexicon) { [$0.dominant] }
        let six = EmotionComments.kinds
        func macro(_ scores: [EmotionKind: Double], _ kinds: [EmotionKind]) -> Double {
            Metrics.mean(kinds.map { scores[$0] ?? 0 })
        }
        report.add(
            "macro-f1", macro(model, six), baseline: ("lexicon", max(macro(baseline, six), macro(baselineOne, six))),
            .atLeast(0.55))
        report.add("macro-f1-dominant", macro(one, six), baseline: ("lexicon", macro(baselineOne, six)))
        let seven = EmotionKind.allCases
        report.add(
            "macro-f1-with-neutral", macro(model, seven),
            baseline: ("lexicon", max(macro(baseline, seven), macro(baselineOne, seven))))
        report.add("valence-auc", valenceAUC(byModel), baseline: ("lexicon", valenceAUC(byLexicon)))
        for kind in seven { report.note("f1_\(kind)", .number(model[kind] ?? 0)) }
        let plain = byModel.filter { $0.0.kinds == [.neutral] }.map { $0.1.emotion.neutral }
        report.note("neutral_probability_of_neutral", .number(Metrics.mean(plain)))
        report.note("comments", .count(comments.count))
        report.add("microseconds-a-message", microseconds(analyzer, comments), .atMost(10))
        report.add("model-bytes", Double(EmotionAsset.byteCount), .atMost(2_000_000))
    }

    /// The emotions that a message shows.
    private static func shown(_ emotion: Emotion) -> Set<EmotionKind> {
        let kinds = EmotionComments.kinds.filter { emotion[$0] > emotion.neutral }
        return kinds.isEmpty ? [.neutral] : Set(kinds)
    }

    private typealias Judged = (comment: EmotionComments.Comment, analysis: MessageAnalysis)

    private static func scores(
        _ judged: [Judged], _ shown: (Emotion) -> Set<EmotionKind>
    ) -> [EmotionKind: Double] {
        var hits: [EmotionKind: Double] = [:]
        var marked: [EmotionKind: Double] = [:]
        for (comment, analysis) in judged {
            let found = shown(analysis.emotion)
            for kind in found.intersection(comment.kinds) { hits[kind, default: 0] += 1 }
            for kind in Array(found) + Array(comment.kinds) { marked[kind, default: 0] += 1 }
        }
        return marked.reduce(into: [:]) { $0[$1.key] = 2 * (hits[$1.key] ?? 0) / $1.value }
    }

    /// The chance that a comment of joy has a higher valence than one of sadness, anger, fear or disgust.
    private static func valenceAUC(_ judged: [Judged]) -> Double {
        Metrics.auc(
            judged.compactMap { comment, analysis in
                let isUnpleasant = !comment.kinds.isDisjoint(with: [.sadness, .anger, .fear, .disgust])
                guard isUnpleasant != comment.kinds.contains(.joy) else { return nil }
                return (probability: analysis.emotion.valence, isTrue: !isUnpleasant)
            })
    }

    /// CPU time of the model itself: of an analysis, less that of one whose emotion came with the message.
    private static func microseconds(_ analyzer: TextAnalyzer, _ comments: [EmotionComments.Comment]) -> Double {
        let supplied = [(label: "joy", score: 1.0)]
        func nanoseconds(_ work: (String) -> Double) -> Double {
            let start = Machine.threadNanoseconds()
            var kept = 0.0
            for comment in comments { kept += work(comment.text) }
            precondition(kept.isFinite)
            return Double(Machine.threadNanoseconds() - start) / Double(comments.count)
        }
        var differences: [Double] = []
        for _ in 0..<15 {
            let with = nanoseconds { analyzer.analyze(content: $0).emotion.neutral }
            let without = nanoseconds { analyzer.analyze(content: $0, suppliedEmotion: supplied).emotion.neutral }
            let reading = nanoseconds { _ in Emotion(supplied: supplied)?.neutral ?? 0 }
            differences.append(with - without + reading)
        }
        return median(differences) / 1000
    }
}
