import Bytes
import Model

/// How one column of a view is made: for people who want to know whether to believe it.
package struct SignalExplanation: Sendable {
    /// Which input rows an engine listens to for a signal.
    package enum Input: String, Sendable {
        case userMessages = "messages of the user"
        case messages = "messages of the user and the bot"
        case memoryEvents = "messages of the user, and memory_retrievals"
        case traitEvents = "messages, and trait_activations where the application gives them"
        case engagementEvents = "messages, and outreach_attempts"

        /// Whether rows of this kind can contribute.
        package func takes(_ event: InputEvent) -> Bool {
            switch (self, event) {
            case (.userMessages, .message(let message)), (.memoryEvents, .message(let message)): message.role == .user
            case (.memoryEvents, .retrieval), (.traitEvents, .trait), (.engagementEvents, .outreach): true
            case (.messages, .message), (.traitEvents, .message), (.engagementEvents, .message): true
            default: false
            }
        }
    }

    /// A stored value that the column is drawn from.
    package struct Anchor: Sendable {
        /// The column of `strategic_cache`.
        package var name: String
        /// Its value as text; nil for null.
        package var value: @Sendable (StrategicRow) -> String?
    }

    package var view: String
    package var column: String
    package var engine: EngineName
    /// The formula, and how its inputs are made.
    package var formula: String
    /// Where the method comes from.
    package var source: String
    package var input: Input
    package var anchors: [Anchor]
}

extension SignalExplanation {
    /// The explanation of a column; nil when no view of pairs has it.
    package static func of(column: String) -> SignalExplanation? { all.first { $0.column == column } }

    /// Every signal of a pair, in the order of the views.
    package static let all: [SignalExplanation] =
        memoryHealth + personality + patterns + memoryBehavior + engagement

    private static func text(_ name: String, _ value: @escaping @Sendable (StrategicRow) -> String?) -> Anchor {
        Anchor(name: name, value: value)
    }

    private static func number(_ name: String, _ value: @escaping @Sendable (StrategicRow) -> Double?) -> Anchor {
        Anchor(name: name) { value($0).map { "\($0)" } }
    }

    private static func time(_ name: String, _ value: @escaping @Sendable (StrategicRow) -> Timestamp?) -> Anchor {
        Anchor(name: name) { value($0).map { $0.rfc3339 } }
    }

    private static let candidates = text("memory_candidates") { $0.memoryCandidates }
    private static let curve = text("forgetting_curve") { $0.forgettingCurve }
    private static let fsrs = "FSRS-6 (open-spaced-repetition); Wixted & Carpenter 2007 for the power law"
    private static let recall =
        "recall = (1 + factor·t / (S·multiplier)) ^ decay; t = days since the memory was last met, S = its FSRS-6 "
        + "stability; a memory is a retrieval id or a topic of the user's own messages, each return is a review"

    private static let memoryHealth: [SignalExplanation] = {
        func make(
            _ column: String, _ formula: String, _ source: String, _ anchors: [Anchor],
            _ input: Input = .memoryEvents
        ) -> SignalExplanation {
            SignalExplanation(
                view: "strategic_memory_health", column: column, engine: .memoryAging, formula: formula,
                source: source, input: input, anchors: anchors)
        }
        return [
            make(
                "memory_snapshot",
                "the \(Projections.snapshotMemoriesMax) least likely to be recalled and as many of the most likely; "
                    + recall, fsrs,
                [candidates, curve]),
            make(
                "avg_memory_age_hours", "now − mean time at which the tracked memories were first met, in hours",
                "arithmetic mean", [time("memory_first_seen_mean") { $0.memoryFirstSeenMean }]),
            make(
                "retrieval_frequency_trend",
                "rate over \(Int(DecayedEvents.fastDays)) days against rate over \(Int(DecayedEvents.slowDays)) days, "
                    + "each a decayed count over its exposure; increasing or "
                    + "declining where the difference exceeds 1.96 standard errors of a Poisson process",
                "two-sided test at 5 %",
                [
                    time("memory_event_first") { $0.memoryEventFirst },
                    time("memory_event_last") { $0.memoryEventLast },
                    number("memory_event_fast") { $0.memoryEventFast },
                    number("memory_event_slow") { $0.memoryEventSlow },
                ]),
            make(
                "forgetting_risk_memories",
                "up to \(Projections.riskMemoriesMax) memories by risk = 1 − recall; " + recall, fsrs,
                [candidates, curve]),
            make(
                "topic_drift", "distance between the newest topics' direction and the long-run one, 0…1",
                "cosine distance of decayed mean embeddings", [number("topic_drift") { $0.topicDrift }], .userMessages),
        ]
    }()

    private static let personality: [SignalExplanation] = {
        func make(_ column: String, _ formula: String, _ anchor: Anchor) -> SignalExplanation {
            SignalExplanation(
                view: "strategic_personality_profiles", column: column, engine: .personalityEvolution, formula: formula,
                source: "shrunken difference of means with a 90 % interval (normal–normal empirical Bayes)",
                input: .traitEvents, anchors: [anchor])
        }
        return [
            make(
                "dominant_traits",
                "frequency = decayed share of the bot's turns that show the trait; effectiveness = the user's next "
                    + "reaction against that user's own baseline, shrunken towards zero",
                text("dominant_traits") { $0.dominantTraits }),
            make(
                "user_response_patterns", "mean reaction after each trait, with its interval and count",
                text("user_response_patterns") { $0.userResponsePatterns }),
            make(
                "adaptation_suggestions", "traits whose effect's interval excludes zero: more of it or less of it",
                text("adaptation_suggestions") { $0.adaptationSuggestions }),
            make(
                "trait_evolution_history",
                "mean intensity of each trait a day (UTC), the last \(Limits.traitHistoryDaysMax) days",
                text("trait_history") { $0.traitHistory }),
        ]
    }()

    private static let patterns: [SignalExplanation] = {
        func make(
            _ column: String, _ engine: EngineName, _ formula: String, _ source: String, _ anchors: [Anchor],
            _ input: Input = .messages
        ) -> SignalExplanation {
            SignalExplanation(
                view: "strategic_conversation_patterns", column: column, engine: engine, formula: formula,
                source: source, input: input, anchors: anchors)
        }
        let switching =
            "a message switches topic when two logistics of embedding distance, lexical overlap, cue phrases and time "
            + "gap, one for chats and one for services, mixed by the talk's register, reach the threshold; recurring "
            + "topics are matched by centroid"
        let logistic = "logistic regressions, weights fitted on labelled dialogues (see `make quality`)"
        return [
            make(
                "recent_topics", .contextSwitch, "the newest topics with their times; " + switching, logistic,
                [text("recent_topics") { $0.recentTopics }]),
            make(
                "avg_topic_duration_minutes", .contextSwitch,
                "mean minutes from a topic's start to its end; " + switching,
                logistic, [number("average_topic_duration_minutes") { $0.averageTopicDurationMinutes }]),
            make(
                "context_switch_frequency", .contextSwitch, "switches an hour of time inside sessions; " + switching,
                logistic, [number("context_switch_frequency") { $0.contextSwitchFrequency }]),
            make(
                "predicted_switch_likelihood", .contextSwitch,
                "1 / (1 + exp(−(switch_logit + switch_gap_weight · ln(1 + minutes since last_message_at))))",
                "discrete hazard of a switch, by messages since the last one and whether a question is open",
                [
                    number("switch_logit") { $0.switchLogit }, number("switch_gap_weight") { $0.switchGapWeight },
                    time("last_message_at") { $0.lastMessageAt },
                ]),
            make(
                "topic_transition_graph", .contextSwitch, "decayed counts of moves from one topic to the next",
                logistic,
                [text("topic_transition_graph") { $0.topicTransitionGraph }]),
            make(
                "communication_style", .conversationPatterns,
                "three words: register (formality below \(StyleLabels.casualBelow), from \(StyleLabels.formalFrom)), "
                    + "length (median words below \(Int(StyleLabels.moderateWords)), from "
                    + "\(Int(StyleLabels.expansiveWords))), and "
                    + "the manner that exceeds its own bound most; the measures are in style_features",
                "conventions, stated in StyleLabels.swift", [text("communication_style") { $0.communicationStyle }],
                .userMessages),
            make(
                "preferred_depth", .conversationPatterns,
                "mean of length (log of the median words between 4 and 30), staying (log of the messages in a row "
                    + "on a topic, up to 8) and disclosure (twice its share, at most 1): brief below "
                    + "\(StyleLabels.depthModerate), deep from \(StyleLabels.depthDeep)",
                "conventions, stated in StyleLabels.swift", [text("preferred_depth") { $0.preferredDepth }],
                .userMessages),
            make(
                "emotional_engagement", .conversationPatterns,
                "0.4 · emotionality + 0.2 · arousal + 0.2 · marks + 0.2 · matching with the bot's valence, each 0…1",
                "emotion model (see `make quality`); weights are conventions",
                [number("emotional_engagement") { $0.emotionalEngagement }],
                .userMessages),
            make(
                "optimal_response_length", .conversationPatterns,
                "mean words of the length class with the highest P(the user goes on within "
                    + "\(Int(ReplyModel.replySecondsMax / 60)) min) = (s + κ·p₀) / (n + κ), "
                    + "κ = \(Int(ReplyModel.priorStrength)), p₀ = (S + ½) / (N + 1) the pair's pooled rate",
                "shrunken rate by length class",
                [text("optimal_response_length") { $0.optimalResponseLength.map { "\($0)" } }]),
            make(
                "style_features", .conversationPatterns, "running means of the user's messages", "streaming moments",
                [text("style_features") { $0.styleFeatures }], .userMessages),
        ]
    }()

    private static let memoryBehavior: [SignalExplanation] = {
        func make(_ column: String, _ formula: String, _ source: String, _ anchors: [Anchor]) -> SignalExplanation {
            SignalExplanation(
                view: "strategic_memory_behavior", column: column, engine: .memoryBehavior, formula: formula,
                source: source, input: .memoryEvents, anchors: anchors)
        }
        return [
            make(
                "forgetting_curve_params",
                "posterior mean of ln m, the user's multiplier of stability, on a grid under the prior N(0, 1): a "
                    + "user without evidence has the population's curve",
                "Bayes on a grid; Anderson & Schooler 1991 for need odds", [curve]),
            make(
                "high_retention_memories",
                "memories with recall ≥ \(Projections.highRetention); " + recall, fsrs, [candidates, curve]),
            make(
                "low_retention_memories",
                "memories with recall < \(Projections.lowRetention); " + recall, fsrs, [candidates, curve]),
            make(
                "recall_simulation_score",
                "1 − (Σ |returns − predicted| over \(Calibration.binEnds.count + 1) bins + κ/2) / "
                    + "(Σ (returns + predicted) + κ), κ = \(Calibration.pseudoCount), each predicted beforehand",
                "expected calibration error relative to the base rate; Naeini, Cooper & Hauskrecht 2015",
                [number("recall_simulation_score") { $0.recallSimulationScore }]),
        ]
    }()

    private static let engagement: [SignalExplanation] = {
        func make(
            _ column: String, _ formula: String, _ source: String, _ anchors: [Anchor],
            _ input: Input = .engagementEvents
        ) -> SignalExplanation {
            SignalExplanation(
                view: "strategic_engagement_opportunities", column: column, engine: .proactiveEngagement,
                formula: formula, source: source, input: input, anchors: anchors)
        }
        let interval =
            "90 % interval of the share p = answered / sent: (p + z²/2n ± z·√(p(1 − p)/n + z²/4n²)) / (1 + z²/n), "
            + "z = \(Outreach.intervalDeviations)"
        let wilson = "score interval (Wilson 1927)"
        return [
            make(
                "optimal_timing_hours",
                "up to \(Projections.timingHoursMax) hours (UTC) with p_h = (s_h + κ/24) / (N + κ) above 1/24, "
                    + "κ = \(Int(ActiveHours.priorHours)), s_h the active hours smoothed by ¼ ½ ¼; none that is quiet "
                    + "by the user's clock; none while do_not_contact or a cap of outreach_rules holds",
                "shrunken hour-of-day profile", [text("optimal_timing_hours") { $0.optimalTimingHours }]),
            make(
                "receptivity_score",
                "1 / (1 + exp(−(intercept + recency weight · ln(1 + seconds since the user wrote / "
                    + "\(Int(Projections.recencySeconds))) + logit of the hour − "
                    + "fatigue · exp(−days since the last outreach / "
                    + "\(Int(Outreach.fatigueDays))))); null while outreach_rules forbid a message now",
                "logistic regression on recency and hour (see `make quality`)",
                [
                    number("receptivity_intercept") { $0.receptivityIntercept },
                    number("receptivity_recency_weight") { $0.receptivityRecencyWeight },
                    text("receptivity_hour_logits") { row in row.receptivityHourLogits.map { "\($0)" } },
                    time("last_user_message_at") { $0.lastUserMessageAt },
                    number("outreach_fatigue") { $0.outreachFatigue },
                    time("last_outreach_at") { $0.lastOutreachAt },
                ]),
            make(
                "suggested_topics",
                "topics that the user likes or that were left open, by decayed interest (e^(−days / "
                    + "\(Int(TopicInterests.decayDays)))); none while do_not_contact or a cap of outreach_rules holds",
                "decayed counts", [text("suggested_topics") { $0.suggestedTopics }]),
            make(
                "last_engagement_gap_hours", "now − time of the user's newest message, in hours", "difference of times",
                [time("last_user_message_at") { $0.lastUserMessageAt }], .userMessages),
            make(
                "proactive_success_rate",
                "(answered + \(Int(Outreach.priorAnswered))) / (sent + \(Int(Outreach.priorSent)))",
                "beta–binomial posterior mean under Beta(1, 2)",
                [number("proactive_success_rate") { $0.proactiveSuccessRate }]),
            make(
                "proactive_success_low", "lower end of the " + interval, wilson,
                [number("proactive_success_low") { $0.proactiveSuccessLow }]),
            make(
                "proactive_success_high", "upper end of the " + interval, wilson,
                [number("proactive_success_high") { $0.proactiveSuccessHigh }]),
            make(
                "expected_return_hours",
                "Σ S_b · width of interval b, ending at \(ReturnHazard.intervalHours.map { Int($0) }) hours after the "
                    + "user's last message, S_b = Π (1 − h), logit h_b = α_b + β · (log of past gaps, returns, returns "
                    + "of late, messages of the session)",
                "discrete hazard (Cox 1972), weights fitted on chats (see `make quality`)",
                [number("expected_return_hours") { $0.expectedReturnHours }], .userMessages),
        ]
    }()
}
