import Engines
import Model

/// How a worker works; what changes results is part of `configHash`.
package struct WorkerConfiguration: Sendable {
    /// Pause between cycles that found nothing left to do; 0.1…3600 s.
    package var cycleSeconds = 10.0
    /// How long a verified row counts as fresh; at least twice the cycle.
    package var ttlSeconds = 300.0
    /// How long a shard stays with a worker that does not renew; 5…3600 s.
    package var leaseSeconds = 30.0
    /// Connections that compute and write side by side; 1…64.
    package var lanes = 2
    /// Rows a batch reads at most; 1…100,000.
    package var batchRowsMax = 10_000
    /// Pairs of an older version that are rebuilt in one batch; 1…10,000.
    package var rebuildPairsMax = 200
    /// Rows of histories that a lane holds at once, 1…1,000,000.
    ///
    /// Longer histories are replayed by pages.
    package var historyRowsMax = 20_000
    /// Numbers of an embedding that the topic tracker uses: 64, 128 or 256.
    package var embeddingDimensions = 64

    /// Pause between two merges of bots that keep changing: a fifth of the TTL, so that their rows stay fresh.
    package var mergeSeconds: Double { ttlSeconds / 5 }

    package init() {}

    /// What is wrong with a configuration: expected, got, and what to do.
    package struct Fault: Error, Equatable, CustomStringConvertible {
        package var description: String
        package var hint: String
    }

    /// Throws if a value is out of range, or if values contradict each other.
    package func check() throws(Fault) {
        func range<Value: Comparable>(
            _ name: String, _ value: Value, _ range: ClosedRange<Value>
        ) throws(Fault) {
            guard range.contains(value) else {
                throw Fault(
                    description: "expected `\(name)` to be \(range.lowerBound)…\(range.upperBound), got: \(value)",
                    hint: "leave it out for the default")
            }
        }
        try range("--cycle-seconds", cycleSeconds, 0.1...3600)
        try range("--ttl-seconds", ttlSeconds, 1...86_400)
        try range("--lease-seconds", leaseSeconds, 5...3600)
        try range("--lanes", lanes, 1...64)
        try range("--batch", batchRowsMax, 1...100_000)
        try range("--rebuild-pairs", rebuildPairsMax, 1...10_000)
        try range("--history-rows", historyRowsMax, 1...1_000_000)
        guard [64, 128, 256].contains(embeddingDimensions) else {
            throw Fault(
                description: "expected `--embedding-dimensions` to be 64, 128 or 256, got: \(embeddingDimensions)",
                hint: "leave it out for the default")
        }
        guard ttlSeconds >= 2 * cycleSeconds else {
            let share = Int((100 * ttlSeconds / (2 * cycleSeconds)).rounded())
            throw Fault(
                description: "expected `--ttl-seconds` to be at least 2 × `--cycle-seconds` = \(2 * cycleSeconds), "
                    + "got: \(ttlSeconds); rows verified every \(cycleSeconds) s would be fresh at most \(share) % of "
                    + "that time",
                hint: "raise the TTL or shorten the cycle")
        }
    }

    /// Identifies what the results depend on besides the engines' version.
    package var configHash: String { "e\(embeddingDimensions)" }
}
