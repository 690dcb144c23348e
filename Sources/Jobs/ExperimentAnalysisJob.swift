import Bytes
import Learning
import Model
import Postgres
import Store

/// `ab_test_analysis`: looks at every running experiment, and concludes those that are decided.
///
/// A step is one experiment, locked: its results and its conclusion commit together, so it is concluded once. One whose
/// data can't be processed is named in the metadata, and holds up no other.
package struct ExperimentAnalysisJob: Job {
    package let name = "ab_test_analysis"

    package init() {}

    package func run(_ run: inout JobRun, _ connection: inout Connection) throws {
        while true {
            let after = run.cursor.string ?? ""
            guard let experiment = try connection.first(NextExperiment(after: after, at: run.dueAt)) else { return }
            try run.commit(&connection) { run, connection in
                try run.isolate(experiment, &connection) { run, connection in
                    try analyse(experiment, &run, &connection)
                }
                run.cursor = .string(experiment)
            }
        }
    }

    private func analyse(_ experiment: String, _ run: inout JobRun, _ connection: inout Connection) throws {
        guard let locked = try connection.first(LockExperiment(experiment: experiment, at: run.dueAt)) else { return }
        let arms = try connection.query(ExperimentArms(experiment: experiment, at: run.dueAt))
        let metrics = try connection.query(ExperimentMetrics(experiment: experiment))
        guard let plan = plan(locked, arms, metrics, run.settings) else {
            // Set up by hand, without start_experiment: the others are not held up by it.
            run.noteFailed(experiment, "expected a control, another arm and a primary metric, got: fewer")
            run.tally.add(to: "incomplete")
            return
        }
        let data = try data(experiment, plan, units: arms.map { Int($0.units) }, run.dueAt, &connection)
        let isEnough = data.moments.contains { moments in
            moments[plan.control].count >= plan.unitsMin
                && plan.treatments.contains { moments[$0].count >= plan.unitsMin }
        }
        guard isEnough || locked.isOver else { return run.tally.add(to: "too_few_units") }
        let analysis = ExperimentAnalysis(plan, data)
        let verdict = ExperimentVerdict(analysis, data, isMature: locked.isMature, isOver: locked.isOver)
        try save(experiment, analysis, verdict, &run, &connection)
        run.tally.successfulUpdates += 1
        run.tally.recordsProcessed += data.units.reduce(0, +)
    }

    private func plan(
        _ locked: LockExperiment.Row, _ arms: [(arm: String, weight: Double, units: Int64)],
        _ metrics: [ExperimentMetrics.Row], _ settings: JobSettings
    ) -> ExperimentPlan? {
        guard arms.count > 1, let control = arms.firstIndex(where: { $0.arm == locked.controlArm }),
            metrics.contains(where: { $0.role == ExperimentPlan.Role.primary.rawValue })
        else { return nil }
        return ExperimentPlan(
            arms: arms.map { ExperimentPlan.Arm(name: $0.arm, weight: $0.weight) }, control: control,
            metrics: metrics.map {
                ExperimentPlan.Metric(
                    name: $0.metric, role: ExperimentPlan.Role(rawValue: $0.role) ?? .secondary, isBinary: $0.isBinary,
                    higherIsBetter: $0.higherIsBetter)
            },
            alpha: 1 - settings.number("AB_TEST_SIGNIFICANCE_LEVEL"),
            unitsMin: settings.integer("AB_TEST_MIN_SAMPLE_SIZE"), unitsPlanned: locked.unitsPlanned.map { Int($0) })
    }

    private func data(
        _ experiment: String, _ plan: ExperimentPlan, units: [Int], _ at: Timestamp, _ connection: inout Connection
    ) throws -> ExperimentData {
        let none = plan.arms.map { _ in ArmMoments() }
        var data = ExperimentData(units: units, moments: plan.metrics.map { _ in none })
        func place(_ metric: String, _ arm: String) -> (metric: Int, arm: Int)? {
            guard let metric = plan.metrics.firstIndex(where: { $0.name == metric }),
                let arm = plan.arms.firstIndex(where: { $0.name == arm })
            else { return nil }
            return (metric, arm)
        }
        for row in try connection.query(ExperimentMoments(experiment: experiment, at: at)) {
            guard let place = place(row.metric, row.arm) else { continue }
            data.moments[place.metric][place.arm] = ArmMoments(
                count: Int(row.count), mean: row.mean, squares: row.squares, covariateMean: row.covariateMean,
                covariateSquares: row.covariateSquares, products: row.products)
        }
        for look in try connection.query(EarlierLooks(experiment: experiment, before: at)) {
            guard let place = place(look.metric, look.arm) else { continue }
            data.earlierP[place.metric][place.arm] = look.p
            data.earlierSampleRatioP = min(data.earlierSampleRatioP, look.sampleRatioP)
        }
        return data
    }

    private func save(
        _ experiment: String, _ analysis: ExperimentAnalysis, _ verdict: ExperimentVerdict, _ run: inout JobRun,
        _ connection: inout Connection
    ) throws {
        let plan = analysis.plan
        let look = SaveExperimentResults.Look(
            experiment: experiment, at: run.dueAt, controlArm: plan.arms[plan.control].name,
            sampleRatioP: analysis.sampleRatioP, sampleRatioChiSquaredP: analysis.sampleRatioChiSquaredP,
            significanceLevel: run.settings.number("AB_TEST_SIGNIFICANCE_LEVEL"),
            verdict: verdict.conclusion?.rawValue ?? verdict.wait?.rawValue ?? "")
        let rows = analysis.effects.map { row(of: $0, plan) }
        try connection.run(SaveExperimentResults(look: look, rows: rows))
        guard let conclusion = verdict.conclusion else { return }
        let winner = verdict.winner.map { plan.arms[$0].name }
        try connection.run(
            ConcludeExperiment(
                experiment: experiment, at: run.dueAt, conclusion: conclusion.rawValue, winner: winner))
        run.tally.add(to: "concluded")
    }

    private func row(of effect: ExperimentEffect, _ plan: ExperimentPlan) -> SaveExperimentResults.Effect {
        let metric = plan.metrics[effect.metric]
        var row = SaveExperimentResults.Effect(
            metric: metric.name, arm: plan.arms[effect.arm].name, role: metric.role.rawValue,
            controlUnits: Int64(effect.controlUnits), armUnits: Int64(effect.armUnits),
            controlMean: effect.controlMean, armMean: effect.armMean)
        row.effect = effect.effect
        row.standardError = effect.standardError
        row.intervalLower = effect.interval?.lower
        row.intervalUpper = effect.interval?.upper
        row.p = effect.p
        row.adjustedP = effect.adjustedP
        row.isSignificant = effect.adjustedP.map { _ in effect.isSignificant(plan.alpha) }
        row.fixedP = effect.fixedP
        let fixed = effect.fixedInterval(level: 1 - plan.alpha)
        row.fixedLower = fixed?.lower
        row.fixedUpper = fixed?.upper
        row.varianceReduction = effect.varianceReduction
        row.nullReason = effect.gap?.rawValue
        return row
    }
}
