import Bytes
import Engines
import Glibc
import Worker

/// Fits what the memory engines expect of a user of whom nothing is known, on byu_chitchat (MIT).
///
/// Only half of the users are fitted on, by a stable hash (`MemoryPairs.Pair.isFitted`), so that `bench quality
/// re-mention` can measure on the others. The beta distributions are those of the greatest beta-binomial likelihood of
/// the pairs' counts; the normal distribution of d is that with which `StrengthModel`, learning as it goes, loses
/// least. Of ln m re-mentions tell too little (m and d both say how fast a topic fades), and what they would say, e^−2,
/// would be wrong of memories that are recalled explicitly: it stays N(0, 1) around FSRS-6's own population.
enum MemoryFit: FitTask {
    static let name = "memory"
    static let files = [MemoryPairs.byuMessages, MemoryPairs.byuConversations]
    private static let target = "Sources/Engines/MemoryAging/MemoryPrior+Shipped.swift"
    private static let means = [0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1, 1.125]
    private static let deviations = [0.125, 0.25, 0.375, 0.5, 0.75]

    static func run(_ data: DataFolder) throws {
        let analyzer = TextAnalyzer.shipped(dimensions: 64)
        let histories = try MemoryPairs.byu(data).filter(\.isFitted).map { ReturnHistory($0, analyzer) }
        let candidates = histories.map { $0.stretches.map(\.candidates) }
        let stretchReturns = beta(
            candidates.map { pair in
                let hits = pair.count { $0.contains(where: \.isChosen) }
                return (Double(hits), Double(pair.count - hits))
            })
        let topicReturns = beta(
            candidates.map { pair in
                let all = pair.joined()
                let hits = all.count { $0.isChosen }
                return (Double(hits), Double(all.count - hits))
            })
        var prior = MemoryPrior(
            stretchReturns: stretchReturns, topicReturns: topicReturns, multiplierLog: .init(mean: 0, deviation: 1),
            recencyExponent: .init(mean: 0.75, deviation: 0.5))
        let before = loss(candidates, prior)
        var least = Double.infinity
        for mean in means {
            for deviation in deviations {
                var other = prior
                other.recencyExponent = .init(mean: mean, deviation: deviation)
                let value = loss(candidates, other)
                if value < least - 1e-9 { (prior, least) = (other, value) }
            }
        }
        progress("memory: \(histories.count) pairs, log-loss a prediction \(least), \(before) with d of N(0.75, 0.5²)")
        try writeFile(target, Array(source(prior).utf8))
    }

    /// Mean log-loss of predictions made before each outcome was learnt from.
    private static func loss(_ pairs: [[[ReturnCandidate]]], _ prior: MemoryPrior) -> Double {
        var (sum, count) = (0.0, 0.0)
        for pair in pairs {
            var model = StrengthModel(prior: prior)
            for stretch in pair {
                for (probability, candidate) in zip(model.predict(stretch), stretch) {
                    sum -= log(max(candidate.isChosen ? probability : 1 - probability, 1e-6))
                    count += 1
                }
                model.learn(stretch)
            }
        }
        return sum / count
    }

    /// The beta distribution of the greatest beta-binomial likelihood, to 5 % of its numbers.
    private static func beta(_ counts: [(hits: Double, misses: Double)]) -> MemoryPrior.Beta {
        var best = (MemoryPrior.Beta(hits: 1, misses: 1), -Double.infinity)
        for row in 0..<140 {
            for column in 0..<140 {
                let (a, b) = (rounded(0.1 * pow(1.05, Double(row))), rounded(0.1 * pow(1.05, Double(column))))
                let normaliser = lnBeta(a, b)
                let value = counts.reduce(0) { $0 + lnBeta(a + $1.hits, b + $1.misses) - normaliser }
                if value > best.1 { best = (MemoryPrior.Beta(hits: a, misses: b), value) }
            }
        }
        return best.0
    }

    private static func lnBeta(_ a: Double, _ b: Double) -> Double { lgamma(a) + lgamma(b) - lgamma(a + b) }
    private static func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }

    private static func source(_ prior: MemoryPrior) -> String {
        """
        // Version 1, by `bench fit memory` from half of the users of byu_chitchat 0.9.0 (MIT); change that.

        extension MemoryPrior {
            /// What the population of byu_chitchat's fitted half of users has.
            package static let shipped = MemoryPrior(
                stretchReturns: Beta(hits: \(prior.stretchReturns.hits), misses: \(prior.stretchReturns.misses)),
                topicReturns: Beta(hits: \(prior.topicReturns.hits), misses: \(prior.topicReturns.misses)),
                multiplierLog: Normal(mean: \(prior.multiplierLog.mean), deviation: \(prior.multiplierLog.deviation)),
                recencyExponent: Normal(
                    mean: \(prior.recencyExponent.mean), deviation: \(prior.recencyExponent.deviation)))
        }

        """
    }
}
