/// Upper bounds of the dot products of rows and centroids, so that few products have to be computed anew.
///
///     x · c′ ≤ x · c + |x| |c′ − c|
///
/// A centroid that was far from a row is far from it still when it has moved a little (Cauchy and Schwarz). Bounds are
/// whole numbers of 128 units of a product, always rounded up: what they leave out is never a row's nearest centroid.
///
/// Sources: Elkan 2003; for cosines Schubert, Lang and Feher 2021.
struct ProductBounds {
    /// How many times centroids may move before numbers no longer fit.
    static let movesMax = 100
    private static let unitBits: Int32 = 7
    private static let unit: Int32 = 1 << unitBits
    /// No row is longer: each of its 256 numbers was rounded by a half at most.
    private static let rowLengthMax = UnitVectors.unit + 8

    private let clusters: Int
    /// Row after row, for each cluster: the product when it was computed, less the centroid's way until then.
    private var bounds: [Int32]
    /// How far each centroid has moved in all, in units of a product with a row.
    private var ways: [Int32]

    init(rows: Int, clusters: Int) {
        self.clusters = clusters
        bounds = [Int32](repeating: 0, count: rows * clusters)
        ways = [Int32](repeating: 0, count: clusters)
    }

    /// Takes a product note of as it is now.
    mutating func note(_ product: Int32, of row: Int, with cluster: Int) {
        bounds[row * clusters + cluster] = Self.unitsAbove(product) - ways[cluster]
    }

    /// Whether the product of a row and a centroid, noted before, may be as large as a number by now.
    func mayReach(_ product: Int32, of row: Int, with cluster: Int) -> Bool {
        bounds[row * clusters + cluster] + ways[cluster] >= Self.unitsAbove(product)
    }

    /// A centroid has moved.
    ///
    /// - Parameters:
    ///   - cluster: whose.
    ///   - old: what it was, 256 numbers.
    ///   - new: what it is.
    mutating func move(_ cluster: Int, from old: ArraySlice<Int16>, to new: ArraySlice<Int16>) {
        var squared: Int64 = 0
        for (before, after) in zip(old, new) {
            let difference = Int64(after) - Int64(before)
            squared += difference * difference
        }
        let length = Double(squared).squareRoot() * Self.rowLengthMax / Double(Self.unit)
        // One more than the ceiling: the root may have been rounded down.
        ways[cluster] += Int32(length.rounded(.up)) + 1
    }

    /// A product in units, rounded up.
    private static func unitsAbove(_ product: Int32) -> Int32 { (product + (unit - 1)) >> unitBits }
}
