import Testing

@testable import Learning

@Suite("Spherical k-means")
struct SphericalKMeansTests {
    /// Each row compared with each centroid in each pass: what the bounds must not change.
    private func compared(_ vectors: UnitVectors, _ seeds: [Int], _ iterationsMax: Int) -> [Int32] {
        var centroids = UnitVectors()
        for row in seeds { centroids.append(directionOf: vectors[row]) }
        var assignments = [Int](repeating: -1, count: vectors.count)
        for _ in 0..<iterationsMax {
            let products = (0..<vectors.count).map { row in
                seeds.indices.map { zip(vectors[row], centroids[$0]).reduce(0) { $0 + Int($1.0) * Int($1.1) } }
            }
            let nearest = products.map { row in row.indices.max { (row[$0], $1) < (row[$1], $0) }! }
            if nearest == assignments { break }
            assignments = nearest
            let sizes = seeds.indices.map { cluster in assignments.count { $0 == cluster } }
            if let empty = sizes.firstIndex(of: 0) {
                let poorest = products.indices.min {
                    (products[$0][nearest[$0]], $0) < (products[$1][nearest[$1]], $1)
                }
                assignments[poorest!] = empty
            }
            for cluster in seeds.indices {
                let members = assignments.indices.filter { assignments[$0] == cluster }
                if members.isEmpty { continue }
                let sum = (0..<UnitVectors.width).map { place in
                    members.reduce(Int64(0)) { $0 + Int64(vectors.cells[$1 * UnitVectors.width + place]) }
                }
                centroids.replace(cluster, directionOf: sum.span)
            }
        }
        let kept = Set(assignments).sorted()
        return assignments.map { Int32(kept.firstIndex(of: $0)!) }
    }

    @Test("bounds leave nothing out", arguments: [0.3, 0.9, 2.5, 30.0])
    func bounds(noise: Double) {
        let planted = PlantedClusters([30, 20, 10, 40, 5, 15], noise: noise, seed: 3)
        let means = SphericalKMeans(vectors: planted.vectors, keys: planted.keys)
        for (count, iterationsMax) in [(2, 30), (5, 8), (9, 30), (40, 3)] {
            // Drawn seeds, and rows that lie together, whose centroids have a long way to go.
            for seeds in [means.seeds(count, seed: 7) {}, Array(30..<30 + count)] {
                let found = means.partition(from: seeds, iterationsMax: iterationsMax) {}
                #expect(
                    found.assignments == compared(planted.vectors, seeds, iterationsMax),
                    "\(count) clusters, at most \(iterationsMax) passes")
            }
        }
    }

    @Test("equal rows, and rows opposite to each other")
    func extremes() {
        var vectors = UnitVectors()
        let axis = [Int](repeating: 0, count: UnitVectors.width - 1)
        for row in 0..<12 { vectors.append(directionOf: [row % 2 == 0 ? 5 : -5] + axis) }
        let means = SphericalKMeans(vectors: vectors, keys: (0..<12).map { UInt64($0) })
        for seeds in [[0, 1], [0, 2, 1], [0, 2, 4, 6]] {
            let found = means.partition(from: seeds, iterationsMax: 30) {}
            #expect(found.assignments == compared(vectors, seeds, 30))
        }
    }
}
