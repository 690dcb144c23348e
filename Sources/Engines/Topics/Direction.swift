import Bytes

/// A direction in at most 64 dimensions, a signed byte each: what a tracker keeps of an embedding.
///
/// Only the direction is kept, since cosines need no length; the largest component is ±127. Embeddings wider than 64 are
/// folded to 64 by signed hashing of the dimension (Charikar, Chen and Farach-Colton 2002), which keeps cosines with a
/// standard deviation of about 1/8; narrower ones are padded with zeros. Integer dot products make cosines exact to
/// reproduce.
struct Direction: Equatable, Sendable {
    static let width = 64

    private(set) var components: SIMD64<Int8>

    /// Quantises an embedding; nil for a zero, empty or non-finite one.
    init?(_ embedding: [Float]) {
        var folded = SIMD64<Float>(repeating: 0)
        if embedding.count <= Self.width {
            for index in embedding.indices { folded[index] = embedding[index] }
        } else {
            for index in embedding.indices {
                let mixed = UInt32(truncatingIfNeeded: index) &* 0x9E37_79B1
                let bucket = Int(mixed >> 26)
                folded[bucket] += (mixed >> 25) & 1 == 0 ? embedding[index] : -embedding[index]
            }
        }
        self.init(quantising: folded)
    }

    private init?(quantising values: SIMD64<Float>) {
        let largest = max(values.max(), -values.min())
        guard largest > 1e-12, largest.isFinite else { return nil }
        let scaled = (values * (127 / largest)).rounded(.toNearestOrAwayFromZero)
        var components = SIMD64<Int8>(repeating: 0)
        for index in 0..<Self.width {
            guard scaled[index].magnitude <= 127 else { return nil }
            components[index] = Int8(scaled[index])
        }
        self.components = components
    }

    private var wide: SIMD64<Int32> { SIMD64<Int32>(truncatingIfNeeded: components) }

    /// The squared length of the quantised vector; never zero.
    var squaredLength: Int32 {
        let wide = wide
        return (wide &* wide).wrappedSum()
    }

    /// The cosine of two directions, -1…1.
    func cosine(to other: Direction) -> Double {
        let dot = (wide &* other.wide).wrappedSum()
        let lengths = Double(squaredLength) * Double(other.squaredLength)
        return min(max(Double(dot) / lengths.squareRoot(), -1), 1)
    }

    /// This direction turned towards another by `share` (0…1) of a step between the unit vectors.
    ///
    /// Stays where it is when the two cancel out.
    func moved(towards other: Direction, share: Float) -> Direction {
        let own = SIMD64<Float>(wide) * ((1 - share) / Float(squaredLength).squareRoot())
        let added = SIMD64<Float>(other.wide) * (share / Float(other.squaredLength).squareRoot())
        return Direction(quantising: own + added) ?? self
    }

    func encode(into writer: inout StateWriter) {
        for index in 0..<Self.width { writer.write(byte: UInt8(bitPattern: components[index])) }
    }

    init(from reader: inout StateReader) throws(StateError) {
        var components = SIMD64<Int8>(repeating: 0)
        var largest: UInt8 = 0
        for index in 0..<Self.width {
            let component = Int8(bitPattern: try reader.readByte())
            largest = max(largest, component.magnitude)
            components[index] = component
        }
        guard largest == 127 else { throw reader.fault("a direction whose largest component is 127") }
        self.components = components
    }
}
