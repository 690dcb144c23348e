import Glibc

/// How far two partitions of the same things agree.
struct ClusterAgreement {
    /// Normalised mutual information by the arithmetic mean of entropies, 0…1.
    var information: Double
    /// Rand index adjusted for chance (Hubert and Arabie 1985): 1 for the same partition, 0 for what chance gives.
    var rand: Double

    /// - Parameters:
    ///   - left: the class of each thing.
    ///   - right: its class in the other partition.
    init(_ left: [Int], _ right: [Int]) {
        precondition(left.count == right.count, "expected \(left.count) classes, got: \(right.count)")
        let total = Double(left.count)
        var both: [SIMD2<Int>: Int] = [:]
        var lefts: [Int: Int] = [:]
        var rights: [Int: Int] = [:]
        for (one, other) in zip(left, right) {
            both[SIMD2(one, other), default: 0] += 1
            lefts[one, default: 0] += 1
            rights[other, default: 0] += 1
        }
        var mutual = 0.0
        var pairs = 0.0
        for (cell, count) in both {
            let share = Double(count) / total
            mutual += share * log(share * total * total / (Double(lefts[cell.x] ?? 1) * Double(rights[cell.y] ?? 1)))
            pairs += Self.pairs(count)
        }
        let entropies = Self.entropy(lefts, total) + Self.entropy(rights, total)
        information = entropies > 0 ? 2 * mutual / entropies : 1
        let leftPairs = lefts.values.reduce(0.0) { $0 + Self.pairs($1) }
        let rightPairs = rights.values.reduce(0.0) { $0 + Self.pairs($1) }
        let expected = leftPairs * rightPairs / Self.pairs(left.count)
        let most = (leftPairs + rightPairs) / 2
        rand = most > expected ? (pairs - expected) / (most - expected) : 1
    }

    private static func pairs(_ count: Int) -> Double { Double(count) * Double(count - 1) / 2 }

    private static func entropy(_ counts: [Int: Int], _ total: Double) -> Double {
        counts.values.reduce(0.0) { $0 - Double($1) / total * log(Double($1) / total) }
    }
}
