/// The silhouette of a partition by cosine distance, exact at the cost of one pass.
///
///     s(x) = (b − a) / max(a, b)     a: mean of 1 − x · y over the other members y of x's cluster
///                                    b: the least such mean over the other clusters;  s(x) = 0 in a cluster of one
///
/// Because the mean of x · y over a cluster is x · (sum of the cluster) / size, no pair is looked at. −1…1.
///
/// Source: Rousseeuw 1987.
enum Silhouette {
    /// Distances below it are those of rounding: a row's 256 numbers are off by half of 1/32,767 each.
    private static let distanceMin = 1e-3

    /// The mean over all rows, and over each cluster's.
    ///
    /// - Parameters:
    ///   - vectors: the rows, as they were before any smoothing.
    ///   - assignments: the cluster of each row.
    ///   - count: how many clusters there are; none is empty.
    /// - Returns: both; 0 where there is but one cluster.
    /// - Complexity: O(rows · clusters).
    static func mean(
        _ vectors: UnitVectors, _ assignments: [Int32], _ count: Int
    ) -> (all: Double, clusters: [Double]) {
        guard count > 1 else { return (0, [Double](repeating: 0, count: count)) }
        let (directions, lengths, sizes) = means(vectors, assignments, count)
        var dots = [Int32](repeating: 0, count: count)
        var totals = [Double](repeating: 0, count: count)
        for row in 0..<vectors.count {
            vectors.dots(of: row, with: directions, into: &dots)
            let own = Int(assignments[row])
            guard sizes[own] > 1 else { continue }
            var nearest = -Double.infinity
            for cluster in 0..<count where cluster != own {
                nearest = max(nearest, Double(dots[cluster]) * lengths[cluster])
            }
            let size = Double(sizes[own])
            // Rows are a little longer or shorter than 1: what is nearer than rounding can tell is at no distance.
            let inside = max(0, (size - Double(dots[own]) * lengths[own] * size) / (size - 1))
            let outside = max(0, 1 - nearest)
            let larger = max(inside, outside)
            if larger > distanceMin { totals[own] += (outside - inside) / larger }
        }
        let all = totals.reduce(0, +) / Double(max(1, vectors.count))
        return (all, zip(totals, sizes).map { $0 / Double(max(1, $1)) })
    }

    /// The direction of each cluster's mean, and its length over `UnitVectors.one`.
    private static func means(
        _ vectors: UnitVectors, _ assignments: [Int32], _ count: Int
    ) -> (directions: UnitVectors, lengths: [Double], sizes: [Int]) {
        let width = UnitVectors.width
        var sums = [Int64](repeating: 0, count: count * width)
        var sizes = [Int](repeating: 0, count: count)
        for row in 0..<vectors.count {
            let cluster = Int(assignments[row])
            sizes[cluster] += 1
            for index in 0..<width { sums[cluster * width + index] += Int64(vectors.cells[row * width + index]) }
        }
        var directions = UnitVectors(cells: [Int16](repeating: 0, count: count * width))
        var lengths = [Double](repeating: 0, count: count)
        for cluster in 0..<count {
            let sum = sums.span.extracting(cluster * width..<(cluster + 1) * width)
            directions.replace(cluster, directionOf: sum)
            var squared = 0.0
            for index in sum.indices { squared += Double(sum[index]) * Double(sum[index]) }
            lengths[cluster] =
                squared.squareRoot() / UnitVectors.unit / Double(max(1, sizes[cluster])) / UnitVectors.one
        }
        return (directions, lengths, sizes)
    }
}
