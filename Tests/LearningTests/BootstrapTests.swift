import Learning
import Support
import Testing

@Suite("Bootstrap")
struct BootstrapTests {
    @Test("a 90 % interval of the mean covers it in about 90 % of samples")
    func coverage() {
        var random = SeededRandom(seed: 7)
        var covered = 0
        for round in 0..<400 {
            let values = (0..<60).map { _ in Double.random(in: 0...1, using: &random) }
            let interval = Bootstrap.meanInterval(values, level: 0.9, resamples: 400, seed: UInt64(round))
            if interval.lower <= 0.5, 0.5 <= interval.upper { covered += 1 }
        }
        #expect((340...380).contains(covered), "covered \(covered) of 400")
    }

    @Test("the same seed gives the same interval")
    func repeats() {
        let values = (0..<50).map { Double($0 % 7) }
        let first = Bootstrap.meanInterval(values, level: 0.95, seed: 3)
        let second = Bootstrap.meanInterval(values, level: 0.95, seed: 3)
        #expect(first == second)
        #expect(first.lower < first.upper)
    }
}
