import Bytes
import Learning

/// A/B analysis: simulated experiments with and without effect, looked at every hour, and real ones.
///
/// `nsw_mixtape` is a randomised job training whose effect on earnings is published (1,794.34 ± 671.00); of Upworthy's
/// tests the archive's authors report trouble with the randomisation in 22 %, mostly in weeks 201326 to 201402.
enum ExperimentQuality: QualityTask {
    static let name = "experiments"
    private static let packages = "upworthy/packages.csv.gz"
    private static let training = "rct_small/nsw_mixtape.csv"
    static let files = [packages, training]
    private static let simulations = 10_000

    static func run(_ data: DataFolder, _ report: inout QualityReport) throws {
        withoutEffect(&report)
        withEffect(&report)
        report.add(
            "sound-ratios-flagged-hourly", SampleRatioSimulation.flagged(share: 0.5, simulations: simulations, seed: 3),
            .atMost(ExperimentPlan.sampleRatioAlpha))
        report.add(
            "ratios-of-51-to-49-flagged-hourly-by-16800-units",
            SampleRatioSimulation.flagged(share: 0.51, simulations: 1_000, seed: 4))
        try upworthy(try data.table(packages), &report)
        try jobTraining(try data.table(training), &report)
    }

    private static func share(
        _ outcomes: [ExperimentSimulation.Outcome], _ test: (ExperimentSimulation.Outcome) -> Bool
    ) -> Double {
        Double(outcomes.filter(test).count) / Double(outcomes.count)
    }

    /// Two weeks of hourly looks at three metrics, 16,800 units an arm.
    private static func withoutEffect(_ report: inout QualityReport) {
        var random = SeededRandom(seed: 1)
        let simulation = ExperimentSimulation(hours: 336, unitsAnHour: 50, gain: 0)
        let outcomes = (0..<simulations).map { _ in simulation.run(&random, allMetrics: true) }
        report.add(
            "no-effect-found-hourly", share(outcomes) { $0.foundAtUnits != nil },
            baseline: ("z-test-hourly", share(outcomes) { $0.isFoundByZ }), .atMost(0.05))
        report.add("no-effect-found-hourly-in-any-of-3-metrics", share(outcomes) { $0.isAnyFound }, .atMost(0.05))
        report.add(
            "no-effect-interval-covers-at-all-looks", share(outcomes) { !$0.hasMissed },
            baseline: ("welch-at-the-last-look", share(outcomes) { !$0.hasWelchMissed }), .atLeast(0.95))
        report.note("simulations", .count(simulations))
        report.note("looks", .count(simulation.hours))
    }

    /// The difference that a z-test finds with 90 % at 5,000 units an arm, up to 15,000.
    private static func withEffect(_ report: inout QualityReport) {
        let share = ExperimentSimulation.share
        let quantiles = SpecialFunctions.normalQuantile(0.975) + SpecialFunctions.normalQuantile(0.9)
        var gain = 0.0
        // The variance depends a little on the gain itself.
        for _ in 0..<50 {
            let treated = share + gain
            gain = quantiles * ((share * (1 - share) + treated * (1 - treated)) / 5_000).squareRoot()
        }
        func outcomes(_ hours: Int, seed: UInt64) -> [ExperimentSimulation.Outcome] {
            var random = SeededRandom(seed: seed)
            let simulation = ExperimentSimulation(hours: hours, unitsAnHour: 100, gain: gain)
            return (0..<simulations).map { _ in simulation.run(&random, allMetrics: false) }
        }
        let once = outcomes(50, seed: 5)
        let hourly = outcomes(150, seed: 2)
        let power = Self.share(hourly) { $0.foundAtUnits != nil }
        report.add("z-test-power-at-5000-an-arm-one-look", Self.share(once) { $0.isFoundByZAtTheEnd })
        report.add("power-by-15000-an-arm-hourly", power, .atLeast(0.9))
        report.add("power-by-5000-an-arm-hourly", Self.share(once) { $0.foundAtUnits != nil })
        let needed = hourly.map { Double($0.foundAtUnits ?? 15_000) }
        report.add("units-an-arm-until-found-median", median(needed), baseline: ("z-test-for-90-percent", 5_000))
        report.add(
            "effect-interval-covers-at-all-looks", Self.share(hourly) { !$0.hasMissed },
            baseline: ("welch-at-the-last-look", Self.share(hourly) { !$0.hasWelchMissed }), .atLeast(0.95))
        report.note("gain", .number(gain))
    }

    /// Whether the ratio of an Upworthy test's samples is called wrong.
    private struct Ratio {
        var isFlaggedOnce: Bool
        var isFlagged: Bool
        var isTroubled: Bool
    }

    private static func upworthy(_ table: DataTable, _ report: inout QualityReport) throws {
        let test = try table.column("test_id")
        let week = try table.column("test_week")
        let impressions = try table.column("impressions")
        var tests: [String: (counts: [Int], isTroubled: Bool)] = [:]
        for row in table.rows {
            let troubled = (201326...201402).contains(Int(row[week]) ?? 0)
            tests[row[test], default: ([], troubled)].counts.append(Int(row[impressions]) ?? 0)
        }
        let ratios = tests.values.filter { $0.counts.count > 1 }.map { entry in
            let ratio = SampleRatio(weights: entry.counts.map { _ in 1 })
            return Ratio(
                isFlaggedOnce: ratio.chiSquaredP(entry.counts) <= ExperimentPlan.sampleRatioAlpha,
                isFlagged: ratio.sequentialP(entry.counts) <= ExperimentPlan.sampleRatioAlpha,
                isTroubled: entry.isTroubled)
        }
        func rate(_ ratios: [Ratio], _ isFlagged: (Ratio) -> Bool) -> Double {
            Double(ratios.filter(isFlagged).count) / Double(ratios.count)
        }
        let troubled = ratios.filter(\.isTroubled)
        let others = ratios.filter { !$0.isTroubled }
        let published = ("published", 0.22)
        report.add("upworthy-ratios-flagged-by-chi-squared", rate(ratios, \.isFlaggedOnce), baseline: published)
        report.add("upworthy-ratios-flagged-sequentially", rate(ratios, \.isFlagged), baseline: published)
        report.add("upworthy-flagged-by-chi-squared-in-troubled-weeks", rate(troubled, \.isFlaggedOnce))
        report.add("upworthy-flagged-sequentially-in-troubled-weeks", rate(troubled, \.isFlagged))
        report.add("upworthy-flagged-by-chi-squared-in-other-weeks", rate(others, \.isFlaggedOnce))
        report.add("upworthy-flagged-sequentially-in-other-weeks", rate(others, \.isFlagged))
        report.note("upworthy_tests", .count(ratios.count))
    }

    private static func jobTraining(_ table: DataTable, _ report: inout QualityReport) throws {
        func numbers(_ name: String) throws -> [Double] {
            let column = try table.column(name)
            return table.rows.map { Double($0[column]) ?? .nan }
        }
        let earnings = try numbers("re78")
        let treatment = try numbers("treat")
        func arms(_ covariate: [Double]?) -> [ArmMoments] {
            let mean = covariate.map { $0.reduce(0, +) / Double($0.count) } ?? 0
            var arms = [ArmMoments(), ArmMoments()]
            for (index, value) in earnings.enumerated() {
                arms[Int(treatment[index])].add(value, covariate: (covariate?[index] ?? mean) - mean)
            }
            return arms
        }
        let plain = arms(nil)
        let difference = MeanDifference(control: plain[0], arm: plain[1])
        let estimate = difference?.estimate ?? .nan
        let error = difference?.standardError ?? .nan
        report.add("nsw-difference-in-means", estimate, baseline: ("published", 1794.34))
        report.add("nsw-difference-off-published", abs(estimate - 1794.34), .atMost(0.005))
        report.add("nsw-standard-error", error, baseline: ("published", 671.00))
        report.add("nsw-standard-error-off-published", abs(error - 671.00), .atMost(0.005))
        var worst = 0.0
        for name in ["re74", "re75", "age", "educ"] {
            let covariate = try numbers(name)
            guard let adjusted = CovariateAdjustment.adjusted(arms(covariate)) else { continue }
            let mean = covariate.reduce(0, +) / Double(covariate.count)
            let coefficients = LeastSquares.fit(
                earnings, on: [treatment.map { _ in 1 }, treatment, covariate.map { $0 - mean }])
            worst = max(worst, abs(adjusted[1].mean - adjusted[0].mean - coefficients[1]))
            report.note("nsw_\(name)_adjusted", .number(adjusted[1].mean - adjusted[0].mean))
        }
        report.add("nsw-cuped-off-least-squares-millionths", worst * 1e6, .atMost(1))
    }
}

/// Ordinary least squares by Householder's reflections (1958): another way than the one that is measured against it.
enum LeastSquares {
    /// The coefficients of a response on columns, in their order.
    static func fit(_ response: [Double], on columns: [[Double]]) -> [Double] {
        var columns = columns
        var response = response
        let count = columns.count
        var triangle = [[Double]](repeating: [Double](repeating: 0, count: count), count: count)
        for pivot in 0..<count {
            var normal = columns[pivot]
            for row in 0..<pivot { normal[row] = 0 }
            let length = normal.reduce(0) { $0 + $1 * $1 }.squareRoot()
            normal[pivot] += normal[pivot] < 0 ? -length : length
            let square = normal.reduce(0) { $0 + $1 * $1 }
            func reflect(_ vector: inout [Double]) {
                let scale = 2 * zip(normal, vector).reduce(0) { $0 + $1.0 * $1.1 } / square
                for index in vector.indices { vector[index] -= scale * normal[index] }
            }
            for index in pivot..<count { reflect(&columns[index]) }
            reflect(&response)
            for index in pivot..<count { triangle[pivot][index] = columns[index][pivot] }
        }
        var coefficients = [Double](repeating: 0, count: count)
        for row in (0..<count).reversed() {
            var rest = response[row]
            for index in (row + 1)..<count { rest -= triangle[row][index] * coefficients[index] }
            coefficients[row] = rest / triangle[row][row]
        }
        return coefficients
    }
}
