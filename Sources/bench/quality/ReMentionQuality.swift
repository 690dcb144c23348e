import Engines
import Glibc
import Worker

/// Whether the memory engines foretell what a user comes back to.
///
/// One prediction is a topic that the user could return to at a new stretch of talk (its horizon: that stretch), made
/// by the engines as they run in the product, before they hear the message. Two baselines know nothing of the user: the
/// training rate, and a logistic on the logarithm of the time since the topic's last mention.
///
/// byu_chitchat is split by user (a stable hash): what ships is fitted on one half of the development users
/// (`bench fit memory`), and so are the baselines; the other half is measured. The half that was fitted on is printed
/// too. locomo, which nothing is fitted on but its own baselines, is split in time: the first half of each pair's
/// stretches trains them, the second is measured.
enum ReMentionQuality: QualityTask {
    static let name = "re-mention"
    static let files = [MemoryPairs.byuMessages, MemoryPairs.byuConversations, MemoryPairs.locomoConversations]

    static func run(_ data: DataFolder, _ report: inout QualityReport) throws {
        let analyzer = TextAnalyzer.shipped(dimensions: 64)
        let byu = try MemoryPairs.byu(data).map { ReturnHistory($0, analyzer) }
        let fitted = byu.filter(\.isFitted).flatMap(\.stretches)
        let unseen = byu.filter { !$0.isFitted }.flatMap(\.stretches)
        let baselines = Baselines(fitted)
        measure("byu", unseen, baselines, &report)
        let trained = [("behavior", \Stretch.behavior), ("aging", \Stretch.aging)]
        for (engine, path) in trained {
            report.add(
                "byu-\(engine)-log-loss-on-the-fitted-half", Metrics.logLoss(predictions(fitted, path)),
                baseline: ("recency", Metrics.logLoss(baselines.recency(fitted))))
        }
        let locomo = try MemoryPairs.locomo(data).map { ReturnHistory($0, analyzer).stretches }
        let first = locomo.flatMap { $0.prefix($0.count / 2) }
        let second = locomo.flatMap { $0.suffix($0.count - $0.count / 2) }
        measure("locomo", second, Baselines(first), &report)
        for (set, stretches) in [
            ("byu_fitted", fitted), ("byu", unseen), ("locomo_first_half", first), ("locomo", second),
        ] {
            let outcomes = predictions(stretches, \.behavior)
            report.note("\(set)_predictions", .count(outcomes.count))
            report.note("\(set)_returns", .count(outcomes.count { $0.isTrue }))
        }
        report.note("byu_recency_logit_per_log_second", .number(baselines.slope))
    }

    private static func measure(
        _ set: String, _ stretches: [Stretch], _ baselines: Baselines, _ report: inout QualityReport
    ) {
        let constant = baselines.constant(stretches)
        let recency = baselines.recency(stretches)
        let losses = (constant: Metrics.logLoss(constant), recency: Metrics.logLoss(recency))
        for (engine, path) in [("behavior", \Stretch.behavior), ("aging", \Stretch.aging)] {
            let outcomes = predictions(stretches, path)
            let loss = Metrics.logLoss(outcomes)
            report.add(
                "\(set)-\(engine)-log-loss-to-constant", loss, baseline: ("constant", losses.constant),
                .atMost(losses.constant))
            report.add(
                "\(set)-\(engine)-log-loss-to-recency", loss, baseline: ("recency", losses.recency),
                .atMost(losses.recency))
            report.add(
                "\(set)-\(engine)-brier", Metrics.brier(outcomes), baseline: ("recency", Metrics.brier(recency)),
                .atMost(min(Metrics.brier(constant), Metrics.brier(recency))))
            report.add(
                "\(set)-\(engine)-calibration-error", Metrics.calibrationError(outcomes),
                baseline: ("recency", Metrics.calibrationError(recency)))
        }
        let population = Metrics.logLoss(predictions(stretches, \.population))
        report.add(
            "\(set)-per-user-log-loss", Metrics.logLoss(predictions(stretches, \.behavior)),
            baseline: ("population", population), .atMost(population))
    }

    private static func predictions(
        _ stretches: [Stretch], _ path: KeyPath<Stretch, [Double]>
    ) -> [Metrics.Prediction] {
        stretches.flatMap { stretch in
            zip(stretch[keyPath: path], stretch.candidates).map { ($0, $1.isChosen) }
        }
    }
}

/// A new stretch of a user's talk: what it could have returned to, and what was predicted of each topic.
struct Stretch {
    var candidates: [ReturnCandidate]
    /// By human-like memory, which learns the user's own parameters.
    var behavior: [Double]
    /// By memory aging.
    var aging: [Double]
    /// By the population's parameters alone.
    var population: [Double]
}

/// What one pair's user could have returned to, stretch by stretch.
struct ReturnHistory {
    var isFitted: Bool
    var stretches: [Stretch] = []

    init(_ pair: MemoryPairs.Pair, _ analyzer: TextAnalyzer) {
        isFitted = pair.isFitted
        var behavior = MemoryBehavior()
        var aging = MemoryAging()
        let population = StrengthModel()
        var found: [Stretch] = []
        pair.observe(analyzer) { observation in
            let candidates = behavior.openings(at: observation)
            if !candidates.isEmpty {
                let aged = aging.returnPredictions(at: observation)
                precondition(aged.map(\.isChosen) == candidates.map(\.isChosen), "expected the same candidates")
                found.append(
                    Stretch(
                        candidates: candidates, behavior: behavior.predictions(candidates),
                        aging: aged.map(\.probability), population: population.predict(candidates)))
            }
            behavior.apply(observation)
            aging.apply(observation)
        }
        stretches = found
    }
}

/// Predictions that know nothing of the user.
private struct Baselines {
    let rate: Double
    let intercept: Double
    /// Of ln(1 + seconds since the last mention).
    let slope: Double

    init(_ stretches: [Stretch]) {
        let points = stretches.flatMap(\.candidates).map { (log1p($0.elapsed), $0.isChosen ? 1.0 : 0) }
        rate = Metrics.mean(points.map(\.1))
        (intercept, slope) = Self.logistic(points)
    }

    func constant(_ stretches: [Stretch]) -> [Metrics.Prediction] {
        stretches.flatMap(\.candidates).map { (rate, $0.isChosen) }
    }

    func recency(_ stretches: [Stretch]) -> [Metrics.Prediction] {
        stretches.flatMap(\.candidates).map {
            (1 / (1 + exp(-intercept - slope * log1p($0.elapsed))), $0.isChosen)
        }
    }

    /// Logistic regression on one feature by Newton's method.
    private static func logistic(_ points: [(Double, Double)]) -> (intercept: Double, slope: Double) {
        var (intercept, slope) = (0.0, 0.0)
        for _ in 0..<50 {
            var gradient = (0.0, 0.0)
            var curvature = (1e-9, 0.0, 1e-9)
            for (x, y) in points {
                let probability = 1 / (1 + exp(-intercept - slope * x))
                let weight = probability * (1 - probability)
                gradient.0 += y - probability
                gradient.1 += (y - probability) * x
                curvature.0 += weight
                curvature.1 += weight * x
                curvature.2 += weight * x * x
            }
            let determinant = curvature.0 * curvature.2 - curvature.1 * curvature.1
            intercept += (curvature.2 * gradient.0 - curvature.1 * gradient.1) / determinant
            slope += (curvature.0 * gradient.1 - curvature.1 * gradient.0) / determinant
        }
        return (intercept, slope)
    }
}
