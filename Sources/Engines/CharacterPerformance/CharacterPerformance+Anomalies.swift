import Bytes
import Model

extension CharacterPerformance {
    private struct Anomaly {
        var hour: Int64
        var measure: String
        var change: ChangePoint
        var kind: Kind
    }

    private enum Kind: String { case level, value }

    /// The changes of level and the single wild values of the last 168 hours as JSON; nil when no measure has enough
    /// hours.
    ///
    /// Given metrics are searched, and what users did.
    static func anomalies(_ kept: [(hour: Int64, sums: BucketSums)], newest: Int64) -> String? {
        let measures = searched(kept)
        guard !measures.isEmpty else { return nil }
        var found: [Anomaly] = []
        for measure in measures {
            // Answers to the newest hour may still come, and a day's return is known two days later.
            let known =
                measure == CharacterMeasure.returnNextDay
                ? newest - returnKnownHours : isGiven(measure) ? newest : newest - 1
            let hours = kept.filter { $0.hour <= known }
            let values = RobustResiduals.hourly(hours, measure: measure)
            let within = RobustResiduals.varianceWithin(hours, measure: measure)
            let changes = ChangePoints.find(RobustResiduals.standardised(values, varianceWithin: within))
            let wild = wildValues(RobustResiduals.unbounded(values, varianceWithin: within))
                .filter { value in !changes.contains { abs($0.start - value.start) < ChangePoints.runMax } }
            for (kind, places) in [(Kind.level, changes), (.value, wild)] {
                for change in places where values[change.start].hour > newest - windowHours {
                    let hour = values[change.start].hour
                    found.append(Anomaly(hour: hour, measure: measure, change: change, kind: kind))
                }
            }
        }
        found.sort {
            $0.hour != $1.hour ? $0.hour > $1.hour : $0.measure.utf8.lexicographicallyPrecedes($1.measure.utf8)
        }
        return text(found)
    }

    /// Values so far outside of the range before them that noise, however heavy its tails, hardly gives them.
    ///
    /// Their probability is that of no such record where the tail is a Student t's of 3 degrees: 1 − (1 + 2·excess)⁻³.
    private static func wildValues(_ residuals: [Double]) -> [ChangePoint] {
        var records = RecordExcess()
        var found: [ChangePoint] = []
        for (place, residual) in residuals.enumerated() {
            let score = records.score(residual)
            guard place >= ChangePoints.warmUp, score.magnitude >= RecordExcess.alarmMin else { continue }
            let tail = 1 + 2 * score.magnitude
            found.append(
                ChangePoint(start: place, probability: 1 - 1 / (tail * tail * tail), isUp: score > 0))
        }
        return found
    }

    private static func isGiven(_ measure: String) -> Bool {
        CharacterMeasure.scores.contains(measure) || measure.utf8.starts(with: CharacterMeasure.metricPrefix.utf8)
    }

    /// The measures with enough hours: at most `anomalyMeasuresMax`, those with the most hours.
    private static func searched(_ kept: [(hour: Int64, sums: BucketSums)]) -> [String] {
        var hours = BucketSums()
        for (_, sums) in kept {
            for measure in sums.measures where measure.sum.count > 0 {
                hours.add(MeasureSum(count: 1), to: measure.name)
            }
        }
        return hours.measures
            .filter { isGiven($0.name) || CharacterMeasure.behavioural.contains($0.name) }
            .filter { $0.sum.count >= Int64(anomalyHoursMin) }
            .sorted {
                $0.sum.count != $1.sum.count
                    ? $0.sum.count > $1.sum.count : $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
            }
            .prefix(anomalyMeasuresMax).map(\.name)
    }

    private static func text(_ anomalies: [Anomaly]) -> String {
        var writer = JSONWriter()
        writer.beginArray()
        for anomaly in anomalies.prefix(anomaliesMax) {
            writer.beginObject()
            writer.key("time")
            writer.value(Timestamp(microseconds: anomaly.hour * 3_600_000_000))
            writer.key("metric")
            let prefix = CharacterMeasure.metricPrefix
            let isOther = anomaly.measure.utf8.starts(with: prefix.utf8)
            writer.value(isOther ? String(anomaly.measure.dropFirst(prefix.count)) : anomaly.measure)
            writer.key("score")
            writer.value(anomaly.change.probability, decimals: 4)
            writer.key("direction")
            writer.value(anomaly.change.isUp ? "up" : "down")
            writer.key("kind")
            writer.value(anomaly.kind.rawValue)
            writer.endObject()
        }
        writer.endArray()
        return writer.text
    }
}
