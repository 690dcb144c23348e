// Version 1, by `bench fit memory` from half of the users of byu_chitchat 0.9.0 (MIT); change that.

extension MemoryPrior {
    /// What the population of byu_chitchat's fitted half of users has.
    package static let shipped = MemoryPrior(
        stretchReturns: Beta(hits: 3.7, misses: 7.32),
        topicReturns: Beta(hits: 2.38, misses: 24.8),
        multiplierLog: Normal(mean: 0.0, deviation: 1.0),
        recencyExponent: Normal(
            mean: 0.875, deviation: 0.25))
}
