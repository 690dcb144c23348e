import Bytes
import Glibc

/// Stored anchors drawn to a moment: what the SQL views compute, by the same formulas.
///
/// Pure functions without a clock. Input: members of `StrategicRow` and a moment. Output: numbers and lists as of that
/// moment, nil where an anchor is absent. Invariants: a moment before an anchor counts as the anchor's own; results
/// agree with the functions of `0002_views.sql` to 1e-9; every exponent is kept above -200, because the database raises
/// an error where a result underflows.
package enum Projections {
    /// Memories in each list of the snapshot.
    package static let snapshotMemoriesMax = 5
    package static let riskMemoriesMax = 8
    package static let retentionMemoriesMax = 5
    /// Chance of recall from which retention is called high, and below which low.
    package static let highRetention = 0.8
    package static let lowRetention = 0.5

    /// Seconds from one moment to a later one, never negative; nil for a moment that is absent or not finite.
    package static func seconds(since earlier: Timestamp?, at moment: Timestamp) -> Double? {
        guard let earlier, earlier != .infinity, earlier != .negativeInfinity else { return nil }
        return max(moment.seconds(since: earlier), 0)
    }

    /// Hours from one moment to a later one, never negative.
    package static func hours(since earlier: Timestamp?, at moment: Timestamp) -> Double? {
        seconds(since: earlier, at: moment).map { $0 / 3600 }
    }

    /// What exponential decay with a time constant in days leaves after so many seconds, 0…1.
    package static func decayShare(seconds: Double, days: Double) -> Double {
        exp(max(-(seconds / 86400 / days), -200))
    }

    /// A log-odds or weight within ±1e6; nil for NaN.
    static func bounded(_ value: Double?) -> Double? {
        guard let value, !value.isNaN else { return nil }
        return min(max(value, -1e6), 1e6)
    }

    /// Log-odds as a probability.
    package static func logistic(_ logit: Double) -> Double {
        1 / (1 + exp(-min(max(logit, -500), 500)))
    }

    /// The chance that a message at this moment switches topic: logistic(logit + weight·ln(1 + minutes of silence)).
    package static func switchLikelihood(
        logit: Double?, gapWeight: Double?, lastMessageAt: Timestamp?, at moment: Timestamp
    ) -> Double? {
        guard let logit = bounded(logit), let weight = bounded(gapWeight),
            let silence = seconds(since: lastMessageAt, at: moment)
        else { return nil }
        return logistic(logit + weight * log(1 + silence / 60))
    }

    /// The anchors of receptivity, as `StrategicRow` names them.
    package struct ReceptivityAnchors: Hashable, Sendable {
        package var intercept: Double?
        package var recencyWeight: Double?
        /// 24, one for each hour of the day (UTC).
        package var hourLogits: [Double]?
        package var lastUserMessageAt: Timestamp?
        package var outreachFatigue: Double?
        package var lastOutreachAt: Timestamp?

        package init() {}
    }

    /// The unit of the silence in receptivity: answers come in seconds or not for days.
    package static let recencySeconds = 10.0

    /// The chance that a proactive message at this moment is answered; nil unless every anchor but those of outreach is
    /// known.
    package static func receptivity(_ anchors: ReceptivityAnchors, at moment: Timestamp) -> Double? {
        guard let intercept = bounded(anchors.intercept), let weight = bounded(anchors.recencyWeight),
            let logits = anchors.hourLogits, logits.count == 24,
            let hourLogit = bounded(logits[hourOfDay(moment)]),
            let silence = seconds(since: anchors.lastUserMessageAt, at: moment)
        else { return nil }
        var fatigue = 0.0
        if let stored = bounded(anchors.outreachFatigue),
            let rest = seconds(since: anchors.lastOutreachAt, at: moment)
        {
            fatigue = stored * decayShare(seconds: rest, days: 7)
        }
        return logistic(intercept + weight * log(1 + silence / recencySeconds) + hourLogit - fatigue)
    }

    /// The hour of the day (UTC), 0…23.
    package static func hourOfDay(_ moment: Timestamp) -> Int {
        let hour = Int(moment.hourIndex % 24)
        return hour < 0 ? hour + 24 : hour
    }
}
