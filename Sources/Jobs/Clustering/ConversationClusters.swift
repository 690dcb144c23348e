import Bytes
import Learning
import Postgres
import Store

/// Conversations with the clusters they form: those of each kind of embedding by themselves.
struct ConversationClusters {
    /// What is clustered.
    struct Input {
        var keys: [ConversationKey] = []
        var vectors = UnitVectors()
        var terms: [[String]] = []
        var spaces: [Int16] = []

        init() {}

        /// Adds a conversation, unless its vector has no direction.
        mutating func add(_ row: ConversationRow) {
            let vector = row.vector
            guard vectors.append(directionOf: vector.sum) else { return }
            keys.append(row.key)
            terms.append(vector.terms.map(\.term))
            spaces.append(row.space)
        }
    }

    /// One cluster.
    struct Cluster {
        var space: Int16
        var size: Int
        var silhouette: Double
        var keywords: [ClusterKeyword]
    }

    private(set) var keys: [ConversationKey]
    /// The cluster of each conversation.
    private(set) var assignments: [Int32]
    private(set) var clusters: [Cluster] = []
    /// Mean over conversations of how well their clusters are set apart.
    private(set) var silhouette = 0.0
    private var centroids = UnitVectors()
    private var similarities: [Float]

    /// - Parameters:
    ///   - input: at least one conversation, in any order.
    ///   - version: of the vectors.
    ///   - checkpoint: called every few milliseconds; may throw to end early.
    /// - Throws: what the checkpoint throws.
    init(_ input: Input, version: Int32, checkpoint: () throws -> Void) throws {
        keys = input.keys
        assignments = [Int32](repeating: 0, count: keys.count)
        similarities = [Float](repeating: 0, count: keys.count)
        for space in Set(input.spaces).sorted() {
            let rows = keys.indices.filter { input.spaces[$0] == space }
            let vectors = UnitVectors(cells: rows.flatMap { input.vectors[$0] })
            let found = try Clustering(vectors: vectors, keys: rows.map { keys[$0].hash }).clusters { _ in
                try checkpoint()
            }
            let first = clusters.count
            for (place, row) in rows.enumerated() {
                let cluster = found.assignments[place]
                assignments[row] = cluster + Int32(first)
                similarities[row] = Float(vectors.cosine(place, found.centroids, Int(cluster)))
            }
            for cluster in 0..<found.count {
                centroids.append(directionOf: found.centroids[cluster])
                clusters.append(
                    Cluster(
                        space: space, size: found.sizes[cluster], silhouette: found.silhouettes[cluster],
                        keywords: []))
            }
            silhouette += found.silhouette * Double(rows.count) / Double(keys.count)
        }
        let keywords = ClusterKeywords.keywords(input.terms, assignments, clusters.count)
        for index in clusters.indices { clusters[index].keywords = keywords[index] }
    }

    /// The clusters as they are stored.
    func rows(
        _ ids: [Int64], _ labels: [ClusterLabel], run: Int64, since: [Int64: Int64], version: Int32
    ) -> [NewCluster] {
        clusters.indices.map { index in
            let cluster = clusters[index]
            var json = JSONWriter()
            json.beginArray()
            for keyword in cluster.keywords {
                json.beginObject()
                json.key("term")
                json.value(keyword.term)
                json.key("weight")
                json.value(keyword.weight, decimals: 4)
                json.endObject()
            }
            json.endArray()
            return NewCluster(
                id: ids[index], label: labels[index], keywords: JSONText(json.text),
                size: Int32(cluster.size), silhouette: cluster.silhouette, space: cluster.space, version: version,
                sinceRun: since[ids[index]] ?? run, centroid: [UInt8](centroids[index]))
        }
    }

    /// The conversations with the ids of their clusters, by name.
    func members(_ ids: [Int64]) -> [ClusterMember] {
        keys.indices.map { row in
            ClusterMember(key: keys[row], cluster: ids[Int(assignments[row])], similarity: similarities[row])
        }.sorted { $0.key < $1.key }
    }
}

extension ConversationKey {
    /// What the conversation draws by: the same in every run.
    var hash: UInt64 {
        let parts = [pair.botName, pair.userID, conversationID]
        return parts.reduce(0) { StableHash.combine($0, StableHash.hash($1)) }
    }
}
