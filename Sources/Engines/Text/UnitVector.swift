/// Sums over vectors of floats in a fixed order, so that they give the same bits whatever the compiler makes of them.
///
/// Eight running sums, then ((0+4)+(2+6))+((1+5)+(3+7)).
package enum UnitVector {
    /// The dot product; for unit vectors their cosine.
    ///
    /// - Parameters:
    ///   - left: any vector.
    ///   - right: a vector of the same width.
    /// - Returns: the sum of products in single precision.
    /// - Complexity: O(n).
    package static func dot(_ left: [Float], _ right: [Float]) -> Float {
        precondition(left.count == right.count, "expected equal widths, got: \(left.count) and \(right.count)")
        var sums = SIMD8<Float>.zero
        var index = 0
        while index + 8 <= left.count {
            sums += eight(left, index) * eight(right, index)
            index += 8
        }
        var sum = reduce(sums)
        while index < left.count {
            sum += left[index] * right[index]
            index += 1
        }
        return sum
    }

    /// Divides a vector by its length.
    ///
    /// - Parameter vector: becomes a unit vector, or all zeros if it has no length or is not finite.
    /// - Returns: whether there was a length to divide by.
    /// - Complexity: O(n).
    @discardableResult
    package static func normalize(_ vector: inout [Float]) -> Bool {
        let squared = dot(vector, vector)
        guard squared.isFinite, squared > 0 else {
            for index in vector.indices { vector[index] = 0 }
            return false
        }
        let length = squared.squareRoot()
        for index in vector.indices { vector[index] /= length }
        return true
    }

    @inline(__always)
    private static func eight(_ vector: [Float], _ index: Int) -> SIMD8<Float> {
        SIMD8(
            vector[index], vector[index + 1], vector[index + 2], vector[index + 3], vector[index + 4],
            vector[index + 5], vector[index + 6], vector[index + 7])
    }

    private static func reduce(_ sums: SIMD8<Float>) -> Float {
        let four = sums.lowHalf + sums.highHalf
        let two = four.lowHalf + four.highHalf
        return two[0] + two[1]
    }
}
