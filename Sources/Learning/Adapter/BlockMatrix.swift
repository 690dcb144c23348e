/// Numbers in blocks of eight, the last one padded with zeros.
///
/// Sums run over blocks in order and then over the eight lanes: the same numbers give the same bits.
struct BlockVector: Sendable {
    let width: Int
    var blocks: [SIMD8<Double>]

    init(width: Int) {
        self.width = width
        blocks = [SIMD8<Double>](repeating: .zero, count: (width + 7) / 8)
    }

    init(_ values: [Float]) {
        self.init(width: values.count)
        for (index, value) in values.enumerated() { self[index] = Double(value) }
    }

    subscript(_ index: Int) -> Double {
        get { blocks[index >> 3][index & 7] }
        set { blocks[index >> 3][index & 7] = newValue }
    }

    /// The numbers in single precision.
    var floats: [Float] { (0..<width).map { Float(self[$0]) } }
}

/// A square matrix of blocked rows.
struct BlockMatrix: Sendable {
    let width: Int
    /// Blocks in a row.
    let stride: Int
    var blocks: [SIMD8<Double>]

    init(width: Int) {
        self.width = width
        stride = (width + 7) / 8
        blocks = [SIMD8<Double>](repeating: .zero, count: width * stride)
    }

    subscript(_ row: Int, _ column: Int) -> Double {
        get { blocks[row * stride + column >> 3][column & 7] }
        set { blocks[row * stride + column >> 3][column & 7] = newValue }
    }

    /// Adds the product of a column and a row vector.
    ///
    /// - Complexity: O(width²).
    mutating func addOuter(_ column: BlockVector, _ row: BlockVector) {
        for index in 0..<width {
            let factor = SIMD8(repeating: column[index])
            let start = index * stride
            for block in 0..<stride { blocks[start + block] += factor * row.blocks[block] }
        }
    }

    mutating func add(_ other: BlockMatrix) {
        for index in blocks.indices { blocks[index] += other.blocks[index] }
    }

    /// Multiplies everything by a number and adds another to the diagonal.
    func scaled(by factor: Double, diagonal: Double) -> BlockMatrix {
        var result = self
        for index in blocks.indices { result.blocks[index] *= factor }
        for index in 0..<width { result[index, index] += diagonal }
        return result
    }

    /// The product with a vector.
    ///
    /// - Complexity: O(width²).
    func times(_ vector: BlockVector) -> BlockVector {
        var result = BlockVector(width: width)
        for row in 0..<width {
            var sums = SIMD8<Double>.zero
            for block in 0..<stride { sums += blocks[row * stride + block] * vector.blocks[block] }
            result[row] = sums.sum()
        }
        return result
    }
}

/// A symmetric positive definite system, factored once and solved for any number of right sides.
///
///     A = L·Lᵀ;  L·y = b;  Lᵀ·x = y
///
/// Source: Golub and Van Loan, "Matrix Computations", 2013, §4.2.
struct CholeskyFactor: Sendable {
    private let lower: BlockMatrix

    /// Factors a matrix.
    ///
    /// - Parameter matrix: symmetric positive definite; only its lower half is read.
    /// - Complexity: O(width³).
    init(_ matrix: BlockMatrix) {
        var lower = BlockMatrix(width: matrix.width)
        let stride = matrix.stride
        for row in 0..<matrix.width {
            for column in 0...row {
                // What is not computed yet is zero in one of the two rows.
                var sums = SIMD8<Double>.zero
                for block in 0...(column >> 3) {
                    sums += lower.blocks[row * stride + block] * lower.blocks[column * stride + block]
                }
                let rest = matrix[row, column] - sums.sum()
                if row == column {
                    precondition(rest > 0, "expected a positive definite matrix, got: pivot \(rest) in row \(row)")
                    lower[row, row] = rest.squareRoot()
                } else {
                    lower[row, column] = rest / lower[column, column]
                }
            }
        }
        self.lower = lower
    }

    /// Solves the system for one right side.
    ///
    /// - Complexity: O(width²).
    func solve(_ right: BlockVector) -> BlockVector {
        let stride = lower.stride
        var solution = BlockVector(width: lower.width)
        for row in 0..<lower.width {
            var sums = SIMD8<Double>.zero
            for block in 0...(row >> 3) { sums += lower.blocks[row * stride + block] * solution.blocks[block] }
            solution[row] = (right[row] - sums.sum()) / lower[row, row]
        }
        for row in (0..<lower.width).reversed() {
            let value = solution[row] / lower[row, row]
            let factor = SIMD8(repeating: value)
            for block in 0...(row >> 3) { solution.blocks[block] -= factor * lower.blocks[row * stride + block] }
            solution[row] = value
        }
        return solution
    }
}
