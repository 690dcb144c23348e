import Learning
import Store

/// What the clusters of a run are called.
///
/// A name that somebody was paid for goes on with its cluster for as long as half of the keywords do that it was given
/// for. All others are called by their keywords.
struct ClusterLabels {
    private(set) var labels: [ClusterLabel]
    /// Why not all were named that might have been, as the namer put it.
    private(set) var refusal: String?
    private let keywords: [[String]]

    /// - Parameters:
    ///   - keywords: of each cluster, best first.
    ///   - previous: labels of the set before, by cluster id.
    ///   - ids: of each cluster.
    init(keywords: [[ClusterKeyword]], previous: [Int64: ClusterLabel], ids: [Int64]) {
        self.keywords = keywords.map { $0.map(\.term) }
        labels = keywords.map { ClusterLabel(text: ClusterKeywords.label($0)) }
        for (index, id) in ids.enumerated() {
            guard let old = previous[id], old.model != nil else { continue }
            let shared = Set(old.keywords).intersection(self.keywords[index])
            if 2 * shared.count >= old.keywords.count { labels[index] = old }
        }
    }

    /// Has clusters named that have no name yet, the first of them first.
    mutating func ask(_ namer: any ClusterNamer, clustersMax: Int, checkStop: () throws -> Void) throws {
        let nameless = labels.indices.filter { labels[$0].model == nil && !keywords[$0].isEmpty }.prefix(clustersMax)
        if nameless.isEmpty { return }
        let answer = try namer.names(for: nameless.map { keywords[$0] }, checkStop: checkStop)
        refusal = answer.refusal
        for (index, name) in zip(nameless, answer.names) {
            guard let name else { continue }
            labels[index] = ClusterLabel(text: name, model: namer.name, keywords: keywords[index])
        }
    }
}
