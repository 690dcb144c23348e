import Bytes
import Postgres

/// The clusters that hold with their centroids, the largest first: for a picture of them.
package struct ClusterCentroids: Statement {
    package static let name = "cluster_centroids"
    package static let sql = """
        select c.cluster_id, c.label, c.keywords, c.size, c.silhouette, s.full_run_at, c.centroid
        from afterthought.clustering_state as s
        join afterthought.conversation_clusters as c on c.run_id = s.current_run
        order by c.size desc, c.cluster_id
        limit $1
        """

    /// One cluster.
    package struct Row: Sendable {
        package var id: Int64
        package var label: String
        package var keywords: JSONText
        /// Conversations that it was computed from.
        package var conversations: Int32
        package var silhouette: Double
        package var computedAt: Timestamp?
        /// 256 numbers.
        package var centroid: [Int16]
    }

    var clustersMax: Int64

    package init(clustersMax: Int64) { self.clustersMax = clustersMax }

    package func bind(to parameters: inout Parameters) { parameters.append(clustersMax) }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Row {
        let bytes = try row.decode(6, as: [UInt8].self)
        let centroid = stride(from: 0, to: bytes.count - 1, by: 2).map { place in
            Int16(bitPattern: UInt16(bytes[place]) | UInt16(bytes[place + 1]) << 8)
        }
        return Row(
            id: try row.decode(0), label: try row.decode(1), keywords: try row.decode(2),
            conversations: try row.decode(3), silhouette: try row.decode(4),
            computedAt: try row.decode(5, as: Timestamp?.self), centroid: centroid)
    }
}
