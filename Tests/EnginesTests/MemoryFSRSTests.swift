import Engines
import Foundation
import Testing

@Suite("FSRS-6")
struct MemoryFSRSTests {
    @Test("Stability, difficulty and retrievability are the reference's on 1,000 histories")
    func parity() throws {
        let histories = try MemoryReference.histories()
        #expect(histories.count == 1000)
        var reviews = 0
        var largest = 0.0
        for history in histories {
            var memory: FSRS6.Memory?
            for place in history.seconds.indices {
                let days = history.seconds[place] / 86400
                let grade = try #require(FSRS6.Grade(rawValue: history.grades[place]))
                var differences: [Double] = []
                if let before = memory {
                    let recall = FSRS6.published.retrievability(days: floor(days), stability: before.stability)
                    differences.append(recall - history.recall[place])
                    memory = FSRS6.published.reviewed(before, afterDays: days, grade: grade)
                } else {
                    memory = FSRS6.published.first(grade)
                }
                let after = try #require(memory)
                differences.append(after.stability - history.stability[place])
                differences.append(after.difficulty - history.difficulty[place])
                let difference = differences.map(abs).max() ?? .infinity
                #expect(difference < 1e-6, "review \(place) of \(history.testDescription)")
                largest = max(largest, difference)
                reviews += 1
            }
        }
        print("FSRS-6: largest difference to the reference in \(reviews) reviews: \(largest)")
        #expect(reviews > 4000)
    }

    @Test("A memory is recalled surely at once, and nine times out of ten after its stability")
    func fixedPoints() {
        for stability in [0.001, 0.2, 3, 400, 36500] {
            #expect(FSRS6.published.retrievability(days: 0, stability: stability) == 1)
            #expect(abs(FSRS6.published.retrievability(days: stability, stability: stability) - 0.9) < 1e-12)
            #expect(FSRS6.published.retrievability(days: -5, stability: stability) == 1)
        }
    }

    /// Savings after a delay in seconds: Ebbinghaus, "Über das Gedächtnis", 1885.
    static let savings: [(seconds: Double, share: Double)] = [
        (1200, 0.582), (3600, 0.442), (32400, 0.358), (86400, 0.337), (172_800, 0.278), (518_400, 0.254),
        (2_678_400, 0.211),
    ]

    private func squaredError(_ curve: (Double) -> Double) -> Double {
        Self.savings.reduce(0) { $0 + pow(curve($1.seconds) - $1.share, 2) }
    }

    @Test("The power law describes Ebbinghaus' savings, no exponential does")
    func ebbinghaus() {
        var power = Double.infinity
        for step in 0..<80 {
            let curve = FSRS6(parameters: FSRS6.published.parameters.dropLast() + [0.1 + 0.001 * Double(step)])
            for half in 0..<200 {
                let stability = 1e-7 * pow(1.08, Double(half))
                let error = squaredError { curve.retrievability(days: $0 / 86400, stability: stability) }
                power = min(power, error)
            }
        }
        var exponential = Double.infinity
        for level in stride(from: 0.1, through: 1, by: 0.005) {
            for half in 0..<300 {
                let constant = 100 * pow(1.05, Double(half))
                exponential = min(exponential, squaredError { level * exp(-$0 / constant) })
            }
        }
        #expect(power <= 0.003, "got: \(power)")
        #expect(abs(exponential - 0.058) < 0.0005, "got: \(exponential)")
    }
}
