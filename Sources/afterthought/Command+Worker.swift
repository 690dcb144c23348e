import Bytes
import Engines
import Jobs
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
            "Health, metrics and a dashboard are served by HTTP to this machine alone, unless --http-host says "
                + "otherwise. What changes something or shows a user needs the administrator's key, which has no "
                + "default: AFTERTHOUGHT_ADMIN_KEY or --admin-key-file.",
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
            healthFile,
        ] + EndpointChoice.options + logOptions + [Option.json],
        examples: ["worker --embedded", "worker --once --json", "worker --cycle-seconds 2 --ttl-seconds 60"],
        body: .concurrent { invocation in
            let configuration = try workerConfiguration(invocation)
            WorkerLog.level = logLevel(invocation)
            if !invocation.isSet("embedded") { FirstProcess.buryOrphans() }
            _ = try EndpointChoice.configuration(invocation)
            return try await withDatabase(invocation) { options in
                try await migrateIfEmbedded(invocation, options)
                let analyzer = TextAnalyzer.shipped(dimensions: configuration.embeddingDimensions)
                let parts = WorkerParts(configuration: configuration, options: options, analyzer: analyzer)
                if invocation.isSet("once") { return try await workOnce(invocation, parts) }
                try await WorkerProcess(invocation, parts).run()
                return .ok
            }
        })

    private static func workOnce(_ invocation: Invocation, _ parts: WorkerParts) async throws -> ExitCode {
        let json = logsJSON(invocation)
        let worker = Worker(
            configuration: parts.configuration, options: parts.options, analyzer: parts.analyzer,
            log: { WorkerLog.write($0, json: json) })
        let watcher = Task { await StopSignal.whenRequested { worker.stop() } }
        defer { watcher.cancel() }
        let started = Deadline.now
        let report = try await worker.runOnce()
        let seconds = Double(Deadline.now - started) / 1e9
        Terminal.print(workerText(report, seconds: seconds, json: invocation.wantsJSON))
        return StopSignal.isRequested ? .interrupted : .ok
    }

    /// The worker's settings from options and variables.
    static func workerConfiguration(_ invocation: Invocation) throws(CommandFailure) -> WorkerConfiguration {
        var configuration = WorkerConfiguration()
        configuration.cycleSeconds = invocation.number("cycle-seconds") ?? configuration.cycleSeconds
        configuration.ttlSeconds = invocation.number("ttl-seconds") ?? configuration.ttlSeconds
        configuration.leaseSeconds = invocation.number("lease-seconds") ?? configuration.leaseSeconds
        configuration.lanes = invocation.integer("lanes") ?? configuration.lanes
        configuration.batchRowsMax = invocation.integer("batch") ?? configuration.batchRowsMax
        do { try configuration.check() } catch {
            throw CommandFailure(.usage, error.description, hint: error.hint)
        }
        return configuration
    }

    /// The runner's settings from options and variables.
    static func runnerConfiguration(_ invocation: Invocation) -> JobRunnerConfiguration {
        var configuration = JobRunnerConfiguration()
        configuration.lanes = invocation.integer("job-lanes") ?? configuration.lanes
        configuration.pollSeconds = invocation.number("job-poll-seconds") ?? configuration.pollSeconds
        configuration.settings = invocation.environment
        return configuration
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
                if try SessionProbe.isShared(&connection, options) {
                    throw CommandFailure(
                        .unavailable,
                        "expected a session of the worker's own, got: one that a pooler lends to several clients",
                        hint: "connect past the pooler, or through one in session mode; readers may use this one")
                }
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
