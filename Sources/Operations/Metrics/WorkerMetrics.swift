import Bytes
import Synchronization

/// Every metric of a worker process, by the names that rules, dashboards and people know.
///
/// None is labelled by a user, a bot or anything else that grows with the data. What a database's workers share
/// (`afterthought_watermark_lag_seconds` and the others that come from `OperationsSample`) each of them tells alike;
/// what a process counts (`…_total`) is its own, to be summed.
package struct WorkerMetrics: Sendable {
    package let registry = MetricsRegistry()

    // What the worker did.
    package let messages: Counter
    package let rows: Counter
    package let pairs: Counter
    package let rebuilt: Counter
    package let rowsReread: Counter
    package let quarantined: Counter
    package let workerFailures: Counter
    package let batchDuration: Histogram
    package let engineDuration: Histogram
    package let cycleDuration: Histogram
    package let lastCycleAt: Gauge
    package let shardsHeld: Gauge
    package let auditedPairs: Counter
    package let auditMismatches: Counter

    // What jobs did.
    package let jobRuns: Counter
    package let jobRunnerFailures: Counter

    // What the database says.
    let sampled: SampledMetrics

    /// The parts of a batch, in their order.
    package static let phases = ["read", "compute", "write"]
    /// Why a pair may be put into quarantine.
    package static let quarantineReasons = ["state_too_large", "state_unreadable", "worker_died", "write_refused"]
    /// How an attempt at a job may end.
    package static let jobStatuses = [
        "completed", "completed_with_errors", "failed", "cancelled", "interrupted", "lost",
    ]

    /// Makes them, each of its series at its beginning.
    ///
    /// - Parameters:
    ///   - version: the program's.
    ///   - jobs: the names of the jobs that this process can run.
    ///   - engines: the names of the engines, as `null_reasons` has them.
    ///   - parts: the parts of the computing that are timed, engines included.
    package init(version: String, jobs: [String], engines: [String], parts: [String]) {
        let registry = registry
        registry.gauge(
            "afterthought_build_info", "The version of the program; the value is always 1.",
            MetricLabel("version", [version])
        ).set(1, version)
        messages = registry.counter(
            "afterthought_messages_processed_total", "Messages whose batch was committed.")
        rows = registry.counter(
            "afterthought_rows_processed_total", "Input rows of all streams whose batch was committed.")
        pairs = registry.counter(
            "afterthought_pairs_processed_total", "Pairs computed in committed batches, once a batch.")
        rebuilt = registry.counter(
            "afterthought_pairs_rebuilt_total", "Pairs replayed from a checkpoint or from their history.")
        rowsReread = registry.counter(
            "afterthought_rows_reread_total", "Rows that were read again to rebuild pairs.")
        quarantined = registry.counter(
            "afterthought_quarantined_total",
            "Attempts at a pair that failed and put it, or kept it, in quarantine, by reason.",
            MetricLabel("reason", Self.quarantineReasons, isOpen: true))
        workerFailures = registry.counter(
            "afterthought_worker_failures_total", "Cycles that failed and are repeated.")
        batchDuration = registry.histogram(
            "afterthought_batch_duration_seconds", "Time of a batch by phase: one observation a batch.",
            bounds: Histogram.workBounds, MetricLabel("phase", Self.phases))
        engineDuration = registry.histogram(
            "afterthought_engine_duration_seconds",
            "Time that an engine took in a batch, estimated from every 17th row: one observation a batch.",
            bounds: Histogram.workBounds, MetricLabel("engine", parts, isOpen: true))
        cycleDuration = registry.histogram(
            "afterthought_cycle_duration_seconds", "Time of a cycle, idle ones included.",
            bounds: Histogram.cycleBounds)
        lastCycleAt = registry.gauge(
            "afterthought_last_cycle_timestamp_seconds", "When a cycle last ended well, on this process's clock.")
        shardsHeld = registry.gauge(
            "afterthought_shards_held", "Shards that this worker held after its last cycle, of 64.")
        auditedPairs = registry.counter(
            "afterthought_audit_pairs_total", "Pairs recomputed from their history and compared with the cache.")
        auditMismatches = registry.counter(
            "afterthought_audit_mismatch_total", "Of those, pairs whose cached row differed.")
        jobRuns = registry.counter(
            "afterthought_job_runs_total", "Attempts at jobs that ended in this process, by job and status.",
            MetricLabel("job", jobs.sorted(), isOpen: true), MetricLabel("status", Self.jobStatuses, isOpen: true))
        jobRunnerFailures = registry.counter(
            "afterthought_job_runner_failures_total", "Looks into the queue that failed and are repeated.")
        sampled = SampledMetrics(registry, engines: engines)
        ProcessFigures.add(to: registry)
    }
}

/// What `OperationsSample` becomes.
struct SampledMetrics: Sendable {
    let watermarkLag: Gauge
    let shardsUnverified: Gauge
    let oldestUnprocessed: Gauge
    let freshRatio: Gauge
    let sampledPairs: Gauge
    let nullRatio: Gauge
    let quarantinedPairs: Gauge
    let queueDepth: Gauge
    let jobsRunning: Gauge
    let lastCompletedAt: Gauge
    let workers: Gauge
    let shardsLeased: Gauge
    let shardsRebuilding: Gauge
    let refreshRequests: Gauge
    let modelUSD: Gauge
    let modelTokens: Gauge
    let samples: Counter
    let sampleDuration: Gauge
    /// When the last good sample was taken, on a clock that only grows.
    let sampledAt: SampleMoment
    let engines: [String]

    static let queues = ["optimization", "learning", "reembed"]

    init(_ registry: MetricsRegistry, engines: [String]) {
        func gauge(_ name: String, _ help: String) -> Gauge { registry.gauge("afterthought_" + name, help) }
        self.engines = engines
        watermarkLag = gauge(
            "watermark_lag_seconds",
            "Time since the moment before which everything is reflected, in the shard that is furthest behind.")
        shardsUnverified = gauge("shards_unverified", "Shards that no worker ever finished, of 64.")
        oldestUnprocessed = gauge(
            "oldest_unprocessed_seconds", "How long the oldest row has waited that no worker has processed; 0: none.")
        freshRatio = gauge(
            "fresh_pairs_ratio", "Share of the cache rows looked at that a read calls fresh; none without any row.")
        sampledPairs = gauge("sampled_pairs", "Cache rows that the last sample looked at.")
        nullRatio = registry.gauge(
            "afterthought_engine_null_ratio",
            "Share of the cache rows looked at in which an engine's columns are null.",
            MetricLabel("engine", engines, isOpen: true))
        quarantinedPairs = gauge("quarantined_pairs", "Pairs in quarantine now, counted up to 10,000.")
        queueDepth = registry.gauge(
            "afterthought_queue_depth", "Jobs that wait, by queue, counted up to 10,000.",
            MetricLabel("queue", Self.queues, isOpen: true))
        jobsRunning = gauge("jobs_running", "Jobs that run now, in all workers.")
        lastCompletedAt = gauge(
            "job_last_completed_timestamp_seconds", "When a job last completed, on the database's clock.")
        workers = gauge("workers", "Workers with a lease, of this database.")
        shardsLeased = gauge("shards_leased", "Shards that some worker holds, of 64.")
        shardsRebuilding = gauge(
            "shards_rebuilding", "Shards whose pairs are being rebuilt for a new version or configuration.")
        refreshRequests = gauge("refresh_requests", "Readers' requests that wait, counted up to 10,000.")
        modelUSD = gauge(
            "language_model_spent_usd", "US dollars that calls to a language model took in 30 days, all workers.")
        modelTokens = gauge(
            "language_model_spent_tokens", "Tokens that calls to a language model took in 30 days, all workers.")
        samples = registry.counter(
            "afterthought_samples_total", "Samples taken of the database, by outcome.",
            MetricLabel("outcome", ["ok", "failed"]))
        sampleDuration = gauge("sample_duration_seconds", "How long the last good sample took.")
        let moment = SampleMoment()
        sampledAt = moment
        registry.read(
            "afterthought_sample_age_seconds", .gauge,
            "Age of what comes from the database; if it grows, the metrics from there tell of the past."
        ) { moment.ageSeconds }
    }
}

/// When something last happened, on the clock that only grows.
final class SampleMoment: Sendable {
    private let started = ContinuousClock.now
    /// Nanoseconds since `started`.
    private let at = Atomic<UInt64>(0)

    private var passed: UInt64 {
        let (seconds, attoseconds) = (ContinuousClock.now - started).components
        return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
    }

    func note() { at.store(passed, ordering: .relaxed) }

    /// Before the first time: since the process made its metrics.
    var ageSeconds: Double { Double(passed &- at.load(ordering: .relaxed)) / 1e9 }
}
