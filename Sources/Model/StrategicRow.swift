import Bytes

/// The seven engines, by the names that `null_reasons` and `unvalidated` use.
package enum EngineName: String, CaseIterable, Sendable {
    case memoryAging = "memory_aging"
    case characterPerformance = "character_performance"
    case personalityEvolution = "personality_evolution"
    case contextSwitch = "context_switch"
    case memoryBehavior = "memory_behavior"
    case conversationPatterns = "conversation_patterns"
    case proactiveEngagement = "proactive_engagement"
}

/// A pair's signals as they are stored: one physical row of `strategic_cache`.
///
/// Everything that changes because time passes is stored as an anchor here and drawn by `Projections` (and by the SQL
/// views with the same formulas). JSON members hold complete JSON texts. A nil member means not computed; `nullReasons`
/// says why.
package struct StrategicRow: Equatable, Sendable {
    package var pair: Pair
    /// Effective time of the newest message reflected.
    package var reflectsThrough: Timestamp?
    package var messagesReflected: Int64 = 0
    /// Engine → why its columns (or some of them, named in the text) are null.
    package var nullReasons: [EngineName: String] = [:]
    /// Engines whose model has not beaten its naive baseline on the data at hand.
    package var unvalidated: Set<EngineName> = []

    // Memory aging.
    /// `[{"id","kind","label","first","last","stability","difficulty","reviews"}]`; kind `topic` or `retrieval`; first
    /// and last in seconds since the Unix epoch; stability in days; at most `Limits.memoryCandidatesMax`.
    package var memoryCandidates: String?
    /// Mean of the first-seen times of all tracked memories; the average age at a moment is the moment minus this.
    package var memoryFirstSeenMean: Timestamp?
    /// First and last retrieval or re-mention of any memory.
    package var memoryEventFirst: Timestamp?
    package var memoryEventLast: Timestamp?
    /// Decayed counts of such events but the first as of `memoryEventLast`, time constants 14 and 90 days, in
    /// independent events: what comes in bursts is divided by its index of dispersion.
    package var memoryEventFast: Double?
    package var memoryEventSlow: Double?
    /// 0…1: how far the newest topics are from the long-run topics.
    package var topicDrift: Double?

    // Human-like memory.
    /// `{"model","decay","factor","stability_multiplier","reviews",…}`: retrievability after t days of a memory of
    /// stability S is (1 + factor·t/(S·stability_multiplier))^decay, decay negative.
    package var forgettingCurve: String?
    /// 0…1, higher is better calibrated recall of re-mentions.
    package var recallSimulationScore: Double?

    // Context switches.
    /// `[{"topic","start_time","end_time"}]`, newest first, RFC 3339 times, at most `Limits.recentTopicsMax`.
    package var recentTopics: String?
    package var averageTopicDurationMinutes: Double?
    /// Switches an hour of talk (time inside sessions).
    package var contextSwitchFrequency: Double?
    /// Log-odds that the next message switches topic when it comes at once.
    package var switchLogit: Double?
    /// Added to the log-odds for each ln(1 + minutes since `lastMessageAt`).
    package var switchGapWeight: Double?
    package var lastMessageAt: Timestamp?
    /// `{"nodes":[{"topic","weight"}],"edges":[{"from","to","weight"}]}`.
    package var topicTransitionGraph: String?

    // Conversation patterns.
    package var communicationStyle: String?
    /// `{"formality","verbosity_words","question_share",…}`.
    package var styleFeatures: String?
    /// `brief`, `moderate` or `deep`.
    package var preferredDepth: String?
    /// 0…1.
    package var emotionalEngagement: Double?
    /// Words.
    package var optimalResponseLength: Int64?

    // Personality evolution.
    /// `[{"trait","frequency","effectiveness"}]` and what else explains them, most frequent first.
    package var dominantTraits: String?
    package var userResponsePatterns: String?
    package var adaptationSuggestions: String?
    /// `[{"date":"2018-05-06","traits":{…}}]`, newest last; readers keep the last 30 days.
    package var traitHistory: String?

    // Proactive engagement.
    /// `[hour,…]` of the day (UTC) in which the user is likelier to write than at an average hour, best first; readers
    /// offer the first five that are not quiet.
    package var optimalTimingHours: String?
    /// Log-odds of receptivity before recency, hour and fatigue are added.
    package var receptivityIntercept: Double?
    /// Added for each ln(1 + tens of seconds since `lastUserMessageAt`).
    package var receptivityRecencyWeight: Double?
    /// 24 log-odds, one for each hour of the day (UTC).
    package var receptivityHourLogits: [Double]?
    package var lastUserMessageAt: Timestamp?
    /// `[{"topic","reason","weight","last_mentioned"}]`.
    package var suggestedTopics: String?
    /// 0…1; nil without outreach rows.
    package var proactiveSuccessRate: Double?
    /// Ends of the 90 % interval of the share of answers.
    package var proactiveSuccessLow: Double?
    package var proactiveSuccessHigh: Double?
    /// Mean hours from `lastUserMessageAt` to the next session, of which no more than a week counts.
    package var expectedReturnHours: Double?
    /// `[microseconds since the Unix epoch,…]` of the attempts in the week that ends with the last one, at most
    /// `Limits.outreachTimesMax`, oldest first.
    package var outreachTimes: String?
    package var lastOutreachAt: Timestamp?
    /// Unanswered attempts, decayed (time constant 7 days) as of `lastOutreachAt`; subtracted from the log-odds.
    package var outreachFatigue: Double?

    package init(pair: Pair) { self.pair = pair }
}
