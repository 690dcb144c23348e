import Bytes
import Synchronization

/// How far behind the shards were over the last day, a sample a minute, as this process saw it.
final class LagHistory: Sendable {
    /// One look at the shards.
    struct Sample: Sendable {
        var at: Timestamp
        /// Nil: some shard was never finished.
        var lagSeconds: Double?
    }

    static let samplesMax = 1440

    private let samples = Mutex<[Sample]>([])

    func add(_ sample: Sample) {
        samples.withLock { samples in
            if samples.count >= Self.samplesMax { samples.removeFirst(samples.count - Self.samplesMax + 1) }
            samples.append(sample)
        }
    }

    /// Adds what an overview tells.
    func add(overview: JSONValue) {
        guard let text = overview["at"]?.string, let at = try? Timestamp(text: text) else { return }
        add(Sample(at: at, lagSeconds: overview["lag_seconds"]?.double))
    }

    var json: JSONValue {
        .array(
            samples.withLock { samples in
                samples.map { sample in
                    .object([
                        JSONMember(key: "at", value: .string(sample.at.rfc3339)),
                        JSONMember(
                            key: "lag_seconds", value: sample.lagSeconds.map { .number(JSONNumber($0)) } ?? .null),
                    ])
                }
            })
    }
}
