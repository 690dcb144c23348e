import Bytes

/// How far predicted probabilities are from what then happened.
///
///     error = Σ over 5 fixed bins of (n_b/N)·|hits_b/n_b − mean prediction_b|      (expected calibration error)
///     score = (N·(1 − error) + κ/2)/(N + κ),  κ = `pseudoCount`
///
/// Few predictions leave the score near one half. Predictions are summed in millionths, exactly.
/// Source: Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", 2015.
struct Calibration: Equatable, Sendable {
    /// Upper ends of the bins; the last takes everything up to 1. Returns to one of several topics are rarely likely.
    static let binEnds = [0.1, 0.2, 0.4, 0.7]
    static let pseudoCount = 5.0

    struct Bin: Equatable, Sendable {
        var count = 0
        var hits = 0
        /// Sum of the predictions in millionths.
        var predicted = 0
    }

    private(set) var bins = [Bin](repeating: Bin(), count: binEnds.count + 1)

    init() {}

    var count: Int { bins.reduce(0) { $0 + $1.count } }

    mutating func record(predicted: Double, outcome: Bool) {
        let index = Self.binEnds.firstIndex { predicted < $0 } ?? Self.binEnds.count
        bins[index].count += 1
        bins[index].hits += outcome ? 1 : 0
        bins[index].predicted += Int((predicted * 1e6).rounded())
    }

    /// 0…1, higher is better; nil without predictions.
    var score: Double? {
        let total = Double(count)
        guard total > 0 else { return nil }
        let gaps = bins.reduce(0.0) { $0 + abs(Double($1.hits) - Double($1.predicted) / 1e6) }
        return (total - gaps + Self.pseudoCount / 2) / (total + Self.pseudoCount)
    }

    func encode(into writer: inout StateWriter) {
        for bin in bins {
            writer.write(UInt64(bin.count))
            writer.write(UInt64(bin.hits))
            writer.write(UInt64(bin.predicted))
        }
    }

    init(from reader: inout StateReader) throws(StateError) {
        for index in bins.indices {
            bins[index].count = try reader.readTally()
            bins[index].hits = try reader.readTally()
            bins[index].predicted = try reader.readTally()
            guard bins[index].hits <= bins[index].count, bins[index].predicted / 1_000_000 <= bins[index].count else {
                throw StateError(offset: 0, expected: "a bin with at most all hits")
            }
        }
    }
}
