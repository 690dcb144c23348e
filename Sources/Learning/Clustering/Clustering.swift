import Bytes

/// Finds the clusters of some vectors, and how many there are.
///
/// Vectors are smoothed over their neighbours (`NeighborSmoothing`) and partitioned by spherical k-means; the number of
/// clusters is the smallest whose silhouette, that of the vectors as they came, is within 3 % of the best. The same
/// vectors under the same keys give the same clusters, whatever order they come in.
///
///     let found = Clustering(vectors: vectors, keys: keys).clusters { _ in }
///     // found.assignments[row] is the cluster of a row, found.centroids the clusters' directions
///
/// Limits: `clustersMax` clusters; it holds 2.1 kB a row beside the rows themselves.
package struct Clustering: Sendable {
    package static let clustersMax = 256
    /// Below this silhouette there is one cluster: what looks like more is noise.
    package static let silhouetteMin = 0.03
    /// A number of clusters is as good as the best from this share of its silhouette on: fewer are easier to read.
    static let silhouetteShare = 0.97
    static let restarts = 4
    static let iterationsMax = 30
    /// While a number of clusters is only being tried.
    static let trialIterationsMax = 8

    /// What was found.
    package struct Result: Hashable, Sendable {
        /// The cluster of each row; clusters are numbered from 0, the largest first.
        package var assignments: [Int32]
        /// The direction of each cluster's rows as they came.
        package var centroids: UnitVectors
        package var sizes: [Int]
        /// Of each cluster, -1…1.
        package var silhouettes: [Double]
        /// Of all rows, -1…1; 0 for a single cluster.
        package var silhouette: Double
        /// What was tried: numbers of clusters, ascending, with their silhouettes; empty when the number was given.
        package var trials: [Trial]

        package var count: Int { sizes.count }
    }

    /// A number of clusters that was tried.
    package struct Trial: Hashable, Sendable {
        package var count: Int
        package var silhouette: Double
    }

    private let vectors: UnitVectors
    private let keys: [UInt64]
    /// The place of each row in the order of keys.
    private let order: [Int]

    /// - Parameters:
    ///   - vectors: at least one row.
    ///   - keys: one a row, all different, such as hashes of the rows' names.
    package init(vectors: UnitVectors, keys: [UInt64]) {
        precondition(vectors.count == keys.count, "expected \(vectors.count) keys, got: \(keys.count)")
        precondition(!keys.isEmpty, "expected at least one row, got: none")
        order = keys.indices.sorted { (keys[$0], $0) < (keys[$1], $1) }
        self.keys = order.map { keys[$0] }
        self.vectors = UnitVectors(cells: order.flatMap { vectors[$0] })
    }

    /// Finds the clusters.
    ///
    /// - Parameters:
    ///   - count: how many; nil: as many as the silhouette says. It is cut to the number of rows.
    ///   - seed: another seed draws other beginnings.
    ///   - checkpoint: called every few milliseconds with the share that is done, 0…1; may throw to end early.
    /// - Returns: the clusters, none of them empty.
    /// - Complexity: O(n² + n · Σk) for n rows and the numbers of clusters k that are tried.
    package func clusters(
        _ count: Int? = nil, seed: UInt64 = 1, checkpoint: (Double) throws -> Void
    ) rethrows -> Result {
        let smoothed = try NeighborSmoothing.smooth(vectors) { try checkpoint(0.1) }
        let means = SphericalKMeans(vectors: smoothed, keys: keys)
        let most = count ?? Self.countMax(rows: vectors.count)
        let seeds = try means.seeds(min(most, vectors.count), seed: seed) { try checkpoint(0.2) }
        var trials: [Trial] = []
        var chosen = seeds.count
        if count == nil {
            trials = try self.trials(means, seeds, Self.counts(upTo: seeds.count)) {
                try checkpoint(0.25 + 0.4 * $0)
            }
            let between = Self.counts(around: Self.choice(trials), among: trials.map(\.count))
            trials += try self.trials(means, seeds, between) { try checkpoint(0.65 + 0.1 * $0) }
            trials.sort { $0.count < $1.count }
            chosen = Self.choice(trials)
        }
        var best = try means.partition(from: seeds.prefix(chosen), iterationsMax: Self.iterationsMax) {
            try checkpoint(0.75)
        }
        for restart in 1..<Self.restarts where chosen > 1 {
            let share = 0.75 + 0.25 * Double(restart) / Double(Self.restarts)
            let others = try means.seeds(chosen, seed: StableHash.combine(seed, UInt64(restart))) {
                try checkpoint(share)
            }
            let other = try means.partition(from: others, iterationsMax: Self.iterationsMax) { try checkpoint(share) }
            if other.objective > best.objective { best = other }
        }
        return result(best, trials)
    }

    /// The largest number of clusters that is tried: two rows a cluster at least.
    static func countMax(rows: Int) -> Int { max(1, min(clustersMax, rows / 2)) }

    /// The numbers that are tried: each about 1.19 times the one before.
    static func counts(upTo most: Int) -> [Int] {
        var counts: [Int] = []
        var next = 2.0
        while Int(next.rounded()) <= most {
            if counts.last != Int(next.rounded()) { counts.append(Int(next.rounded())) }
            next *= 1.189_207_115_002_721
        }
        return counts
    }

    /// Numbers on both sides of one that was good: up to three between it and each of its neighbours.
    static func counts(around count: Int, among tried: [Int]) -> [Int] {
        guard let place = tried.firstIndex(of: count) else { return [] }
        var found: Set<Int> = []
        for other in tried[max(0, place - 1)...min(tried.count - 1, place + 1)] where other != count {
            for quarter in 1...3 { found.insert(count + (other - count) * quarter / 4) }
        }
        return found.subtracting(tried).sorted()
    }

    private func trials(
        _ means: SphericalKMeans, _ seeds: [Int], _ counts: [Int], checkpoint: (Double) throws -> Void
    ) rethrows -> [Trial] {
        var trials: [Trial] = []
        let total = Double(max(1, counts.reduce(0, +)))
        var done = 0.0
        for count in counts {
            let partition = try means.partition(
                from: seeds.prefix(count), iterationsMax: Self.trialIterationsMax, checkpoint: { try checkpoint(done) })
            let silhouette = Silhouette.mean(vectors, partition.assignments, partition.count).all
            trials.append(Trial(count: count, silhouette: silhouette))
            done += Double(count) / total
        }
        return trials
    }

    /// The smallest number within 3 % of the best silhouette; 1 where there is no structure.
    static func choice(_ trials: [Trial]) -> Int {
        guard let best = trials.map(\.silhouette).max(), best >= silhouetteMin else { return 1 }
        return trials.first { $0.silhouette >= best * silhouetteShare }?.count ?? 1
    }

    /// Brings rows back into the order they came in, and clusters into the order of size.
    private func result(_ partition: Partition, _ trials: [Trial]) -> Result {
        var first = [Int](repeating: .max, count: partition.count)
        for (row, cluster) in partition.assignments.enumerated() { first[Int(cluster)] = min(first[Int(cluster)], row) }
        let ranked = (0..<partition.count).sorted {
            (partition.sizes[$1], first[$0]) < (partition.sizes[$0], first[$1])
        }
        var rank = [Int32](repeating: 0, count: partition.count)
        for (place, cluster) in ranked.enumerated() { rank[cluster] = Int32(place) }
        let assignments = partition.assignments.map { rank[Int($0)] }
        let silhouette = Silhouette.mean(vectors, assignments, partition.count)
        var given = [Int32](repeating: 0, count: order.count)
        for (place, row) in order.enumerated() { given[row] = assignments[place] }
        return Result(
            assignments: given, centroids: centroids(assignments, partition.count),
            sizes: ranked.map { partition.sizes[$0] }, silhouettes: silhouette.clusters,
            silhouette: silhouette.all, trials: trials)
    }

    private func centroids(_ assignments: [Int32], _ count: Int) -> UnitVectors {
        let width = UnitVectors.width
        var sums = [Int64](repeating: 0, count: count * width)
        for (row, cluster) in assignments.enumerated() {
            let first = Int(cluster) * width
            for index in 0..<width { sums[first + index] += Int64(vectors.cells[row * width + index]) }
        }
        var centroids = UnitVectors()
        for cluster in 0..<count {
            let sum = sums[cluster * width..<(cluster + 1) * width]
            // Rows that cancel out have no direction: their first one stands for them.
            if !centroids.append(directionOf: sum) {
                let row = assignments.firstIndex(of: Int32(cluster)) ?? 0
                centroids.append(directionOf: vectors[row])
            }
        }
        return centroids
    }
}
