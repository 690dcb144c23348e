import Bytes
import Glibc
import Model

extension MemoryBehavior {
    /// Fills the columns of human-like memory.
    package func contribute(to row: inout StrategicRow, topics: TopicTracker) {
        let predictions = returnLog.predictions + outcomeLog.predictions
        if !RecallLog.areBetterThanBaseRate(returnLog, outcomeLog) { row.unvalidated.insert(Self.name) }
        guard predictions > 0 else {
            row.nullReasons[Self.name] =
                "nothing was observed yet that could be remembered or forgotten: no known topic that a later stretch of"
                + " talk could have returned to, and no repeated retrieval with an outcome"
            return
        }
        row.forgettingCurve = forgettingCurve
        row.recallSimulationScore = calibration.score
    }

    /// Whether explicit outcomes are what the curve rests on.
    private var restsOnOutcomes: Bool { outcomeLog.predictions >= Self.outcomesMin || returnLog.predictions == 0 }

    /// The curve and how it came about.
    ///
    /// `multiplier_se` is the posterior standard deviation of ln(`stability_multiplier`). `base_rate` is the share of
    /// retrievals recalled, or the share of opportunities at which a topic was returned to, by `source`; `outcomes`
    /// counts them. `return_rate` is P(a new stretch returns to a known topic), `recency_exponent` the d of
    /// `StrengthModel`, `stability_gain` the mean ln(stability after/before) of a repeated review (null without one),
    /// `spacing_gain` see `SpacingTally`, `consolidated_share` the share of tracked memories that came back after a
    /// day or more.
    private var forgettingCurve: String {
        let multiplier = model.multiplierLog
        let recency = model.recencyExponent
        let evidence = restsOnOutcomes ? outcomeLog : returnLog
        var json = JSONWriter(reservingBytes: 400)
        json.beginObject()
        json.key("model")
        json.value("fsrs6-power")
        json.key("decay")
        json.value(FSRS6.published.decay, decimals: 6)
        json.key("factor")
        json.value(FSRS6.published.factor, decimals: 12)
        json.key("stability_multiplier")
        json.value(exp(multiplier.mean), decimals: 6)
        json.key("multiplier_se")
        json.value(multiplier.deviation, decimals: 4)
        json.key("base_rate")
        json.value(evidence.baseRate, decimals: 4)
        json.key("return_rate")
        json.value(model.returnRate, decimals: 4)
        json.key("recency_exponent")
        json.value(recency.mean, decimals: 4)
        json.key("recency_se")
        json.value(recency.deviation, decimals: 4)
        json.key("reviews")
        json.value(reviews)
        json.key("outcomes")
        json.value(evidence.predictions)
        json.key("source")
        json.value(restsOnOutcomes ? "outcomes" : "re-mentions")
        json.key("stability_gain")
        json.value(repeats > 0 ? Double(stabilityGain) / 1e6 / Double(repeats) : nil, decimals: 4)
        json.key("spacing_gain")
        json.value(spacing.gain, decimals: 4)
        json.key("consolidated_share")
        let consolidated = table.memories.count { $0.note.isSpaced }
        json.value(table.memories.isEmpty ? nil : Double(consolidated) / Double(table.memories.count), decimals: 4)
        json.endObject()
        return json.text
    }
}
