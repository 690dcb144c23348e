import Bytes
import Learning
import Testing

/// Pairs whose documents are a fixed rotation of their queries, with noise.
private struct Planted {
    static let width = 8
    static let queriesAGroup = 4
    var random: SeededRandom
    /// Orthonormal rows.
    let map: [[Float]]

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        var random = random
        var rows: [[Float]] = []
        for _ in 0..<Self.width {
            var row = (0..<Self.width).map { _ in Self.normal(&random) }
            for other in rows {
                let share = zip(row, other).reduce(0) { $0 + $1.0 * $1.1 }
                row = zip(row, other).map { $0 - share * $1 }
            }
            let length = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
            rows.append(row.map { $0 / length })
        }
        map = rows
        self.random = random
    }

    /// A sum of uniform numbers: mean 0, variance 1.
    static func normal(_ random: inout SeededRandom) -> Float {
        (0..<12).reduce(Float(-6)) { sum, _ in sum + Float.random(in: 0...1, using: &random) }
    }

    mutating func vector() -> [Float] { (0..<Self.width).map { _ in Self.normal(&random) } }

    func mapped(_ query: [Float]) -> [Float] { map.map { row in zip(row, query).reduce(0) { $0 + $1.0 * $1.1 } } }

    /// Pairs of so many groups; shuffled ones have each document with another query.
    mutating func pairs(groups: Int = 40, isShuffled: Bool = false) -> RetrievalPairs {
        let count = groups * Self.queriesAGroup
        let queries = (0..<count).map { _ in vector() }
        let noise = (0..<count).map { _ in vector() }
        let documents = (0..<count).map { zip(mapped(queries[$0]), noise[$0]).map { $0 + 0.2 * $1 } }
        var order = Array(0..<count)
        if isShuffled { order.shuffle(using: &random) }
        var pairs = RetrievalPairs(width: Self.width)
        for index in 0..<count {
            let rejection = pairs.add(
                RetrievalPairs.Pair(
                    queryKey: UInt64(index), documentKey: UInt64(order[index]) + 1 << 32,
                    groupKey: UInt64(index / Self.queriesAGroup), relevance: 1, query: queries[index],
                    document: documents[order[index]]))
            #expect(rejection == nil)
        }
        return pairs
    }
}

@Suite("Retrieval adapter")
struct AdapterTests {
    @Test("a planted map is found, and promoted")
    func planted() throws {
        var planted = Planted(seed: 1)
        let trial = try AdapterTrainer.train(planted.pairs())
        #expect(trial.verdict == .promoted)
        #expect(trial.queries == 160 && trial.groups == 40)
        #expect(trial.baseline.gain < 0.5, "\(trial.baseline)")
        #expect(trial.adapted.gain > 0.9, "\(trial.adapted)")
        let adapter = try #require(trial.adapter)
        for _ in 0..<50 {
            let query = planted.vector()
            let expected = planted.mapped(query)
            let adapted = adapter.apply(query)
            let product = zip(adapted, expected).reduce(0) { $0 + $1.0 * $1.1 }
            let length = expected.reduce(0) { $0 + $1 * $1 }.squareRoot()
            #expect(product / length > 0.95, "cosine \(product / length)")
        }
    }

    @Test("of 40 shuffled sets at most two are promoted")
    func shuffled() throws {
        var promoted = 0
        for seed in 0..<40 {
            var planted = Planted(seed: UInt64(100 + seed))
            let trial = try AdapterTrainer.train(planted.pairs(groups: 24, isShuffled: true))
            #expect(trial.groups == 24)
            if trial.verdict == .promoted { promoted += 1 }
        }
        #expect(promoted <= 2, "promoted \(promoted) of 40")
    }

    @Test("the same pairs give the same bits")
    func repeats() throws {
        var (first, second) = (Planted(seed: 3), Planted(seed: 3))
        let trials = [try AdapterTrainer.train(first.pairs()), try AdapterTrainer.train(second.pairs())]
        #expect(trials[0].adapter != nil)
        #expect(trials[0].adapter == trials[1].adapter)
        #expect(trials[0].adapted == trials[1].adapted)
        #expect(trials[0].gain?.lower == trials[1].gain?.lower)
    }

    @Test("fewer than 20 groups prove nothing")
    func fewGroups() throws {
        var planted = Planted(seed: 4)
        let few = try AdapterTrainer.train(planted.pairs(groups: 19))
        #expect(few.verdict == .tooFewGroups && few.gain == nil && few.groups == 19)
        #expect(try AdapterTrainer.train(planted.pairs(groups: 20)).verdict == .promoted)
        let none = try AdapterTrainer.train(RetrievalPairs(width: 8))
        #expect(none.verdict == .tooFewGroups && none.adapter == nil)
    }

    @Test("an adapter in use gives way only to one that does no worse")
    func current() throws {
        var planted = Planted(seed: 5)
        let pairs = planted.pairs()
        let perfect = LinearAdapter(width: Planted.width, matrix: planted.map.flatMap(\.self))
        let trial = try AdapterTrainer.train(pairs, current: perfect)
        #expect(trial.verdict == .worseThanCurrent, "\(trial.adapted), in use \(String(describing: trial.current))")
        let identity = (0..<Planted.width * Planted.width).map { Float($0 % (Planted.width + 1) == 0 ? 1 : 0) }
        let poor = try AdapterTrainer.train(pairs, current: LinearAdapter(width: Planted.width, matrix: identity))
        #expect(poor.verdict == .promoted)
        #expect(poor.current == poor.baseline)
    }

    @Test("a query whose text is in several folds is not measured")
    func spreadText() throws {
        var planted = Planted(seed: 6)
        var pairs = planted.pairs()
        for group in 0..<40 {
            pairs.add(
                RetrievalPairs.Pair(
                    queryKey: 9_999, documentKey: UInt64(group) + 1 << 40, groupKey: UInt64(group), relevance: 1,
                    query: planted.vector(), document: planted.vector()))
        }
        #expect(try AdapterTrainer.train(pairs).queries == 160)
    }

    @Test("it stops when it is told to")
    func stops() {
        struct Stop: Error {}
        var planted = Planted(seed: 7)
        let pairs = planted.pairs()
        var asked = 0
        #expect(throws: Stop.self) {
            try AdapterTrainer.train(pairs) {
                asked += 1
                if asked == 30 { throw Stop() }
            }
        }
        #expect(asked == 30)
    }

    @Test("embeddings that are no embeddings are rejected, each with its reason")
    func rejections() {
        var pairs = RetrievalPairs(width: 3)
        func add(_ query: [Float], _ document: [Float], _ relevance: Double = 1) -> RetrievalPairs.Rejection? {
            pairs.add(
                RetrievalPairs.Pair(
                    queryKey: 1, documentKey: 2, groupKey: nil, relevance: relevance, query: query,
                    document: document))
        }
        #expect(add([1, 2], [1, 2, 3]) == .wrongWidth)
        #expect(add([1, 2, 3], [1, 2, 3, 4]) == .wrongWidth)
        #expect(add([1, .nan, 3], [1, 2, 3]) == .notFinite)
        #expect(add([1, 2, 3], [1, .infinity, 3]) == .notFinite)
        #expect(add([0, 0, 0], [1, 2, 3]) == .noDirection)
        #expect(add([1, 2, 3], [1, 2, 3], .nan) == .noRelevance)
        #expect(pairs.count == 0)
        #expect(add([1, 2, 3], [1, 2, 3]) == nil)
        #expect(pairs.count == 1)
        #expect(LinearAdapter(width: 2, matrix: [1, 0, .nan, 1]) == nil)
        #expect(LinearAdapter(width: 2, matrix: [1, 0, 0]) == nil)
        #expect(LinearAdapter(width: 513, matrix: [Float](repeating: 1, count: 513 * 513)) == nil)
    }

    @Test("recall and gain of a ranking, by hand")
    func scores() throws {
        // Ranks: relevance 0, 1, 0.5; one more relevant document is never found among ten.
        var relevance = [0.0, 1, 0.5] + [Double](repeating: 0, count: 8) + [1]
        var scores: [Float] = (0..<12).map { 12 - Float($0) }
        let score = try #require(RetrievalScore(scores: scores, relevance: relevance))
        #expect(abs(score.recall - 2.0 / 3) < 1e-15)
        // (1/log2(3) + 0.5/2) / (1 + 1/log2(3) + 0.5/2)
        #expect(abs(score.gain - 0.8809297535714575 / 1.8809297535714575) < 1e-15)
        // Of equal scores the earlier one comes first.
        scores = [Float](repeating: 1, count: 12)
        #expect(RetrievalScore(scores: scores, relevance: relevance) == score)
        relevance = [Double](repeating: 0.4, count: 12)
        #expect(RetrievalScore(scores: scores, relevance: relevance) == nil)
    }
}
