import Bytes
import Engines
import Model
import Worker

/// Whether a user's style features are the user's own: they come out alike on two halves of the conversations, and
/// tell one user from another.
///
/// Each person's conversations are dealt alternately into two halves, each folded as a pair of its own. Reliability is
/// the correlation of a feature's two values over people, stepped up to the whole by Spearman and Brown (1910):
/// 2r / (1 + r). Identification: the chance that a person's halves lie closer to each other than to another person's
/// half, by the Euclidean distance of features in units of their deviation over people, within ±3.
enum StyleQuality: QualityTask {
    static let name = "style"
    static let files = [ChatPeople.file]
    /// User messages that each half must have.
    private static let messagesMin = 20.0
    /// No trait of the writer: how many there are.
    private static let messages = "user_messages"

    static func run(_ data: DataFolder, _ report: inout QualityReport) throws {
        let chat = try ChatPeople(data)
        let analyzer = TextAnalyzer.shipped(dimensions: 64)
        var halves: [[[String: Double]]] = [[], []]
        var bytesMax = 0
        for person in chat.people where person.conversations.count >= 2 {
            var pair: [[String: Double]] = []
            for half in 0..<2 {
                let places = person.conversations.enumerated().filter { $0.offset % 2 == half }.map(\.element)
                var state = PairState()
                for row in chat.rows(of: person.name, places) { state.apply(row, analyzer: analyzer) }
                let row = state.strategicRow(for: Pair(userID: person.name, botName: "bot"))
                guard let json = row.styleFeatures else { break }
                bytesMax = max(bytesMax, json.utf8.count)
                pair.append(try numbers(json))
            }
            guard pair.count == 2, pair.allSatisfy({ $0[messages] ?? 0 >= messagesMin }) else { continue }
            halves[0].append(pair[0])
            halves[1].append(pair[1])
        }
        let names = Set((halves[0] + halves[1]).flatMap(\.keys)).subtracting([messages]).sorted()
        var reliabilities: [Double] = []
        for name in names {
            let pairs = zip(halves[0], halves[1]).compactMap { one, other -> (Double, Double)? in
                guard let first = one[name], let second = other[name] else { return nil }
                return (first, second)
            }
            let correlation = pearson(pairs)
            let reliability = correlation > -1 ? 2 * correlation / (1 + correlation) : -1
            reliabilities.append(reliability.isFinite ? reliability : 0)
            report.note("reliability_\(name)", .number(reliability))
        }
        report.add(
            "identification-auc", Metrics.auc(distances(halves, names)), baseline: ("chance", 0.5), .atLeast(0.75))
        report.add("reliability-median", median(reliabilities), baseline: ("chance", 0))
        report.add("bytes-max", Double(bytesMax), .atMost(640))
        report.note("people", .count(halves[0].count))
        report.note("features", .count(names.count))
    }

    /// The features that are numbers.
    private static func numbers(_ json: String) throws -> [String: Double] {
        var found: [String: Double] = [:]
        guard case .object(let members) = try JSONValue(parsing: json) else { return found }
        for member in members {
            if let number = member.value.double { found[member.key] = number }
        }
        return found
    }

    private static func distances(
        _ halves: [[[String: Double]]], _ names: [String]
    ) -> [Metrics.Prediction] {
        var vectors = halves.map { $0.map { _ in [Double]() } }
        for name in names {
            let values = halves.flatMap { $0.compactMap { $0[name] } }
            let mean = Metrics.mean(values)
            let deviation = Metrics.mean(values.map { ($0 - mean) * ($0 - mean) }).squareRoot()
            guard deviation > 0 else { continue }
            for half in 0..<2 {
                for person in vectors[half].indices {
                    let value = halves[half][person][name].map { ($0 - mean) / deviation } ?? 0
                    vectors[half][person].append(max(-3, min(3, value)))
                }
            }
        }
        var found: [Metrics.Prediction] = []
        for (person, one) in vectors[0].enumerated() {
            for (other, two) in vectors[1].enumerated() {
                let distance = zip(one, two).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
                found.append((probability: -distance, isTrue: person == other))
            }
        }
        return found
    }

    private static func pearson(_ pairs: [(Double, Double)]) -> Double {
        let (left, right) = (Metrics.mean(pairs.map(\.0)), Metrics.mean(pairs.map(\.1)))
        let product = Metrics.mean(pairs.map { ($0.0 - left) * ($0.1 - right) })
        let first = Metrics.mean(pairs.map { ($0.0 - left) * ($0.0 - left) })
        let second = Metrics.mean(pairs.map { ($0.1 - right) * ($0.1 - right) })
        return product / (first * second).squareRoot()
    }
}
