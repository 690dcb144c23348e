import Bytes
import Testing

@testable import Learning

@Suite("Cluster matching")
struct ClusterMatchingTests {
    /// Runs a matching where each conversation is given by its old and its new cluster.
    private func match(
        _ conversations: [(old: Int64?, new: Int32, times: Int)], old ids: [Int64], nextID: Int64 = 100
    ) -> ClusterMatching {
        let rows = conversations.flatMap { Array(repeating: ($0.old, $0.new), count: $0.times) }
        let count = Int(rows.map(\.1).max() ?? -1) + 1
        return ClusterMatching(
            old: ids.map { id in (id, rows.count { $0.0 == id }) }, previous: rows.map(\.0),
            assignments: rows.map(\.1), count: count, nextID: nextID)
    }

    @Test("a cluster that goes on keeps its id, whatever its number and its newcomers")
    func survives() {
        let matching = match(
            [(7, 1, 20), (7, 0, 2), (9, 0, 30), (nil, 1, 40), (nil, 0, 1)], old: [7, 9])
        #expect(matching.ids == [9, 7])
        #expect(matching.changes.isEmpty && matching.nextID == 100)
    }

    @Test("of two that merge the larger one's id lives on")
    func merge() {
        let matching = match([(7, 0, 10), (9, 0, 16), (11, 1, 5)], old: [7, 9, 11])
        #expect(matching.ids == [9, 11])
        #expect(
            matching.changes == [ClusterChange(kind: .merged, cluster: 7, other: 9, conversations: 10)])
    }

    @Test("of one that splits the larger part keeps the id")
    func split() {
        let matching = match([(7, 0, 6), (7, 1, 10)], old: [7])
        #expect(matching.ids == [100, 7] && matching.nextID == 101)
        #expect(
            matching.changes == [ClusterChange(kind: .split, cluster: 100, other: 7, conversations: 6)])
    }

    @Test("new and gone")
    func newAndGone() {
        let matching = match([(7, 0, 6), (nil, 1, 10), (nil, 0, 1)], old: [5, 7])
        #expect(matching.ids == [7, 100])
        #expect(
            matching.changes == [
                ClusterChange(kind: .new, cluster: 100, other: nil, conversations: 10),
                ClusterChange(kind: .gone, cluster: 5, other: nil, conversations: 0),
            ])
    }

    @Test("one that falls to pieces ends, and its pieces are new")
    func pieces() {
        let matching = match([(7, 0, 4), (7, 1, 4), (7, 2, 4), (7, 3, 4)], old: [7])
        #expect(matching.ids == [100, 101, 102, 103])
        #expect(matching.changes.filter { $0.kind == .split }.count == 4)
        #expect(matching.changes.last == ClusterChange(kind: .gone, cluster: 7, other: nil, conversations: 16))
    }

    @Test("no id is used twice")
    func distinct() {
        var random = SeededRandom(seed: 12)
        for _ in 0..<50 {
            let old = (1...Int64.random(in: 1...9, using: &random)).map { $0 * 3 }
            let rows = (0..<200).map { _ in
                (
                    Bool.random(using: &random) ? old.randomElement(using: &random) : nil,
                    Int32.random(in: 0..<6, using: &random), 1
                )
            }
            let matching = match(rows.map { (old: $0.0, new: $0.1, times: $0.2) } + [(nil, 5, 1)], old: old)
            #expect(Set(matching.ids).count == matching.ids.count)
            for id in matching.ids { #expect(old.contains(id) || id >= 100) }
        }
    }

    @Test("pairs weigh the most that is possible")
    func optimal() {
        var random = SeededRandom(seed: 31)
        for _ in 0..<200 {
            let rows = Int.random(in: 1...5, using: &random)
            let columns = Int.random(in: 1...5, using: &random)
            let weights = (0..<rows).map { _ in (0..<columns).map { _ in Int.random(in: 0...9, using: &random) } }
            let pairs = MaximumMatching.pairs(weights)
            #expect(Set(pairs.map(\.row)).count == pairs.count && Set(pairs.map(\.column)).count == pairs.count)
            #expect(pairs.reduce(0) { $0 + weights[$1.row][$1.column] } == best(weights, 0, []))
        }
    }

    /// The best total by trying everything.
    private func best(_ weights: [[Int]], _ row: Int, _ used: Set<Int>) -> Int {
        guard row < weights.count else { return 0 }
        var most = best(weights, row + 1, used)
        for column in weights[row].indices where !used.contains(column) {
            most = max(most, weights[row][column] + best(weights, row + 1, used.union([column])))
        }
        return most
    }
}

@Suite("Cluster keywords")
struct ClusterKeywordsTests {
    @Test("words of one cluster name it; words of all, of one conversation, and vague ones do not")
    func names() {
        let terms =
            (0..<6).map { ["card", "bank", "good"] + ($0 == 0 ? ["zanzibar"] : []) }
            + (0..<6).map { _ in ["flight", "bank", "good", "airport"] }
        let assignments = (0..<12).map { Int32($0 / 6) }
        let keywords = ClusterKeywords.keywords(terms, assignments, 2)
        #expect(keywords[0].first?.term == "card")
        #expect(Set(keywords[1].prefix(2).map(\.term)) == ["flight", "airport"])
        #expect(!keywords[0].map(\.term).contains("zanzibar"))
        #expect(keywords[0].last?.term == "good", "the vague word comes last")
        #expect(ClusterKeywords.label(keywords[1]) == "airport, flight, bank")
        #expect(ClusterKeywords.label([]).isEmpty)
    }
}
