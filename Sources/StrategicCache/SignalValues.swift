import Bytes
import Model

/// A memory as it stands at the moment of reading.
public struct Memory: Hashable, Sendable {
    /// The memory's id.
    public let id: String
    /// `topic` or `retrieval`.
    public let kind: String?
    /// The user's own words for it.
    public let label: String?
    /// Chance of recall, 0…1.
    public let retrievability: Double
    /// Hours since it was first met.
    public let ageHours: Double
    /// Hours since it was last met.
    public let idleHours: Double
    /// How often it was retrieved or mentioned again.
    public let reviews: Int64?
    /// Chance that it is forgotten, 0…1.
    public var risk: Double { 1 - retrievability }

    init(_ standing: MemoryStanding) {
        id = standing.id
        kind = standing.kind
        label = standing.label
        retrievability = standing.retrievability
        ageHours = standing.ageHours
        idleHours = standing.idleHours
        reviews = standing.reviews
    }
}

/// Which way something moves.
public enum TrendDirection: String, Hashable, Sendable {
    /// More than before.
    case increasing
    /// No significant change.
    case stable
    /// Less than before.
    case declining
}

/// How well a pair's memories hold.
///
/// A nil member was not computed; `nullReason` says why.
public struct MemoryHealth: Hashable, Sendable {
    /// Up to five memories least likely to be recalled now, least likely first.
    public let staleMemories: [Memory]?
    /// Up to five memories most likely to be recalled now, most likely first.
    public let freshMemories: [Memory]?
    /// Mean hours since the memories were first met.
    public let averageMemoryAgeHours: Double?
    /// Whether memories are retrieved more or less often lately, by a test at 5 %.
    public let retrievalFrequencyTrend: TrendDirection?
    /// Up to eight memories, the one most at risk of being forgotten first.
    public let forgettingRiskMemories: [Memory]?
    /// 0…1: how far the newest topics are from the long-run topics.
    public let topicDrift: Double?
    /// Why members are nil.
    public let nullReason: String?
    /// Whether the model has beaten its naive baseline on the data at hand.
    public let isValidated: Bool
}

/// How a bot performed over the last week.
///
/// A nil member was not computed; `nullReasons` says why.
public struct CharacterPerformance: Hashable, Sendable {
    /// Length of the window that averages are over.
    public let timeWindowHours: Int
    /// Mean engagement in the window.
    public let engagementScoreAverage: Double?
    /// Mean satisfaction in the window.
    public let satisfactionScoreAverage: Double?
    /// Mean coherence in the window.
    public let coherenceScoreAverage: Double?
    /// 0…1: how close the bot's traits are to its own long run.
    public let personalityConsistencyIndex: Double?
    /// `improving`, `stable` or `declining`.
    public let qualityTrend: String?
    /// JSON: `[{"time","metric","score","direction","kind"}]`, newest first; kind: `level` or `value`.
    public let recentAnomalies: String?
    /// JSON: score → `given` or `behavioural`.
    public let sources: String
    /// JSON: member → why it is nil.
    public let nullReasons: String
    /// Whether the models have beaten their naive baselines on the data at hand.
    public let isValidated: Bool
}

/// Which traits a bot showed to the user, and what they did.
///
/// A nil member was not computed; `nullReason` says why.
public struct PersonalityProfile: Hashable, Sendable {
    /// A trait with how often it shows and what it does.
    public struct Trait: Hashable, Sendable {
        /// The trait's name.
        public let trait: String
        /// How often it shows.
        public let frequency: Double?
        /// What the user's reactions to it are worth.
        public let effectiveness: Double?
    }

    /// Most frequent first.
    public let dominantTraits: [Trait]?
    /// JSON: how the user reacts to each trait.
    public let userResponsePatterns: String?
    /// JSON: what to show more or less of.
    public let adaptationSuggestions: String?
    /// JSON: traits a day over the last 30 days (UTC).
    public let traitEvolutionHistory: String?
    /// Why members are nil.
    public let nullReason: String?
    /// Whether the model has beaten its naive baseline on the data at hand.
    public let isValidated: Bool
}

/// What a pair talks about and how.
///
/// A nil member was not computed; `nullReason` says why.
public struct ConversationPatterns: Hashable, Sendable {
    /// A topic with when it ran, in RFC 3339.
    public struct Topic: Hashable, Sendable {
        /// Keywords.
        public let topic: String
        /// When it began.
        public let startTime: String?
        /// When it ended.
        public let endTime: String?
    }

    /// Newest first.
    public let recentTopics: [Topic]?
    /// Mean minutes that a topic lasts.
    public let averageTopicDurationMinutes: Double?
    /// Topic switches an hour of talk.
    public let contextSwitchFrequency: Double?
    /// 0…1: chance that a message now switches topic.
    public let predictedSwitchLikelihood: Double?
    /// JSON: `{"nodes","edges"}`.
    public let topicTransitionGraph: String?
    /// How the user writes, in a word.
    public let communicationStyle: String?
    /// JSON: the measures behind the style.
    public let styleFeatures: String?
    /// `brief`, `moderate` or `deep`.
    public let preferredDepth: String?
    /// 0…1.
    public let emotionalEngagement: Double?
    /// Words.
    public let optimalResponseLength: Int64?
    /// Why members are nil.
    public let nullReason: String?
    /// Whether the models have beaten their naive baselines on the data at hand.
    public let isValidated: Bool
}

/// How fast a user forgets, and what is kept.
///
/// A nil member was not computed; `nullReason` says why.
public struct MemoryBehavior: Hashable, Sendable {
    /// JSON: `{"model","decay","factor","stability_multiplier",…}`.
    public let forgettingCurveParameters: String?
    /// Up to five memories with a chance of recall of at least 0.8 under the fitted curve, highest first.
    public let highRetentionMemories: [Memory]?
    /// Up to five memories with a chance of recall below 0.5 under the fitted curve, lowest first.
    public let lowRetentionMemories: [Memory]?
    /// 0…1: how well predicted recall matches what was mentioned again.
    public let recallSimulationScore: Double?
    /// Why members are nil.
    public let nullReason: String?
    /// Whether the model has beaten its naive baseline on the data at hand.
    public let isValidated: Bool
}

/// When and with what a bot may write first.
///
/// A nil member was not computed; `nullReason` says why.
public struct EngagementOpportunities: Hashable, Sendable {
    /// A topic worth raising.
    public struct Suggestion: Hashable, Sendable {
        /// Keywords.
        public let topic: String
        /// Why it is worth raising.
        public let reason: String?
        /// How much, against the others.
        public let weight: Double?
    }

    /// Hours of the day (UTC), best first; each one's next occurrence is clear of the user's quiet hours.
    public let optimalTimingHours: [Int]?
    /// 0…1: chance that a proactive message now is answered; nil while a rule forbids one.
    public let receptivityScore: Double?
    /// Best first.
    public let suggestedTopics: [Suggestion]?
    /// Hours since the user last wrote.
    public let lastEngagementGapHours: Double?
    /// 0…1; nil without proactive messages.
    public let proactiveSuccessRate: Double?
    /// Lower end of its 90 % interval.
    public let proactiveSuccessLow: Double?
    /// Upper end of its 90 % interval.
    public let proactiveSuccessHigh: Double?
    /// Mean hours from the user's last message to the next session, of which no more than a week counts.
    public let expectedReturnHours: Double?
    /// Why members are nil.
    public let nullReason: String?
    /// Whether the model has beaten its naive baseline on the data at hand.
    public let isValidated: Bool
}
