import Engines
import Glibc

/// Whether the engines' forgetting curve describes what was measured: Ebbinghaus' savings of 1885.
///
/// The power law is FSRS-6's own, R(t) = (1 + factor·t/S)^decay with the factor that the decay gives; its decay (within
/// FSRS-6's bounds, 0.1…0.8) and S are fitted. The baseline is the best c·e^(−t/τ), one parameter more than the
/// exponential curve that starts at 1. Errors are sums of squares.
enum ForgettingCurveQuality: QualityTask {
    static let name = "forgetting-curve"
    private static let savings = "ebbinghaus1885/savings.csv"
    static let files = [savings]

    static func run(_ data: DataFolder, _ report: inout QualityReport) throws {
        let table = try data.table(savings)
        let delay = try table.column("delay_seconds")
        let share = try table.column("savings")
        let points = table.rows.map { (days: (Double($0[delay]) ?? .nan) / 86_400, share: Double($0[share]) ?? .nan) }
        let squared = { (curve: (Double) -> Double) in
            points.reduce(0) { $0 + (curve($1.days) - $1.share) * (curve($1.days) - $1.share) }
        }
        let power = fitted(from: (0.1, 0.8), and: (log(1e-9), log(100))) { decay, logStability in
            let curve = FSRS6(parameters: FSRS6.published.parameters.dropLast() + [decay])
            return squared { curve.retrievability(days: $0, stability: exp(logStability)) }
        }
        let exponential = fitted(from: (0, 1), and: (log(1e-4), log(1e4))) { level, logConstant in
            squared { level * exp(-$0 / exp(logConstant)) }
        }
        report.add(
            "squared-error-thousandths", 1000 * power.error, baseline: ("exponential", 1000 * exponential.error),
            .atMost(3))
        report.note("decay", .number(-power.at.0))
        report.note("stability_days", .number(exp(power.at.1)))
        report.note("points", .count(points.count))
    }

    /// The least value on a grid that is narrowed around its best point.
    private static func fitted(
        from first: (Double, Double), and second: (Double, Double), _ error: (Double, Double) -> Double
    ) -> (at: (Double, Double), error: Double) {
        var (low, high) = ((first.0, second.0), (first.1, second.1))
        var best = (at: low, error: Double.infinity)
        for _ in 0..<30 {
            for row in 0...40 {
                for column in 0...40 {
                    let at = (
                        low.0 + (high.0 - low.0) * Double(row) / 40, low.1 + (high.1 - low.1) * Double(column) / 40
                    )
                    let value = error(at.0, at.1)
                    if value < best.error { best = (at, value) }
                }
            }
            let reach = ((high.0 - low.0) * 0.35, (high.1 - low.1) * 0.35)
            low = (max(first.0, best.at.0 - reach.0), max(second.0, best.at.1 - reach.1))
            high = (min(first.1, best.at.0 + reach.0), min(second.1, best.at.1 + reach.1))
        }
        return best
    }
}
