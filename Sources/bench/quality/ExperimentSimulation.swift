import Bytes
import Glibc
import Learning

/// Simulated experiments of two arms with three metrics, looked at every hour.
struct ExperimentSimulation {
    /// Hourly looks.
    var hours: Int
    /// Units of each arm in an hour.
    var unitsAnHour: Int
    /// Added to the treatment's share of the first metric.
    var gain: Double
    /// The first metric's share in the control.
    static let share = 0.1
    /// The share of units with the rare event.
    static let rareShare = 0.02

    static let plan = ExperimentPlan(
        arms: [.init(name: "control", weight: 1), .init(name: "treatment", weight: 1)], control: 0,
        metrics: [
            .init(name: "event", role: .primary, isBinary: true, higherIsBetter: true),
            .init(name: "rare event", role: .secondary, isBinary: true, higherIsBetter: true),
            .init(name: "waiting time", role: .secondary, isBinary: false, higherIsBetter: false),
        ],
        alpha: 0.05, unitsMin: 1_000)

    /// What all looks at one experiment came to.
    struct Outcome {
        /// Whether any metric was ever found to differ, after Benjamini and Hochberg.
        var isAnyFound = false
        /// Units an arm when the first metric was found to differ; nil: never.
        var foundAtUnits: Int?
        /// Whether the first metric's interval ever missed the true effect.
        var hasMissed = false
        /// Whether the z-test of the first metric was ever below α, looked at as often.
        var isFoundByZ = false
        /// The same at the last look alone.
        var isFoundByZAtTheEnd = false
        /// Whether Welch's interval missed the effect at the last look alone.
        var hasWelchMissed = false
    }

    /// Runs one experiment.
    ///
    /// - Parameters:
    ///   - random: advances by what is drawn.
    ///   - allMetrics: false: the first one alone, which is faster.
    /// - Returns: what its looks came to.
    func run(_ random: inout SeededRandom, allMetrics: Bool) -> Outcome {
        var plan = Self.plan
        if !allMetrics { plan.metrics = [plan.metrics[0]] }
        var moments = plan.metrics.map { _ in [ArmMoments(), ArmMoments()] }
        var successes = [[0, 0], [0, 0]]
        var earlier = plan.metrics.map { _ in [1.0, 1.0] }
        var outcome = Outcome()
        for hour in 1...hours {
            let units = hour * unitsAnHour
            for arm in 0...1 {
                let share = Self.share + (arm == 1 ? gain : 0)
                successes[0][arm] += Self.draw(unitsAnHour, share, &random)
                moments[0][arm] = ArmMoments(successes: successes[0][arm], of: units)
                guard allMetrics else { continue }
                successes[1][arm] += Self.draw(unitsAnHour, Self.rareShare, &random)
                moments[1][arm] = ArmMoments(successes: successes[1][arm], of: units)
                for _ in 0..<unitsAnHour { moments[2][arm].add(Self.waitingTime(&random)) }
            }
            guard units >= plan.unitsMin else { continue }
            var data = ExperimentData(units: [units, units], moments: moments)
            data.earlierP = earlier
            look(ExperimentAnalysis(plan, data), units: units, isLast: hour == hours, &earlier, &outcome)
        }
        return outcome
    }

    private func look(
        _ analysis: ExperimentAnalysis, units: Int, isLast: Bool, _ earlier: inout [[Double]],
        _ outcome: inout Outcome
    ) {
        let alpha = analysis.plan.alpha
        for effect in analysis.effects {
            earlier[effect.metric][effect.arm] = effect.p ?? 1
            if effect.isSignificant(alpha) { outcome.isAnyFound = true }
        }
        let first = analysis.effects[0]
        if (first.p ?? 1) <= alpha, outcome.foundAtUnits == nil { outcome.foundAtUnits = units }
        if let interval = first.interval, !interval.contains(gain) { outcome.hasMissed = true }
        let isFoundByZ = (first.fixedP ?? 1) <= alpha
        if isFoundByZ { outcome.isFoundByZ = true }
        guard isLast else { return }
        outcome.isFoundByZAtTheEnd = isFoundByZ
        outcome.hasWelchMissed = !(first.fixedInterval(level: 1 - alpha)?.contains(gain) ?? true)
    }

    /// How many of so many units have an event.
    private static func draw(_ units: Int, _ share: Double, _ random: inout SeededRandom) -> Int {
        let threshold = UInt64(share * 0x1p63) << 1
        var count = 0
        for _ in 0..<units where random.next() < threshold { count += 1 }
        return count
    }

    /// Exponential of mean 1: as skewed as waiting is.
    private static func waitingTime(_ random: inout SeededRandom) -> Double {
        -log((Double(random.next() >> 11) + 0.5) * 0x1p-53)
    }
}

/// Whether ratios of samples are called wrong, looked at every hour, with units spread by a coin of some share.
enum SampleRatioSimulation {
    static func flagged(share: Double, simulations: Int, seed: UInt64) -> Double {
        var random = SeededRandom(seed: seed)
        let ratio = SampleRatio(weights: [1, 1])
        let threshold = UInt64(share * 0x1p63) << 1
        var flagged = 0
        for _ in 0..<simulations {
            var counts = [0, 0]
            for _ in 0..<168 {
                for _ in 0..<100 { counts[random.next() < threshold ? 0 : 1] += 1 }
                if ratio.sequentialP(counts) <= ExperimentPlan.sampleRatioAlpha {
                    flagged += 1
                    break
                }
            }
        }
        return Double(flagged) / Double(simulations)
    }
}
