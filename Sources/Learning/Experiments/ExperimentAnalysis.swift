/// What an arm did to a metric, against the control.
package struct ExperimentEffect: Hashable, Sendable {
    /// Why nothing was tested.
    package enum Gap: String, Hashable, Sendable {
        case tooFewUnits = "too few units in an arm"
        case tooFewEvents = "too few successes or failures in an arm"
        case noVariance = "all units are alike"
        case noVarianceWithin = "units do not vary within the arms, so that nothing can be said about chance"
        case noVarianceLeft = "units vary only by the covariate, so that nothing can be said about chance"
        case notFinite = "the values are too large to be computed with"
    }

    /// Places in the plan.
    package var metric: Int
    package var arm: Int
    package var controlUnits: Int
    package var armUnits: Int
    /// As observed, without adjustment.
    package var controlMean: Double
    package var armMean: Double
    /// Arm minus control, adjusted where a covariate explains anything; nil below two units, and where it is no finite
    /// number.
    package var difference: MeanDifference?
    /// The always-valid interval; nil with a gap.
    package var interval: Interval?
    /// Always valid, the least of all looks; nil with a gap at this look.
    package var p: Double?
    /// `p` over all metrics and arms (Benjamini and Hochberg).
    package var adjustedP: Double?
    /// Of the z-test of two shares, for one look; nil for other metrics, and with a gap.
    var pooledP: Double?
    /// The share of the variance that the covariate took out; nil without a covariate.
    package var varianceReduction: Double?
    package var gap: Gap?

    package var effect: Double? { difference?.estimate }
    package var standardError: Double? { difference?.standardError }

    /// Of the test for one look: the z-test of two shares, or Welch's; nil with a gap.
    package var fixedP: Double? { gap == nil ? pooledP ?? difference?.welchP : nil }

    /// Welch's interval, for one look; nil with a gap.
    package func fixedInterval(level: Double) -> Interval? {
        gap == nil ? difference?.welchInterval(level: level) : nil
    }

    /// Whether the effect is there beyond chance, whatever its direction.
    package func isSignificant(_ alpha: Double) -> Bool { adjustedP.map { $0 <= alpha } ?? false }
}

/// One look at an experiment: every metric of every arm against the control, and the ratio of samples.
///
/// It may be looked at every hour: the p-values and intervals hold at all looks together. Invariants: the result
/// depends on the moments alone; no randomness.
package struct ExperimentAnalysis: Hashable, Sendable {
    package let plan: ExperimentPlan
    package let effects: [ExperimentEffect]
    /// Of the chi-squared test, for one look.
    package let sampleRatioChiSquaredP: Double
    /// Valid at any time, the least of all looks.
    package let sampleRatioP: Double

    /// Whether the units were spread over the arms as planned, as far as can be told.
    package var isSampleRatioSound: Bool { sampleRatioP > ExperimentPlan.sampleRatioAlpha }

    /// Looks at the data.
    ///
    /// - Parameters:
    ///   - plan: the experiment.
    ///   - data: of the same arms and metrics.
    /// - Complexity: O(metrics × arms × ln of that).
    package init(_ plan: ExperimentPlan, _ data: ExperimentData) {
        self.plan = plan
        let ratio = SampleRatio(weights: plan.arms.map(\.weight))
        sampleRatioChiSquaredP = ratio.chiSquaredP(data.units)
        sampleRatioP = min(data.earlierSampleRatioP, ratio.sequentialP(data.units))
        var effects: [ExperimentEffect] = []
        for metric in plan.metrics.indices {
            let moments = data.moments[metric]
            let slope = CovariateAdjustment.slope([moments[plan.control]] + plan.treatments.map { moments[$0] })
            for arm in plan.treatments {
                var effect = Self.effect(plan, metric: metric, arm: arm, moments, slope: slope)
                effect.p = effect.p.map { min($0, data.earlierP[metric][arm]) }
                effects.append(effect)
            }
        }
        let tested = effects.indices.filter { effects[$0].p != nil }
        let adjusted = FalseDiscovery.adjusted(tested.map { effects[$0].p ?? 1 })
        for (index, p) in zip(tested, adjusted) { effects[index].adjustedP = p }
        self.effects = effects
    }

    private static func effect(
        _ plan: ExperimentPlan, metric: Int, arm: Int, _ moments: [ArmMoments], slope: Double?
    ) -> ExperimentEffect {
        let control = moments[plan.control]
        let treated = moments[arm]
        var effect = ExperimentEffect(
            metric: metric, arm: arm, controlUnits: control.count, armUnits: treated.count, controlMean: control.mean,
            armMean: treated.mean)
        guard min(control.count, treated.count) > 1 else {
            effect.gap = .tooFewUnits
            return effect
        }
        guard let plain = MeanDifference(control: control, arm: treated),
            let difference = MeanDifference(control: control, arm: treated, slope: slope)
        else {
            effect.gap = .notFinite
            return effect
        }
        if slope != nil, plain.standardError > 0 {
            let ratio = difference.standardError / plain.standardError
            effect.varianceReduction = (ratio * ratio).isFinite ? 1 - ratio * ratio : nil
        }
        effect.difference = difference
        effect.gap = gap(plan, metric, control, treated) ?? gap(plain: plain, adjusted: difference)
        guard effect.gap == nil else { return effect }
        let interval = plan.sequence.interval(difference)
        guard interval.isFinite, difference.welchInterval(level: 1 - plan.alpha).isFinite else {
            effect.difference = nil
            effect.varianceReduction = nil
            effect.gap = .notFinite
            return effect
        }
        effect.interval = interval
        effect.p = plan.sequence.p(difference)
        if plan.metrics[metric].isBinary, effect.varianceReduction == nil {
            effect.pooledP = MeanDifference.pooledP(control: control, arm: treated)
        }
        return effect
    }

    private static func gap(
        _ plan: ExperimentPlan, _ metric: Int, _ control: ArmMoments, _ arm: ArmMoments
    ) -> ExperimentEffect.Gap? {
        if min(control.count, arm.count) < plan.unitsMin { return .tooFewUnits }
        if plan.metrics[metric].isBinary {
            for moments in [control, arm] {
                let successes = moments.mean * Double(moments.count)
                let events = min(successes, Double(moments.count) - successes)
                if events < Double(ExperimentPlan.eventsMin) - 0.5 { return .tooFewEvents }
            }
        }
        return nil
    }

    /// Why a difference can't be told from chance, if it can't.
    private static func gap(plain: MeanDifference, adjusted: MeanDifference) -> ExperimentEffect.Gap? {
        if adjusted.standardError > 0 { return nil }
        if plain.standardError > 0 { return .noVarianceLeft }
        return plain.estimate == 0 ? .noVariance : .noVarianceWithin
    }

    /// An arm's effect on a metric.
    package func effect(metric: Int, arm: Int) -> ExperimentEffect? {
        effects.first { $0.metric == metric && $0.arm == arm }
    }
}
