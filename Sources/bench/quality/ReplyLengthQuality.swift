import Bytes
import Engines
import Worker

/// Whether a reply's length helps to predict that the user goes on: log-loss of each outcome, predicted before it, by
/// the engine's rate for the length and by the user's rate whatever the length.
///
/// Each person's replies are cut by time: on the later half it is judged, while the model goes on learning.
enum ReplyLengthQuality: QualityTask {
    static let name = "reply-length"
    static let files = [ChatPeople.file]
    private static let resamples = 1000

    private struct Line {
        var isUser: Bool
        var words: Int
        var at: Timestamp
        var session: Int
    }

    static func run(_ data: DataFolder, _ report: inout QualityReport) throws {
        let chat = try ChatPeople(data)
        let analyzer = TextAnalyzer.shipped(dimensions: 64)
        let words = chat.conversations.map { $0.map { analyzer.analyze(content: $0.text).wordCount } }
        var judged: [(replies: Int, model: Double, base: Double)] = []
        for person in chat.people {
            let lines = person.conversations.flatMap { place in
                chat.conversations[place].enumerated().map { index, line in
                    Line(
                        isUser: line.user == person.name, words: words[place][index], at: line.at, session: place)
                }
            }
            let whole = fold(lines, untilResolved: .max)
            let early = fold(lines, untilResolved: (whole.resolvedCount + 1) / 2)
            let replies = whole.resolvedCount - early.resolvedCount
            guard replies > 0 else { continue }
            judged.append((replies, whole.lossModel - early.lossModel, whole.lossBase - early.lossBase))
        }
        let replies = Double(judged.reduce(0) { $0 + $1.replies })
        let model = judged.reduce(0) { $0 + $1.model } / replies
        let base = judged.reduce(0) { $0 + $1.base } / replies
        report.add("log-loss-gain-thousandths", (base - model) * 1000, baseline: ("without-length", 0), .atLeast(0))
        report.add("log-loss", model, baseline: ("without-length", base), .atMost(base))
        report.add("log-loss-gain-thousandths-p5", lowerGain(judged) * 1000)
        report.note("replies", .count(Int(replies)))
        report.note("people", .count(judged.count))
    }

    private static func fold(_ lines: [Line], untilResolved end: Int) -> ReplyModel {
        var model = ReplyModel()
        for line in lines where model.resolvedCount < end {
            if line.isUser {
                _ = model.observeUser(at: line.at, sessionIndex: line.session)
            } else {
                model.observeBot(words: line.words, at: line.at, sessionIndex: line.session)
            }
        }
        return model
    }

    /// The gain a reply that 95 of 100 resamples of people exceed.
    private static func lowerGain(_ judged: [(replies: Int, model: Double, base: Double)]) -> Double {
        var state: UInt64 = 1
        var gains: [Double] = []
        for _ in 0..<resamples {
            var replies = 0
            var gain = 0.0
            for _ in judged {
                state = StableHash.mix(state &+ 0x9e37_79b9_7f4a_7c15)
                let one = judged[Int(state % UInt64(judged.count))]
                replies += one.replies
                gain += one.base - one.model
            }
            gains.append(gain / Double(replies))
        }
        return gains.sorted()[resamples / 20]
    }
}
