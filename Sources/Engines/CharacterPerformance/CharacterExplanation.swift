import Model

/// How one column of a bot's performance is made: for people who want to know whether to believe it.
package struct CharacterExplanation: Sendable {
    package var column: String
    /// The formula, and how its inputs are made.
    package var formula: String
    /// Where the method comes from.
    package var source: String
    /// The score whose given points win over what users did; nil where there is no such choice.
    package var given: String?
    /// Measures, or prefixes of measures ending in `:`, that the column is made from; nil for all.
    package var measures: [String]?

    /// Whether a measure in the bot's buckets is an input.
    package func takes(_ measure: String) -> Bool {
        guard let measures else { return true }
        return measures.contains { $0.hasSuffix(":") ? measure.utf8.starts(with: $0.utf8) : measure == $0 }
    }
}

extension CharacterExplanation {
    /// The explanation of a column; nil when the view of bots does not have it.
    package static func of(column: String) -> CharacterExplanation? { all.first { $0.column == column } }

    private static let week = "the last \(CharacterPerformance.windowHours) hours"

    private static func average(_ score: String, _ column: String, proxy: String, _ measure: String) -> Self {
        CharacterExplanation(
            column: column,
            formula: "Σ totals / Σ counts over the hours of \(week); totals and counts of the given \(score) points, "
                + "or else, labelled behavioural in sources, \(proxy)",
            source: "arithmetic mean of hourly sums in fixed point", given: score, measures: [score, measure])
    }

    /// Every signal of a bot, in the order of the view.
    package static let all: [CharacterExplanation] = [
        average(
            "engagement", "engagement_score_avg", proxy: "the share of bot turns that the user answered in the session",
            CharacterMeasure.continuation),
        average(
            "satisfaction", "satisfaction_score_avg", proxy: "the mean of (1 + valence) / 2 of the user's answers",
            CharacterMeasure.replyPositivity),
        average(
            "coherence", "coherence_score_avg",
            proxy: "1 − the share of questions that only repeat the one before", CharacterMeasure.retry),
        CharacterExplanation(
            column: "personality_consistency_index",
            formula: "mean of the given personality_consistency points of \(week), or else 1 − Jensen–Shannon "
                + "divergence (base 2) of the week's trait shares from the long-run ones, the week's drawn towards "
                + "them by \(Int(Consistency.priorActivations)) activations; from "
                + "\(CharacterPerformance.activationsMin) activations on",
            source: "Lin 1991", given: "personality_consistency",
            measures: ["personality_consistency", CharacterMeasure.traitPrefix, CharacterMeasure.stylePrefix]),
        CharacterExplanation(
            column: "quality_trend",
            formula: "Mann–Kendall z of the hourly means of the standardised scores of \(week): improving above "
                + "\(TrendTest.criticalZ), declining below −\(TrendTest.criticalZ), variance widened for serial "
                + "correlation; from \(CharacterPerformance.trendHoursMin) hours on",
            source: "Mann 1945; Kendall 1975; Matalas & Sankarasubramanian 2003, a test at 5 %", given: nil,
            measures: [
                "engagement", "satisfaction", "coherence", CharacterMeasure.continuation,
                CharacterMeasure.replyPositivity, CharacterMeasure.retry,
            ]),
        CharacterExplanation(
            column: "recent_anomalies",
            formula: "in up to \(CharacterPerformance.anomalyMeasuresMax) measures with "
                + "\(CharacterPerformance.anomalyHoursMin) hours or more: changes of level with a probability of at "
                + "least \(ChangePoints.probabilityMin), and single values that exceed every record before them; the "
                + "newest \(CharacterPerformance.anomaliesMax) of \(week)",
            source: "Bayesian online change points (Adams & MacKay 2007) on robust residuals", given: nil,
            measures: nil),
        CharacterExplanation(
            column: "personality_consistency_score_avg",
            formula: "Σ totals / Σ counts of the given personality_consistency points over the hours of \(week)",
            source: "arithmetic mean of hourly sums in fixed point", given: nil,
            measures: ["personality_consistency"]),
        CharacterExplanation(
            column: "trend_through",
            formula: "end of the newest hour with data, which trend, consistency and "
                + "anomalies look back from", source: "maximum", given: nil, measures: nil),
        CharacterExplanation(
            column: "sources",
            formula: "score → given where the application recorded points in \(week), else "
                + "behavioural where users' doings show it", source: "given points win", given: nil, measures: nil),
    ]
}
