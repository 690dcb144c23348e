import Bytes
import Synchronization

/// How far behind the shards were over the last day and what this process did, a sample a minute, as it saw it.
final class LagHistory: Sendable {
    /// One look at the shards, with what the process had done by then.
    struct Sample: Sendable {
        var at: Timestamp
        /// Nil: some shard was never finished.
        var lagSeconds: Double?
        /// Of 64.
        var shardsFresh: Int64
        var figures: EndpointServices.Figures
    }

    static let samplesMax = 1440
    /// Points of a line that a picture needs.
    static let pointsMax = 48

    private let samples = Mutex<[Sample]>([])

    func add(_ sample: Sample) {
        samples.withLock { samples in
            if samples.count >= Self.samplesMax { samples.removeFirst(samples.count - Self.samplesMax + 1) }
            samples.append(sample)
        }
    }

    /// Adds what an overview tells.
    func add(overview: JSONValue, figures: EndpointServices.Figures) {
        guard let text = overview["at"]?.string, let at = try? Timestamp(text: text) else { return }
        add(
            Sample(
                at: at, lagSeconds: overview["lag_seconds"]?.double, shardsFresh: overview["shards_fresh"]?.int64 ?? 0,
                figures: figures))
    }

    /// The newest samples, oldest first.
    func json(samplesMax: Int = LagHistory.samplesMax) -> JSONValue {
        .array(
            samples.withLock { Array($0.suffix(samplesMax)) }.map { sample in
                jsonObject([
                    ("at", .string(sample.at.rfc3339)), ("lag_seconds", .number(sample.lagSeconds)),
                    ("shards_fresh", .whole(sample.shardsFresh)),
                    ("messages_processed", .whole(sample.figures.messages)),
                ])
            })
    }

    /// What the engines did, now and over the last day.
    ///
    /// - Parameter now: what the process has done by now.
    /// - Returns: an object as the route's description has it.
    func engines(_ now: EndpointServices.Figures) -> JSONValue {
        let samples = samples.withLock { $0 }
        let step = max(1, (samples.count + Self.pointsMax - 1) / Self.pointsMax)
        let points = stride(from: samples.count - 1, through: 0, by: -step).reversed().map { samples[$0] }
        // Before its ring is full, a process tells of all it did.
        let first = samples.count < Self.samplesMax ? nil : samples.first
        let engines = now.parts.enumerated().map { place, part in
            let before = first.map { $0.figures.parts[place].seconds } ?? 0
            return jsonObject([
                ("name", .string(part.name)), ("batches", .whole(part.batches)), ("seconds", .number(part.seconds)),
                ("seconds_day", .number(max(0, part.seconds - before))), ("null_ratio", .number(part.nullRatio)),
                ("null_ratio_samples", .array(points.map { .number($0.figures.parts[place].nullRatio) })),
            ])
        }
        return jsonObject([
            ("messages_processed", .whole(now.messages)),
            ("messages_processed_day", .whole(now.messages - (first?.figures.messages ?? 0))),
            ("sampled_at", .array(points.map { .string($0.at.rfc3339) })), ("engines", .array(engines)),
        ])
    }
}
