/// What became of a cluster between two runs.
package struct ClusterChange: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// None like it was there before.
        case new
        /// It came out of `other`, which may live on.
        case split
        /// It ended and is most of all in `other` now.
        case merged
        /// It ended and is nowhere in particular.
        case gone
    }

    package var kind: Kind
    package var cluster: Int64
    package var other: Int64?
    /// How many conversations it is about: of the new cluster, those that came over from `other`, or those it had.
    package var conversations: Int
}

/// Gives clusters the ids of those that they continue.
///
/// Counted are the conversations that both runs know. A new cluster may continue an old one if they share at least
/// 30 % of the larger of the two; of all ways to pair them up, the one that keeps the most conversations under their id
/// is taken (maximum-weight matching by the Hungarian method: Kuhn 1955, Munkres 1957). The others get ids that were
/// never used. So of two clusters that merge the larger part's id lives on, and of one that splits that of its larger
/// part.
package struct ClusterMatching: Hashable, Sendable {
    /// In tenths.
    static let shareMinTenths = 3

    /// The id of each new cluster.
    package private(set) var ids: [Int64]
    /// The first id that is still free.
    package private(set) var nextID: Int64
    /// In the order of new clusters, then of old ones.
    package private(set) var changes: [ClusterChange] = []

    /// - Parameters:
    ///   - old: the clusters of the run before, by ascending id, with how many conversations they had.
    ///   - previous: the old cluster of each conversation; nil: it is new.
    ///   - assignments: the new cluster of each conversation.
    ///   - count: how many new clusters there are.
    ///   - nextID: greater than every id so far.
    /// - Complexity: O(n + clusters³).
    package init(
        old: [(id: Int64, conversations: Int)], previous: [Int64?], assignments: [Int32], count: Int, nextID: Int64
    ) {
        precondition(previous.count == assignments.count, "expected \(assignments.count), got: \(previous.count)")
        let place = Dictionary(uniqueKeysWithValues: old.enumerated().map { ($1.id, $0) })
        var shared = [[Int]](repeating: [Int](repeating: 0, count: count), count: old.count)
        var sizes = [Int](repeating: 0, count: count)
        for (row, cluster) in assignments.enumerated() {
            sizes[Int(cluster)] += 1
            if let before = previous[row].flatMap({ place[$0] }) { shared[before][Int(cluster)] += 1 }
        }
        let known = (0..<count).map { cluster in shared.reduce(0) { $0 + $1[cluster] } }
        let kept = shared.map { $0.reduce(0, +) }
        let eligible = shared.enumerated().map { before, row in
            row.enumerated().map { cluster, both in
                both * 10 >= Self.shareMinTenths * max(kept[before], known[cluster]) ? both : 0
            }
        }
        var continued = [Int?](repeating: nil, count: count)
        var lives = [Bool](repeating: false, count: old.count)
        for (before, cluster) in MaximumMatching.pairs(eligible) {
            continued[cluster] = before
            lives[before] = true
        }
        var next = nextID
        ids = continued.map { before in
            if let before { return old[before].id }
            next += 1
            return next - 1
        }
        self.nextID = next
        for cluster in 0..<count where continued[cluster] == nil {
            let source = Self.largest(shared.map { $0[cluster] }, halfOf: known[cluster])
            changes.append(
                ClusterChange(
                    kind: source == nil ? .new : .split, cluster: ids[cluster], other: source.map { old[$0].id },
                    conversations: source.map { shared[$0][cluster] } ?? sizes[cluster]))
        }
        for before in old.indices where !lives[before] {
            let target = Self.largest(shared[before], halfOf: kept[before])
            changes.append(
                ClusterChange(
                    kind: target == nil ? .gone : .merged, cluster: old[before].id, other: target.map { ids[$0] },
                    conversations: target.map { shared[before][$0] } ?? old[before].conversations))
        }
    }

    /// Where the largest number is, the first of equals, if it is at least half of a whole that is not 0.
    private static func largest(_ numbers: [Int], halfOf whole: Int) -> Int? {
        guard whole > 0, var best = numbers.indices.first else { return nil }
        for index in numbers.indices where numbers[index] > numbers[best] { best = index }
        return numbers[best] * 2 >= whole ? best : nil
    }
}

/// Pairs rows with columns so that the weights of the pairs add up to the most.
enum MaximumMatching {
    /// The pairs, none of weight 0.
    ///
    /// - Parameter weights: rows of equal length, none negative.
    /// - Returns: pairs of row and column, each at most once, by column.
    /// - Complexity: O(n³) for n rows or columns, whichever are more.
    static func pairs(_ weights: [[Int]]) -> [(row: Int, column: Int)] {
        let columns = weights.first?.count ?? 0
        let size = max(weights.count, columns)
        guard size > 0, columns > 0 else { return [] }
        func cost(_ row: Int, _ column: Int) -> Int {
            row < weights.count && column < columns ? -weights[row][column] : 0
        }
        // Potentials of rows and columns, and the row of each column; place 0 stands for none.
        var rowPotential = [Int](repeating: 0, count: size + 1)
        var columnPotential = [Int](repeating: 0, count: size + 1)
        var rowOf = [Int](repeating: 0, count: size + 1)
        for row in 1...size {
            var slack = [Int](repeating: .max, count: size + 1)
            var from = [Int](repeating: 0, count: size + 1)
            var isDone = [Bool](repeating: false, count: size + 1)
            rowOf[0] = row
            var column = 0
            repeat {
                isDone[column] = true
                let current = rowOf[column]
                var least = Int.max
                var next = 0
                for other in 1...size where !isDone[other] {
                    let reduced = cost(current - 1, other - 1) - rowPotential[current] - columnPotential[other]
                    if reduced < slack[other] {
                        slack[other] = reduced
                        from[other] = column
                    }
                    if slack[other] < least {
                        least = slack[other]
                        next = other
                    }
                }
                for other in 0...size {
                    if isDone[other] {
                        rowPotential[rowOf[other]] += least
                        columnPotential[other] -= least
                    } else if slack[other] != .max {
                        slack[other] -= least
                    }
                }
                column = next
            } while rowOf[column] != 0
            while column != 0 {
                rowOf[column] = rowOf[from[column]]
                column = from[column]
            }
        }
        return (1...size).compactMap { column in
            let row = rowOf[column]
            guard row <= weights.count, column <= columns, weights[row - 1][column - 1] > 0 else { return nil }
            return (row - 1, column - 1)
        }
    }
}
