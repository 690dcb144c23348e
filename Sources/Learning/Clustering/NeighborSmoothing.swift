import Bytes

/// Moves each vector halfway towards the mean of its nearest neighbours, so that what belongs together moves together.
///
///     y = (x + m / |m|) / |x + m / |m||        m = the sum of the k vectors of largest cosine to x, x itself left out
///
/// One step of graph smoothing (Wu et al., "Simplifying Graph Convolutional Networks", 2019; the idea of blurring mean
/// shift: Cheng 1995). Clusters of short texts come out closer to what people call their topics; `bench quality
/// clustering` measures that. All sums are whole numbers; among equal cosines the earlier row is the nearer one.
enum NeighborSmoothing {
    static let neighborsMax = 10
    /// Rows for each neighbour: a few vectors have no neighbourhood to speak of, and smoothing would make one up.
    static let rowsPerNeighbor = 20

    static func neighbors(of rows: Int) -> Int { min(neighborsMax, rows / rowsPerNeighbor) }

    /// Moves each row towards its neighbours.
    ///
    /// - Parameters:
    ///   - vectors: any rows.
    ///   - checkpoint: called now and then; may throw to end early.
    /// - Returns: as many rows; the same where they are too few to have neighbourhoods.
    /// - Complexity: O(rows²).
    static func smooth(_ vectors: UnitVectors, checkpoint: () throws -> Void) rethrows -> UnitVectors {
        let count = vectors.count
        let wanted = neighbors(of: count)
        guard wanted > 0 else { return vectors }
        let nearest = try nearest(vectors, wanted, checkpoint: checkpoint)
        var smoothed = UnitVectors()
        smoothed.reserveCapacity(count)
        var mean = UnitVectors(cells: [Int16](repeating: 0, count: UnitVectors.width))
        var sum = [Int64](repeating: 0, count: UnitVectors.width)
        for row in 0..<count {
            for index in sum.indices { sum[index] = 0 }
            for neighbor in nearest[row * wanted..<(row + 1) * wanted] {
                let first = Int(neighbor) * UnitVectors.width
                for index in sum.indices { sum[index] += Int64(vectors.cells[first + index]) }
            }
            mean.replace(0, directionOf: sum.span)
            let first = row * UnitVectors.width
            for index in sum.indices {
                sum[index] = Int64(mean.cells[index]) + Int64(vectors.cells[first + index])
            }
            // Opposite to all its neighbours: it stays where it is.
            if !smoothed.append(directionOf: sum) { smoothed.append(directionOf: vectors[row]) }
        }
        return smoothed
    }

    /// The rows of largest cosine to each row, in no order; `wanted` a row.
    private static func nearest(
        _ vectors: UnitVectors, _ wanted: Int, checkpoint: () throws -> Void
    ) rethrows -> [UInt32] {
        let count = vectors.count
        let width = UnitVectors.width
        // Rows are taken in blocks that stay in the cache while every other row passes by.
        let blockRows = 64
        var rows = [UInt32](repeating: 0, count: count * wanted)
        var products = [Int32](repeating: .min, count: count * wanted)
        var weakest = [Int](repeating: 0, count: count)
        var block = [Int32](repeating: 0, count: blockRows)
        for first in stride(from: 0, to: count, by: blockRows) {
            try checkpoint()
            let end = min(count, first + blockRows)
            let inner = vectors.cells.span.extracting(first * width..<end * width)
            for row in 0..<count {
                var room = block.mutableSpan
                UnitVectors.dot(vectors.cells.span.extracting(row * width..<(row + 1) * width), inner, into: &room)
                for place in 0..<(end - first) {
                    let slot = weakest[row]
                    guard block[place] > products[slot + row * wanted], first + place != row else { continue }
                    products[slot + row * wanted] = block[place]
                    rows[slot + row * wanted] = UInt32(first + place)
                    weakest[row] = leastPlace(products[row * wanted..<(row + 1) * wanted])
                }
            }
        }
        return rows
    }

    /// Where the least of some numbers is, the last of equals.
    private static func leastPlace(_ numbers: ArraySlice<Int32>) -> Int {
        var least = numbers.startIndex
        for index in numbers.indices where numbers[index] <= numbers[least] { least = index }
        return least - numbers.startIndex
    }
}
