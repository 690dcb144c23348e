import Bytes

/// When a bot may write first to a pair: every field by the most specific rule that sets it.
///
/// Rules are for everything, a bot, a user or a pair, in ascending specificity. A nil field is set by none.
package struct OutreachRule: Hashable, Sendable {
    /// Minutes of the day by the zone's clock, 0…1440, `from` ≠ `to`; from a later to an earlier one spans midnight.
    package struct QuietHours: Hashable, Sendable {
        package var from: Int
        package var to: Int

        package init(from: Int, to: Int) {
            self.from = from
            self.to = to
        }

        /// Whether a moment of the day is quiet; seconds since midnight.
        func contains(second: Int) -> Bool {
            from < to
                ? second >= from * 60 && second < to * 60
                : second >= from * 60 || second < to * 60
        }

        /// Whether any of the 15 minutes from a minute of the day on is quiet.
        func overlapsQuarter(from minute: Int) -> Bool {
            if from > to { return minute < to || minute + 15 > from }
            return minute < to && minute + 15 > from || minute - 1440 < to && minute - 1425 > from
        }
    }

    package var quietHours: QuietHours?
    /// IANA name; nil stands for UTC.
    package var timeZone: String?
    /// Proactive messages in any 24 hours, and in any 7 days, at most.
    package var capDay: Int?
    package var capWeek: Int?
    package var doNotContact: Bool?

    package init() {}

    /// Puts together the rules that are about a pair.
    ///
    /// - Parameter packed: as `outreach_rules.packed` has them, in any order: specificity 0…3, start and end of quiet
    ///   hours in minutes, zone, caps a day and a week, do_not_contact; `|` between, empty where not set.
    package init(packed: [String]) {
        let rules = packed.map { $0.split(separator: "|", omittingEmptySubsequences: false) }
            .filter { $0.count == 7 }
            .sorted { $0[0].utf8.lexicographicallyPrecedes($1[0].utf8) }
        for rule in rules {
            if let from = Int(rule[1]), let to = Int(rule[2]) { quietHours = QuietHours(from: from, to: to) }
            if !rule[3].isEmpty { timeZone = String(rule[3]) }
            capDay = Int(rule[4]) ?? capDay
            capWeek = Int(rule[5]) ?? capWeek
            if !rule[6].isEmpty { doNotContact = rule[6] == "1" }
        }
    }

    /// Whether answering needs to know what a zone's clock shows.
    package var needsZone: Bool { quietHours != nil && timeZone != nil }

    /// Why nobody may write first at a moment, whatever the clock shows; nil where one may.
    ///
    /// - Parameters:
    ///   - sent: when proactive messages were sent, in microseconds since the Unix epoch.
    ///   - moment: when the question is asked.
    /// - Returns: the rule that forbids it.
    package func block(sent: [Int64], at moment: Timestamp) -> String? {
        if doNotContact == true { return "do_not_contact is set" }
        func count(_ days: Int64) -> Int {
            sent.count { $0 > moment.microseconds - days * 86_400_000_000 }
        }
        if let capDay, count(1) >= capDay { return "cap_day of \(capDay) is reached" }
        if let capWeek, count(7) >= capWeek { return "cap_week of \(capWeek) is reached" }
        return nil
    }

    /// Whether a moment is quiet; so is one of which it is not known what the zone's clock shows.
    package func isQuiet(at moment: Timestamp, zone: ZoneOffsets?) -> Bool {
        guard let quietHours else { return false }
        guard let local = localSeconds(moment, zone) else { return true }
        return quietHours.contains(second: local)
    }

    /// Whether any part of the hour from a moment on is quiet: by quarters, because no zone changes its clock within
    /// one.
    package func isQuietHour(from start: Timestamp, zone: ZoneOffsets?) -> Bool {
        guard let quietHours else { return false }
        return (0..<4).contains { (quarter: Int64) in
            let piece = Timestamp(microseconds: start.microseconds + quarter * 900_000_000)
            guard let local = localSeconds(piece, zone) else { return true }
            return quietHours.overlapsQuarter(from: local / 60)
        }
    }

    /// Seconds since midnight by the rule's clock.
    private func localSeconds(_ moment: Timestamp, _ zone: ZoneOffsets?) -> Int? {
        let offset = timeZone == nil ? 0 : zone?.offsetSeconds(at: moment)
        guard let offset else { return nil }
        let day: Int64 = 86_400_000_000
        let local = (moment.microseconds + Int64(offset) * 1_000_000) % day
        return Int((local < 0 ? local + day : local) / 1_000_000)
    }
}

/// How far a zone's clock is ahead of UTC over some weeks, as the database has it.
///
/// The process has no zone data of its own, so that it can't disagree with the SQL views.
package struct ZoneOffsets: Hashable, Sendable {
    /// An offset and since when it holds.
    package struct Change: Hashable, Sendable {
        package var from: Timestamp
        package var offsetSeconds: Int

        package init(from: Timestamp, offsetSeconds: Int) {
            self.from = from
            self.offsetSeconds = offsetSeconds
        }
    }

    /// In order of time.
    package var changes: [Change]
    /// The end of what is known.
    package var through: Timestamp

    package init(changes: [Change], through: Timestamp) {
        self.changes = changes
        self.through = through
    }

    /// Seconds ahead of UTC; nil outside what is known.
    package func offsetSeconds(at moment: Timestamp) -> Int? {
        guard moment <= through else { return nil }
        return changes.last { $0.from <= moment }?.offsetSeconds
    }
}
