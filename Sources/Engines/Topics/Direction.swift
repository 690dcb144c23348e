import Bytes

/// A direction in at most 64 dimensions, a signed byte each: what a tracker keeps of an embedding.
///
/// Only the direction is kept, since cosines need no length; the largest component is ±127. Embeddings wider than 64 are
/// folded to 64 by signed hashing of the dimension (Charikar, Chen and Farach-Colton 2002), which keeps cosines with a
/// standard deviation of about 1/8; narrower ones are padded with zeros. Integer dot products make cosines exact to
/// reproduce.
struct Direction: Equatable, Sendable {
    static let width = 64

    private(set) var components: InlineArray<64, Int8>
    /// The squared length of the quantised vector; never zero.
    let squaredLength: Int32

    /// Quantises an embedding; nil for a zero, empty or non-finite one.
    init?(_ embedding: [Float]) {
        var folded = InlineArray<64, Float>(repeating: 0)
        let source = embedding.span
        if source.count <= Self.width {
            for index in 0..<source.count { folded[index] = source[index] }
        } else {
            for index in 0..<source.count {
                let mixed = UInt32(truncatingIfNeeded: index) &* 0x9E37_79B1
                let bucket = Int(mixed >> 26)
                folded[bucket] += (mixed >> 25) & 1 == 0 ? source[index] : -source[index]
            }
        }
        self.init(quantising: folded)
    }

    // The loops below are written so that the compiler makes vectors of them: no traps, no calls, and comparisons of floats
    // by their bits, which order magnitudes and put infinities and NaN last. Unchecked because every index is below 64.

    private init?(quantising values: InlineArray<64, Float>) {
        let values = values.span
        var largestBits: UInt32 = 0
        for index in 0..<Self.width {
            let bits = unsafe values[unchecked: index].bitPattern & 0x7FFF_FFFF
            largestBits = largestBits > bits ? largestBits : bits
        }
        let largest = Float(bitPattern: largestBits)
        guard largest > 1e-12, largest.isFinite else { return nil }
        let scale = 127 / largest
        var components = InlineArray<64, Int8>(repeating: 0)
        var cells = components.mutableSpan
        for index in 0..<Self.width {
            unsafe cells[unchecked: index] = Self.rounded(values[unchecked: index] * scale)
        }
        self.init(components)
    }

    private init(_ components: InlineArray<64, Int8>) {
        self.components = components
        squaredLength = Self.dot(components, components)
    }

    /// The nearest integer of a magnitude below 128, ties away from zero.
    @inline(__always)
    private static func rounded(_ value: Float) -> Int8 {
        // Adding the largest float below a half never carries past an integer; adding 2²³ then leaves the integer in the
        // low bits, one too large where it rounded up.
        let shifted = value.magnitude + 0.499_999_97
        let anchored = shifted + 8_388_608
        let isAbove: Int32 = anchored - 8_388_608 > shifted ? 1 : 0
        let magnitude = Int32(truncatingIfNeeded: anchored.bitPattern & 0xFF) &- isAbove
        let sign = Int32(bitPattern: value.bitPattern) >> 31
        return Int8(truncatingIfNeeded: (magnitude ^ sign) &- sign)
    }

    private static func dot(_ left: InlineArray<64, Int8>, _ right: InlineArray<64, Int8>) -> Int32 {
        var sum: Int32 = 0
        for index in 0..<width { sum &+= Int32(left[index]) &* Int32(right[index]) }
        return sum
    }

    static func == (left: Direction, right: Direction) -> Bool {
        for index in 0..<width where left.components[index] != right.components[index] { return false }
        return true
    }

    /// The cosine of two directions, -1…1.
    func cosine(to other: Direction) -> Double {
        let dot = Self.dot(components, other.components)
        let lengths = Double(squaredLength) * Double(other.squaredLength)
        return min(max(Double(dot) / lengths.squareRoot(), -1), 1)
    }

    /// This direction turned towards another by `share` (0…1) of a step between the unit vectors.
    ///
    /// Stays where it is when the two cancel out.
    func moved(towards other: Direction, share: Float) -> Direction {
        let own = (1 - share) / Float(squaredLength).squareRoot()
        let added = share / Float(other.squaredLength).squareRoot()
        var sums = InlineArray<64, Float>(repeating: 0)
        for index in 0..<Self.width {
            sums[index] = Float(components[index]) * own + Float(other.components[index]) * added
        }
        return Direction(quantising: sums) ?? self
    }

    func encode(into writer: inout StateWriter) {
        for index in 0..<Self.width { writer.write(byte: UInt8(bitPattern: components[index])) }
    }

    init(from reader: inout StateReader) throws(StateError) {
        var components = InlineArray<64, Int8>(repeating: 0)
        var largest: UInt8 = 0
        for index in 0..<Self.width {
            let component = Int8(bitPattern: try reader.readByte())
            largest = max(largest, component.magnitude)
            components[index] = component
        }
        guard largest == 127 else { throw reader.fault("a direction whose largest component is 127") }
        self.init(components)
    }
}
