/// Directions in 256 dimensions, one a row, as signed 16-bit integers: 32,767 is the length 1.
///
/// Dot products and sums of such rows are whole numbers, so they come out the same in whatever order they are added up.
/// A dot product of two rows fits 32 bits, as does every part of its sum (Cauchy and Schwarz). Narrower vectors are
/// padded with zeros.
package struct UnitVectors: Hashable, Sendable {
    /// Numbers in a row.
    package static let width = 256
    /// What stands for the length 1.
    package static let unit = 32_767.0
    /// What stands for the cosine 1.
    package static let one = unit * unit

    /// Row after row.
    package private(set) var cells: [Int16] = []

    package init() {}

    package init(cells: [Int16]) {
        precondition(
            cells.count % Self.width == 0, "expected whole rows of \(Self.width), got: \(cells.count) numbers")
        self.cells = cells
    }

    /// How many rows there are.
    package var count: Int { cells.count / Self.width }

    /// One row.
    package subscript(row: Int) -> ArraySlice<Int16> { cells[row * Self.width..<(row + 1) * Self.width] }

    package mutating func reserveCapacity(_ rows: Int) { cells.reserveCapacity(rows * Self.width) }

    /// Appends the direction of a sum.
    ///
    /// - Parameter sum: 256 whole numbers.
    /// - Returns: whether it has a direction; if not, nothing is appended.
    @discardableResult
    package mutating func append(directionOf sum: some Sequence<some BinaryInteger>) -> Bool {
        var squared = 0.0
        var values: [Double] = []
        values.reserveCapacity(Self.width)
        for number in sum {
            let value = Double(number)
            squared += value * value
            values.append(value)
        }
        precondition(values.count == Self.width, "expected \(Self.width) numbers, got: \(values.count)")
        guard squared > 0 else { return false }
        let scale = Self.unit / squared.squareRoot()
        cells.append(contentsOf: values.map { Int16(($0 * scale).rounded()) })
        return true
    }

    /// Replaces a row by the direction of a sum; leaves it as it is if the sum has none.
    mutating func replace(_ row: Int, directionOf sum: Span<Int64>) {
        precondition(sum.count == Self.width, "expected \(Self.width) numbers, got: \(sum.count)")
        var squared = 0.0
        for index in sum.indices { squared += Double(sum[index]) * Double(sum[index]) }
        guard squared > 0 else { return }
        let scale = Self.unit / squared.squareRoot()
        let first = row * Self.width
        for index in sum.indices { cells[first + index] = Int16((Double(sum[index]) * scale).rounded()) }
    }

    /// The cosine of two rows, -1…1.
    package func cosine(_ row: Int, _ other: UnitVectors, _ otherRow: Int) -> Double {
        min(1, max(-1, Double(dot(row, with: otherRow, of: other)) / Self.one))
    }

    /// The dot product of one of these rows with one of others.
    func dot(_ row: Int, with otherRow: Int, of others: UnitVectors) -> Int32 {
        let width = Self.width
        let left = cells.span.extracting(row * width..<(row + 1) * width)
        let right = others.cells.span.extracting(otherRow * width..<(otherRow + 1) * width)
        var sum: Int32 = 0
        for index in 0..<width { sum = unsafe sum &+ Self.product(left, right, index, 0) }
        return sum
    }

    /// The dot products of one of these rows with each row of others.
    ///
    /// - Parameters:
    ///   - row: which one.
    ///   - others: any number of rows.
    ///   - products: at least as many numbers as there are others.
    /// - Complexity: O(others).
    func dots(of row: Int, with others: UnitVectors, into products: inout [Int32]) {
        var room = products.mutableSpan
        Self.dot(cells.span.extracting(row * Self.width..<(row + 1) * Self.width), others.cells.span, into: &room)
    }

    /// The dot products of one row with each of some rows.
    ///
    /// - Parameters:
    ///   - row: 256 numbers.
    ///   - rows: any number of rows.
    ///   - products: at least as many numbers as there are rows.
    /// - Complexity: O(rows); about 8 ns a row where a vector register has 128 bits.
    @inline(__always)
    static func dot(_ row: Span<Int16>, _ rows: Span<Int16>, into products: inout MutableSpan<Int32>) {
        let count = rows.count / width
        precondition(row.count == width && products.count >= count, "expected room for \(count) products")
        // Four rows at a time: each number of the one row is loaded once for all four, which is twice as fast.
        let inFours = count & ~3
        for place in stride(from: 0, to: inFours, by: 4) { fourDots(row, rows, place, into: &products) }
        for place in inFours..<count {
            var sum: Int32 = 0
            for index in 0..<width { sum = unsafe sum &+ product(row, rows, index, place) }
            unsafe products[unchecked: place] = sum
        }
    }

    @inline(__always)
    private static func fourDots(
        _ row: Span<Int16>, _ rows: Span<Int16>, _ place: Int, into products: inout MutableSpan<Int32>
    ) {
        var (first, second, third, fourth): (Int32, Int32, Int32, Int32) = (0, 0, 0, 0)
        for index in 0..<width {
            first = unsafe first &+ product(row, rows, index, place)
            second = unsafe second &+ product(row, rows, index, place &+ 1)
            third = unsafe third &+ product(row, rows, index, place &+ 2)
            fourth = unsafe fourth &+ product(row, rows, index, place &+ 3)
        }
        unsafe products[unchecked: place] = first
        unsafe products[unchecked: place &+ 1] = second
        unsafe products[unchecked: place &+ 2] = third
        unsafe products[unchecked: place &+ 3] = fourth
    }

    /// One term of a dot product.
    ///
    /// Unchecked because `dot` has compared all counts: a check would keep the compiler from multiplying eight numbers
    /// at once.
    @inline(__always) @unsafe
    private static func product(_ row: Span<Int16>, _ rows: Span<Int16>, _ index: Int, _ place: Int) -> Int32 {
        unsafe Int32(row[unchecked: index]) &* Int32(rows[unchecked: place &* width &+ index])
    }
}
