/// Places of clusters in a plane: the two directions in which their centroids differ most.
///
/// Principal components of the centred centroids by power iteration with deflation; the sign of each axis is such that
/// its largest coordinate is positive, so equal clusters give equal pictures. It is a picture and no measure: distances
/// within it are only roughly those of the centroids.
///
/// Source: Pearson 1901; Jolliffe, Principal Component Analysis, 2002.
enum ClusterMap {
    /// Where one cluster is, −1…1 on both axes.
    struct Place: Hashable, Sendable {
        var x: Double
        var y: Double
    }

    private static let roundsMax = 60

    /// Places clusters.
    ///
    /// - Parameter centroids: one a cluster, all of one length.
    /// - Returns: one place a cluster, in the same order; all at 0 where nothing differs.
    /// - Complexity: O(clusters × length).
    static func places(_ centroids: [[Int16]]) -> [Place] {
        guard let width = centroids.first?.count, centroids.allSatisfy({ $0.count == width }) else {
            return centroids.map { _ in Place(x: 0, y: 0) }
        }
        var rows = centroids.map { centroid -> [Double] in
            // Only the direction of a centroid counts.
            let norm = centroid.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            return centroid.map { norm > 0 ? Double($0) / norm : 0 }
        }
        for column in 0..<width {
            let mean = rows.reduce(0) { $0 + $1[column] } / Double(rows.count)
            for row in rows.indices { rows[row][column] -= mean }
        }
        let x = component(&rows, width)
        let y = component(&rows, width)
        let scale = max((x + y).map(\.magnitude).max() ?? 0, 1e-12)
        return zip(x, y).map { Place(x: $0 / scale, y: $1 / scale) }
    }

    /// The coordinates along the direction of most difference, which is taken out of the rows.
    private static func component(_ rows: inout [[Double]], _ width: Int) -> [Double] {
        var direction = (0..<width).map { 1 + Double($0 % 7) / 7 }
        var coordinates = [Double](repeating: 0, count: rows.count)
        for _ in 0..<roundsMax {
            let norm = direction.reduce(0) { $0 + $1 * $1 }.squareRoot()
            guard norm > 1e-9 else { return [Double](repeating: 0, count: rows.count) }
            for place in 0..<width { direction[place] /= norm }
            for (index, row) in rows.enumerated() { coordinates[index] = dot(row, direction) }
            var next = [Double](repeating: 0, count: width)
            for (index, row) in rows.enumerated() {
                for place in 0..<width { next[place] += coordinates[index] * row[place] }
            }
            direction = next
        }
        let norm = direction.reduce(0) { $0 + $1 * $1 }.squareRoot()
        guard norm > 1e-9 else { return [Double](repeating: 0, count: rows.count) }
        for place in 0..<width { direction[place] /= norm }
        for (index, row) in rows.enumerated() {
            coordinates[index] = dot(row, direction)
            for place in 0..<width { rows[index][place] -= coordinates[index] * direction[place] }
        }
        let largest = coordinates.max { $0.magnitude < $1.magnitude } ?? 0
        return largest < 0 ? coordinates.map { -$0 } : coordinates
    }

    private static func dot(_ left: [Double], _ right: [Double]) -> Double {
        var sum = 0.0
        for place in left.indices { sum += left[place] * right[place] }
        return sum
    }
}
