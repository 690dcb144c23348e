import Bytes
import Glibc
import Model
import Testing

@testable import Engines

@Suite("C9 formulas say what the engines do") struct ExplanationTests {
    private func formula(_ column: String) throws -> String {
        try #require(SignalExplanation.of(column: column)).formula
    }

    @Test("Each formula names the constants that its engine computes with") func constants() throws {
        let named: [(column: String, constants: [String])] = [
            ("memory_snapshot", ["\(Projections.snapshotMemoriesMax)"]),
            ("retrieval_frequency_trend", [DecayedEvents.fastDays, DecayedEvents.slowDays].map { "\(Int($0)) days" }),
            ("forgetting_risk_memories", ["\(Projections.riskMemoriesMax) memories"]),
            ("trait_evolution_history", ["\(Limits.traitHistoryDaysMax) days"]),
            ("communication_style", [StyleLabels.casualBelow, StyleLabels.formalFrom].map { "\($0)" }),
            ("preferred_depth", [StyleLabels.depthModerate, StyleLabels.depthDeep].map { "\($0)" }),
            ("optimal_response_length", ["κ = \(Int(ReplyModel.priorStrength))"]),
            ("high_retention_memories", ["\(Projections.highRetention)"]),
            ("low_retention_memories", ["\(Projections.lowRetention)"]),
            ("recall_simulation_score", ["κ = \(Calibration.pseudoCount)", "\(Calibration.binEnds.count + 1) bins"]),
            ("optimal_timing_hours", ["κ = \(Int(ActiveHours.priorHours))", "up to \(Projections.timingHoursMax)"]),
            ("receptivity_score", ["/ \(Int(Projections.recencySeconds))", "/ \(Int(Outreach.fatigueDays))"]),
            ("suggested_topics", ["\(Int(TopicInterests.decayDays))"]),
            ("proactive_success_low", ["\(Outreach.intervalDeviations)"]),
        ]
        for (column, constants) in named {
            let formula = try formula(column)
            for constant in constants { #expect(formula.contains(constant), "\(column): \(constant)") }
        }
    }

    /// The formulas that are stated in full, computed as they are stated.
    @Test("A formula, computed as it is stated, gives the engine's value") func values() throws {
        var hours = ActiveHours()
        let midnight = Timestamp(seconds: 1_525_651_200)
        for hour in [0, 1, 19, 19 + 24, 20 + 48, 43 + 48] {
            hours.add(midnight.advanced(bySeconds: Double(hour) * 3600))
        }
        // p_h = (s_h + κ/24) / (N + κ), s_h smoothed by ¼ ½ ¼: counts are 1 at 0, 1, 20 and 3 at 19.
        let expected = (0.5 * 3 + 0.25 * 1 + 6.0 / 24) / (6 + 6)
        #expect(abs(hours.profile[19] - expected) < 1e-12 && hours.likely.first == 19)
        var outreach = Outreach()
        for index in 0..<4 {
            let at = midnight.advanced(bySeconds: Double(index) * 1e6)
            outreach.add(OutreachAttempt(id: 1, sentAt: at, answeredAt: index == 0 ? at : nil), at: at)
        }
        #expect(outreach.successRate == (1.0 + 1) / (4 + 3))
        #expect(try formula("proactive_success_rate") == "(answered + 1) / (sent + 3)")
        let (p, n, z) = (0.25, 4.0, 1.6448536269514722)
        let interval = try #require(outreach.successInterval)
        for (sign, end) in [(-1.0, interval.lowerBound), (1, interval.upperBound)] {
            let value = (p + z * z / (2 * n) + sign * z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))) / (1 + z * z / n)
            #expect(abs(value - end) < 1e-12)
        }
        var calibration = Calibration()
        for (predicted, outcome) in [(0.01, false), (0.3, true), (0.7, true)] {
            calibration.record(predicted: predicted, outcome: outcome)
        }
        #expect(abs((calibration.score ?? 0) - (1 - (0.01 + 0.7 + 0.3 + 1) / (0.01 + 1.3 + 1.7 + 2))) < 1e-6)
    }

    @Test("Every measure of a bot's score is one that its explanation takes") func characters() throws {
        let week = [(hour: Int64(0), sums: BucketSums())]
        for (score, column) in zip(CharacterMeasure.scores, ["engagement", "satisfaction", "coherence"]) {
            for name in [score, "continuation", "reply_positivity", "retry"] {
                var sums = week[0].sums
                sums.add(0.5, to: name, squares: false)
                let found = Score.all(in: [(hour: 0, sums: sums)]).first { $0.name == score }?.measure
                let explanation = try #require(CharacterExplanation.of(column: column + "_score_avg"))
                #expect((found == name) == explanation.takes(name), "\(column): \(name)")
            }
        }
        #expect(CharacterExplanation.of(column: "recent_anomalies")?.takes("anything") == true)
        #expect(CharacterExplanation.of(column: "personality_consistency_index")?.takes("trait:warm") == true)
        #expect(CharacterExplanation.of(column: "personality_consistency_index")?.takes("turn_words") == false)
    }
}
