/// Whether an experiment is over, and who won.
package struct ExperimentVerdict: Hashable, Sendable {
    /// What it came to.
    package enum Conclusion: String, Hashable, Sendable {
        /// An arm is better than the control, and than every other arm that is.
        case winner
        /// Every other arm is worse than the control.
        case controlWins = "control_wins"
        /// Its time is over without a winner.
        case inconclusive
        /// Its time is over, and the units were not spread over the arms as planned.
        case sampleRatioMismatch = "sample_ratio_mismatch"
    }

    /// Why it goes on.
    package enum Wait: String, Hashable, Sendable {
        case minimumDuration = "runs for less than its minimum duration"
        case sampleRatio = "units are not spread over the arms as planned"
        case primary = "no arm differs from the control beyond chance in the primary metric"
        case noVariance =
            "units do not vary within the arms in the primary metric, so that nothing can be said about chance"
        case notFinite = "the values of the primary metric are too large to be computed with"
        case guardrail = "the best arm makes a guardrail metric worse"
        case tie = "several arms are better than the control, and none better than the others"
    }

    /// Nil: it goes on.
    package let conclusion: Conclusion?
    /// The place of the winning arm.
    package let winner: Int?
    package let wait: Wait?

    private init(_ conclusion: Conclusion, winner: Int? = nil) {
        self.conclusion = conclusion
        self.winner = winner
        wait = nil
    }

    private init(waitingFor wait: Wait) {
        conclusion = nil
        winner = nil
        self.wait = wait
    }

    /// Judges a look.
    ///
    /// - Parameters:
    ///   - analysis: with one primary metric at least; the first one decides.
    ///   - data: what was looked at; several winning arms are compared with each other.
    ///   - isMature: whether the minimum duration has passed.
    ///   - isOver: whether its end has come.
    package init(_ analysis: ExperimentAnalysis, _ data: ExperimentData, isMature: Bool, isOver: Bool) {
        let verdict = Self.judge(analysis, data, isMature: isMature)
        guard let wait = verdict.wait, isOver else {
            self = verdict
            return
        }
        self = Self(wait == .sampleRatio ? .sampleRatioMismatch : .inconclusive)
    }

    private static func judge(
        _ analysis: ExperimentAnalysis, _ data: ExperimentData, isMature: Bool
    ) -> ExperimentVerdict {
        let plan = analysis.plan
        guard analysis.isSampleRatioSound else { return Self(waitingFor: .sampleRatio) }
        guard isMature else { return Self(waitingFor: .minimumDuration) }
        guard let primary = plan.metrics.firstIndex(where: { $0.role == .primary }) else {
            return Self(waitingFor: .primary)
        }
        let sign = plan.metrics[primary].higherIsBetter ? 1.0 : -1.0
        var better: [Int] = []
        var worse = 0
        for arm in plan.treatments {
            guard let effect = analysis.effect(metric: primary, arm: arm), let gain = effect.effect,
                effect.isSignificant(plan.alpha)
            else { continue }
            if gain * sign > 0 { better.append(arm) } else { worse += 1 }
        }
        if better.isEmpty {
            return worse == plan.treatments.count
                ? Self(.controlWins, winner: plan.control) : Self(waitingFor: untested(analysis, primary) ?? .primary)
        }
        let harmless = better.filter { !harms(analysis, arm: $0) }
        if harmless.isEmpty { return Self(waitingFor: .guardrail) }
        guard let best = best(of: harmless, plan, data.moments[primary], sign: sign) else {
            return Self(waitingFor: .tie)
        }
        return Self(.winner, winner: best)
    }

    /// Why nothing can be said about the primary metric of some arm; nil if it was tested, or has too few units.
    private static func untested(_ analysis: ExperimentAnalysis, _ primary: Int) -> Wait? {
        let gaps = analysis.effects.filter { $0.metric == primary }.compactMap(\.gap)
        if gaps.contains(.notFinite) { return .notFinite }
        return gaps.contains { [.noVariance, .noVarianceWithin, .noVarianceLeft].contains($0) } ? .noVariance : nil
    }

    /// Whether an arm makes a guardrail metric worse beyond chance.
    private static func harms(_ analysis: ExperimentAnalysis, arm: Int) -> Bool {
        analysis.effects.contains { effect in
            let metric = analysis.plan.metrics[effect.metric]
            guard effect.arm == arm, metric.role == .guardrail, let change = effect.effect else { return false }
            return effect.isSignificant(analysis.plan.alpha) && (metric.higherIsBetter ? change < 0 : change > 0)
        }
    }

    /// The arm that is better than each of the others beyond chance; nil if none is.
    private static func best(
        of arms: [Int], _ plan: ExperimentPlan, _ moments: [ArmMoments], sign: Double
    ) -> Int? {
        guard arms.count > 1 else { return arms.first }
        let slope = CovariateAdjustment.slope(moments) ?? 0
        let adjusted = moments.map { $0.adjusted(bySlope: slope) }
        // Which arms come this far depends on the data: α is shared among all pairs there could be (Bonferroni).
        let pairs = Double(plan.treatments.count * (plan.treatments.count - 1) / 2)
        return arms.first { arm in
            arms.allSatisfy { other in
                if other == arm { return true }
                guard let gap = MeanDifference(control: adjusted[other], arm: adjusted[arm]) else { return false }
                return gap.estimate * sign > 0 && plan.sequence.p(gap) <= plan.alpha / pairs
            }
        }
    }
}
