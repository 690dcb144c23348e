import Bytes
import Glibc

/// Whether memories whose reviews were spaced come back more often than the forgetting curve alone says.
///
///     gain = ln((hits_spaced + 1)/(predicted_spaced + 1)) − ln((hits_massed + 1)/(predicted_massed + 1))
///
/// 0: no spacing effect beyond the curve's; the ones shrink it to 0. Predictions are summed in millionths, exactly.
/// Source: Cepeda, Pashler, Vul, Wixted and Rohrer, "Distributed practice in verbal recall tasks", 2006.
struct SpacingTally: Equatable, Sendable {
    /// Predictions of each kind below which no gain is stated.
    static let predictionsMin = 5

    struct Side: Equatable, Sendable {
        var count = 0
        var hits = 0
        var predicted = 0

        var logRatio: Double { log((Double(hits) + 1) / (Double(predicted) / 1e6 + 1)) }

        mutating func record(_ probability: Double, _ outcome: Bool) {
            count += 1
            hits += outcome ? 1 : 0
            predicted += Int((probability * 1e6).rounded())
        }

        func encode(into writer: inout StateWriter) {
            writer.write(UInt64(count))
            writer.write(UInt64(hits))
            writer.write(UInt64(predicted))
        }

        init() {}

        init(from reader: inout StateReader) throws(StateError) {
            count = try reader.readMemoryCount()
            hits = try reader.readMemoryCount()
            predicted = try reader.readMemoryCount()
            guard hits <= count, predicted / 1_000_000 <= count else {
                throw StateError(offset: 0, expected: "hits among the predictions")
            }
        }
    }

    private(set) var spaced = Side()
    private(set) var massed = Side()

    init() {}

    mutating func record(predicted: Double, outcome: Bool, isSpaced: Bool) {
        if isSpaced { spaced.record(predicted, outcome) } else { massed.record(predicted, outcome) }
    }

    /// Nil until there are enough predictions of both kinds.
    var gain: Double? {
        guard min(spaced.count, massed.count) >= Self.predictionsMin else { return nil }
        return spaced.logRatio - massed.logRatio
    }

    func encode(into writer: inout StateWriter) {
        spaced.encode(into: &writer)
        massed.encode(into: &writer)
    }

    init(from reader: inout StateReader) throws(StateError) {
        spaced = try Side(from: &reader)
        massed = try Side(from: &reader)
    }
}
