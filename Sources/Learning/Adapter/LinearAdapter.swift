import Engines

/// A linear map of query embeddings; documents are searched as they are.
///
///     score(q, d) = (W·q)ᵀ·d / |W·q|
package struct LinearAdapter: Hashable, Sendable {
    /// Widths of embeddings that one can be made for.
    package static let widths = 2...512

    /// The width of the embeddings.
    package let width: Int
    /// W, row by row.
    package let matrix: [Float]

    /// Makes an adapter of a matrix; nil if the width is out of bounds or a number is not finite.
    ///
    /// - Parameters:
    ///   - width: within `widths`.
    ///   - matrix: width² numbers, row by row.
    package init?(width: Int, matrix: [Float]) {
        guard Self.widths.contains(width), matrix.count == width * width, matrix.allSatisfy(\.isFinite) else {
            return nil
        }
        self.width = width
        self.matrix = matrix
    }

    /// The adapted embedding.
    ///
    /// - Parameter query: of the adapter's width.
    /// - Returns: a unit vector; zeros if there is no direction.
    /// - Complexity: O(width²).
    package func apply(_ query: [Float]) -> [Float] {
        precondition(query.count == width, "expected \(width) numbers, got: \(query.count)")
        var adapted = [Float](repeating: 0, count: width)
        for row in 0..<width {
            var sum = 0.0
            for column in 0..<width { sum += Double(matrix[row * width + column]) * Double(query[column]) }
            adapted[row] = Float(sum)
        }
        UnitVector.normalize(&adapted)
        return adapted
    }
}

/// Least squares of relevance on the products of query and document features, shrunk towards no change.
///
///     minimise Σ (relevance(q, d) − dᵀ·W·q)² over all queries and all documents, every other document as a negative:
///     W = (D + δ/n·I)⁻¹ · (X + κ/n·I) · (Q + κ/n·I)⁻¹
///     D = mean d·dᵀ,  Q = mean q·qᵀ,  X = mean d̄·qᵀ,  d̄ = a query's documents by relevance,  n = width
///
/// In units of the mean eigenvalue, which is 1/n for unit vectors: the smaller δ, the less those directions count that
/// all documents share; κ pulls towards no change. For κ → ∞ W is (D + δ/n·I)⁻¹, and for δ → ∞ too a multiple of I.
/// Invariants: the same moments give the same bits; W has the Frobenius norm of the identity.
///
/// Source: Romera-Paredes and Torr, "An embarrassingly simple approach to zero-shot learning", 2015.
struct BilinearFit: Sendable {
    /// δ.
    static let documentRidge = 2.0
    /// What κ is chosen from.
    static let queryRidges = [0.1, 0.3, 1.0, 3.0, 10.0]

    private let documents: CholeskyFactor
    private let queries: CholeskyFactor
    private let cross: BlockMatrix

    /// Fits.
    ///
    /// - Parameters:
    ///   - moments: of at least one query and one document.
    ///   - documents: `factor(of:)` of the same moments; it is the same for all κ.
    ///   - queryRidge: κ.
    /// - Complexity: O(width³).
    init(_ moments: PairMoments, documents: CholeskyFactor, queryRidge: Double) {
        let ridge = queryRidge / Double(moments.width)
        let share = 1 / Double(moments.queryCount)
        self.documents = documents
        queries = CholeskyFactor(moments.queries.scaled(by: share, diagonal: ridge))
        cross = moments.cross.scaled(by: share, diagonal: ridge)
    }

    /// The part of the fit that does not depend on κ.
    static func factor(of moments: PairMoments) -> CholeskyFactor {
        CholeskyFactor(
            moments.documents.scaled(
                by: 1 / Double(moments.documentCount), diagonal: documentRidge / Double(moments.width)))
    }

    /// W times a query.
    ///
    /// - Complexity: O(width²).
    func project(_ query: BlockVector) -> BlockVector { documents.solve(cross.times(queries.solve(query))) }

    /// W as a matrix.
    ///
    /// - Complexity: O(width³).
    func adapter(width: Int) -> LinearAdapter? {
        var columns: [BlockVector] = []
        var squares = 0.0
        for index in 0..<width {
            var unit = BlockVector(width: width)
            unit[index] = 1
            columns.append(project(unit))
            for row in 0..<width { squares += columns[index][row] * columns[index][row] }
        }
        let scale = (Double(width) / squares).squareRoot()
        var matrix: [Float] = []
        matrix.reserveCapacity(width * width)
        for row in 0..<width { for column in columns { matrix.append(Float(column[row] * scale)) } }
        return LinearAdapter(width: width, matrix: matrix)
    }
}

/// Sums over queries and documents that a fit is made of; those of parts add up to those of the whole.
struct PairMoments: Sendable {
    let width: Int
    var documents: BlockMatrix
    var queries: BlockMatrix
    var cross: BlockMatrix
    var documentCount = 0
    var queryCount = 0

    init(width: Int) {
        self.width = width
        documents = BlockMatrix(width: width)
        queries = BlockMatrix(width: width)
        cross = BlockMatrix(width: width)
    }

    mutating func add(document: BlockVector) {
        documents.addOuter(document, document)
        documentCount += 1
    }

    /// Adds a query with the mean of its documents.
    mutating func add(query: BlockVector, target: BlockVector) {
        queries.addOuter(query, query)
        cross.addOuter(target, query)
        queryCount += 1
    }

    mutating func add(_ other: PairMoments) {
        documents.add(other.documents)
        queries.add(other.queries)
        cross.add(other.cross)
        documentCount += other.documentCount
        queryCount += other.queryCount
    }
}
