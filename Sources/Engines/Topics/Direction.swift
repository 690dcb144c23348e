import Bytes

/// A direction in at most 64 dimensions, a signed byte each: what a tracker keeps of an embedding.
///
/// Only the direction is kept, since cosines need no length; the largest component is ±127. Embeddings wider than 64
/// are folded to 64 by signed hashing of the dimension (Charikar, Chen and Farach-Colton 2002), which keeps cosines
/// with a standard deviation of about 1/8; narrower ones are padded with zeros. Integer dot products make cosines
/// exact to reproduce.
struct Direction: Sendable {
    static let width = 64

    private(set) var components = InlineArray<64, Int8>(repeating: 0)
    /// The squared length of the quantised vector; never zero.
    private(set) var squaredLength: Int32 = 0

    /// Quantises an embedding; nil for a zero, empty or non-finite one.
    init?(_ embedding: [Float]) {
        var folded = InlineArray<64, Float>(repeating: 0)
        if embedding.count <= Self.width {
            for index in embedding.indices { folded[index] = embedding[index] }
        } else {
            for index in embedding.indices {
                let mixed = UInt32(truncatingIfNeeded: index) &* 0x9E37_79B1
                folded[Int(mixed >> 26)] += (mixed >> 25) & 1 == 0 ? embedding[index] : -embedding[index]
            }
        }
        self.init(quantising: folded)
    }

    private init?(quantising values: InlineArray<64, Float>) {
        // Magnitudes compare as their bits do, and what is not finite compares as greater than all that is.
        // Unchecked because every index is below 64: a check would keep the compiler from making vectors of the loops.
        let values = values.span
        var largestBits: UInt32 = 0
        for index in values.indices {
            let bits = unsafe values[unchecked: index].bitPattern & 0x7FFF_FFFF
            largestBits = largestBits > bits ? largestBits : bits
        }
        let largest = Float(bitPattern: largestBits)
        guard largest > 1e-12, largest.isFinite else { return nil }
        let scale = 127 / largest
        var cells = components.mutableSpan
        for index in values.indices {
            // Adding 1.5 · 2²³ leaves the nearest integer in the lowest bits, which the compiler can do for eight at
            // once.
            let shifted = unsafe values[unchecked: index] * scale + 12_582_912
            unsafe cells[unchecked: index] = Int8(truncatingIfNeeded: shifted.bitPattern)
        }
        squaredLength = dot(self)
    }

    private func dot(_ other: Direction) -> Int32 {
        var sum: Int32 = 0
        for index in components.indices { sum &+= Int32(components[index]) &* Int32(other.components[index]) }
        return sum
    }

    /// The cosine of two directions, -1…1.
    func cosine(to other: Direction) -> Double {
        let lengths = Double(squaredLength) * Double(other.squaredLength)
        return min(max(Double(dot(other)) / lengths.squareRoot(), -1), 1)
    }

    /// This direction turned towards another by `share` (0…1) of a step between the unit vectors.
    ///
    /// Stays where it is when the two cancel out.
    func moved(towards other: Direction, share: Float) -> Direction {
        let own = (1 - share) / Float(squaredLength).squareRoot()
        let added = share / Float(other.squaredLength).squareRoot()
        var sum = InlineArray<64, Float>(repeating: 0)
        for index in sum.indices {
            sum[index] = own * Float(components[index]) + added * Float(other.components[index])
        }
        return Direction(quantising: sum) ?? self
    }

    func encode(into writer: inout StateWriter) {
        for index in components.indices { writer.write(byte: UInt8(bitPattern: components[index])) }
    }

    init(from reader: inout StateReader) throws(StateError) {
        var largest: UInt8 = 0
        for index in components.indices {
            components[index] = Int8(bitPattern: try reader.readByte())
            largest = max(largest, components[index].magnitude)
        }
        guard largest == 127 else { throw reader.fault("a direction whose largest component is 127") }
        squaredLength = dot(self)
    }
}
