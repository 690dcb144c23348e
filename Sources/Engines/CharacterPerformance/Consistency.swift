import Glibc
import Model

/// How much a bot's traits of a week are those of its long run.
///
/// p = long-run shares of trait intensity; q = the window's shares, drawn towards p by `priorActivations` so that few
/// activations say little; index = 1 − JSD(p, q) in bits, 0…1. Source: Lin 1991. Given activations win over style.
enum Consistency {
    static let priorActivations = 20.0

    /// The index; nil with fewer than `CharacterPerformance.activationsMin` activations in the window.
    static func index(window: [BucketSums], longRun: BucketSums) -> Double? {
        for prefix in [CharacterMeasure.traitPrefix, CharacterMeasure.stylePrefix] {
            let traits = longRun.measures.filter { $0.name.utf8.starts(with: prefix.utf8) && $0.sum.count > 0 }
            guard !traits.isEmpty else { continue }
            let current = traits.map { trait in window.reduce(MeasureSum()) { $0 + $1[trait.name] } }
            return index(current: current, longRun: traits.map(\.sum))
        }
        return nil
    }

    private static func index(current: [MeasureSum], longRun: [MeasureSum]) -> Double? {
        let activations = current.reduce(0) { $0 + $1.count }
        let currentTotal = current.reduce(0.0) { $0 + Double($1.total) }
        let longRunTotal = longRun.reduce(0.0) { $0 + Double($1.total) }
        guard activations >= CharacterPerformance.activationsMin, currentTotal > 0, longRunTotal > 0 else { return nil }
        let trust = Double(activations) / (Double(activations) + priorActivations)
        var divergence = 0.0
        for (now, ever) in zip(current, longRun) {
            let p = max(0, Double(ever.total) / longRunTotal)
            let q = trust * max(0, Double(now.total) / currentTotal) + (1 - trust) * p
            let middle = (p + q) / 2
            if p > 0 { divergence += 0.5 * p * log2(p / middle) }
            if q > 0 { divergence += 0.5 * q * log2(q / middle) }
        }
        return min(max(1 - divergence, 0), 1)
    }
}
