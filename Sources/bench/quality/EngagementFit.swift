import Bytes
import Engines
import Glibc
import Model

/// Fits the population's weights of receptivity and of return on one half of the users of each set.
///
/// Receptivity: logistic regression of the answer within 10 minutes; trials after 6 minutes of silence, which
/// proactive messages are like, weigh `silentWeight`. The hour's weight is that of the user's presence instead: a
/// discrete hazard of writing in an hour of silence, because trials are known only while users are about. The deviation
/// of users' own offsets is the one of a few with the least log loss of predictions made before each trial. Return:
/// discrete hazard as logistic regression over user intervals.
enum EngagementFit: FitTask {
    static let name = "engagement"
    static let files = [EngagementData.chats, EngagementData.sessions, EngagementData.logs]
    static let target = "Sources/Engines/Engagement/ReceptivityWeights.swift"
    static let silentWeight = 10.0

    static func run(_ data: DataFolder) throws {
        let chats = try EngagementData.chatTimelines(data).filter { EngagementData.isForFitting($0.key) }
        let logs = try EngagementData.logTimelines(data).filter { EngagementData.isForFitting($0.key) }
        let trials = EngagementData.trials(chats) + EngagementData.trials(logs)
        let hour = max(0, Regression.logistic(hours(chats), ridge: 1)[2])
        let weights = Regression.logistic(
            trials.map { trial in
                (
                    features: [1] + trial.features, isTrue: trial.isAnswered,
                    weight: trial.silenceSeconds < EngagementQuality.silenceSeconds ? 1 : silentWeight
                )
            }, ridge: 1, lastWeight: hour)
        let deviation =
            [0.2, 0.3, 0.5, 0.7, 1, 1.4, 2].min { loss(trials, weights, $0) < loss(trials, weights, $1) } ?? 0.5
        let hazard = Regression.logistic(
            intervals(try EngagementData.gaps(data).filter { EngagementData.isForFitting($0.user) }), ridge: 1)
        let intervals = ReturnHazard.intervalHours.count
        let text = """
            /// The population's weights of receptivity and of return, version 1.
            ///
            /// Written by `bench fit engagement` on byu_chitchat (MIT; Myers, Etchart and Fulda 2020) and
            /// irc_disentangle (CC BY 4.0; Kummerfeld et al. 2019).
            package enum ReceptivityWeights {
                static let intercept = \(number(weights[0]))
                /// Of ln(1 + silence in units of 10 s).
                static let recency = \(number(min(0, weights[1])))
                /// Of ln(1 + messages of the session), the user's farewell, ln(1 + words), ln(1 + user messages).
                static let context = \(numbers(weights[2...5]))
                /// Of the log-odds of the user's hours.
                static let hour = \(number(weights[6]))
                /// The standard deviation of users' own offsets.
                package static let offsetDeviation = \(number(deviation))
                /// Of the hazard in the first to last interval.
                static let returnIntercepts = \(numbers(hazard[..<intervals]))
                /// Of the features of return.
                static let returnFeatures = \(numbers(hazard[intervals...]))
            }

            """
        try writeFile(target, Array(text.utf8))
        progress("\(target): \(trials.count) trials")
    }

    /// Hours of silence after the first, up to a week: whether the user wrote in it, by silence and hour.
    private static func hours(_ timelines: [String: [EngagementEvent]]) -> [Regression.Row] {
        var rows: [Regression.Row] = []
        for (_, events) in timelines.sorted(by: { $0.key < $1.key }) {
            var active = ActiveHours()
            var last: Timestamp?
            for event in events where event.isUser {
                if let last, event.at.hourIndex > last.hourIndex {
                    let logits = active.logits
                    for hour in (last.hourIndex + 1)...min(event.at.hourIndex, last.hourIndex + 168) {
                        let silence = Double(hour - last.hourIndex) * 3600
                        rows.append(
                            (
                                [1, log(1 + silence / Projections.recencySeconds), logits[Int(hour % 24)]],
                                hour == event.at.hourIndex, 1
                            ))
                    }
                }
                active.add(event.at)
                last = event.at
            }
        }
        return rows
    }

    private static func numbers(_ values: ArraySlice<Double>) -> String {
        "[" + values.map(number).joined(separator: ", ") + "]"
    }

    private static func number(_ value: Double) -> String {
        var json = JSONWriter()
        json.value(value, decimals: 3)
        return json.text.contains(".") ? json.text : json.text + ".0"
    }

    /// The mean log loss of predictions with users' offsets of this deviation.
    private static func loss(_ trials: [EngagementTrial], _ weights: [Double], _ deviation: Double) -> Double {
        var users: [String: Receptivity] = [:]
        var predictions: [Metrics.Prediction] = []
        for trial in trials {
            let logit = zip(weights, [1] + trial.features).reduce(0) { $0 + $1.0 * $1.1 }
            let offset = users[trial.user]?.offset(iterations: 5, deviation: deviation) ?? 0
            predictions.append((1 / (1 + exp(-logit - offset)), trial.isAnswered))
            users[trial.user, default: Receptivity()].addReplyTrial(logit: logit, replied: trial.isAnswered)
        }
        return Metrics.logLoss(predictions)
    }

    /// A row for each interval that a gap reached, as far as it is known how it ended there.
    private static func intervals(_ gaps: [EngagementGap]) -> [Regression.Row] {
        gaps.flatMap { gap -> [Regression.Row] in
            var rows: [Regression.Row] = []
            for (place, end) in ReturnHazard.intervalHours.enumerated() {
                let isReturn = gap.hasReturned && gap.hours < end
                guard isReturn || gap.hours >= end else { break }
                var features = [Double](repeating: 0, count: ReturnHazard.intervalHours.count)
                features[place] = 1
                rows.append((features + gap.features, isReturn, 1))
                if isReturn { break }
            }
            return rows
        }
    }
}

/// Logistic regression.
enum Regression {
    typealias Row = (features: [Double], isTrue: Bool, weight: Double)

    /// Weights of the features by Newton's method, each drawn to 0 by `ridge`·w²/2; the last one is given, if at all.
    static func logistic(_ rows: [Row], ridge: Double, lastWeight: Double? = nil) -> [Double] {
        let all = rows.first?.features.count ?? 0
        var weights = [Double](repeating: 0, count: all)
        if let lastWeight { weights[all - 1] = lastWeight }
        let count = lastWeight == nil ? all : all - 1
        for _ in 0..<30 {
            var gradient = weights.prefix(count).map { -ridge * $0 }
            var curvature = (0..<count).map { row in (0..<count).map { $0 == row ? ridge : 0 } }
            for (features, isTrue, weight) in rows {
                let p = predict(weights, features)
                let rest = weight * ((isTrue ? 1 : 0) - p)
                let spread = weight * p * (1 - p)
                for row in 0..<count {
                    gradient[row] += rest * features[row]
                    for column in 0...row { curvature[row][column] += spread * features[row] * features[column] }
                }
            }
            let step = solved(curvature, gradient)
            for place in step.indices { weights[place] += step[place] }
            if step.allSatisfy({ $0.magnitude < 1e-9 }) { break }
        }
        return weights
    }

    static func predict(_ weights: [Double], _ features: [Double]) -> Double {
        1 / (1 + exp(-zip(weights, features).reduce(0) { $0 + $1.0 * $1.1 }))
    }

    /// Solves a positive definite system, given by its lower triangle, after Cholesky.
    private static func solved(_ lower: [[Double]], _ right: [Double]) -> [Double] {
        var root = lower
        for row in root.indices {
            for column in 0...row {
                let rest = (0..<column).reduce(lower[row][column]) { $0 - root[row][$1] * root[column][$1] }
                root[row][column] = row == column ? max(rest, 1e-12).squareRoot() : rest / root[column][column]
            }
        }
        var result = right
        for row in root.indices {
            result[row] = (0..<row).reduce(result[row]) { $0 - root[row][$1] * result[$1] } / root[row][row]
        }
        for row in root.indices.reversed() {
            result[row] =
                ((row + 1)..<root.count).reduce(result[row]) { $0 - root[$1][row] * result[$1] } / root[row][row]
        }
        return result
    }
}
