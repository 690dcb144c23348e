import Glibc

/// An interval that may be looked at as often as one likes: at all looks together it misses with probability ≤ α.
///
/// Robbins' normal mixture: under the null hypothesis exp(r z² / (2 (1 + r))) / √(1 + r) is a martingale of mean 1 in the
/// number of units n, with r = ρ² n, so it ever exceeds 1/α with probability ≤ α (Ville). Inverted:
///
///     estimate ± se · √((1 + 1/r) · (ln(1 + r) + 2 ln(1/α)))
///
/// For means of any distribution with a variance it holds asymptotically, that is from a minimum of units on. Sources:
/// Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon 2021; Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2021.
package struct ConfidenceSequence: Hashable, Sendable {
    /// The probability that the sequence ever misses, 0…1 exclusive.
    package let alpha: Double
    /// ρ², of a unit.
    let mixing: Double

    /// Makes a sequence; its ρ must be chosen before the data are seen.
    ///
    /// - Parameters:
    ///   - alpha: 0…1 exclusive, such as 0.05.
    ///   - tightestAtUnits: the number of units, both arms together, at which the interval is to be narrowest.
    package init(alpha: Double, tightestAtUnits: Double) {
        precondition(alpha > 0 && alpha < 1, "expected alpha inside 0…1, got: \(alpha)")
        precondition(tightestAtUnits >= 1, "expected at least one unit, got: \(tightestAtUnits)")
        self.alpha = alpha
        // Where the derivative of the width is zero, r = ln(1 + r) + 2 ln(1/α).
        var r = 2 * log(1 / alpha)
        for _ in 0..<100 { r = log1p(r) + 2 * log(1 / alpha) }
        mixing = r / tightestAtUnits
    }

    /// How many standard errors the interval reaches to either side.
    package func width(units: Int) -> Double {
        let r = mixing * Double(units)
        return ((1 + 1 / r) * (log1p(r) + 2 * log(1 / alpha))).squareRoot()
    }

    /// The interval after so many units.
    package func interval(_ difference: MeanDifference) -> Interval {
        let half = width(units: difference.units) * difference.standardError
        return Interval(lower: difference.estimate - half, upper: difference.estimate + half)
    }

    /// A p-value that may be looked at at any time: the smallest α at which the interval, of this ρ, excludes zero.
    package func p(_ difference: MeanDifference) -> Double {
        guard difference.estimate != 0 else { return 1 }
        guard difference.standardError > 0 else { return 0 }
        let z = difference.estimate / difference.standardError
        let r = mixing * Double(difference.units)
        return min(1, exp(log1p(r) / 2 - r * z * z / (2 * (1 + r))))
    }
}
