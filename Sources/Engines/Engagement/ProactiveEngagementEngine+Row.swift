import Bytes
import Model

extension ProactiveEngagementEngine {
    package func contribute(to row: inout StrategicRow, topics: TopicTracker) {
        var reasons: [String] = []
        if !receptivity.beatsRate { row.unvalidated.insert(Self.name) }
        contributeTiming(to: &row, reasons: &reasons)
        contributeTopics(to: &row, topics: topics, reasons: &reasons)
        row.proactiveSuccessRate = outreach.successRate
        row.proactiveSuccessLow = outreach.successInterval?.lowerBound
        row.proactiveSuccessHigh = outreach.successInterval?.upperBound
        row.outreachTimes = outreach.recent.isEmpty ? nil : Self.times(outreach.recent)
        row.lastOutreachAt = outreach.lastAt
        row.outreachFatigue = outreach.lastAt == nil ? nil : outreach.fatigue
        if outreach.lastAt == nil {
            reasons.append("proactive_success_rate: no outreach attempts")
        }
        if lastUserAt == nil {
            reasons.append("expected_return_hours: no user message yet")
        }
        if !reasons.isEmpty { row.nullReasons[Self.name] = reasons.joined(separator: "; ") }
    }

    private static func times(_ times: [Timestamp]) -> String {
        var writer = JSONWriter()
        writer.beginArray()
        for time in times { writer.value(time.microseconds) }
        writer.endArray()
        return writer.text
    }

    private func contributeTiming(to row: inout StrategicRow, reasons: inout [String]) {
        row.lastUserMessageAt = lastUserAt
        row.expectedReturnHours = expectedReturnHours
        guard userMessages >= Self.userMessagesMin else {
            reasons.append(
                "optimal_timing_hours, receptivity: fewer than \(Self.userMessagesMin) user messages")
            if hasOptedOut { row.receptivityIntercept = Self.optedOutLogit }
            return
        }
        var writer = JSONWriter()
        writer.beginArray()
        if hasOptedOut {
            reasons.append("optimal_timing_hours: user asked not to be contacted")
        } else if outreach.isExhausted {
            reasons.append(
                "optimal_timing_hours: \(Outreach.unansweredMax) proactive messages without an answer")
        } else {
            for hour in hours.likely { writer.value(hour) }
        }
        writer.endArray()
        row.optimalTimingHours = writer.text
        row.receptivityIntercept = hasOptedOut ? Self.optedOutLogit : receptivityIntercept
        row.receptivityRecencyWeight = ReceptivityWeights.recency
        row.receptivityHourLogits = hours.logits.map { $0 * ReceptivityWeights.hour }
    }

    private func contributeTopics(to row: inout StrategicRow, topics: TopicTracker, reasons: inout [String]) {
        var writer = JSONWriter()
        writer.beginArray()
        if hasOptedOut {
            reasons.append("suggested_topics: user asked not to be contacted")
        } else if let lastUserAt, !interests.interests.isEmpty {
            var count = 0
            for suggestion in interests.suggestions(last: lastUserAt) where count < Limits.suggestedTopicsMax {
                guard let label = topics.label(of: suggestion.id), !label.isEmpty else { continue }
                count += 1
                writer.beginObject()
                writer.key("topic")
                writer.value(label)
                writer.key("reason")
                writer.value(suggestion.reason)
                writer.key("weight")
                writer.value(suggestion.weight, decimals: 4)
                writer.key("last_mentioned")
                writer.value(suggestion.lastAt)
                writer.endObject()
            }
        } else {
            reasons.append("suggested_topics: no user message with a topic yet")
            return
        }
        writer.endArray()
        row.suggestedTopics = writer.text
    }
}
