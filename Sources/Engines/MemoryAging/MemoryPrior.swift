/// What the memory engines expect of a user of whom nothing is known: the population's forgetting and returning.
///
/// `MemoryPrior+Shipped.swift` has the values, which `bench fit memory` fits.
package struct MemoryPrior: Equatable, Sendable {
    /// A beta distribution of a probability, as counts seen before.
    package struct Beta: Equatable, Sendable {
        package var hits: Double
        package var misses: Double

        package init(hits: Double, misses: Double) {
            self.hits = hits
            self.misses = misses
        }
    }

    /// A normal distribution among users.
    package struct Normal: Equatable, Sendable {
        package var mean: Double
        package var deviation: Double

        package init(mean: Double, deviation: Double) {
            self.mean = mean
            self.deviation = deviation
        }
    }

    /// P(a new stretch of talk returns to some known topic).
    package var stretchReturns: Beta
    /// P(a new stretch returns to one known topic), whichever.
    package var topicReturns: Beta
    /// ln m and d of `StrengthModel`.
    package var multiplierLog: Normal
    package var recencyExponent: Normal

    package init(stretchReturns: Beta, topicReturns: Beta, multiplierLog: Normal, recencyExponent: Normal) {
        self.stretchReturns = stretchReturns
        self.topicReturns = topicReturns
        self.multiplierLog = multiplierLog
        self.recencyExponent = recencyExponent
    }

    /// The posterior mean of P(a new stretch returns to some known topic).
    package func returnRate(returns: Int, openings: Int) -> Double {
        (Double(returns) + stretchReturns.hits)
            / (Double(openings) + stretchReturns.hits + stretchReturns.misses)
    }
}
