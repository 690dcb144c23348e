import Bytes
import Model
import Support
import Testing

@testable import Engines

@Suite struct CharacterPerformanceTests {
    static let start: Int64 = 423_771

    /// Buckets of one metric, a value an hour and point.
    static func buckets(
        hours: Int = 168, points: Int = 1, metric: String = "engagement", _ value: (Int) -> Double
    ) -> [Int64: BucketSums] {
        var buckets: [Int64: BucketSums] = [:]
        for hour in 0..<hours {
            for _ in 0..<points {
                buckets[start + Int64(hour), default: BucketSums()].add(value(hour), to: metric, squares: true)
            }
        }
        return buckets
    }

    static func evaluate(_ buckets: [Int64: BucketSums], longRun: BucketSums = BucketSums()) -> CharacterRow {
        CharacterPerformance.evaluate(botName: "elena", buckets: buckets, longRun: longRun)
    }

    @Test("Nothing gives nothing, with reasons")
    func empty() throws {
        let row = Self.evaluate([:])
        #expect(row.hours == nil && row.qualityTrend == nil && row.recentAnomalies == nil && row.trendThrough == nil)
        let reasons = try #require(JSONValue(parsing: row.nullReasons).members)
        #expect(reasons.count == 6)
        let few = Self.evaluate(Self.buckets(hours: 3) { _ in 0.5 })
        #expect(few.hours != nil && few.qualityTrend == nil && few.recentAnomalies == nil)
        #expect(few.engagementSource == .given && few.satisfactionSource == nil)
        #expect(try JSONValue(parsing: few.nullReasons)["satisfaction_score_avg"] != nil)
    }

    @Test("Given points win, what users did stands in and is labelled")
    func sources() throws {
        var script = CharacterScript(seed: 3)
        for turn in 0..<60 {
            script.say(.user, after: turn % 6 == 0 ? 7200 : 30)
            script.say(.assistant, after: 20)
        }
        var engine = CharacterContributionEngine()
        for observation in script.observations { engine.apply(observation) }
        var buckets = engine.contributions.buckets
        buckets[BotContributions.longRun] = nil
        let longRun = engine.contributions[BotContributions.longRun]
        let computed = Self.evaluate(buckets, longRun: longRun)
        #expect(computed.engagementSource == .behavioural && computed.satisfactionSource == .behavioural)
        let series = try elements(computed.hours)
        let n = series.compactMap { $0["e"]?[0]?.int64 }.reduce(0, +)
        let total = series.compactMap { $0["e"]?[1]?.double }.reduce(0, +)
        #expect(n == 60 && total == 50)
        let behavior = try parsed(computed.behavior)
        #expect(abs((behavior["reply_latency_seconds"]?["mean"]?.double ?? 0) - 30) < 0.01)
        #expect(computed.personalityConsistencyIndex != nil)

        buckets[computed.trendThrough.map { $0.hourIndex - 1 } ?? 0]?.add(0.25, to: "engagement", squares: true)
        let given = Self.evaluate(buckets, longRun: longRun)
        #expect(given.engagementSource == .given && given.satisfactionSource == .behavioural)
        #expect(try elements(given.hours).compactMap { $0["e"] }.count == 1)
    }

    @Test("A slope is told from noise in both directions")
    func trend() {
        var random = SeededRandom(seed: 4)
        let noise = (0..<168).map { _ in 0.05 * random.normal() }
        #expect(Self.evaluate(Self.buckets { 0.4 + 0.001 * Double($0) + noise[$0] }).qualityTrend == "improving")
        #expect(Self.evaluate(Self.buckets { 0.6 - 0.001 * Double($0) + noise[$0] }).qualityTrend == "declining")
        #expect(Self.evaluate(Self.buckets { 0.5 + noise[$0] }).qualityTrend == "stable")
        #expect(Self.evaluate(Self.buckets { _ in 0.5 }).qualityTrend == "stable")
        // The hour of the day alone is no trend.
        #expect(
            Self.evaluate(Self.buckets { 0.5 + 0.2 * cosine(Double($0) * .pi / 12) + noise[$0] }).qualityTrend
                == "stable")
    }

    @Test("The trend test calls about 5 % of trendless series a trend, also with ties and serial correlation")
    func trendLevel() {
        var random = SeededRandom(seed: 21)
        let count = 400
        func share(_ next: () -> [Double]) -> Double {
            Double((0..<count).count { _ in (TrendTest.statistic(next()) ?? 0).magnitude > TrendTest.criticalZ })
                / Double(count)
        }
        let white = share { (0..<60).map { _ in random.normal() } }
        let tied = share { (0..<60).map { _ in (random.uniform() * 3).rounded(.down) } }
        let correlated = share {
            var last = 0.0
            return (0..<60).map { _ in
                last = 0.4 * last + random.normal()
                return last
            }
        }
        print("trend test, share of trends: white \(white), tied \(tied), AR(0.4) \(correlated)")
        #expect(white > 0.01 && white < 0.08)
        #expect(tied > 0.01 && tied < 0.08)
        #expect(correlated < 0.12)
        #expect(TrendTest.statistic([1, 2, 3]) == nil)
        // By hand: 12 rising values have S = 66 and Var = 12·11·29/18; a line leaves no serial correlation to correct.
        let rising = TrendTest.statistic((1...12).map(Double.init)) ?? 0
        #expect(abs(rising - 65 / (12.0 * 11 * 29 / 18).squareRoot()) < 1e-9)
    }

    @Test("A week without change gives at most 0.05 anomalies a series")
    func falseAlarms() {
        var random = SeededRandom(seed: 31)
        let weeks = 60
        let kinds: [(name: String, next: () -> Double)] = [
            ("normal", { 0.6 + 0.1 * random.normal() }), ("t3", { 0.6 + 0.05 * random.studentT3() }),
            ("exponential", { -0.1 * logarithm(1 - random.uniform()) }),
            ("rare failures", { random.chance(0.95) ? 1 : 0 }),
        ]
        for (name, next) in kinds {
            let alarms = (0..<weeks).reduce(0) { sum, _ in
                let buckets = Self.buckets { _ in next() }
                let hours = buckets.sorted { $0.key < $1.key }.map { (hour: $0.key, sums: $0.value) }
                let values = RobustResiduals.hourly(hours, measure: "engagement")
                return sum + ChangePoints.find(RobustResiduals.standardised(values, varianceWithin: 0)).count
            }
            print("false alarms a week, \(name): \(Double(alarms) / Double(weeks))")
            // 60 weeks at the goal of 0.05 give 7 or more in 3 % of runs.
            #expect(alarms <= 6, "\(name)")
        }
    }

    @Test("A fall by three deviations is found, dated and signed")
    func anomaly() throws {
        var random = SeededRandom(seed: 41)
        let noise = (0..<168).map { _ in 0.05 * random.normal() }
        let row = Self.evaluate(
            Self.buckets(metric: "satisfaction") { (0.8 + noise[$0]) - ($0 >= 140 ? 0.25 : 0) })
        let found = try elements(row.recentAnomalies)
        #expect(found.count == 1)
        let anomaly = try #require(found.first)
        #expect(anomaly["metric"]?.string == "satisfaction" && anomaly["direction"]?.string == "down")
        #expect((anomaly["score"]?.double ?? 0) >= ChangePoints.probabilityMin)
        let time = try Timestamp(text: try #require(anomaly["time"]?.string))
        #expect(abs(time.hourIndex - (Self.start + 140)) <= 2)
    }

    @Test("Hours with few values weigh less than hours with many")
    func fewValues() {
        var random = SeededRandom(seed: 51)
        var buckets: [Int64: BucketSums] = [:]
        for hour in 0..<168 {
            for _ in 0..<(hour % 2 == 0 ? 50 : 1) {
                buckets[Int64(hour), default: BucketSums()].add(random.normal(), to: "coherence", squares: true)
            }
        }
        let hours = buckets.sorted { $0.key < $1.key }.map { (hour: $0.key, sums: $0.value) }
        let within = RobustResiduals.varianceWithin(hours, measure: "coherence")
        #expect(abs(within - 1) < 0.1)
        let residuals = RobustResiduals.standardised(
            RobustResiduals.hourly(hours, measure: "coherence"), varianceWithin: within)
        let spread = { (parity: Int) in
            RobustResiduals.robustScale(residuals.indices.filter { $0 % 2 == parity }.map { residuals[$0] })
        }
        #expect(spread(1) / spread(0) < 2)
    }

    @Test("Consistency is 1 for the same profile and falls with distance")
    func consistency() throws {
        func profile(_ counts: [String: Int]) -> BucketSums {
            var sums = BucketSums()
            for (trait, count) in counts.sorted(by: { $0.key < $1.key }) {
                for _ in 0..<count { sums.add(0.8, to: "trait:" + trait, squares: false) }
            }
            return sums
        }
        let longRun = profile(["warmth": 600, "humor": 300, "formality": 100])
        func index(_ counts: [String: Int]) -> Double? {
            Self.evaluate([Self.start: profile(counts)], longRun: longRun).personalityConsistencyIndex
        }
        let same = try #require(index(["warmth": 60, "humor": 30, "formality": 10]))
        let near = try #require(index(["warmth": 50, "humor": 35, "formality": 15]))
        let far = try #require(index(["formality": 100]))
        #expect(abs(same - 1) < 1e-9 && near < same && far < near - 0.2 && far >= 0)
        #expect(index(["warmth": 5]) == nil)
        var given = profile(["formality": 100])
        given.add(0.75, to: "personality_consistency", squares: true)
        let row = Self.evaluate([Self.start: given], longRun: longRun)
        #expect(row.personalityConsistencyIndex == 0.75 && row.consistencySource == .given)
    }
}
