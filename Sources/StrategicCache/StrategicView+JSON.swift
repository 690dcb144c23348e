import Bytes
import Model

// What C callers get: the keys of the SQL function `read_strategic`, so that a program may go from one to the other.

extension StrategicView {
    /// The whole answer as a JSON object; without a row its `fallback` holds the heuristics.
    ///
    /// `expires_at` is not in it: until when a row is fresh is for the reader to judge.
    ///
    /// - Returns: UTF-8.
    /// - Complexity: O(n) in the row's bytes.
    package func json() -> [UInt8] {
        var json = JSONWriter(reservingBytes: 8192)
        json.beginObject()
        json.key("freshness")
        switch freshness {
        case .fresh: json.value("fresh")
        case .stale: json.value("stale")
        case .missing: json.value("missing")
        }
        json.key("age_seconds")
        json.value(age.map { $0 / .seconds(1) })
        json.key("reflects_through")
        json.value(row?.content.reflectsThrough)
        json.key("messages_reflected")
        json.value(row?.content.messagesReflected)
        json.key("computed_at")
        json.value(row?.content.computedAt)
        json.key("stale_reason")
        json.value(row?.content.staleReason)
        json.key("null_reasons")
        if let content = row?.content { content.writeNullReasons(at: moment, to: &json) } else { json.null() }
        json.key("unvalidated")
        if let content = row?.content {
            json.beginArray()
            for engine in content.unvalidated { json.value(engine) }
            json.endArray()
        } else {
            json.null()
        }
        json.key("signals")
        writeSignals(to: &json)
        json.key("fallback")
        if row == nil { context.writeHeuristics(to: &json) } else { json.null() }
        json.endObject()
        return json.bytes
    }

    private func writeSignals(to json: inout JSONWriter) {
        json.beginObject()
        json.key("character_performance")
        if let character = characters.find(botName) {
            character.write(at: character.moment(at: readAt), isFresh: readAt < character.freshUntil, to: &json)
        } else {
            json.null()
        }
        let parts: [(String, (RowContent, Timestamp, inout JSONWriter) -> Void)] = [
            ("memory_health", { $0.writeMemoryHealth(at: $1, to: &$2) }),
            ("personality_profile", { $0.writePersonalityProfile(at: $1, to: &$2) }),
            ("conversation_patterns", { $0.writeConversationPatterns(at: $1, to: &$2) }),
            ("memory_behavior", { $0.writeMemoryBehavior(at: $1, to: &$2) }),
            ("engagement_opportunities", { $0.writeEngagementOpportunities(at: $1, to: &$2) }),
        ]
        for (name, write) in parts {
            json.key(name)
            guard let content = row?.content else {
                json.null()
                continue
            }
            json.beginObject()
            write(content, moment, &json)
            json.endObject()
        }
        json.endObject()
    }
}

extension JSONWriter {
    fileprivate mutating func member(_ name: String, _ value: Double?) {
        key(name)
        self.value(value)
    }

    fileprivate mutating func member(_ name: String, _ value: String?) {
        key(name)
        self.value(value)
    }

    /// A document of the row, as the server wrote it.
    fileprivate mutating func member(_ name: String, document: String?) {
        key(name)
        if let document { value(json: document.utf8) } else { null() }
    }

    fileprivate mutating func member(_ name: String, _ memories: [MemoryStanding]?) {
        key(name)
        guard let memories else { return null() }
        beginArray()
        for memory in memories {
            beginObject()
            member("id", memory.id)
            member("kind", memory.kind)
            member("label", memory.label)
            member("retrievability", memory.retrievability)
            member("risk", memory.risk)
            member("age_hours", memory.ageHours)
            member("idle_hours", memory.idleHours)
            key("reviews")
            value(memory.reviews)
            endObject()
        }
        endArray()
    }
}

extension RowContent {
    /// Why signals are null: what the worker wrote, and what only the moment of reading tells.
    fileprivate func writeNullReasons(at moment: Timestamp, to json: inout JSONWriter) {
        var reasons = self.json(.nullReasons)?.members?.filter { $0.key != "proactive_engagement" } ?? []
        if case .unknown(let why) = trend(at: moment) {
            reasons.removeAll { $0.key == "retrieval_frequency_trend" }
            reasons.append(JSONMember(key: "retrieval_frequency_trend", value: .string(why)))
        }
        let stored = self.json(.nullReasons)?["proactive_engagement"]?.string
        let engagement = [stored, engagement(at: moment).reason].compactMap { $0 }
        if !engagement.isEmpty {
            reasons.append(
                JSONMember(key: "proactive_engagement", value: .string(engagement.joined(separator: "; "))))
        }
        json.value(.object(reasons))
    }

    fileprivate func writeMemoryHealth(at moment: Timestamp, to json: inout JSONWriter) {
        let standings = standings(at: moment)
        json.key("memory_snapshot")
        if let snapshot = standings.map(Projections.snapshot) {
            json.beginObject()
            json.member("stale", snapshot.stale)
            json.member("fresh", snapshot.fresh)
            json.endObject()
        } else {
            json.null()
        }
        json.member("avg_memory_age_hours", Projections.hours(since: memoryFirstSeenMean, at: moment))
        json.member("retrieval_frequency_trend", trend(at: moment).trend?.rawValue)
        json.member("forgetting_risk_memories", standings.map(Projections.forgettingRisk))
        json.member("topic_drift", topicDrift)
    }

    fileprivate func writePersonalityProfile(at moment: Timestamp, to json: inout JSONWriter) {
        json.member("dominant_traits", document: text(.dominantTraits))
        json.member("user_response_patterns", document: text(.userResponsePatterns))
        json.member("adaptation_suggestions", document: text(.adaptationSuggestions))
        json.key("trait_evolution_history")
        if let history = self.json(.traitHistory) {
            json.value(.array(Projections.traitHistory(history, at: moment)))
        } else {
            json.null()
        }
    }

    fileprivate func writeConversationPatterns(at moment: Timestamp, to json: inout JSONWriter) {
        json.member("recent_topics", document: text(.recentTopics))
        json.member("avg_topic_duration_minutes", averageTopicDurationMinutes)
        json.member("context_switch_frequency", contextSwitchFrequency)
        json.member("predicted_switch_likelihood", switchLikelihood(at: moment))
        json.member("topic_transition_graph", document: text(.topicTransitionGraph))
        json.member("communication_style", communicationStyle)
        json.member("style_features", document: text(.styleFeatures))
        json.member("preferred_depth", preferredDepth)
        json.member("emotional_engagement", emotionalEngagement)
        json.key("optimal_response_length")
        json.value(optimalResponseLength)
    }

    fileprivate func writeMemoryBehavior(at moment: Timestamp, to json: inout JSONWriter) {
        let standings = self.json(.forgettingCurve) == nil ? nil : standings(at: moment)
        json.member("forgetting_curve_params", document: text(.forgettingCurve))
        json.member("high_retention_memories", standings.map(Projections.highRetentionMemories))
        json.member("low_retention_memories", standings.map(Projections.lowRetentionMemories))
        json.member("recall_simulation_score", recallSimulationScore)
    }

    fileprivate func writeEngagementOpportunities(at moment: Timestamp, to json: inout JSONWriter) {
        let standing = engagement(at: moment)
        json.key("optimal_timing_hours")
        if let hours = standing.hours {
            json.beginArray()
            for hour in hours { json.value(hour) }
            json.endArray()
        } else {
            json.null()
        }
        json.member("receptivity_score", standing.receptivity)
        json.member("suggested_topics", document: standing.allowsTopics ? text(.suggestedTopics) : "[]")
        json.member("last_engagement_gap_hours", Projections.hours(since: receptivity.lastUserMessageAt, at: moment))
        json.member("proactive_success_rate", proactiveSuccessRate)
        json.member("proactive_success_low", proactiveSuccessLow)
        json.member("proactive_success_high", proactiveSuccessHigh)
        json.member("expected_return_hours", expectedReturnHours)
    }
}

extension StoredCharacter {
    fileprivate func write(at moment: Timestamp, isFresh: Bool, to json: inout JSONWriter) {
        let parsed = (try? JSONValue(parsing: hours)) ?? .array([])
        func average(_ score: String) -> Double? {
            Projections.characterAverage(hours: parsed, score: score, windowHours: Int64(timeWindowHours), at: moment)
        }
        json.beginObject()
        json.key("time_window_hours")
        json.value(Int(timeWindowHours))
        json.member("engagement_score_avg", average("e"))
        json.member("satisfaction_score_avg", average("s"))
        json.member("coherence_score_avg", average("c"))
        json.member("personality_consistency_score_avg", average("p"))
        json.member("personality_consistency_index", personalityConsistencyIndex)
        json.member("quality_trend", qualityTrend)
        json.member("recent_anomalies", document: recentAnomalies)
        json.key("computed_at")
        json.value(computedAt)
        json.key("trend_through")
        json.value(trendThrough)
        json.member("sources", document: sources)
        json.member("null_reasons", document: nullReasons)
        json.key("validated")
        json.value(unvalidated.isEmpty)
        json.key("fresh")
        json.value(isFresh)
        json.endObject()
    }
}

extension RecentContext {
    /// The guesses that the context allows, by the group of signals that they stand in for.
    fileprivate func writeHeuristics(to json: inout JSONWriter) {
        json.beginObject()
        json.key("memory_health")
        json.beginObject()
        json.key("recent_words")
        json.beginArray()
        for word in MemoryHealthHeuristic(self).recentWords { json.value(word) }
        json.endArray()
        json.endObject()
        let style = PersonalityProfileHeuristic(self)
        json.key("personality_profile")
        json.beginObject()
        json.member("exclamation_share", style.exclamationShare)
        json.key("uses_emoji")
        json.value(style.usesEmoji)
        json.endObject()
        let patterns = ConversationPatternsHeuristic(self)
        json.key("conversation_patterns")
        json.beginObject()
        json.member("average_user_words", patterns.averageUserWords)
        json.key("suggested_response_words")
        json.value(patterns.suggestedResponseWords)
        json.member("preferred_depth", patterns.preferredDepth)
        json.member("question_share", patterns.questionShare)
        json.key("is_topic_change_likely")
        json.value(patterns.isTopicChangeLikely)
        json.endObject()
        let engagement = EngagementHeuristic(self)
        json.key("engagement_opportunities")
        json.beginObject()
        json.key("is_daytime")
        json.value(engagement.isDaytime)
        json.member("silence_hours", engagement.silenceHours)
        json.key("may_write_first")
        json.value(engagement.mayWriteFirst)
        json.endObject()
        json.endObject()
    }
}
