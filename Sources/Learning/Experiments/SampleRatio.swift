import Glibc

/// Whether units were spread over the arms as planned; if not, nothing that the experiment says can be relied on.
///
/// The sequential test is exact at any number of looks: the likelihood of the counts under a Dirichlet mixture around
/// the planned shares, over that under the shares themselves, is a martingale of mean 1 (Lindon and Malek 2022).
package struct SampleRatio: Hashable, Sendable {
    /// The planned shares, positive, of sum 1.
    package let shares: [Double]

    /// How many units the mixture's weight on the planned shares is worth.
    ///
    /// Deviations of about 1/√this are found soonest.
    package static let priorUnits = 10_000.0

    /// - Parameter weights: positive, in any unit.
    package init(weights: [Double]) {
        precondition(weights.count > 1 && weights.allSatisfy { $0 > 0 }, "expected two or more positive weights")
        // By the largest first, so that no sum exceeds a Double; and no share is lost below it.
        let largest = weights.max() ?? 1
        let parts = weights.map { max($0 / largest, .leastNormalMagnitude) }
        let sum = parts.reduce(0, +)
        shares = parts.map { max($0 / sum, .leastNormalMagnitude) }
    }

    /// Pearson's chi-squared p (1900): for one look.
    ///
    /// - Parameter counts: units of each arm.
    /// - Returns: 1 without units.
    package func chiSquaredP(_ counts: [Int]) -> Double {
        let total = counts.reduce(0) { $0 + Double($1) }
        guard total > 0 else { return 1 }
        var statistic = 0.0
        for (count, share) in zip(counts, shares) {
            let expected = total * share
            statistic += (Double(count) - expected) * (Double(count) - expected) / expected
        }
        return SpecialFunctions.chiSquaredUpper(statistic, degrees: shares.count - 1)
    }

    /// A p-value that may be looked at at any time; of several looks the least counts.
    package func sequentialP(_ counts: [Int]) -> Double {
        let total = counts.reduce(0) { $0 + Double($1) }
        var evidence =
            SpecialFunctions.logGamma(Self.priorUnits) - SpecialFunctions.logGamma(Self.priorUnits + total)
        for (count, share) in zip(counts, shares) {
            let prior = Self.priorUnits * share
            evidence +=
                SpecialFunctions.logGamma(prior + Double(count)) - SpecialFunctions.logGamma(prior)
                - Double(count) * log(share)
        }
        return min(1, exp(-evidence))
    }
}

/// Several hypotheses at once: which may be rejected so that at most a share α of the rejected is expected to be true.
///
/// Holds for independent and for positively dependent p-values, always-valid ones included. Source: Benjamini and
/// Hochberg 1995.
package enum FalseDiscovery {
    /// The p-values adjusted: a hypothesis is rejected at α where its value is ≤ α.
    ///
    /// - Parameter p: each 0…1.
    /// - Returns: in the same order.
    /// - Complexity: O(n log n).
    package static func adjusted(_ p: [Double]) -> [Double] {
        let order = p.indices.sorted { (p[$0], $0) < (p[$1], $1) }
        var adjusted = p
        var least = 1.0
        for (rank, index) in order.enumerated().reversed() {
            least = min(least, p[index] * Double(p.count) / Double(rank + 1))
            adjusted[index] = least
        }
        return adjusted
    }
}
