import Bytes
import Model

/// The signals of a row at a moment, by the projections that the SQL views share.
extension RowContent {
    private func nullReason(_ engines: EngineName...) -> String? {
        let reasons = json(.nullReasons)
        let known = engines.compactMap { reasons?[$0.rawValue]?.string }
        return known.isEmpty ? nil : known.joined(separator: "; ")
    }

    private func isValidated(_ engines: EngineName...) -> Bool {
        !engines.contains { unvalidated.contains($0.rawValue) }
    }

    func standings(at moment: Timestamp) -> [MemoryStanding]? {
        guard let candidates = json(.memoryCandidates) else { return nil }
        let curve = ForgettingCurve(json: json(.forgettingCurve))
        return Projections.standings(MemoryCandidate.list(json: candidates), curve: curve, at: moment)
    }

    func trend(at moment: Timestamp) -> TrendFinding {
        Projections.retrievalTrend(
            first: memoryEventFirst, last: memoryEventLast, fast: memoryEventFast, slow: memoryEventSlow, at: moment)
    }

    func switchLikelihood(at moment: Timestamp) -> Double? {
        Projections.switchLikelihood(
            logit: switchLogit, gapWeight: switchGapWeight, lastMessageAt: lastMessageAt, at: moment)
    }

    func memoryHealth(at moment: Timestamp) -> MemoryHealth {
        let standings = standings(at: moment)
        let snapshot = standings.map(Projections.snapshot)
        let trend = trend(at: moment)
        var reason = nullReason(.memoryAging)
        if reason == nil, case .unknown(let why) = trend { reason = "retrieval_frequency_trend: " + why }
        return MemoryHealth(
            staleMemories: snapshot?.stale.map(Memory.init), freshMemories: snapshot?.fresh.map(Memory.init),
            averageMemoryAgeHours: Projections.hours(since: memoryFirstSeenMean, at: moment),
            retrievalFrequencyTrend: trend.trend.flatMap { TrendDirection(rawValue: $0.rawValue) },
            forgettingRiskMemories: standings.map { Projections.forgettingRisk($0).map(Memory.init) },
            topicDrift: topicDrift, nullReason: reason, isValidated: isValidated(.memoryAging))
    }

    func personalityProfile(at moment: Timestamp) -> PersonalityProfile {
        let traits = json(.dominantTraits)?.array?.compactMap { entry in
            entry["trait"]?.string.map {
                PersonalityProfile.Trait(
                    trait: $0, frequency: entry["frequency"]?.double, effectiveness: entry["effectiveness"]?.double)
            }
        }
        let history = json(.traitHistory).map { history in
            var writer = JSONWriter()
            writer.value(.array(Projections.traitHistory(history, at: moment)))
            return writer.text
        }
        return PersonalityProfile(
            dominantTraits: traits, userResponsePatterns: text(.userResponsePatterns),
            adaptationSuggestions: text(.adaptationSuggestions), traitEvolutionHistory: history,
            nullReason: nullReason(.personalityEvolution), isValidated: isValidated(.personalityEvolution))
    }

    func conversationPatterns(at moment: Timestamp) -> ConversationPatterns {
        let topics = json(.recentTopics)?.array?.compactMap { entry in
            entry["topic"]?.string.map {
                ConversationPatterns.Topic(
                    topic: $0, startTime: entry["start_time"]?.string, endTime: entry["end_time"]?.string)
            }
        }
        return ConversationPatterns(
            recentTopics: topics, averageTopicDurationMinutes: averageTopicDurationMinutes,
            contextSwitchFrequency: contextSwitchFrequency, predictedSwitchLikelihood: switchLikelihood(at: moment),
            topicTransitionGraph: text(.topicTransitionGraph), communicationStyle: communicationStyle,
            styleFeatures: text(.styleFeatures), preferredDepth: preferredDepth,
            emotionalEngagement: emotionalEngagement, optimalResponseLength: optimalResponseLength,
            nullReason: nullReason(.contextSwitch, .conversationPatterns),
            isValidated: isValidated(.contextSwitch, .conversationPatterns))
    }

    func memoryBehavior(at moment: Timestamp) -> MemoryBehavior {
        let standings = json(.forgettingCurve) == nil ? nil : standings(at: moment)
        return MemoryBehavior(
            forgettingCurveParameters: text(.forgettingCurve),
            highRetentionMemories: standings.map { Projections.highRetentionMemories($0).map(Memory.init) },
            lowRetentionMemories: standings.map { Projections.lowRetentionMemories($0).map(Memory.init) },
            recallSimulationScore: recallSimulationScore, nullReason: nullReason(.memoryBehavior),
            isValidated: isValidated(.memoryBehavior))
    }

    /// When and with what to write first, under the rules.
    func engagement(at moment: Timestamp) -> Projections.EngagementStanding {
        var anchors = Projections.EngagementAnchors()
        anchors.hourCandidates = json(.optimalTimingHours)?.array?.compactMap { $0.int64.map(Int.init) }
        anchors.receptivity = receptivity
        if rule.capDay != nil || rule.capWeek != nil {
            anchors.outreachTimes = json(.outreachTimes)?.array?.compactMap(\.int64) ?? []
        }
        return Projections.engagement(anchors, rule: rule, zone: zone, at: moment)
    }

    func engagementOpportunities(at moment: Timestamp) -> EngagementOpportunities {
        let standing = engagement(at: moment)
        let reasons = [nullReason(.proactiveEngagement), standing.reason].compactMap { $0 }
        let topics = json(.suggestedTopics)?.array?.compactMap { entry in
            entry["topic"]?.string.map {
                EngagementOpportunities.Suggestion(
                    topic: $0, reason: entry["reason"]?.string, weight: entry["weight"]?.double)
            }
        }
        return EngagementOpportunities(
            optimalTimingHours: standing.hours, receptivityScore: standing.receptivity,
            suggestedTopics: standing.allowsTopics ? topics : [],
            lastEngagementGapHours: Projections.hours(since: receptivity.lastUserMessageAt, at: moment),
            proactiveSuccessRate: proactiveSuccessRate, proactiveSuccessLow: proactiveSuccessLow,
            proactiveSuccessHigh: proactiveSuccessHigh, expectedReturnHours: expectedReturnHours,
            nullReason: reasons.isEmpty ? nil : reasons.joined(separator: "; "),
            isValidated: isValidated(.proactiveEngagement))
    }

    func digest(at moment: Timestamp) -> PromptDigest {
        var digest = PromptDigest()
        digest.recentTopics = json(.recentTopics)?.array?.compactMap { $0["topic"]?.string } ?? []
        digest.switchLikelihood = switchLikelihood(at: moment)
        digest.communicationStyle = communicationStyle
        digest.preferredDepth = preferredDepth
        digest.optimalResponseLength = optimalResponseLength
        if let standings = standings(at: moment) {
            digest.fadingMemories = Projections.lowRetentionMemories(standings)
            digest.vividMemories = Projections.highRetentionMemories(standings)
        }
        digest.traits = json(.dominantTraits)?.array?.compactMap { $0["trait"]?.string } ?? []
        let standing = engagement(at: moment)
        digest.receptivity = standing.receptivity
        digest.refusal = standing.refusal
        if let rate = proactiveSuccessRate, let low = proactiveSuccessLow, let high = proactiveSuccessHigh {
            digest.success = PromptDigest.Success(rate: rate, low: low, high: high)
        }
        if standing.allowsTopics { digest.suggestedTopic = json(.suggestedTopics)?[0]?["topic"]?.string }
        digest.unvalidated = Set(unvalidated.compactMap(EngineName.init))
        return digest
    }
}

extension StoredCharacter {
    func performance(at moment: Timestamp) -> CharacterPerformance {
        let parsed = (try? JSONValue(parsing: hours)) ?? .array([])
        func average(_ score: String) -> Double? {
            Projections.characterAverage(
                hours: parsed, score: score, windowHours: Int64(timeWindowHours), at: moment)
        }
        return CharacterPerformance(
            timeWindowHours: Int(timeWindowHours), engagementScoreAverage: average("e"),
            satisfactionScoreAverage: average("s"), coherenceScoreAverage: average("c"),
            personalityConsistencyIndex: personalityConsistencyIndex, qualityTrend: qualityTrend,
            recentAnomalies: recentAnomalies, sources: sources, nullReasons: nullReasons,
            isValidated: unvalidated.isEmpty)
    }
}
