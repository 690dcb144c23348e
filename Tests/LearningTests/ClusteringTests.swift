import Bytes
import Testing

@testable import Learning

/// Directions scattered around a few centres, with the centre of each.
struct PlantedClusters {
    var vectors = UnitVectors()
    var labels: [Int] = []
    var keys: [UInt64] { (0..<labels.count).map { StableHash.mix(UInt64($0) &+ 17) } }

    /// Scatters so many around each centre; the noise is the length of the scatter where the centre's is 1.
    init(_ sizes: [Int], noise: Double, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for (label, size) in sizes.enumerated() {
            let centre = Self.direction(&random)
            for _ in 0..<size {
                let scatter = Self.direction(&random)
                vectors.append(directionOf: zip(centre, scatter).map { Int($0 * 1e6 + noise * $1 * 1e6) })
                labels.append(label)
            }
        }
    }

    private static func direction(_ random: inout SeededRandom) -> [Double] {
        // Sums of uniform numbers are near enough to normal ones for a direction.
        let raw = (0..<UnitVectors.width).map { _ in
            (0..<6).reduce(0.0) { sum, _ in sum + Double.random(in: -1...1, using: &random) }
        }
        let length = raw.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return raw.map { $0 / length }
    }
}

@Suite("Clustering")
struct ClusteringTests {
    @Test("planted clusters are found, and how many there are", arguments: [2, 3, 7, 12])
    func planted(count: Int) {
        let planted = PlantedClusters((0..<count).map { 9 + $0 % 4 }, noise: 0.8, seed: UInt64(count))
        let found = Clustering(vectors: planted.vectors, keys: planted.keys).clusters { _ in }
        #expect(found.count == count)
        let pairs = Set(zip(planted.labels, found.assignments).map { "\($0) \($1)" })
        #expect(pairs.count == count, "each planted cluster is one found cluster")
        #expect(found.sizes == found.sizes.sorted(by: >))
        #expect(found.sizes.reduce(0, +) == planted.labels.count)
    }

    @Test("the order of rows changes nothing")
    func order() {
        let planted = PlantedClusters([15, 20, 25, 8], noise: 1.6, seed: 5)
        let straight = Clustering(vectors: planted.vectors, keys: planted.keys).clusters { _ in }
        var random = SeededRandom(seed: 9)
        for _ in 0..<2 {
            let order = planted.labels.indices.shuffled(using: &random)
            let vectors = UnitVectors(cells: order.flatMap { planted.vectors[$0] })
            let mixed = Clustering(vectors: vectors, keys: order.map { planted.keys[$0] }).clusters { _ in }
            #expect(mixed.assignments == order.map { straight.assignments[$0] })
            #expect(mixed.centroids == straight.centroids)
            #expect(mixed.silhouette == straight.silhouette && mixed.trials == straight.trials)
        }
    }

    @Test("what has no structure is one cluster")
    func noise() {
        let planted = PlantedClusters([80], noise: 3, seed: 3)
        let found = Clustering(vectors: planted.vectors, keys: planted.keys).clusters { _ in }
        #expect(found.count == 1, "silhouettes \(found.trials)")
        #expect(found.silhouette == 0 && found.sizes == [80])
    }

    @Test("few, equal and opposite rows", arguments: [1, 2, 3, 5])
    func few(rows: Int) {
        var vectors = UnitVectors()
        for row in 0..<rows {
            var sum = [Int](repeating: 0, count: UnitVectors.width)
            sum[0] = row % 2 == 0 ? 5 : -5
            vectors.append(directionOf: sum)
        }
        let keys = (0..<UInt64(rows)).map { $0 }
        let found = Clustering(vectors: vectors, keys: keys).clusters { _ in }
        #expect(found.sizes.reduce(0, +) == rows && !found.sizes.contains(0))
        #expect(found.centroids.count == found.count)
        #expect(found.count == (rows < 4 ? 1 : 2))
        let more = Clustering(vectors: vectors, keys: keys).clusters(rows) { _ in }
        #expect(more.count <= 2, "as many as there are directions, got \(more.sizes)")
    }

    @Test("a vector without a direction is refused")
    func zero() {
        var vectors = UnitVectors()
        let isThere = vectors.append(directionOf: [Int](repeating: 0, count: UnitVectors.width))
        #expect(!isThere && vectors.count == 0)
    }

    @Test("an error of the checkpoint ends the work")
    func stops() {
        struct Stop: Error {}
        let planted = PlantedClusters([10, 10], noise: 1, seed: 2)
        let clustering = Clustering(vectors: planted.vectors, keys: planted.keys)
        #expect(throws: Stop.self) { try clustering.clusters { if $0 > 0.5 { throw Stop() } } }
    }

    @Test("new rows join the cluster of the nearest centroid")
    func assignment() {
        let planted = PlantedClusters([40, 30, 20], noise: 0.8, seed: 8)
        let even = planted.labels.indices.filter { $0 % 2 == 0 }
        let known = UnitVectors(cells: even.flatMap { planted.vectors[$0] })
        let found = Clustering(vectors: known, keys: even.map { planted.keys[$0] }).clusters(3) { _ in }
        let assignment = ClusterAssignment(centroids: found.centroids)
        for (place, row) in even.enumerated() where row + 1 < planted.labels.count {
            guard planted.labels[row + 1] == planted.labels[row] else { continue }
            let nearest = assignment.nearest(to: row + 1, of: planted.vectors)
            #expect(Int32(nearest.cluster) == found.assignments[place])
            #expect(nearest.cosine > 0.5 && nearest.cosine <= 1)
        }
    }
}

@Suite("Silhouette")
struct SilhouetteTests {
    /// The definition, pair by pair.
    private func byPairs(_ vectors: UnitVectors, _ assignments: [Int32], _ count: Int) -> Double {
        var total = 0.0
        for row in 0..<vectors.count {
            var sums = [Double](repeating: 0, count: count)
            var sizes = [Double](repeating: 0, count: count)
            for other in 0..<vectors.count where other != row {
                sums[Int(assignments[other])] += 1 - vectors.cosine(row, vectors, other)
                sizes[Int(assignments[other])] += 1
            }
            let own = Int(assignments[row])
            guard sizes[own] > 0 else { continue }
            let inside = sums[own] / sizes[own]
            let outside = (0..<count).filter { $0 != own }.map { sums[$0] / sizes[$0] }.min() ?? 0
            total += (outside - inside) / max(inside, outside)
        }
        return total / Double(vectors.count)
    }

    @Test("one pass gives what the definition gives", arguments: [2, 5, 9])
    func exact(count: Int) {
        let planted = PlantedClusters([30, 20, 40], noise: 1.5, seed: UInt64(count))
        var random = SeededRandom(seed: 4)
        var assignments = planted.labels.map { _ in Int32.random(in: 0..<Int32(count), using: &random) }
        for cluster in 0..<count { assignments[cluster] = Int32(cluster) }
        // One cluster of a single row, whose silhouette is 0 by definition.
        assignments = assignments.map { $0 == Int32(count - 1) ? 0 : $0 }
        assignments[7] = Int32(count - 1)
        let found = Silhouette.mean(planted.vectors, assignments, count)
        #expect(abs(found.all - byPairs(planted.vectors, assignments, count)) < 1e-4)
        #expect(found.clusters[count - 1] == 0)
    }

    @Test("rows that differ by rounding alone have a silhouette within -1…1, and no structure")
    func rounding() {
        var vectors = UnitVectors()
        for row in 0..<20 {
            vectors.append(
                directionOf: (0..<UnitVectors.width).map { 1_000_000 + ($0 * 7 + row * 13) % 31 })
        }
        for split in [1, 4, 10] {
            let assignments = (0..<20).map { Int32($0 < split ? 0 : 1) }
            let found = Silhouette.mean(vectors, assignments, 2)
            #expect(found.all == 0 && found.clusters == [0, 0])
        }
        // Two heaps of equal rows: as good as it gets.
        var heaps = UnitVectors()
        for row in 0..<8 { heaps.append(directionOf: (0..<UnitVectors.width).map { ($0 + row / 4) % 2 * 3 + 1 }) }
        let found = Silhouette.mean(heaps, (0..<8).map { Int32($0 / 4) }, 2)
        #expect(found.all > 0.999 && found.all <= 1 && found.clusters.allSatisfy { $0 <= 1 })
    }
}
