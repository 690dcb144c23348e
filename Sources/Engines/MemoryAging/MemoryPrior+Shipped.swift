// Version 1, by `bench fit memory` from half of the users of byu_chitchat 0.9.0 (MIT); change that.

extension MemoryPrior {
    /// What the population of byu_chitchat's fitted half of users has.
    package static let shipped = MemoryPrior(
        stretchReturns: Beta(hits: 3.52, misses: 4.96),
        topicReturns: Beta(hits: 3.19, misses: 31.65),
        multiplierLog: Normal(mean: 0.0, deviation: 1.0),
        recencyExponent: Normal(
            mean: 0.75, deviation: 0.25))
}
