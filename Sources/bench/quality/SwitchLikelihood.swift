import Bytes
import Engines
import Glibc
import Model
import Worker

/// The likelihood of a switch at the next message, as the cache's row gives it before that message comes.
///
///     p = σ(switchLogit + switchGapWeight · ln(1 + minutes of silence))
///
/// In byu_chitchat (real times, conversations of at least 20 messages) against the switches that the tracker finds,
/// in tiage (no times) against people's. The baseline is the constant share of switches among the same messages,
/// which no predictor knows beforehand.
enum SwitchLikelihoodQuality: QualityTask {
    static let name = "switch-likelihood"
    static let files = [Dialogues.tiage, Dialogues.byu]
    static let messagesMin = 20
    private static let conversations = 1000

    static func run(_ data: DataFolder, _ report: inout QualityReport) throws {
        let chats = try Dialogues.byu(data).filter { $0.lines.count >= messagesMin }.prefix(conversations)
        measure("byu", Array(chats), byPeople: false, &report)
        measure("tiage", try Dialogues.tiage(data), byPeople: true, &report)
    }

    private static func measure(
        _ set: String, _ dialogues: [Dialogue], byPeople: Bool, _ report: inout QualityReport
    ) {
        var predictions: [Metrics.Prediction] = []
        let analyzer = TextAnalyzer.shipped(dimensions: 64)
        for dialogue in dialogues {
            var engine = ContextSwitchEngine()
            var row = StrategicRow(pair: Pair(userID: "user", botName: "bot"))
            dialogue.replayed(by: analyzer) { observation, place, tracker in
                if let logit = row.switchLogit, let weight = row.switchGapWeight, let last = row.lastMessageAt {
                    let minutes = max(observation.at.seconds(since: last), 0) / 60
                    let isSwitch =
                        byPeople ? dialogue.lines[place].opensTopic : observation.topic?.isSwitch == true
                    predictions.append((1 / (1 + exp(-logit - weight * log(1 + minutes))), isSwitch))
                }
                engine.apply(observation)
                row = StrategicRow(pair: row.pair)
                engine.contribute(to: &row, topics: tracker)
            }
        }
        let rate = Metrics.mean(predictions.map { $0.isTrue ? 1 : 0 })
        let constant = Metrics.logLoss(predictions.map { (rate, $0.isTrue) })
        let loss = Metrics.logLoss(predictions)
        report.add("\(set)-log-loss", loss, baseline: ("base-rate", constant), .atMost(constant))
        report.add("\(set)-calibration-error", Metrics.calibrationError(predictions), .atMost(0.05))
        report.note(
            set,
            .group([
                ("dialogues", .count(dialogues.count)), ("predictions", .count(predictions.count)),
                ("switch_rate", .number(rate)), ("mean_prediction", .number(Metrics.mean(predictions.map { $0.0 }))),
                ("auc", .number(Metrics.auc(predictions))),
            ]))
    }
}

/// Fits where the hazard of a switch starts for every pair: `Sources/Engines/ContextSwitch/HazardPrior.swift`.
///
/// On the switches that the tracker finds in byu_chitchat and tiage (licence class P; the one with times, the other
/// fast), which count alike; so after `bench fit switch` and a build.
enum HazardFit: FitTask {
    static let name = "hazard"
    static let path = "Sources/Engines/ContextSwitch/HazardPrior.swift"
    static let files = [Dialogues.byu, Dialogues.tiage]
    private static let ridge = 1.0

    static func run(_ data: DataFolder) throws {
        let analyzer = TextAnalyzer.shipped(dimensions: 64)
        var problem = RidgeLogistic()
        let chats = try Dialogues.byu(data).filter { $0.lines.count >= SwitchLikelihoodQuality.messagesMin }
        let labelled = try Dialogues.tiage(data)
        let messages = [chats, labelled].map { $0.reduce(0.0) { $0 + Double($1.lines.count) } }
        for (dialogue, weight) in chats.map({ ($0, 1) }) + labelled.map({ ($0, messages[0] / messages[1]) }) {
            var since: Int?
            var last: Timestamp?
            dialogue.replayed(by: analyzer) { observation, _, _ in
                let minutes = last.map { max(observation.at.seconds(since: $0), 0) / 60 } ?? 0
                last = observation.at
                guard let topic = observation.topic, topic.topicID != nil else { return }
                if let since {
                    let asked = observation.previous?.isQuestion == true ? 1.0 : 0
                    problem.add(
                        [1, log(1 + Double(since)), log(1 + minutes), asked], outcome: topic.isSwitch, weight: weight)
                }
                since = since.map { topic.isSwitch ? 0 : $0 + 1 } ?? 0
            }
        }
        let numbers = problem.fitted(ridge: ridge).map { SwitchWeightsText.number($0) }
        let text = """
            /// Where `HazardModel` starts: version 1, written by `bench fit hazard`.
            enum HazardPrior {
                /// Coefficients of 1, ln(1 + messages since the last switch) and ln(1 + minutes of silence).
                static let mean: [Double] = [\(numbers[..<3].joined(separator: ", "))]
                /// Added after a message that asks something.
                static let afterQuestion = \(numbers[3])
            }

            """
        try writeFile(path, Array(text.utf8))
        progress("wrote \(path)")
    }
}
