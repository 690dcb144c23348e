import Bytes

/// A mean and variance that follow their pair: plain up to `memory` values, then exponential with that time constant.
struct RecentMean: Equatable, Sendable {
    static let memory = 256

    private(set) var count = 0
    private(set) var mean = 0.0
    private(set) var variance = 0.0

    init() {}

    /// Folds one value in; what is not finite is left out.
    mutating func add(_ value: Double) {
        guard value.isFinite, value.magnitude <= 1e9 else { return }
        if count < Self.memory { count += 1 }
        let share = 1 / Double(count)
        let difference = value - mean
        mean += difference * share
        variance = (1 - share) * (variance + share * difference * difference)
    }

    var deviation: Double { variance.squareRoot() }

    /// The mean drawn towards a prior that weighs as much as `strength` values.
    func shrunken(towards prior: Double, strength: Double) -> Double {
        (Double(count) * mean + strength * prior) / (Double(count) + strength)
    }

    func encode(into writer: inout StateWriter) {
        writer.write(UInt64(count))
        writer.write(mean)
        writer.write(variance)
    }

    init(from reader: inout StateReader) throws(StateError) {
        count = Int(try reader.readUnsigned(max: UInt64(Self.memory)))
        mean = try reader.readDouble()
        variance = try reader.readDouble()
        guard mean.magnitude <= 1e9, variance >= 0, variance <= 1e18 else {
            throw reader.fault("a mean and a variance")
        }
    }
}
