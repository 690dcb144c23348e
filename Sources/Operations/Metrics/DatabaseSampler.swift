import Bytes
import Postgres
import Store

/// Asks the database at intervals for what the metrics say of it, on a connection and a thread of its own.
///
/// A scrape costs the database nothing: it gets what the last sample found, with `afterthought_sample_age_seconds` to
/// tell how old that is. A sample that fails leaves the old figures, and their age grows.
package actor DatabaseSampler {
    /// Pause between samples unless another is asked for, in seconds.
    package static let intervalSecondsDefault = 15.0
    /// How long a sample may take, in milliseconds.
    static let statementMillisecondsMax = 5_000

    private nonisolated let metrics: WorkerMetrics
    private nonisolated let intervalSeconds: Double
    private nonisolated let onSample: @Sendable (_ newFailure: (any Error)?) async -> Void
    private let thread: DatabaseThread
    private var isStopping = false
    private var isFailing = false
    private var sleeping: Task<Void, Never>?

    /// Makes a sampler; it connects when it runs.
    ///
    /// - Parameters:
    ///   - metrics: what the figures go to.
    ///   - options: how to connect, as the worker's role.
    ///   - intervalSeconds: the pause between samples; 0.05…3600.
    ///   - onSample: called after each sample; with its error, if it is the first that failed after a good one.
    package init(
        _ metrics: WorkerMetrics, options: ConnectionOptions, intervalSeconds: Double = intervalSecondsDefault,
        onSample: @escaping @Sendable (_ newFailure: (any Error)?) async -> Void = { _ in }
    ) {
        self.metrics = metrics
        self.intervalSeconds = intervalSeconds
        self.onSample = onSample
        var session = options
        session.applicationName = "afterthought metrics"
        session.sessionSettings += [
            ("statement_timeout", "\(Self.statementMillisecondsMax)ms"),
            ("idle_in_transaction_session_timeout", "10s"),
            ("default_transaction_read_only", "on"),
            ("jit", "off"),
            // One row by index, whatever the statistics of a fast-growing table say.
            ("enable_seqscan", "off"),
            ("timezone", "UTC"),
        ]
        thread = DatabaseThread(session)
    }

    /// Takes samples until `stop()` is called.
    package func run() async {
        while !isStopping {
            let failure = await sample()
            await onSample(isFailing ? nil : failure)
            isFailing = failure != nil
            if isStopping { break }
            let seconds = intervalSeconds * Double.random(in: 0.95...1.05)
            let sleep = Task<Void, Never> { try? await Task.sleep(for: .seconds(seconds)) }
            sleeping = sleep
            await sleep.value
            sleeping = nil
        }
        await thread.close()
    }

    /// Asks for the end of `run()`.
    package func stop() {
        isStopping = true
        sleeping?.cancel()
    }

    /// Closes the connection; for a sampler that took samples by hand.
    package func close() async { await thread.close() }

    /// Takes one sample; one that fails is counted.
    ///
    /// - Returns: why it failed; nil: it did not.
    @discardableResult
    package func sample() async -> (any Error)? {
        let started = ContinuousClock.now
        do {
            let (sample, spending) = try await thread.withConnection { connection in
                guard let sample = try connection.first(SampleOperations()) else {
                    preconditionFailure("expected one row from an aggregate, got: none")
                }
                return (sample, try connection.first(ModelSpending()))
            }
            let (seconds, attoseconds) = (ContinuousClock.now - started).components
            metrics.sampled.note(
                sample, spending, tookSeconds: Double(seconds) + Double(attoseconds) / 1e18)
            return nil
        } catch {
            metrics.sampled.samples.add(1, "failed")
            return error
        }
    }
}

extension SampledMetrics {
    /// Takes over what a sample found.
    func note(_ sample: OperationsSample, _ spending: ModelSpending.Row?, tookSeconds: Double) {
        func seconds(_ at: Timestamp?) -> Double? { at.map { Double($0.microseconds) / 1e6 } }
        watermarkLag.set(sample.lagSeconds)
        shardsUnverified.set(Double(sample.shardsUnverified))
        oldestUnprocessed.set(sample.oldestUnprocessedSeconds)
        freshRatio.set(sample.freshRatio)
        sampledPairs.set(Double(sample.sampledPairs))
        quarantinedPairs.set(Double(sample.quarantined))
        jobsRunning.set(Double(sample.running))
        lastCompletedAt.set(seconds(sample.lastCompletedAt))
        workers.set(Double(sample.workers))
        shardsLeased.set(Double(sample.shardsLeased))
        shardsRebuilding.set(Double(sample.shardsRebuilding))
        refreshRequests.set(Double(sample.refreshRequests))
        modelUSD.set(spending?.usd)
        modelTokens.set(spending.map { Double($0.tokens) })
        let nulls = Self.counts(sample.nulls, known: engines)
        for engine in engines + [MetricLabel.other] {
            let rows = Double(nulls[engine] ?? 0)
            nullRatio.set(sample.sampledPairs > 0 ? rows / Double(sample.sampledPairs) : nil, engine)
        }
        let waiting = Self.counts(sample.waiting, known: Self.queues)
        for queue in Self.queues + [MetricLabel.other] { queueDepth.set(Double(waiting[queue] ?? 0), queue) }
        sampleDuration.set(tookSeconds)
        samples.add(1, "ok")
        sampledAt.note()
    }

    private static func counts(_ counts: [OperationsSample.Count], known: [String]) -> [String: Int64] {
        var sums: [String: Int64] = [:]
        for count in counts {
            sums[known.contains(count.name) ? count.name : MetricLabel.other, default: 0] += count.rows
        }
        return sums
    }
}
