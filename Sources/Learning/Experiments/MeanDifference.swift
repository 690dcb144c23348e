/// Where a value is expected to lie.
package struct Interval: Hashable, Sendable {
    package var lower: Double
    package var upper: Double

    package init(lower: Double, upper: Double) {
        self.lower = lower
        self.upper = upper
    }

    /// Whether both ends are numbers.
    package var isFinite: Bool { lower.isFinite && upper.isFinite }

    /// Whether a value is in it, the ends included.
    package func contains(_ value: Double) -> Bool { lower <= value && value <= upper }
}

/// The difference of an arm's mean to the control's, with the tests that hold for one look at a size fixed before.
///
/// Not for peeking: a test that is looked at every hour until it is significant finds something in most experiments
/// without an effect. `ConfidenceSequence` is for that.
package struct MeanDifference: Hashable, Sendable {
    /// Arm minus control.
    package let estimate: Double
    /// Without the assumption of equal variances.
    package let standardError: Double
    /// Welch and Satterthwaite's degrees of freedom, from those of the smaller arm to those of both.
    package let degrees: Double
    /// Units of both arms.
    package let units: Int

    /// The difference; nil when either arm has fewer than two units, or moments whose difference is no finite number.
    package init?(control: ArmMoments, arm: ArmMoments) {
        guard let controlVariance = control.variance, let armVariance = arm.variance else { return nil }
        let controlShare = controlVariance / Double(control.count)
        let armShare = armVariance / Double(arm.count)
        let both = controlShare + armShare
        guard both.isFinite, both >= 0, (arm.mean - control.mean).isFinite else { return nil }
        estimate = arm.mean - control.mean
        units = control.count + arm.count
        standardError = both.squareRoot()
        guard both > 0 else {
            degrees = Double(units - 2)
            return
        }
        // Of shares of the whole: the squares of the variances themselves exceed a Double from about 1e154 on.
        let ratio = controlShare / both
        degrees =
            1 / (ratio * ratio / Double(control.count - 1) + (1 - ratio) * (1 - ratio) / Double(arm.count - 1))
    }

    /// The difference of what a covariate leaves; the plain one without a slope.
    init?(control: ArmMoments, arm: ArmMoments, slope: Double?) {
        guard let slope else {
            self.init(control: control, arm: arm)
            return
        }
        self.init(control: control.adjusted(bySlope: slope), arm: arm.adjusted(bySlope: slope))
    }

    /// Welch's t; 0 without any difference.
    package var t: Double { estimate == 0 ? 0 : estimate / standardError }

    /// Welch's two-sided p (1947).
    package var welchP: Double {
        t.isFinite ? SpecialFunctions.studentTwoSided(t, degrees: degrees) : 0
    }

    /// Welch's interval at a level such as 0.95.
    package func welchInterval(level: Double) -> Interval {
        let half = SpecialFunctions.studentTwoSidedQuantile(1 - level, degrees: degrees) * standardError
        return Interval(lower: estimate - half, upper: estimate + half)
    }

    /// The z of two shares under the pooled variance; nil without units, 0 when all units are alike.
    package static func pooledZ(control: ArmMoments, arm: ArmMoments) -> Double? {
        guard control.count > 0, arm.count > 0 else { return nil }
        let controlCount = Double(control.count)
        let armCount = Double(arm.count)
        let pooled = (control.mean * controlCount + arm.mean * armCount) / (controlCount + armCount)
        let variance = pooled * (1 - pooled) * (1 / controlCount + 1 / armCount)
        return variance > 0 ? (arm.mean - control.mean) / variance.squareRoot() : 0
    }

    /// The two-sided p of the z-test of two shares.
    package static func pooledP(control: ArmMoments, arm: ArmMoments) -> Double? {
        pooledZ(control: control, arm: arm).map(SpecialFunctions.normalTwoSided)
    }
}
