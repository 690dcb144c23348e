import Bytes
import Engines
import Jobs
import Operations
import Postgres
import Store
import Worker

extension Command {
    /// The background worker.
    static let worker = Command(
        name: "worker", summary: "process new messages until stopped",
        details: [
            "Any number of workers may run on a database; they share its 64 shards by leases, and all must have the "
                + "same settings. SIGTERM and Ctrl-C stop one within seconds, with nothing half done.",
            "It runs the jobs of `afterthought schedule` as well, unless it is told --no-jobs or --once. A variable "
                + "named like one of their settings, such as CLUSTERING_MESSAGE_THRESHOLD, is stored for all workers "
                + "when it starts.",
        ],
        options: [
            Option(name: "once", help: "run until everything committed so far is reflected, then stop"),
            Option(
                name: "cycle-seconds", value: "N", help: "pause between cycles that found nothing to do (default 10)",
                check: .number(0.1...3600), environmentKey: "AFTERTHOUGHT_CYCLE_SECONDS"),
            Option(
                name: "ttl-seconds", value: "N",
                help: "how long a verified row counts as fresh, at least two cycles (default 300)",
                check: .number(1...86_400), environmentKey: "AFTERTHOUGHT_TTL_SECONDS"),
            Option(
                name: "lease-seconds", value: "N", help: "when others may take over from a dead worker (default 30)",
                check: .number(5...3600), environmentKey: "AFTERTHOUGHT_LEASE_SECONDS"),
            Option(
                name: "lanes", value: "N", help: "connections that work side by side (default 2)",
                check: .integer(1...64), environmentKey: "AFTERTHOUGHT_LANES"),
            Option(
                name: "batch", value: "N", help: "rows that a batch reads at most (default 10000)",
                check: .integer(1...100_000), environmentKey: "AFTERTHOUGHT_BATCH_ROWS"),
            Option(name: "no-jobs", help: "leave scheduled jobs to other workers"),
            Option(
                name: "job-lanes", value: "N", help: "jobs that run side by side (default 2)",
                check: .integer(1...16), environmentKey: "AFTERTHOUGHT_JOB_LANES"),
            Option(
                name: "job-poll-seconds", value: "N", help: "pause between looks into the queue (default 10)",
                check: .number(0.1...3600), environmentKey: "AFTERTHOUGHT_JOB_POLL_SECONDS"),
            Option(
                name: "audit-seconds", value: "N",
                help: "pause between looks at some cached rows against their history (default 10)",
                check: .number(0.1...86_400), environmentKey: "AFTERTHOUGHT_AUDIT_SECONDS"),
            Option(
                name: "metrics-seconds", value: "N",
                help: "pause between looks at the database for metrics (default 15)",
                check: .number(0.1...3600), environmentKey: "AFTERTHOUGHT_METRICS_SECONDS"),
            Option(
                name: "metrics-file", value: "PATH",
                help: "write the metrics there at each look, in Prometheus' text format",
                environmentKey: "AFTERTHOUGHT_METRICS_FILE"),
            Option.json,
        ],
        examples: ["worker --embedded", "worker --once --json", "worker --cycle-seconds 2 --ttl-seconds 60"],
        body: .concurrent { invocation in
            let configuration = try workerConfiguration(invocation)
            return try await withDatabase(invocation) { options in
                try await migrateIfEmbedded(invocation, options)
                let json = invocation.wantsJSON
                let analyzer = TextAnalyzer.shipped(dimensions: configuration.embeddingDimensions)
                let telemetry = WorkerTelemetry()
                let log: @Sendable (WorkerEvent) -> Void = { event in
                    telemetry.note(event)
                    WorkerLog.write(event, json: json)
                }
                let worker = Worker(
                    configuration: configuration, options: options, analyzer: analyzer, log: log)
                if invocation.isSet("once") {
                    let watcher = Task { await StopSignal.whenRequested { worker.stop() } }
                    defer { watcher.cancel() }
                    let started = Deadline.now
                    let report = try await worker.runOnce()
                    Terminal.print(
                        workerText(report, seconds: Double(Deadline.now - started) / 1e9, json: json))
                } else {
                    let runner = try jobRunner(invocation, options, analyzer, telemetry)
                    let sampler = telemetry.sampler(invocation, options)
                    let auditor = Auditor(
                        configuration: configuration, options: options, analyzer: analyzer,
                        intervalSeconds: invocation.value("audit-seconds").flatMap(Double.init)
                            ?? Auditor.intervalSecondsDefault, log: log)
                    WorkerLog.line("working; stop with Ctrl-C or SIGTERM", json: json)
                    if runner != nil {
                        let languageModel = try LanguageModelChoice.configuration(invocation.environment)
                        WorkerLog.line("language model: \(LanguageModelChoice.spoken(languageModel))", json: json)
                    }
                    try await workAndRunJobs(worker, runner, sampler, auditor)
                    WorkerLog.line("stopped", json: json)
                }
                return StopSignal.isRequested && invocation.isSet("once") ? .interrupted : .ok
            }
        })

    /// The worker's settings from options and variables.
    static func workerConfiguration(_ invocation: Invocation) throws(CommandFailure) -> WorkerConfiguration {
        var configuration = WorkerConfiguration()
        func number(_ name: String) -> Double? { invocation.value(name).flatMap(Double.init) }
        configuration.cycleSeconds = number("cycle-seconds") ?? configuration.cycleSeconds
        configuration.ttlSeconds = number("ttl-seconds") ?? configuration.ttlSeconds
        configuration.leaseSeconds = number("lease-seconds") ?? configuration.leaseSeconds
        configuration.lanes = invocation.value("lanes").flatMap { Int($0) } ?? configuration.lanes
        configuration.batchRowsMax = invocation.value("batch").flatMap { Int($0) } ?? configuration.batchRowsMax
        do { try configuration.check() } catch {
            throw CommandFailure(.usage, error.description, hint: error.hint)
        }
        return configuration
    }

    /// The runner of jobs beside a worker; nil if there is to be none.
    private static func jobRunner(
        _ invocation: Invocation, _ options: ConnectionOptions, _ analyzer: TextAnalyzer, _ telemetry: WorkerTelemetry
    ) throws -> JobRunner? {
        if invocation.isSet("no-jobs") { return nil }
        let evaluator = try LanguageModelChoice.promptEvaluator(invocation.environment, options)
        var configuration = JobRunnerConfiguration()
        configuration.lanes = invocation.integer("job-lanes") ?? configuration.lanes
        configuration.pollSeconds =
            invocation.value("job-poll-seconds").flatMap(Double.init) ?? configuration.pollSeconds
        configuration.settings = invocation.environment
        let json = invocation.wantsJSON
        return JobRunner(
            JobCatalog.all(promptEvaluator: evaluator) { analyzer }, configuration: configuration, options: options,
            log: { event in
                telemetry.note(event)
                WorkerLog.write(event, json: json)
            })
    }

    /// Runs all until somebody asks to stop, or the worker or the runner can't go on.
    private static func workAndRunJobs(
        _ worker: Worker, _ runner: JobRunner?, _ sampler: DatabaseSampler, _ auditor: Auditor
    ) async throws {
        @Sendable func stop() {
            worker.stop()
            if let runner { Task { await runner.stop() } }
            Task { await sampler.stop() }
            Task { await auditor.stop() }
        }
        let watcher = Task { await StopSignal.whenRequested(stop) }
        defer { watcher.cancel() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { stop() }
                try await worker.run()
            }
            if let runner {
                group.addTask {
                    defer { stop() }
                    try await runner.run()
                }
            }
            group.addTask { await sampler.run() }
            group.addTask { await auditor.run() }
            // Whoever ends first has asked the other to end; the error of the first is the one to tell.
            var failure: (any Error)?
            while let ended = await group.nextResult() {
                if case .failure(let error) = ended { failure = failure ?? error }
            }
            if let failure { throw failure }
        }
    }

    /// Runs asynchronous work on the chosen database, and stops the private server afterwards.
    static func withDatabase(
        _ invocation: Invocation, _ body: (ConnectionOptions) async throws -> ExitCode
    ) async throws -> ExitCode {
        let choice = try await onOwnThread { try DatabaseChoice(invocation) }
        do {
            let code = try await body(choice.options)
            try? await onOwnThread { choice.embedded?.stop() }
            return code
        } catch {
            try? await onOwnThread { choice.embedded?.stop() }
            throw error
        }
    }

    /// A private database is nobody else's to migrate; any other must have been migrated by somebody who may.
    static func migrateIfEmbedded(_ invocation: Invocation, _ options: ConnectionOptions) async throws {
        let isEmbedded = invocation.isSet("embedded")
        try await onOwnThread {
            var connection = try Connection(options)
            if isEmbedded {
                _ = try Migrator.migrate(&connection)
            } else {
                try Migrator.requireCurrent(&connection)
            }
        }
    }

    private static func workerText(_ report: CycleReport, seconds: Double, json: Bool) -> String {
        if !json {
            return "caught up: \(grouped(report.rows)) rows of \(grouped(report.pairs)) pairs in "
                + "\(spoken(seconds: seconds)), \(grouped(report.rebuilt)) rebuilt, \(grouped(report.failed)) failed, "
                + "\(grouped(report.bots)) bots merged"
                + (report.shardsElsewhere == 0
                    ? ""
                    : "\n\(report.shardsElsewhere) of 64 shards were left out: another worker holds them, "
                        + "or a dead one's leases have not run out yet")
        }
        var writer = JSONWriter()
        writer.beginObject()
        for (key, value) in [
            ("rows", report.rows), ("pairs", report.pairs), ("batches", report.batches), ("rebuilt", report.rebuilt),
            ("failed", report.failed), ("bots", report.bots),
            ("shards_elsewhere", report.shardsElsewhere),
        ] {
            writer.key(key)
            writer.value(value)
        }
        writer.key("seconds")
        writer.value(seconds, decimals: 3)
        writer.endObject()
        return writer.text
    }
}
