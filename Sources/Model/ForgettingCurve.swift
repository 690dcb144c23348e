import Bytes
import Glibc

/// How the chance of recall falls with time: retrievability = (1 + factor·t / (S·multiplier))^decay.
///
/// It is not fitted here: engines store the parameters, this reads and evaluates them.
/// Source: FSRS-6 (Ye, 2025), whose default decay stands in where no curve is fitted; the factor makes R(S) = 0.9.
package struct ForgettingCurve: Hashable, Sendable {
    /// Negative.
    package var decay: Double
    /// Positive; scales time over stability.
    package var factor: Double
    /// Multiplies every memory's stability.
    package var stabilityMultiplier: Double

    /// FSRS-6 with its default weights.
    package static let standard = ForgettingCurve(decay: -0.1542, factor: pow(0.9, 1 / -0.1542) - 1)

    package init(decay: Double, factor: Double, stabilityMultiplier: Double = 1) {
        self.decay = decay
        self.factor = factor
        self.stabilityMultiplier = stabilityMultiplier
    }

    /// Reads the stored form; parameters that are absent or out of range are taken from FSRS-6.
    package init(json: JSONValue?) {
        guard let decay = json?["decay"]?.double, decay < 0, decay >= -100 else {
            self = .standard
            return
        }
        self.decay = decay
        if let factor = json?["factor"]?.double, factor > 0, factor <= 1e6 {
            self.factor = factor
        } else {
            factor = pow(0.9, max(1 / decay, -200)) - 1
        }
        if let multiplier = json?["stability_multiplier"]?.double, multiplier > 0, multiplier <= 1e6 {
            stabilityMultiplier = multiplier
        } else {
            stabilityMultiplier = 1
        }
    }

    /// The chance of recall, 0…1.
    ///
    /// - Parameters:
    ///   - days: since the last retrieval or re-mention, at least 0.
    ///   - stability: days after which the chance has fallen to 0.9.
    /// - Returns: 1 at once, falling towards 0.
    package func retrievability(afterDays days: Double, stability: Double) -> Double {
        exp(max(decay * log(1 + factor * days / max(stability * stabilityMultiplier, 0.001)), -200))
    }
}
