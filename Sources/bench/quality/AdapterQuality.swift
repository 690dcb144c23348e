import Bytes
import Engines
import Learning
import Worker

/// The retrieval adapter on queries about meetings: passages of the meeting are ranked for each query.
///
/// Meetings are dealt to five folds; each fold is ranked by an adapter that the shipped training makes of the query and
/// passage pairs of the others, κ chosen among those alone. Passages are runs of turns of about a hundred words; those
/// whose turns lie mostly within a query's spans are relevant. The baseline is the query as it is.
enum AdapterQuality: QualityTask {
    static let name = "adapter"
    static let files = [Dialogues.qmsum]
    private static let folds = 5
    private static let passageWords = 100
    private static let dimensions = 256

    private struct Query {
        var text: String
        var vector: [Float]
        /// Of the meeting's passages.
        var relevance: [Double]
    }

    private struct Meeting {
        var id: String
        var passages: [[Float]]
        var queries: [Query]
    }

    static func run(_ data: DataFolder, _ report: inout QualityReport) throws {
        let analyzer = TextAnalyzer.shippedWithoutModels(dimensions: dimensions)
        let meetings = try data.lines(Dialogues.qmsum).map { try meeting($0, analyzer) }
            .filter { !$0.queries.isEmpty }
            .sorted { (StableHash.hash($0.id), $0.id) < (StableHash.hash($1.id), $1.id) }
        var baseline: [RetrievalScore] = []
        var adapted: [RetrievalScore] = []
        var gains: [Double] = []
        var recallGains: [Double] = []
        var ridges: [Double] = []
        for fold in 0..<folds {
            let training = meetings.enumerated().filter { $0.offset % folds != fold }.map(\.element)
            let trial = try AdapterTrainer.train(pairs(training))
            guard let adapter = trial.adapter else { throw BenchError("expected pairs to train on, got: none") }
            ridges.append(trial.queryRidge)
            for meeting in meetings.enumerated().filter({ $0.offset % folds == fold }).map(\.element) {
                let (before, after) = rank(meeting, adapter)
                baseline += before
                adapted += after
                let (one, other) = (RetrievalScore(meanOf: before), RetrievalScore(meanOf: after))
                gains.append(other.gain - one.gain)
                recallGains.append(other.recall - one.recall)
            }
            progress("quality adapter: fold \(fold + 1) of \(folds)")
        }
        let (before, after) = (RetrievalScore(meanOf: baseline), RetrievalScore(meanOf: adapted))
        let gain = Bootstrap.meanInterval(gains, level: 0.95, resamples: 10_000, seed: 1)
        let recallGain = Bootstrap.meanInterval(recallGains, level: 0.95, resamples: 10_000, seed: 1)
        report.add("ndcg-at-10", after.gain, baseline: ("identity", before.gain), .atLeast(before.gain))
        report.add("recall-at-10", after.recall, baseline: ("identity", before.recall))
        report.add("ndcg-at-10-gain-lower-bound", gain.lower, .atLeast(0.001))
        report.add("recall-at-10-gain-lower-bound", recallGain.lower)
        report.note("meetings", .count(gains.count))
        report.note("queries", .count(adapted.count))
        report.note("query_ridges", .numbers(ridges))
        report.note("gain_upper_bounds", .numbers([gain.upper, recallGain.upper]))
        try trainings(meetings, &report)
    }

    /// What the shipped job would do with all pairs, and how long it takes for a thousand.
    private static func trainings(_ meetings: [Meeting], _ report: inout QualityReport) throws {
        let all = pairs(meetings)
        let trial = try AdapterTrainer.train(all)
        report.note("pairs", .count(all.count))
        report.note("verdict", .text(trial.verdict.rawValue))
        report.add("promoted", trial.verdict == .promoted ? 1 : 0)
        report.add("own-trial-ndcg-at-10", trial.adapted.gain, baseline: ("identity", trial.baseline.gain))
        let thousand = pairs(meetings, pairsMax: 1_000)
        let start = Machine.threadNanoseconds()
        let small = try AdapterTrainer.train(thousand)
        report.add(
            "train-1000-pairs-seconds", Double(Machine.threadNanoseconds() - start) / 1e9,
            thousand.count == 1_000 ? .atMost(60) : nil)
        report.note("verdict_of_1000_pairs", .text(small.verdict.rawValue))
        report.note("pairs_timed", .count(thousand.count))
    }

    private static func rank(
        _ meeting: Meeting, _ adapter: LinearAdapter
    ) -> (before: [RetrievalScore], after: [RetrievalScore]) {
        func scores(_ map: ([Float]) -> [Float]) -> [RetrievalScore] {
            meeting.queries.compactMap { query in
                let vector = map(query.vector)
                return RetrievalScore(
                    scores: meeting.passages.map { UnitVector.dot(vector, $0) }, relevance: query.relevance)
            }
        }
        return (scores { $0 }, scores { adapter.apply($0) })
    }

    private static func pairs(_ meetings: [Meeting], pairsMax: Int = .max) -> RetrievalPairs {
        var pairs = RetrievalPairs(width: dimensions)
        for meeting in meetings {
            let key = StableHash.hash(meeting.id)
            for query in meeting.queries {
                for (place, passage) in meeting.passages.enumerated() where query.relevance[place] > 0 {
                    guard pairs.count < pairsMax else { return pairs }
                    pairs.add(
                        RetrievalPairs.Pair(
                            queryKey: StableHash.hash(query.text),
                            documentKey: StableHash.combine(key, UInt64(place)), groupKey: key, relevance: 1,
                            query: query.vector, document: passage))
                }
            }
        }
        return pairs
    }

    // Reading ---------------------------------------------------------------------------------------------------------

    private static func meeting(_ line: JSONValue, _ analyzer: TextAnalyzer) throws -> Meeting {
        let turns = try (try line.member("turns").array ?? []).map { turn in
            (try turn.member("speaker").string ?? "", try turn.member("text").string ?? "")
        }
        let ranges = passages(turns.map(\.1))
        func embed(_ text: String) -> [Float] { analyzer.analyze(content: text).embedding }
        let queries: [Query] = try (try line.member("queries").array ?? []).compactMap { query in
            let text = try query.member("query").string ?? ""
            var isInside = [Bool](repeating: false, count: turns.count)
            for span in try query.member("spans").array ?? [] {
                let ends = (span.array ?? []).compactMap { $0.int64.map(Int.init) }
                guard ends.count == 2, ends[0] >= 0, ends[0] <= ends[1] else { continue }
                for turn in ends[0]...ends[1] where turn < turns.count { isInside[turn] = true }
            }
            let inside = ranges.map { range in range.count { isInside[$0] } }
            var relevance = zip(ranges, inside).map { $1 * 2 >= $0.count ? 1.0 : 0 }
            if !relevance.contains(1) {
                // A span shorter than half a passage: the passage that holds most of it.
                guard let most = inside.max(), most > 0, let place = inside.firstIndex(of: most) else { return nil }
                relevance[place] = 1
            }
            return Query(text: text, vector: embed(text), relevance: relevance)
        }
        let vectors = ranges.map { range in
            embed(range.map { "\(turns[$0].0): \(turns[$0].1)" }.joined(separator: " "))
        }
        return Meeting(id: try line.member("id").string ?? "", passages: vectors, queries: queries)
    }

    /// Runs of turns of at least a hundred words each, but for the last.
    private static func passages(_ turns: [String]) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var (start, words) = (0, 0)
        for (place, text) in turns.enumerated() {
            words += text.split(separator: " ").count
            guard words >= passageWords || place == turns.count - 1 else { continue }
            ranges.append(start..<place + 1)
            (start, words) = (place + 1, 0)
        }
        return ranges
    }
}
