import Bytes

extension Projections {
    /// Hours that are offered at most.
    package static let timingHoursMax = 5

    /// What of a pair's row tells when and with what to write first.
    package struct EngagementAnchors: Hashable, Sendable {
        /// Hours of the day (UTC), best first.
        package var hourCandidates: [Int]?
        package var receptivity = ReceptivityAnchors()
        /// When proactive messages were sent, in microseconds since the Unix epoch.
        package var outreachTimes: [Int64] = []

        package init() {}
    }

    /// When and with what a bot may write first at a moment.
    package struct EngagementStanding: Hashable, Sendable {
        /// At most `timingHoursMax` hours of the day (UTC), best first; nil when none were computed.
        package var hours: [Int]?
        /// Nil while a rule forbids a message now, and when it was not computed.
        package var receptivity: Double?
        /// Whether topics may be suggested.
        package var allowsTopics = true
        /// Why a rule forbids a message now.
        package var refusal: String?
        /// What rules took away, by column; nil where nothing.
        package var reason: String?
    }

    /// Applies the rules of writing first to what the row says, by the same rules as SQL's `engagement_at`.
    ///
    /// - Parameters:
    ///   - anchors: of the row.
    ///   - rule: about the pair.
    ///   - zone: of the rule's zone; hours of which nothing is known count as quiet.
    ///   - moment: when the question is asked.
    /// - Returns: no hour whose next occurrence is quiet in part; nothing at all while writing first is forbidden.
    package static func engagement(
        _ anchors: EngagementAnchors, rule: OutreachRule, zone: ZoneOffsets?, at moment: Timestamp
    ) -> EngagementStanding {
        var standing = EngagementStanding()
        if let block = rule.block(sent: anchors.outreachTimes, at: moment) {
            standing.hours = []
            standing.allowsTopics = false
            standing.refusal = block
            standing.reason = "optimal_timing_hours, receptivity_score, suggested_topics: " + block
            return standing
        }
        var reasons: [String] = []
        if let candidates = anchors.hourCandidates {
            let open = candidates.lazy.filter { hour in
                !rule.isQuietHour(from: nextOccurrence(of: hour, at: moment), zone: zone)
            }
            standing.hours = Array(open.prefix(timingHoursMax))
            if standing.hours?.isEmpty == true, !candidates.isEmpty {
                reasons.append("optimal_timing_hours: every likely hour is quiet")
            }
        }
        if rule.isQuiet(at: moment, zone: zone) {
            standing.refusal = "quiet hours"
            reasons.append("receptivity_score: quiet hours")
        } else {
            standing.receptivity = receptivity(anchors.receptivity, at: moment)
        }
        standing.reason = reasons.isEmpty ? nil : reasons.joined(separator: "; ")
        return standing
    }

    /// When an hour of the day (UTC) begins that has not ended yet.
    private static func nextOccurrence(of hour: Int, at moment: Timestamp) -> Timestamp {
        let ahead = ((hour - hourOfDay(moment)) % 24 + 24) % 24
        return Timestamp(microseconds: (moment.hourIndex + Int64(ahead)) * 3_600_000_000)
    }
}
