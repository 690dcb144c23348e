/// What an experiment was set up to compare, fixed before its units came.
package struct ExperimentPlan: Hashable, Sendable {
    /// One of the things compared.
    package struct Arm: Hashable, Sendable {
        package var name: String
        /// Of the units, in any positive unit.
        package var weight: Double

        package init(name: String, weight: Double) {
            self.name = name
            self.weight = weight
        }
    }

    /// What a metric is for.
    package enum Role: String, Hashable, Sendable {
        /// Decides.
        case primary
        /// Must not get worse.
        case guardrail
        /// Is reported.
        case secondary
    }

    /// Something measured a unit.
    package struct Metric: Hashable, Sendable {
        package var name: String
        package var role: Role
        /// Whether units have 1 or 0.
        package var isBinary: Bool
        package var higherIsBetter: Bool

        package init(name: String, role: Role, isBinary: Bool, higherIsBetter: Bool) {
            self.name = name
            self.role = role
            self.isBinary = isBinary
            self.higherIsBetter = higherIsBetter
        }
    }

    package var arms: [Arm]
    /// The place of the control among the arms.
    package var control: Int
    package var metrics: [Metric]
    /// 1 − the significance level, such as 0.05.
    package var alpha: Double
    /// Units that each arm must have before anything is tested.
    package var unitsMin: Int
    /// Units of an arm at which the intervals are narrowest; nil: five times `unitsMin`.
    package var unitsPlanned: Int?

    package init(
        arms: [Arm], control: Int, metrics: [Metric], alpha: Double, unitsMin: Int, unitsPlanned: Int? = nil
    ) {
        precondition(arms.indices.contains(control), "expected a control among the arms, got: \(control)")
        self.arms = arms
        self.control = control
        self.metrics = metrics
        self.alpha = alpha
        self.unitsMin = unitsMin
        self.unitsPlanned = unitsPlanned
    }

    /// Successes and failures that an arm must have of a binary metric: the normal limit is far off below.
    package static let eventsMin = 10

    /// A ratio of samples is called wrong at this level, over all looks together.
    package static let sampleRatioAlpha = 0.01

    var sequence: ConfidenceSequence {
        let planned = unitsPlanned ?? 5 * unitsMin
        return ConfidenceSequence(alpha: alpha, tightestAtUnits: 2 * Double(max(1, planned)))
    }

    /// Places of the arms that are compared with the control.
    package var treatments: [Int] { arms.indices.filter { $0 != control } }
}

/// What was observed so far.
package struct ExperimentData: Hashable, Sendable {
    /// Units assigned, by arm.
    package var units: [Int]
    /// By metric, then by arm.
    package var moments: [[ArmMoments]]
    /// The least p-values of earlier looks, by metric and then by arm, 1 where there are none.
    package var earlierP: [[Double]]
    /// The least p-value of earlier looks at the ratio of samples.
    package var earlierSampleRatioP: Double

    /// Of a first look.
    package init(units: [Int], moments: [[ArmMoments]]) {
        self.units = units
        self.moments = moments
        earlierP = moments.map { $0.map { _ in 1 } }
        earlierSampleRatioP = 1
    }
}
