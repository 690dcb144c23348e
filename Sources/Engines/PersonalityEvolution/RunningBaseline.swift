import Bytes
import Model

/// A running mean and variance of one user's values, drawn towards what most users do while there are few.
///
/// Welford's recursion; mean and variance count `priorCount` value of the population.
struct RunningBaseline: Equatable, Sendable {
    static let priorCount = 1.0

    private(set) var count = 0
    private(set) var mean = 0.0
    private var squares = 0.0

    /// What is expected of a user of whom nothing is known.
    struct Prior {
        var mean: Double
        var variance: Double
        static let valence = Prior(mean: 0.1, variance: 0.1)
        static let logWords = Prior(mean: 2.2, variance: 0.6)
        static let replied = Prior(mean: 0.9, variance: 0.09)
    }

    mutating func add(_ value: Double) {
        guard value.isFinite else { return }
        count += 1
        let distance = value - mean
        mean += distance / Double(count)
        squares += distance * (value - mean)
    }

    /// How many standard deviations a value is from this user's usual, bounded by ±3.
    func standardised(_ value: Double, prior: Prior) -> Double {
        guard value.isFinite else { return 0 }
        let expected = shrunken(prior)
        let distance = mean - prior.mean
        // The variance of the pooled values: within, of the prior, and between the two means.
        let between = Double(count) * Self.priorCount / (Double(count) + Self.priorCount) * distance * distance
        let variance = (squares + Self.priorCount * prior.variance + between) / (Double(count) + Self.priorCount)
        return min(max((value - expected) / variance.squareRoot(), -3), 3)
    }

    /// The mean drawn towards the prior's.
    func shrunken(_ prior: Prior) -> Double {
        (Double(count) * mean + Self.priorCount * prior.mean) / (Double(count) + Self.priorCount)
    }

    /// The standard deviation; nil for fewer than two values.
    var deviation: Double? { count > 1 ? (max(0, squares) / Double(count - 1)).squareRoot() : nil }

    init() {}

    func encode(into writer: inout StateWriter) {
        writer.write(UInt64(count))
        writer.write(mean)
        writer.write(squares)
    }

    init(from reader: inout StateReader) throws(StateError) {
        count = try reader.readTally()
        mean = try reader.readDouble(in: -1e6...1e6)
        squares = try reader.readDouble(in: 0...1e18)
    }
}
