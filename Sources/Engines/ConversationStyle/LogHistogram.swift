import Bytes

#if canImport(Glibc)
    import Glibc
#endif

/// A bounded sketch of a distribution of non-negative numbers: counts in 32 bins of equal width in log2(1 + x).
///
/// Quantiles are interpolated inside their bin, so that they are off by less than a bin (a factor of
/// 2^(1/resolution)). When the total reaches `totalMax` all counts are halved: the sketch follows its pair, and stays
/// in one or two bytes a bin.
struct LogHistogram: Equatable, Sendable {
    static let binsMax = 32
    static let totalMax = 2048

    /// Bins for each doubling of 1 + x.
    let resolution: Double
    private(set) var counts: [Int]
    private(set) var total = 0

    /// Makes an empty sketch that reaches up to 2^(32 / resolution).
    init(resolution: Double) {
        self.resolution = resolution
        counts = Array(repeating: 0, count: Self.binsMax)
    }

    mutating func add(_ value: Double) {
        let place = log2(1 + max(value, 0)) * resolution
        counts[place < Double(Self.binsMax) ? Int(place) : Self.binsMax - 1] += 1
        total += 1
        guard total >= Self.totalMax else { return }
        for index in counts.indices { counts[index] /= 2 }
        total = counts.reduce(0, +)
    }

    /// The value below which a share (0…1) of the distribution lies; nil when empty.
    func quantile(_ share: Double) -> Double? {
        guard total > 0 else { return nil }
        let wanted = min(max(share, 0), 1) * Double(total)
        var below = 0.0
        for (index, count) in counts.enumerated() where count > 0 {
            let count = Double(count)
            if below + count >= wanted {
                return exp2((Double(index) + (wanted - below) / count) / resolution) - 1
            }
            below += count
        }
        return exp2(Double(Self.binsMax) / resolution) - 1
    }

    func encode(into writer: inout StateWriter) {
        let used = (counts.lastIndex { $0 > 0 } ?? -1) + 1
        writer.write(list: counts[..<used]) { writer, count in writer.write(UInt64(count)) }
    }

    init(from reader: inout StateReader, resolution: Double) throws(StateError) {
        self.init(resolution: resolution)
        let used = try reader.readList(max: Self.binsMax) { reader throws(StateError) in
            Int(try reader.readUnsigned(max: UInt64(Self.totalMax)))
        }
        counts.replaceSubrange(0..<used.count, with: used)
        total = used.reduce(0, +)
        guard used.last != 0, total < Self.totalMax else { throw reader.fault("counts of a histogram") }
    }
}
