import Engines
import Glibc

/// A word that tells a cluster from the others.
package struct ClusterKeyword: Hashable, Sendable {
    package var term: String
    /// The larger, the more it says; not comparable between runs.
    package var weight: Double
}

/// The words that name clusters, by class-based TF-IDF over conversations.
///
///     w(t, c) = n(t, c) / n(c) · ln(1 + A / f(t))
///
/// n(t, c): conversations of cluster c with the term; n(c): its conversations; f(t): conversations with the term; A:
/// mean over clusters of Σ n(t, c). A conversation counts once, so that nobody's pet word names a cluster; a term of
/// a single conversation names none but a cluster of fewer than four. `VagueWords` weigh a quarter.
///
/// Source: Grootendorst, "BERTopic", 2022.
package enum ClusterKeywords {
    package static let keywordsMax = 8

    /// The keywords of each cluster, best first.
    ///
    /// - Parameters:
    ///   - terms: the different terms of each conversation.
    ///   - assignments: the cluster of each conversation.
    ///   - count: how many clusters there are.
    /// - Returns: at most `keywordsMax` a cluster.
    /// - Complexity: O(n log n) in the terms.
    package static func keywords(
        _ terms: [[String]], _ assignments: [Int32], _ count: Int
    ) -> [[ClusterKeyword]] {
        precondition(terms.count == assignments.count, "expected \(terms.count) clusters, got: \(assignments.count)")
        var inCluster = [[String: Int]](repeating: [:], count: count)
        var overall: [String: Int] = [:]
        var sizes = [Int](repeating: 0, count: count)
        var total = 0
        for (row, cluster) in assignments.enumerated() {
            sizes[Int(cluster)] += 1
            for term in terms[row] {
                inCluster[Int(cluster)][term, default: 0] += 1
                overall[term, default: 0] += 1
                total += 1
            }
        }
        let mean = Double(total) / Double(max(1, count))
        return (0..<count).map { cluster in
            let least = sizes[cluster] < 4 ? 1 : 2
            let weighed = inCluster[cluster].compactMap { term, conversations -> ClusterKeyword? in
                guard conversations >= least else { return nil }
                let frequency = Double(conversations) / Double(sizes[cluster])
                var weight = frequency * log(1 + mean / Double(overall[term] ?? 1))
                if VagueWords.contains(term) { weight /= 4 }
                return ClusterKeyword(term: term, weight: weight)
            }
            return Array(weighed.sorted { ($1.weight, $0.term) < ($0.weight, $1.term) }.prefix(keywordsMax))
        }
    }

    /// A cluster's name: its three best keywords; empty without any.
    package static func label(_ keywords: [ClusterKeyword]) -> String {
        keywords.prefix(3).map(\.term).joined(separator: ", ")
    }
}
