import Bytes

/// Where a bot's score comes from.
package enum ScoreSource: String, Hashable, Sendable {
    /// Metric points that the application recorded.
    case given
    /// What users did, computed from messages.
    case behavioural
}

/// A bot's performance as it is stored: one row of `strategic_character_performance`'s table.
///
/// Averages over the last 168 hours depend on the moment of reading and are drawn from `hours` by the view; the other
/// members are as of `trendThrough`. A nil member means not computed; `nullReasons` says why.
package struct CharacterRow: Hashable, Sendable {
    package var botName: String
    /// Length of the window that the view averages over.
    package var timeWindowHours: Int64 = 168
    /// The series that averages are drawn from, ascending by hour.
    ///
    /// `[{"h":hourIndex,"e":[n,total],"s":[n,total],"c":[n,total],"p":[n,total]}]` for engagement, satisfaction,
    /// coherence and personality consistency, totals in the score's unit; a member without values in its hour is left
    /// out. A score's average at a moment is the sum of its totals over the sum of its n, over the hours h with (h +
    /// 1)·3600 > seconds(now) − 168·3600.
    package var hours: String?
    package var engagementSource: ScoreSource?
    package var satisfactionSource: ScoreSource?
    package var coherenceSource: ScoreSource?
    /// 0…1: the mean of the window's given points, or else one minus the Jensen–Shannon divergence of the window's
    /// trait profile from the long-run profile.
    package var personalityConsistencyIndex: Double?
    package var consistencySource: ScoreSource?
    /// `improving`, `stable` or `declining`.
    package var qualityTrend: String?
    /// The end of the newest hour that the trend, the consistency and the anomalies saw.
    package var trendThrough: Timestamp?
    /// `[{"time","metric","score","direction","kind"}]`, newest first; kind: `level` or `value`.
    ///
    /// An empty list is a result. Score is the probability of a change, direction `up` or `down`.
    package var recentAnomalies: String?
    /// `{"continuation":{"n","mean"},…}`: window averages of what users did.
    package var behavior: String?
    /// A JSON object that says why members are nil, by column name, empty when none is.
    package var nullReasons: String = "{}"

    package init(botName: String) { self.botName = botName }
}
