import Bytes
import Model
import Support
import Testing

@testable import Engines

@Suite struct CharacterAnomalyTests {
    @Test("A record's score is its distance outside of the range, over the range")
    func recordScore() {
        var records = RecordExcess()
        for value in [0.0, 1, 0.5, 1, 0.2, 0.7, 0.4] { _ = records.score(value) }
        #expect(records.score(0.6) == 0)
        #expect(records.score(4) >= 3)
        // Of one event only the rise counts.
        #expect(records.score(3.9) == 0)
        var falls = RecordExcess()
        for value in [0.0, 1, 0.5, 1, 0.2, 0.7, 0.4] { _ = falls.score(value) }
        #expect(falls.score(-3) <= -3)
        var flat = RecordExcess()
        for _ in 0..<20 { #expect(flat.score(1) == 0) }
        #expect(flat.score(2) == 0)
    }

    @Test("Scores of records are the same for shifted and scaled values")
    func recordInvariance() {
        var random = SeededRandom(seed: 61)
        var plain = RecordExcess()
        var scaled = RecordExcess()
        for _ in 0..<500 {
            let value = random.studentT3()
            #expect(abs(plain.score(value) - scaled.score(8 * value + 1024)) < 1e-6)
        }
    }

    @Test("Stretches of constant level are cut where they change, correlated noise is not")
    func segments() throws {
        var random = SeededRandom(seed: 62)
        let steps = (0..<150).map { [0.0, 5, -3][$0 / 50] + random.normal() }
        let changes = LevelSegments.changes(steps)
        #expect(changes.count == 2)
        #expect(zip(changes, [50, 100]).allSatisfy { abs($0.start - $1) <= 2 && $0.logOdds > 3 })
        var found = 0
        for _ in 0..<40 {
            var last = 0.0
            found +=
                LevelSegments.changes(
                    (0..<168).map { _ in
                        last = 0.5 * last + random.normal()
                        return last
                    }
                ).count
        }
        #expect(found <= 4)
        #expect(LevelSegments.changes([]).isEmpty && LevelSegments.changes([1]).isEmpty)
        #expect(LevelSegments.changes([Double](repeating: 3, count: 100)).isEmpty)
    }

    @Test("One wild hour is an anomaly of a value, a shift one of the level")
    func kinds() throws {
        var random = SeededRandom(seed: 63)
        let noise = (0..<168).map { _ in 0.02 * random.normal() }
        let wild = CharacterPerformanceTests.evaluate(
            CharacterPerformanceTests.buckets { $0 == 120 ? 3 : 0.5 + noise[$0] })
        let one = try elements(wild.recentAnomalies)
        #expect(one.map { $0["kind"]?.string } == ["value"] && one.first?["direction"]?.string == "up")
        let shifted = CharacterPerformanceTests.evaluate(
            CharacterPerformanceTests.buckets { ($0 >= 120 ? 0.3 : 0.5) + noise[$0] })
        let other = try elements(shifted.recentAnomalies)
        #expect(other.map { $0["kind"]?.string } == ["level"] && other.first?["direction"]?.string == "down")
    }

    @Test("A time of day is taken out from the second day on, and only where there is one")
    func timeOfDay() {
        var random = SeededRandom(seed: 64)
        let cycle = (0..<72).map { hour in
            HourlyValue(hour: Int64(hour), mean: 3 * cosine(Double(hour) * .pi / 12) + 0.1 * random.normal(), count: 1)
        }
        #expect(ChangePoints.find(RobustResiduals.standardised(cycle, varianceWithin: 0)).isEmpty)
        let plain = (0..<72).map { HourlyValue(hour: Int64($0), mean: random.normal(), count: 1) }
        let centre = RobustResiduals.median(plain.map(\.mean))
        let residuals = RobustResiduals.unbounded(plain, varianceWithin: 0)
        let ratio = residuals[0] / (plain[0].mean - centre)
        #expect(zip(residuals, plain).allSatisfy { abs($0 - ratio * ($1.mean - centre)) < 1e-9 })
    }
}
