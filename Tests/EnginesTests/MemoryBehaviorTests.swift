import Bytes
import Engines
import Foundation
import Model
import Support
import Testing

@Suite("Human-like memory")
struct MemoryBehaviorTests {
    private func curve(_ rows: [Observation]) throws -> JSONValue {
        try JSONValue(parsing: #require(MemoryBehavior.folding(rows).row.forgettingCurve))
    }

    private func figure(_ rows: [Observation], _ key: String) throws -> Double {
        try #require(try curve(rows)[key]?.double)
    }

    /// Retrievals by a user who forgets `multiplier` times as slowly as the population.
    private func retrievals(multiplier: Double, count: Int, seed: UInt64) -> [Observation] {
        var random = SeededRandom(seed: seed)
        var script = MemoryScript()
        var memories: [String: (FSRS6.Memory, Int64)] = [:]
        var rows: [Observation] = []
        for _ in 0..<count {
            let name = "m\(Int.random(in: 0..<8, using: &random))"
            script.now += Int64.random(in: 3600..<1_500_000, using: &random)
            var outcome = RecallOutcome.recalled
            if let (memory, last) = memories[name] {
                let days = Double(script.now - last) / 86400
                let recall = FSRS6.published.retrievability(days: days, stability: memory.stability * multiplier)
                if Double.random(in: 0..<1, using: &random) >= recall { outcome = .missed }
                let grade = outcome == .missed ? FSRS6.Grade.again : .good
                memories[name] = (FSRS6.published.reviewed(memory, afterDays: days, grade: grade), script.now)
            } else {
                memories[name] = (FSRS6.published.first(.good), script.now)
            }
            rows.append(script.retrieval(name, outcome, after: 0))
        }
        return rows
    }

    @Test("Nothing observed gives nulls and the reason")
    func nothing() {
        var script = MemoryScript()
        let reason =
            "nothing was observed yet that could be remembered or forgotten: no known topic that a later stretch of"
            + " talk could have returned to, and no repeated retrieval with an outcome"
        for rows in [[], [script.user(1), script.user(2)], [script.retrieval("m", .recalled)]] {
            let row = MemoryBehavior.folding(rows).row
            #expect(row.forgettingCurve == nil && row.recallSimulationScore == nil)
            #expect(row.nullReasons[.memoryBehavior] == reason && row.unvalidated == [.memoryBehavior])
        }
    }

    @Test("A return inside one session is an outcome for every topic that could have been returned to")
    func returnsWithinSession() throws {
        var script = MemoryScript()
        let rows = [script.user(1), script.user(2), script.user(3), script.user(1)]
        let json = try curve(rows)
        #expect(json["source"]?.string == "re-mentions")
        #expect(json["outcomes"]?.int64 == 3, "topic 1 before 3; topics 1 and 2 before the return to 1")
        #expect(json["reviews"]?.int64 == 4)
        let rate = MemoryPrior.shipped.returnRate(returns: 1, openings: 2)
        #expect(try abs(figure(rows, "return_rate") - rate) < 1e-4)
        #expect(MemoryBehavior.folding(rows).row.recallSimulationScore != nil)
    }

    @Test("Predictions are made before the outcome is learnt from")
    func prequential() throws {
        var script = MemoryScript()
        let rows = [script.user(1), script.user(2), script.user(1)]
        // One opportunity with one topic, predicted by the prior alone, and hit.
        let predicted = MemoryPrior.shipped.returnRate(returns: 0, openings: 0)
        let expected = 1 - (1 - predicted + 1) / (1 + predicted + 2)
        #expect(try abs(#require(MemoryBehavior.folding(rows).row.recallSimulationScore) - expected) < 1e-6)
    }

    @Test("Swapped contents give other results")
    func contentsMatter() throws {
        var script = MemoryScript()
        let returning = [script.user(1), script.user(2), script.user(3), script.user(1), script.user(3)]
        var other = MemoryScript()
        let wandering = [other.user(1), other.user(2), other.user(3), other.user(4), other.user(5)]
        let (first, second) = (MemoryBehavior.folding(returning).row, MemoryBehavior.folding(wandering).row)
        #expect(first.forgettingCurve != second.forgettingCurve)
        #expect(first.recallSimulationScore != second.recallSimulationScore)
        var slow = MemoryScript()
        let slower = [slow.user(1), slow.user(2), slow.user(3, after: 700), slow.user(1, after: 700), slow.user(3)]
        #expect(MemoryBehavior.folding(slower).row.forgettingCurve != first.forgettingCurve)
    }

    @Test("Returns to what was just said raise the recency exponent, returns to the oldest topic lower it")
    func recency() throws {
        var script = MemoryScript()
        var recent = (1...6).map { script.user(UInt32($0), after: 120) }
        for _ in 0..<6 { recent += [script.user(5, after: 20), script.user(6, after: 20)] }
        var oldest = (1...6).map { script.user(UInt32($0), after: 120) }
        for topic in 1...6 { oldest.append(script.user(UInt32(topic), after: 120)) }
        #expect(try figure(recent, "recency_exponent") > 1)
        #expect(try figure(oldest, "recency_exponent") < MemoryPrior.shipped.recencyExponent.mean - 0.1)
        #expect(try figure(recent, "recency_se") < 0.4)
    }

    @Test("The stability multiplier is found again from simulated outcomes", arguments: [0.2, 1, 5], [1, 2, 3])
    func recovery(multiplier: Double, seed: UInt64) throws {
        let rows = retrievals(multiplier: multiplier, count: 1500, seed: seed)
        let json = try curve(rows)
        let estimate = try log(#require(json["stability_multiplier"]?.double))
        let error = try #require(json["multiplier_se"]?.double)
        #expect(json["source"]?.string == "outcomes")
        // The grid's step is 0.75, so its posterior can be narrower than that.
        #expect(abs(estimate - log(multiplier)) < max(3 * error, 0.5), "seed \(seed), got: \(exp(estimate)) ± \(error)")
        #expect(error < 0.6, "the prior alone has 1")
        #expect(try #require(MemoryBehavior.folding(rows).row.recallSimulationScore) > 0.9)
    }

    @Test("Little evidence leaves the population's curve, more evidence moves away from it")
    func shrinkage() throws {
        let few = retrievals(multiplier: 0.1, count: 14, seed: 5)
        let many = retrievals(multiplier: 0.1, count: 400, seed: 5)
        let (weak, strong) = (try figure(few, "stability_multiplier"), try figure(many, "stability_multiplier"))
        #expect(strong < 0.5 && abs(log(weak)) < abs(log(strong)))
        #expect(try figure(many, "multiplier_se") < figure(few, "multiplier_se"))
    }

    @Test("A user who returns by recency validates the model, coin tosses do not")
    func validation() {
        var script = MemoryScript()
        var recent = (1...8).map { script.user(UInt32($0), after: 120) }
        for _ in 0..<20 { recent += [script.user(7, after: 20), script.user(8, after: 20)] }
        #expect(!MemoryBehavior.folding(recent).row.unvalidated.contains(.memoryBehavior))
        var tossed: [Observation] = []
        for index in 0..<80 { tossed.append(script.retrieval("m", index % 7 < 3 ? .recalled : .missed, after: 20)) }
        #expect(MemoryBehavior.folding(tossed).row.unvalidated.contains(.memoryBehavior))
    }

    @Test("Spaced reviews gain stability, massed ones do not, and the gain is stated only when both were seen")
    func spacing() throws {
        var script = MemoryScript()
        let massed = (0..<6).map { _ in script.retrieval("m", .recalled, after: 60) }
        let spaced = (0..<6).map { _ in script.retrieval("s", .recalled, after: 3 * 86400) }
        #expect(try figure(massed, "stability_gain") == 0 && figure(massed, "consolidated_share") == 0)
        #expect(try figure(spaced, "stability_gain") > 0.5 && figure(spaced, "consolidated_share") == 1)
        #expect(try curve(massed)["spacing_gain"]?.isNull == true)
        let both = massed + spaced + (0..<3).map { _ in script.retrieval("s", .recalled, after: 30 * 86400) }
        #expect(try figure(both, "spacing_gain") > 0)
    }
}
