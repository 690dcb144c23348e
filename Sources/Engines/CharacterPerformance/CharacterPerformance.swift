import Bytes
import Glibc
import Model

/// A bot's performance over the last week, from the buckets that all of its pairs add up to.
///
/// - engagement: given points, else the share of bot turns that the user answered in the session.
/// - satisfaction: given points, else the mean of (1 + valence)/2 of the answers.
/// - coherence: given points, else 1 − the share of questions that only repeat the one before.
/// - quality of an hour: the mean of the standardised scores that it has; its trend by `TrendTest` at 5 %.
/// - consistency: given points, else 1 − Jensen–Shannon divergence (base 2) of the window's trait profile from the
///   long-run one.
/// - anomalies: changes of level found by `ChangePoints` in each measure, and wild values by `RecordExcess`.
///
/// Invariants: pure; equal buckets give equal rows. Computed from hours up to the newest one with data, never from a
/// clock. Behavioural scores of the newest hour are left out of the trend, because answers to it may still come.
package enum CharacterPerformance {
    package static let windowHours: Int64 = 168
    /// Hours with a quality that the trend needs.
    package static let trendHoursMin = TrendTest.valuesMin
    /// Hours with a value that the search for anomalies needs in a measure.
    package static let anomalyHoursMin = ChangePoints.warmUp
    package static let anomaliesMax = 10
    /// Measures that are searched for anomalies.
    package static let anomalyMeasuresMax = 16
    /// Activations that a consistency needs in the window.
    package static let activationsMin: Int64 = 20
    /// Hours after which a day's return is known.
    static let returnKnownHours: Int64 = 48

    /// Computes a bot's row.
    ///
    /// - Parameters:
    ///   - botName: whose row it is.
    ///   - buckets: every hour of the bot, merged over all shards; a `BotContributions.longRun` key is ignored.
    ///   - longRun: the bot's long-run sums of traits.
    /// - Returns: a row whose nil members have their reason in `nullReasons`.
    /// - Complexity: O(hours²) a measure, at most 192 hours.
    package static func evaluate(
        botName: String, buckets: [Int64: BucketSums], longRun: BucketSums
    ) -> CharacterRow {
        var row = CharacterRow(botName: botName)
        var reasons: [(column: String, reason: String)] = []
        let all = buckets.filter { $0.key != BotContributions.longRun && !$0.value.isZero }
        guard let newest = all.keys.max() else {
            row.nullReasons = text(
                [
                    "engagement_score_avg", "satisfaction_score_avg", "coherence_score_avg",
                    "personality_consistency_index", "quality_trend", "recent_anomalies",
                ].map { ($0, "no messages or metric points yet") })
            return row
        }
        row.trendThrough = Timestamp(microseconds: (newest + 1) * 3_600_000_000)
        let kept =
            all.filter { $0.key > newest - Int64(Limits.bucketHoursMax) }
            .sorted { $0.key < $1.key }.map { (hour: $0.key, sums: $0.value) }
        let window = kept.filter { $0.hour > newest - windowHours }
        let scores = Score.all(in: window)
        row.hours = series(window, scores: scores)
        row.engagementSource = scores[0].source
        row.satisfactionSource = scores[1].source
        row.coherenceSource = scores[2].source
        for score in scores.prefix(3) where score.source == nil {
            reasons.append(
                (score.name + "_score_avg", "no \(score.name) points and no messages that show it in 168 hours"))
        }
        row.qualityTrend = trend(window, scores: scores, newest: newest)
        if row.qualityTrend == nil {
            reasons.append(("quality_trend", "fewer than \(trendHoursMin) hours with scores in the last 168"))
        }
        if let anomalies = anomalies(kept, newest: newest) {
            row.recentAnomalies = anomalies
        } else {
            reasons.append(("recent_anomalies", "no measure has \(anomalyHoursMin) hours in the last 192"))
        }
        if scores[3].source == .given {
            let sum = window.reduce(MeasureSum()) { $0 + $1.sums[scores[3].name] }
            row.personalityConsistencyIndex = sum.mean.map { min(max($0, 0), 1) }
        } else {
            row.personalityConsistencyIndex = Consistency.index(window: window.map(\.sums), longRun: longRun)
        }
        if row.personalityConsistencyIndex != nil { row.consistencySource = scores[3].source ?? .behavioural }
        if row.personalityConsistencyIndex == nil {
            reasons.append(
                (
                    "personality_consistency_index",
                    "fewer than \(activationsMin) trait activations in the last 168 hours"
                ))
        }
        row.behavior = behavior(window, newest: newest)
        row.nullReasons = text(reasons)
        return row
    }

    private static func text(_ reasons: [(column: String, reason: String)]) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        for (column, reason) in reasons {
            writer.key(column)
            writer.value(reason)
        }
        writer.endObject()
        return writer.text
    }

    private static func series(_ window: [(hour: Int64, sums: BucketSums)], scores: [Score]) -> String {
        var writer = JSONWriter(reservingBytes: 64 * window.count)
        writer.beginArray()
        for (hour, sums) in window where scores.contains(where: { $0.mean(in: sums) != nil }) {
            writer.beginObject()
            writer.key("h")
            writer.value(hour)
            for score in scores {
                guard let (count, total) = score.sum(in: sums) else { continue }
                writer.key(score.key)
                writer.beginArray()
                writer.value(count)
                writer.value(total, decimals: 6)
                writer.endArray()
            }
            writer.endObject()
        }
        writer.endArray()
        return writer.text
    }

    private static func trend(
        _ window: [(hour: Int64, sums: BucketSums)], scores: [Score], newest: Int64
    ) -> String? {
        var qualities: [Int64: (sum: Double, count: Double)] = [:]
        for score in scores.prefix(3) {
            guard let source = score.source, let measure = score.measure else { continue }
            let known = source == .given ? window : window.filter { $0.hour < newest }
            let values = RobustResiduals.hourly(known, measure: measure)
            let residuals = RobustResiduals.standardised(
                values, varianceWithin: RobustResiduals.varianceWithin(known, measure: measure))
            for (value, residual) in zip(values, residuals) {
                let signed = score.isInverted ? -residual : residual
                let before = qualities[value.hour] ?? (0, 0)
                qualities[value.hour] = (before.sum + signed, before.count + 1)
            }
        }
        let series = qualities.sorted { $0.key < $1.key }.map { $0.value.sum / $0.value.count }
        guard let z = TrendTest.statistic(series) else { return nil }
        return z > TrendTest.criticalZ ? "improving" : z < -TrendTest.criticalZ ? "declining" : "stable"
    }

    /// What users did in the window, by measure; nil when there were no messages in it.
    private static func behavior(_ window: [(hour: Int64, sums: BucketSums)], newest: Int64) -> String? {
        var writer = JSONWriter()
        writer.beginObject()
        var isEmpty = true
        for measure in CharacterMeasure.behavioural {
            let known = measure == CharacterMeasure.returnNextDay ? newest - returnKnownHours : newest
            let sum = window.filter { $0.hour <= known }.reduce(MeasureSum()) { $0 + $1.sums[measure] }
            guard let mean = sum.mean else { continue }
            isEmpty = false
            // Of logarithms the geometric mean is told, in the unit itself.
            let isLogarithm = measure == CharacterMeasure.replyLatency || measure == CharacterMeasure.turnWords
            writer.key(measure == CharacterMeasure.replyLatency ? "reply_latency_seconds" : measure)
            writer.beginObject()
            writer.key("n")
            writer.value(sum.count)
            writer.key("mean")
            writer.value(isLogarithm ? exp(mean) - 1 : mean, decimals: 4)
            writer.endObject()
        }
        writer.endObject()
        return isEmpty ? nil : writer.text
    }
}
