/// What whoever is on call should know of a metric, beside what it is.
package struct MetricAdvice: Equatable, Sendable {
    /// What is to be expected of it.
    package var healthy: String
    /// Where to look when it is otherwise.
    package var otherwise: String

    private init(_ healthy: String, _ otherwise: String) {
        self.healthy = healthy
        self.otherwise = otherwise
    }

    /// By metric; a test holds that each has one, and no other.
    static let all: [String: MetricAdvice] = work.merging(jobs) { $1 }.merging(database) { $1 }
        .merging(process) { $1 }.merging(reader) { $1 }

    private static let work = [
        "afterthought_build_info": MetricAdvice(
            "one version, or two during an upgrade", "`afterthought version` of the program that lags behind"),
        "afterthought_messages_processed_total": MetricAdvice(
            "grows at the rate at which messages are written", "lag and log: nobody writes, or the worker can't"),
        "afterthought_rows_processed_total": MetricAdvice(
            "as messages, and more by retrievals, metrics, traits and outreach", "as messages"),
        "afterthought_pairs_processed_total": MetricAdvice(
            "below the rows: several rows of a pair share a computation", "many more batches than cycles: `--batch`"),
        "afterthought_pairs_rebuilt_total": MetricAdvice(
            "still, but after late rows, edits, deletions and upgrades",
            "`afterthought_shards_rebuilding`; then who edits or imports old messages"),
        "afterthought_rows_reread_total": MetricAdvice(
            "small beside the rows processed", "as pairs rebuilt: long histories are replayed again and again"),
        "afterthought_quarantined_total": MetricAdvice("0", "`afterthought quarantine`"),
        "afterthought_worker_failures_total": MetricAdvice(
            "still; a few at a failover", "the log: each line has its hint"),
        "afterthought_batch_duration_seconds": MetricAdvice(
            "`read` and `write` of the order of `compute`",
            "`read`: the server's I/O; `write`: its WAL and locks (pg_locks); `compute`: CPU of the worker"),
        "afterthought_engine_duration_seconds": MetricAdvice(
            "`text` and `topics` take most", "one that grows alone: report it with `afterthought version`"),
        "afterthought_cycle_duration_seconds": MetricAdvice(
            "milliseconds when idle", "as batch duration; above the TTL nothing is fresh: more workers"),
        "afterthought_last_cycle_timestamp_seconds": MetricAdvice(
            "younger than two pauses between cycles", "alert AfterthoughtWorkerStuck"),
        "afterthought_shards_held": MetricAdvice(
            "64 over all workers, an even share each", "0: it waits for leases of a dead one, or is refused; its log"),
        "afterthought_audit_pairs_total": MetricAdvice(
            "grows all the time if there are pairs", "the worker is behind: audits wait for it"),
        "afterthought_audit_mismatch_total": MetricAdvice("0, always", "alert AfterthoughtAuditMismatch"),
    ]

    private static let jobs = [
        "afterthought_job_runs_total": MetricAdvice(
            "`completed`; now and then `interrupted` by a stop",
            "`failed`, `lost`: `afterthought jobs --state failed`, `afterthought jobs --history`"),
        "afterthought_job_runner_failures_total": MetricAdvice("still", "the log, lines that begin with `jobs:`"),
        "afterthought_queue_depth": MetricAdvice("0 to a few", "alert AfterthoughtQueueLong"),
        "afterthought_jobs_running": MetricAdvice(
            "at most workers times `--job-lanes`", "at that for long: `afterthought jobs` shows which"),
        "afterthought_job_last_completed_timestamp_seconds": MetricAdvice(
            "within the hour", "alert AfterthoughtNoJobCompleted"),
        "afterthought_language_model_spent_usd": MetricAdvice(
            "0 without a model; below `LANGUAGE_MODEL_USD_MAX`", "`afterthought status`, and that setting"),
        "afterthought_language_model_spent_tokens": MetricAdvice(
            "0 without a model; below `LANGUAGE_MODEL_TOKENS_MAX`", "`afterthought status`, and that setting"),
    ]

    private static let database = [
        "afterthought_watermark_lag_seconds": MetricAdvice(
            "up to two pauses between cycles, 20 s by default", "alert AfterthoughtLag"),
        "afterthought_shards_unverified": MetricAdvice("0", "alert AfterthoughtShardsUnverified"),
        "afterthought_oldest_unprocessed_seconds": MetricAdvice(
            "below two pauses between cycles", "as lag; with a small lag: a pair in quarantine"),
        "afterthought_fresh_pairs_ratio": MetricAdvice("1", "alert AfterthoughtFreshRatioLow"),
        "afterthought_sampled_pairs": MetricAdvice(
            "above 0 once there are pairs", "0: nobody has been processed, and the ratios say nothing"),
        "afterthought_engine_null_ratio": MetricAdvice(
            "steady; it depends on how much the histories hold",
            "a jump: `afterthought status` gives the reasons, `afterthought explain USER BOT` those of a pair"),
        "afterthought_quarantined_pairs": MetricAdvice("0", "alert AfterthoughtQuarantine"),
        "afterthought_workers": MetricAdvice(
            "as many as you started", "fewer: one is down, refused, or cut off from the database"),
        "afterthought_shards_leased": MetricAdvice(
            "64", "fewer for longer than `--lease-seconds`: no worker, or one that is refused"),
        "afterthought_shards_rebuilding": MetricAdvice(
            "0; up to 64 after an upgrade, falling", "not falling: batch duration, and the log"),
        "afterthought_refresh_requests": MetricAdvice(
            "0 to a few", "growing: rows are stale (lag), and readers ask for them"),
        "afterthought_samples_total": MetricAdvice("`ok` grows, `failed` does not", "alert AfterthoughtSampleStale"),
        "afterthought_sample_duration_seconds": MetricAdvice(
            "some ms", "the server: `select * from pg_stat_activity where application_name = 'afterthought metrics'`"),
        "afterthought_sample_age_seconds": MetricAdvice(
            "below `--metrics-seconds` and a little", "alert AfterthoughtSampleStale"),
    ]

    private static let process = [
        "process_start_time_seconds": MetricAdvice("steady", "jumps: the process is restarted; exit status and log"),
        "process_cpu_seconds_total": MetricAdvice(
            "grows with the messages", "a whole core for long: a backlog, a rebuild or a job; `afterthought jobs`"),
        "process_resident_memory_bytes": MetricAdvice(
            "flat once it has worked for a while", "rising for days: report it; restarting loses nothing"),
    ]

    private static let reader = [
        "afterthought_cache_reads_total": MetricAdvice(
            "`hit` and `fresh`; `missing` for new users",
            "`stale`: lag and quarantine; `last_known`, `unavailable`: the reader does not reach the database in time"),
        "afterthought_cache_age_seconds": MetricAdvice("below the TTL", "as `stale` reads"),
        "afterthought_cache_read_duration_seconds": MetricAdvice(
            "a hit below 1 µs, a read of the database below 1 ms on one machine",
            "at the deadline (`AFTERTHOUGHT_READ_DEADLINE_MILLISECONDS`): network, server, pool size"),
    ]
}
