/// Gives new vectors to clusters that are there already: each to the centroid of largest cosine.
package struct ClusterAssignment: Sendable {
    private let centroids: UnitVectors

    /// - Parameter centroids: at least one row.
    package init(centroids: UnitVectors) {
        precondition(centroids.count > 0, "expected at least one centroid, got: none")
        self.centroids = centroids
    }

    /// The nearest cluster of a row, the first of equals, with the cosine to its centroid.
    ///
    /// - Complexity: O(clusters).
    package func nearest(to row: Int, of vectors: UnitVectors) -> (cluster: Int, cosine: Double) {
        var dots = [Int32](repeating: 0, count: centroids.count)
        vectors.dots(of: row, with: centroids, into: &dots)
        var best = 0
        for cluster in dots.indices where dots[cluster] > dots[best] { best = cluster }
        return (best, min(1, max(-1, Double(dots[best]) / UnitVectors.one)))
    }
}
