/// How well a ranking of documents serves one query.
///
///     recall@k = relevant documents among the first k / all relevant documents      (relevant: relevance ≥ 0.5)
///     nDCG@k   = Σ relevance(rank) / log₂(rank + 1) over the first k / the same of the best order
///
/// Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002.
package struct RetrievalScore: Hashable, Sendable {
    /// k.
    package static let depth = 10
    /// What counts as relevant for recall.
    package static let relevanceMin = 0.5

    package var recall: Double
    package var gain: Double

    package init(recall: Double, gain: Double) {
        self.recall = recall
        self.gain = gain
    }

    /// Scores one query; nil if no document is relevant.
    ///
    /// - Parameters:
    ///   - scores: a number a document, greater is better; of equal ones the earlier document comes first.
    ///   - relevance: of the same documents, 0…1.
    /// - Complexity: O(documents × k) at worst, O(documents) as a rule.
    package init?(scores: [Float], relevance: [Double]) {
        precondition(scores.count == relevance.count, "expected a relevance a score, got: \(relevance.count)")
        let relevant = relevance.count { $0 >= Self.relevanceMin }
        guard relevant > 0 else { return nil }
        var best: [Int] = []
        for index in scores.indices {
            if best.count == Self.depth, scores[index] <= scores[best[Self.depth - 1]] { continue }
            if best.count == Self.depth { best.removeLast() }
            let place = best.firstIndex { scores[index] > scores[$0] } ?? best.count
            best.insert(index, at: place)
        }
        let found = best.map { relevance[$0] }
        let ideal = relevance.filter { $0 > 0 }.sorted(by: >).prefix(Self.depth)
        recall = Double(found.count { $0 >= Self.relevanceMin }) / Double(relevant)
        gain = Self.discounted(found) / Self.discounted(Array(ideal))
    }

    private static func discounted(_ relevance: [Double]) -> Double {
        var sum = 0.0
        for (place, value) in relevance.enumerated() { sum += value * discounts[place] }
        return sum
    }

    /// 1 / log₂(rank + 1) of ranks 1…10, as literals so that no mathematics library has a say.
    private static let discounts = [
        1, 0.6309297535714575, 0.5, 0.43067655807339306, 0.38685280723454163, 0.3562071871080222,
        0.3333333333333333, 0.31546487678572877, 0.3010299956639812, 0.2890648263178879,
    ]
}
