import Bytes
import Glibc

/// A partition of vectors into clusters, each around a centroid of length 1.
struct Partition: Sendable {
    /// The cluster of each row.
    var assignments: [Int32]
    var centroids: UnitVectors
    /// The sum of each cluster's rows, 256 whole numbers a cluster.
    var sums: [Int64]
    var sizes: [Int]
    /// The sum of each row's dot product with its centroid: the larger the better.
    var objective: Int64 = 0

    var count: Int { centroids.count }
}

/// Spherical k-means: each vector belongs to the centroid of largest cosine, each centroid is the direction of the sum.
///
/// Seeds are drawn by greedy k-means++; sums are whole numbers, kept up to date by the rows that move. A row draws by
/// the hash of its key, not by its place, so the order of rows and the coming and going of others hardly matter. After
/// the first pass a row is compared only with centroids that may be nearer than its own (`ProductBounds`).
///
/// Sources: Dhillon and Modha 2001; Arthur and Vassilvitskii 2007; drawing by weight in one pass: Efraimidis and
/// Spirakis 2006.
struct SphericalKMeans {
    /// Candidates that each seed is chosen from.
    static let candidatesMax = 4

    let vectors: UnitVectors
    /// Different for each row: what the row draws by.
    let keys: [UInt64]

    private static let one = Int64(UnitVectors.one)

    /// Draws rows that begin the clusters; the first k of them are the seeds for k clusters.
    ///
    /// - Parameters:
    ///   - count: how many.
    ///   - seed: another seed draws others.
    ///   - checkpoint: called now and then; may throw to end early.
    /// - Returns: the rows; fewer when all lie in fewer directions.
    /// - Complexity: O(rows · count · candidatesMax).
    func seeds(_ count: Int, seed: UInt64, checkpoint: () throws -> Void) rethrows -> [Int] {
        let rows = vectors.count
        var distances = [Int64](repeating: Self.one, count: rows)
        var chosen: [Int] = []
        while chosen.count < count {
            if chosen.count % 16 == 0 { try checkpoint() }
            let candidates = draw(distances, round: chosen.count, seed: seed)
            guard !candidates.isEmpty else { break }
            var best: (row: Int, distances: [Int64], gain: Int64)?
            for candidate in candidates {
                var next = distances
                var gain: Int64 = 0
                let dots = products(with: candidate)
                for row in 0..<rows {
                    let distance = max(0, Self.one - Int64(dots[row]))
                    guard distance < next[row] else { continue }
                    gain += next[row] - distance
                    next[row] = distance
                }
                // A row is at no distance from itself, whatever rounding made of its length.
                gain += next[candidate]
                next[candidate] = 0
                if best.map({ gain > $0.gain }) ?? true { best = (candidate, next, gain) }
                // The first seed has nothing to improve on: it is drawn evenly.
                if chosen.isEmpty { break }
            }
            guard let best else { break }
            chosen.append(best.row)
            distances = best.distances
        }
        return chosen
    }

    /// The rows of the smallest -ln(u) / distance, nearest first: a draw by weight without replacement.
    private func draw(_ distances: [Int64], round: Int, seed: UInt64) -> [Int] {
        var found: [(key: Double, row: Int)] = []
        let salt = StableHash.combine(seed, UInt64(round))
        for row in distances.indices where distances[row] > 0 {
            let bits = StableHash.mix(keys[row] ^ salt) >> 11
            let key = -log((Double(bits) + 0.5) * 0x1p-53) / Double(distances[row])
            if found.count == Self.candidatesMax, key >= found[found.count - 1].key { continue }
            found.insert((key, row), at: found.firstIndex { key < $0.key } ?? found.count)
            if found.count > Self.candidatesMax { found.removeLast() }
        }
        return found.map(\.row)
    }

    private func products(with row: Int) -> [Int32] {
        var dots = [Int32](repeating: 0, count: vectors.count)
        vectors.dots(of: row, with: vectors, into: &dots)
        return dots
    }

    /// Improves a partition that begins with some rows as centroids until no row moves.
    ///
    /// - Parameters:
    ///   - seeds: at least one row.
    ///   - iterationsMax: how many times all rows are looked at, at most; up to `ProductBounds.movesMax`.
    ///   - checkpoint: called once a pass; may throw to end early.
    /// - Returns: the partition, without empty clusters.
    /// - Complexity: O(rows · seeds) a pass.
    func partition(
        from seeds: some Collection<Int>, iterationsMax: Int, checkpoint: () throws -> Void
    ) rethrows -> Partition {
        precondition(
            iterationsMax <= ProductBounds.movesMax,
            "expected at most \(ProductBounds.movesMax) iterations, got: \(iterationsMax)")
        let width = UnitVectors.width
        var centroids = UnitVectors()
        for row in seeds { centroids.append(directionOf: vectors[row]) }
        var result = Partition(
            assignments: [Int32](repeating: -1, count: vectors.count), centroids: centroids,
            sums: [Int64](repeating: 0, count: centroids.count * width),
            sizes: [Int](repeating: 0, count: centroids.count))
        // The dot product of each row with its centroid.
        var products = [Int32](repeating: .min, count: vectors.count)
        var bounds = ProductBounds(rows: vectors.count, clusters: centroids.count)
        // Clusters whose rows, and so whose centroids, changed in the last pass.
        var changed = Array(result.sizes.indices)
        for _ in 0..<iterationsMax {
            try checkpoint()
            var touched = Set<Int>()
            guard assign(&result, &products, &bounds, changed, &touched) > 0 else { break }
            if let empty = result.sizes.firstIndex(of: 0) {
                // Nobody's centroid takes the row that is worst off; the next pass finds its company.
                let poorest = products.indices.min { products[$0] < products[$1] } ?? 0
                touched.formUnion([Int(result.assignments[poorest]), empty])
                move(poorest, to: empty, in: &result)
            }
            changed = touched.sorted()
            let sums = result.sums
            let old = result.centroids
            for cluster in changed where result.sizes[cluster] > 0 {
                result.centroids.replace(
                    cluster, directionOf: sums.span.extracting(cluster * width..<(cluster + 1) * width))
                bounds.move(cluster, from: old[cluster], to: result.centroids[cluster])
            }
        }
        return withoutEmptyClusters(result)
    }

    /// Gives each row to its nearest centroid, the first of equals; returns how many moved.
    ///
    /// A row whose centroid is where it was has to look at those that moved alone: the others were no nearer before.
    private func assign(
        _ result: inout Partition, _ products: inout [Int32], _ bounds: inout ProductBounds, _ changed: [Int],
        _ touched: inout Set<Int>
    ) -> Int {
        let centroids = result.centroids
        var isChanged = [Bool](repeating: false, count: result.count)
        for cluster in changed { isChanged[cluster] = true }
        let all = Array(isChanged.indices)
        var dots = [Int32](repeating: 0, count: result.count)
        var moved = 0
        for row in 0..<vectors.count {
            let old = Int(result.assignments[row])
            var best = max(0, old)
            if old < 0 {
                vectors.dots(of: row, with: centroids, into: &dots)
                for cluster in all {
                    bounds.note(dots[cluster], of: row, with: cluster)
                    if dots[cluster] > dots[best] { best = cluster }
                }
                products[row] = dots[best]
            } else {
                if isChanged[old] {
                    products[row] = vectors.dot(row, with: old, of: centroids)
                    bounds.note(products[row], of: row, with: old)
                }
                for cluster in isChanged[old] ? all : changed
                where bounds.mayReach(products[row], of: row, with: cluster) && cluster != old {
                    let product = vectors.dot(row, with: cluster, of: centroids)
                    bounds.note(product, of: row, with: cluster)
                    guard product > products[row] || (product == products[row] && cluster < best) else { continue }
                    products[row] = product
                    best = cluster
                }
            }
            guard old != best else { continue }
            moved += 1
            if old >= 0 { touched.insert(old) }
            touched.insert(best)
            move(row, to: best, in: &result)
        }
        result.objective = products.reduce(0) { $0 + Int64($1) }
        return moved
    }

    private func move(_ row: Int, to cluster: Int, in result: inout Partition) {
        let width = UnitVectors.width
        let old = Int(result.assignments[row])
        let first = row * width
        var sums = result.sums.mutableSpan
        let cells = vectors.cells.span
        for index in 0..<width {
            let value = Int64(cells[first + index])
            if old >= 0 { sums[old * width + index] -= value }
            sums[cluster * width + index] += value
        }
        if old >= 0 { result.sizes[old] -= 1 }
        result.sizes[cluster] += 1
        result.assignments[row] = Int32(cluster)
    }

    private func withoutEmptyClusters(_ partition: Partition) -> Partition {
        let kept = (0..<partition.count).filter { partition.sizes[$0] > 0 }
        guard kept.count < partition.count else { return partition }
        let width = UnitVectors.width
        var place = [Int32](repeating: -1, count: partition.count)
        for (new, old) in kept.enumerated() { place[old] = Int32(new) }
        return Partition(
            assignments: partition.assignments.map { place[Int($0)] },
            centroids: UnitVectors(cells: kept.flatMap { partition.centroids[$0] }),
            sums: kept.flatMap { partition.sums[$0 * width..<($0 + 1) * width] },
            sizes: kept.map { partition.sizes[$0] }, objective: partition.objective)
    }
}
