import Engines

/// Queries with documents that answer them or do not: what an adapter is trained and measured on.
///
/// Equal texts count once: a query in its group, a document everywhere. Not for more than some ten thousand pairs: all
/// embeddings are held in memory.
package struct RetrievalPairs: Sendable {
    /// One pair as it was recorded.
    package struct Pair: Sendable {
        /// Equal for equal query texts.
        package var queryKey: UInt64
        /// Equal for equal document texts.
        package var documentKey: UInt64
        /// What belongs together and may not be on both sides of a test; nil: the query alone.
        package var groupKey: UInt64?
        /// 0…1: not at all … answers it.
        package var relevance: Double
        package var query: [Float]
        package var document: [Float]

        package init(
            queryKey: UInt64, documentKey: UInt64, groupKey: UInt64?, relevance: Double, query: [Float],
            document: [Float]
        ) {
            self.queryKey = queryKey
            self.documentKey = documentKey
            self.groupKey = groupKey
            self.relevance = relevance
            self.query = query
            self.document = document
        }
    }

    /// Why a pair is not used.
    package enum Rejection: String, CaseIterable, Sendable {
        case wrongWidth = "wrong_width"
        case notFinite = "not_finite"
        case noDirection = "no_direction"
        case noRelevance = "no_relevance"
    }

    struct Query: Sendable {
        var vector: [Float]
        var group: Int
        /// Its place among `judgements`.
        var text: Int
    }

    /// A document that was judged for a query's text.
    struct Judgement: Sendable {
        var document: Int
        var relevance: Double
    }

    /// The width of all embeddings.
    package let width: Int
    private(set) var queries: [Query] = []
    /// Unit vectors.
    private(set) var documents: [[Float]] = []
    /// By query text, in the order of arrival.
    private(set) var judgements: [[Judgement]] = []
    /// Keys of groups in the order of arrival.
    private(set) var groups: [UInt64] = []
    /// Pairs that are used.
    package private(set) var count = 0

    private var groupPlaces: [UInt64: Int] = [:]
    private var textPlaces: [UInt64: Int] = [:]
    private var documentPlaces: [UInt64: Int] = [:]
    private var queryPlaces: [[UInt64]: Int] = [:]

    /// Starts without pairs.
    ///
    /// - Parameter width: of embeddings, within `LinearAdapter.widths`.
    package init(width: Int) {
        precondition(LinearAdapter.widths.contains(width), "expected \(LinearAdapter.widths) numbers, got: \(width)")
        self.width = width
    }

    /// Adds a pair; of two relevances for equal texts the greater one stands.
    ///
    /// - Returns: why it is not used, or nil.
    @discardableResult
    package mutating func add(_ pair: Pair) -> Rejection? {
        guard pair.query.count == width, pair.document.count == width else { return .wrongWidth }
        guard pair.query.allSatisfy(\.isFinite), pair.document.allSatisfy(\.isFinite) else { return .notFinite }
        guard pair.relevance >= 0, pair.relevance <= 1 else { return .noRelevance }
        var (query, document) = (pair.query, pair.document)
        guard UnitVector.normalize(&query), UnitVector.normalize(&document) else { return .noDirection }
        let groupKey = pair.groupKey ?? pair.queryKey
        let group = Self.place(groupKey, in: &groupPlaces, &groups, groupKey)
        let text = Self.place(pair.queryKey, in: &textPlaces, &judgements, [])
        let place = Self.place(pair.documentKey, in: &documentPlaces, &documents, document)
        let key = [pair.queryKey, groupKey]
        if queryPlaces[key] == nil {
            queryPlaces[key] = queries.count
            queries.append(Query(vector: query, group: group, text: text))
        }
        if let known = judgements[text].firstIndex(where: { $0.document == place }) {
            judgements[text][known].relevance = max(judgements[text][known].relevance, pair.relevance)
        } else {
            judgements[text].append(Judgement(document: place, relevance: pair.relevance))
        }
        count += 1
        return nil
    }

    private static func place<Element>(
        _ key: UInt64, in places: inout [UInt64: Int], _ list: inout [Element], _ element: Element
    ) -> Int {
        if let known = places[key] { return known }
        places[key] = list.count
        list.append(element)
        return list.count - 1
    }
}
