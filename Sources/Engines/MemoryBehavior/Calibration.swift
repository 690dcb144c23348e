import Bytes

/// How far predicted probabilities are from what then happened, in proportion to how much was predicted and happened.
///
///     gap = Σ over 5 fixed bins of |hits_b − predicted_b|,   mass = Σ (hits_b + predicted_b)
///     score = 1 − (gap + κ/2)/(mass + κ),  κ = `pseudoCount`
///
/// It is the expected calibration error, divided by the base rate instead of by the number of predictions: returns are
/// rare, and the plain error of rare events is near 0 whatever is predicted. Without returns or predictions of any the
/// score is one half; chance alone keeps it below 1 when few were seen. Predictions are summed in millionths, exactly.
/// Source: Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", 2015.
struct Calibration: Equatable, Sendable {
    /// Upper ends of the bins; the last one takes what is above.
    ///
    /// They are narrow where predictions are many: a return to one of several topics is rarely likely.
    static let binEnds = [0.02, 0.05, 0.1, 0.4]
    static let pseudoCount = 2.0

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
        guard count > 0 else { return nil }
        var (gap, mass) = (0.0, 0.0)
        for bin in bins {
            let predicted = Double(bin.predicted) / 1e6
            gap += abs(Double(bin.hits) - predicted)
            mass += Double(bin.hits) + predicted
        }
        return 1 - (gap + Self.pseudoCount / 2) / (mass + Self.pseudoCount)
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
            bins[index].count = try reader.readMemoryCount()
            bins[index].hits = try reader.readMemoryCount()
            bins[index].predicted = try reader.readMemoryCount()
            guard bins[index].hits <= bins[index].count, bins[index].predicted / 1_000_000 <= bins[index].count else {
                throw StateError(offset: 0, expected: "a bin with at most all hits")
            }
        }
    }
}
