import Bytes

extension Projections {
    /// The memories of a pair least and most likely to be recalled at a moment.
    package struct MemorySnapshot: Hashable, Sendable {
        /// Least likely first.
        package var stale: [MemoryStanding]
        /// Most likely first.
        package var fresh: [MemoryStanding]
    }

    /// Every memory as it stands at a moment, least likely to be recalled first.
    package static func standings(
        _ memories: [MemoryCandidate], curve: ForgettingCurve, at moment: Timestamp
    ) -> [MemoryStanding] {
        memories.map { MemoryStanding($0, curve: curve, at: moment) }.sorted(by: MemoryStanding.faintestFirst)
    }

    /// Up to five from each end of the standings; with fewer than ten memories each is in one half only.
    ///
    /// - Parameter standings: as `standings(_:curve:at:)` orders them.
    /// - Returns: no memory twice.
    package static func snapshot(_ standings: [MemoryStanding]) -> MemorySnapshot {
        let half = standings.count / 2
        let fresh = standings.suffix(min(snapshotMemoriesMax, standings.count - half))
        return MemorySnapshot(
            stale: Array(standings.prefix(min(snapshotMemoriesMax, half))),
            fresh: fresh.sorted(by: MemoryStanding.clearestFirst))
    }

    /// Up to eight memories, the one most at risk of being forgotten first.
    package static func forgettingRisk(_ standings: [MemoryStanding]) -> [MemoryStanding] {
        Array(standings.prefix(riskMemoriesMax))
    }

    /// Up to five memories with a chance of recall of at least 0.8, highest first.
    package static func highRetentionMemories(_ standings: [MemoryStanding]) -> [MemoryStanding] {
        let high = standings.filter { $0.retrievability >= highRetention }.sorted(by: MemoryStanding.clearestFirst)
        return Array(high.prefix(retentionMemoriesMax))
    }

    /// Up to five memories with a chance of recall below 0.5, lowest first.
    package static func lowRetentionMemories(_ standings: [MemoryStanding]) -> [MemoryStanding] {
        Array(standings.lazy.filter { $0.retrievability < lowRetention }.prefix(retentionMemoriesMax))
    }

    /// The days of a trait history within the 30 days (UTC) that end at a moment.
    ///
    /// - Parameters:
    ///   - history: `[{"date":"2018-05-06",…}]`, any order, which is kept.
    ///   - moment: when the days end.
    /// - Returns: days of 29 days ago or later.
    package static func traitHistory(_ history: JSONValue, at moment: Timestamp) -> [JSONValue] {
        let days = Int64(Limits.traitHistoryDaysMax - 1)
        let first = Timestamp(microseconds: (moment.dayIndex - days) * 86_400_000_000).rfc3339.prefix(10)
        return (history.array ?? []).filter { day in
            guard let date = day["date"]?.string else { return false }
            return !date.utf8.lexicographicallyPrecedes(first.utf8)
        }
    }

    /// A bot's average of one score over the hours of the window that ends at a moment.
    ///
    /// - Parameters:
    ///   - hours: `[{"h":hourIndex,"e":[n,total],…}]`, totals in the score's unit.
    ///   - score: `e`, `s`, `c` or `p`.
    ///   - windowHours: an hour counts while its end lies within so many hours.
    ///   - moment: when the window ends.
    /// - Returns: nil without values.
    package static func characterAverage(
        hours: JSONValue, score: String, windowHours: Int64, at moment: Timestamp
    ) -> Double? {
        let perHour: Int64 = 3_600_000_000
        var values = 0.0
        var sum = 0.0
        for hour in hours.array ?? [] {
            guard let index = hour["h"]?.int64, (index + 1) * perHour > moment.microseconds - windowHours * perHour,
                let count = hour[score]?[0]?.double, let total = hour[score]?[1]?.double
            else { continue }
            values += count
            sum += total
        }
        return values > 0 ? sum / values : nil
    }
}
