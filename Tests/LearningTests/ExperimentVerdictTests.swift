import Testing

@testable import Learning

@Suite("Experiments")
struct ExperimentVerdictTests {
    private typealias Metric = ExperimentPlan.Metric

    private static func plan(arms: Int = 2, metrics: [Metric], weights: [Double]? = nil) -> ExperimentPlan {
        ExperimentPlan(
            arms: (0..<arms).map { .init(name: "arm\($0)", weight: weights?[$0] ?? 1) }, control: 0, metrics: metrics,
            alpha: 0.05, unitsMin: 1_000)
    }

    private static let clicks = Metric(name: "clicks", role: .primary, isBinary: true, higherIsBetter: true)
    private static let minutes = Metric(name: "minutes", role: .secondary, isBinary: false, higherIsBetter: true)
    private static let seconds = Metric(name: "seconds", role: .primary, isBinary: false, higherIsBetter: true)
    private static let complaints = Metric(name: "complaints", role: .guardrail, isBinary: true, higherIsBetter: false)

    /// Arms of 5 000 units each; shares by metric and arm.
    private static func data(_ shares: [[Double]], units: Int = 5_000) -> ExperimentData {
        ExperimentData(
            units: shares[0].map { _ in units },
            moments: shares.map { $0.map { ArmMoments(successes: Int($0 * Double(units)), of: units) } })
    }

    private static func verdict(
        _ plan: ExperimentPlan, _ data: ExperimentData, isMature: Bool = true, isOver: Bool = false
    ) -> ExperimentVerdict {
        ExperimentVerdict(ExperimentAnalysis(plan, data), data, isMature: isMature, isOver: isOver)
    }

    @Test func aClearlyBetterArmWinsOnceItsTimeHasCome() {
        let plan = Self.plan(metrics: [Self.clicks])
        let data = Self.data([[0.10, 0.14]])
        #expect(Self.verdict(plan, data, isMature: false).wait == .minimumDuration)
        let verdict = Self.verdict(plan, data)
        #expect(verdict.conclusion == .winner && verdict.winner == 1)
        let worse = Self.verdict(plan, Self.data([[0.14, 0.10]]))
        #expect(worse.conclusion == .controlWins && worse.winner == 0)
    }

    @Test func noWinnerBelowTheMinimumOfUnits() {
        let plan = Self.plan(metrics: [Self.clicks])
        let data = Self.data([[0.10, 0.30]], units: 999)
        let analysis = ExperimentAnalysis(plan, data)
        #expect(analysis.effects[0].gap == .tooFewUnits && analysis.effects[0].p == nil)
        #expect(analysis.effects[0].interval == nil && analysis.effects[0].effect != nil)
        #expect(Self.verdict(plan, data).wait == .primary)
        #expect(Self.verdict(plan, data, isOver: true).conclusion == .inconclusive)
        #expect(Self.verdict(plan, Self.data([[0.10, 0.30]], units: 1_000)).winner == 1)
    }

    @Test func fewEventsAreNoEvidence() {
        let plan = Self.plan(metrics: [Self.clicks])
        #expect(ExperimentAnalysis(plan, Self.data([[0.001, 0.01]])).effects[0].gap == .tooFewEvents)
        #expect(ExperimentAnalysis(plan, Self.data([[1, 1]])).effects[0].gap == .tooFewEvents)
    }

    @Test func unitsThatWereSpreadWronglyStopEverything() {
        let plan = Self.plan(metrics: [Self.clicks])
        var data = Self.data([[0.10, 0.14]])
        data.units = [5_000, 4_000]
        #expect(!ExperimentAnalysis(plan, data).isSampleRatioSound)
        #expect(Self.verdict(plan, data).wait == .sampleRatio)
        #expect(Self.verdict(plan, data, isOver: true).conclusion == .sampleRatioMismatch)
        let planned = Self.plan(metrics: [Self.clicks], weights: [5, 4])
        #expect(Self.verdict(planned, data).winner == 1)
        // What an earlier look has found is not forgotten.
        data.units = [5_000, 5_000]
        data.earlierSampleRatioP = 0.001
        #expect(Self.verdict(plan, data).wait == .sampleRatio)
    }

    @Test func aGuardrailThatGetsWorseHoldsAWinnerBack() {
        let plan = Self.plan(metrics: [Self.clicks, Self.complaints])
        #expect(Self.verdict(plan, Self.data([[0.10, 0.14], [0.02, 0.05]])).wait == .guardrail)
        #expect(Self.verdict(plan, Self.data([[0.10, 0.14], [0.05, 0.02]])).winner == 1)
    }

    @Test func ofSeveralBetterArmsOnlyTheOneThatBeatsTheOthersWins() {
        let plan = Self.plan(arms: 3, metrics: [Self.clicks])
        #expect(Self.verdict(plan, Self.data([[0.10, 0.15, 0.151]])).wait == .tie)
        #expect(Self.verdict(plan, Self.data([[0.10, 0.14, 0.20]])).winner == 2)
        #expect(Self.verdict(plan, Self.data([[0.10, 0.10, 0.14]])).winner == 2)
    }

    @Test func manyMetricsNeedMoreEvidence() throws {
        let data = Self.data([[0.10, 0.122]])
        let alone = ExperimentAnalysis(Self.plan(metrics: [Self.clicks]), data)
        let p = try #require(alone.effects[0].p)
        #expect(p < 0.05 && p > 0.005, "\(p)")
        #expect(alone.effects[0].isSignificant(0.05))
        let idle = (0..<9).map { Metric(name: "m\($0)", role: .secondary, isBinary: true, higherIsBetter: true) }
        var many = data
        many.moments += idle.map { _ in [0, 1].map { _ in ArmMoments(successes: 500, of: 5_000) } }
        many.earlierP += idle.map { _ in [1, 1] }
        let among = ExperimentAnalysis(Self.plan(metrics: [Self.clicks] + idle), many)
        #expect(among.effects[0].p == p && !among.effects[0].isSignificant(0.05))
    }

    @Test func theLeastPOfAllLooksStands() throws {
        let plan = Self.plan(metrics: [Self.clicks])
        var data = Self.data([[0.10, 0.10]])
        #expect(ExperimentAnalysis(plan, data).effects[0].p == 1)
        data.earlierP = [[1, 0.004]]
        #expect(ExperimentAnalysis(plan, data).effects[0].p == 0.004)
    }

    @Test func valuesTooLargeToComputeWithAreSaidToBe() {
        let plan = Self.plan(metrics: [Self.seconds])
        func effect(_ squares: Double, covariateSquares: Double = 0) -> ExperimentEffect {
            let arms = [1.0, 2.0].map {
                ArmMoments(
                    count: 2_000, mean: $0, squares: squares, covariateSquares: covariateSquares,
                    products: covariateSquares == 0 ? 0 : 1)
            }
            return ExperimentAnalysis(plan, ExperimentData(units: [2_000, 2_000], moments: [arms])).effects[0]
        }
        let large = ExperimentData(
            units: [2_000, 2_000], moments: [[1.0, 2].map { ArmMoments(count: 2_000, mean: $0, squares: .infinity) }])
        #expect(Self.verdict(plan, large).wait == .notFinite)
        #expect(effect(1e203).gap == nil && effect(1e203).interval != nil)
        for broken in [effect(.infinity), effect(1, covariateSquares: .nan)] {
            #expect(broken.gap == .notFinite && broken.effect == nil && broken.p == nil && broken.interval == nil)
        }
    }

    @Test func unitsThatDoNotVaryWithinTheirArmsSayNothingAboutChance() {
        let plan = Self.plan(metrics: [Self.seconds])
        func data(_ means: [Double], squares: Double = 0, products: Double = 0) -> ExperimentData {
            let arms = means.map {
                ArmMoments(
                    count: 2_000, mean: $0, squares: squares, covariateSquares: products == 0 ? 0 : 1,
                    products: products)
            }
            return ExperimentData(units: [2_000, 2_000], moments: [arms])
        }
        for (data, gap) in [
            (data([5, 6]), ExperimentEffect.Gap.noVarianceWithin), (data([5, 5]), .noVariance),
            (data([5, 6], squares: 9, products: 3), .noVarianceLeft),
        ] {
            let effect = ExperimentAnalysis(plan, data).effects[0]
            #expect(effect.gap == gap && effect.p == nil && effect.fixedP == nil)
            #expect(effect.gap?.rawValue.contains("alike") == (gap == .noVariance))
            #expect(Self.verdict(plan, data).wait == .noVariance)
            #expect(Self.verdict(plan, data, isOver: true).conclusion == .inconclusive)
        }
    }

    @Test func aCovariateNarrowsTheInterval() throws {
        let plan = Self.plan(metrics: [Self.minutes])
        func arm(_ mean: Double) -> ArmMoments {
            ArmMoments(
                count: 2_000, mean: mean, squares: 20_000, covariateMean: 0, covariateSquares: 2_000, products: 5_000)
        }
        var plain = [arm(10), arm(10.1)]
        let adjusted = ExperimentAnalysis(plan, ExperimentData(units: [2_000, 2_000], moments: [plain])).effects[0]
        for index in plain.indices { (plain[index].covariateSquares, plain[index].products) = (0, 0) }
        let bare = ExperimentAnalysis(plan, ExperimentData(units: [2_000, 2_000], moments: [plain])).effects[0]
        // Slope 2.5: it explains 2.5² · 2 000 of 20 000.
        #expect(abs(try #require(adjusted.varianceReduction) - 0.625) < 1e-9 && bare.varianceReduction == nil)
        #expect(try #require(adjusted.interval).lower > #require(bare.interval).lower)
        #expect(abs(try #require(adjusted.effect) - 0.1) < 1e-9)
    }
}
