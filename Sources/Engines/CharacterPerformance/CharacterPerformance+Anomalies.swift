import Bytes
import Model

extension CharacterPerformance {
    private struct Anomaly {
        var hour: Int64
        var measure: String
        var change: ChangePoint
    }

    /// The changes of level of the last 168 hours as JSON; nil when no measure has enough hours.
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
            let residuals = RobustResiduals.standardised(
                values, varianceWithin: RobustResiduals.varianceWithin(hours, measure: measure))
            for change in ChangePoints.find(residuals) where values[change.start].hour > newest - windowHours {
                found.append(Anomaly(hour: values[change.start].hour, measure: measure, change: change))
            }
        }
        found.sort {
            $0.hour != $1.hour ? $0.hour > $1.hour : $0.measure.utf8.lexicographicallyPrecedes($1.measure.utf8)
        }
        return text(found)
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
        let behavioural = [
            CharacterMeasure.continuation, CharacterMeasure.replyLatency, CharacterMeasure.replyPositivity,
            CharacterMeasure.retry, CharacterMeasure.returnNextDay, CharacterMeasure.sessionMessages,
        ]
        return hours.measures
            .filter { isGiven($0.name) || behavioural.contains($0.name) }
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
            writer.endObject()
        }
        writer.endArray()
        return writer.text
    }
}
