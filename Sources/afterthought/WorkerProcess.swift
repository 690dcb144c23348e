import Engines
import Jobs
import Operations
import Postgres
import Store
import Worker

/// What the parts of a worker's process share.
struct WorkerParts: Sendable {
    let configuration: WorkerConfiguration
    let options: ConnectionOptions
    let analyzer: TextAnalyzer
}

/// Everything that the process of a worker runs side by side: the worker, its jobs, the auditor, the metrics and the
/// HTTP endpoint.
struct WorkerProcess: Sendable {
    private let invocation: Invocation
    private let parts: WorkerParts
    private let json: Bool
    private let telemetry = WorkerTelemetry()
    private let progress = WorkerProgress()
    private let pulse: WorkerPulse?
    private let worker: Worker
    private let runner: JobRunner?
    private let sampler: DatabaseSampler
    private let auditor: Auditor

    /// Makes all parts; they connect when they run.
    ///
    /// - Throws: `CommandFailure` for settings that can't be.
    init(_ invocation: Invocation, _ parts: WorkerParts) throws {
        self.invocation = invocation
        self.parts = parts
        let (telemetry, progress) = (telemetry, progress)
        let json = Command.logsJSON(invocation)
        self.json = json
        let owner = UUID.random()
        let pulse = try invocation.value("health-file").map { path throws(CommandFailure) in
            try WorkerPulse(path: path, owner: owner, cycleSeconds: parts.configuration.cycleSeconds)
        }
        self.pulse = pulse
        let log: @Sendable (WorkerEvent) -> Void = { event in
            pulse?.note(event)
            progress.note(event)
            telemetry.note(event)
            WorkerLog.write(event, json: json)
        }
        worker = Worker(
            configuration: parts.configuration, options: parts.options, analyzer: parts.analyzer, owner: owner,
            log: log)
        runner = try Self.runner(invocation, parts, telemetry)
        sampler = telemetry.sampler(invocation, parts.options)
        // What it finds is no sign that the worker moves.
        auditor = Auditor(
            configuration: parts.configuration, options: parts.options, analyzer: parts.analyzer,
            intervalSeconds: invocation.number("audit-seconds") ?? Auditor.intervalSecondsDefault,
            log: { event in
                telemetry.note(event)
                WorkerLog.write(event, json: json)
            })
    }

    /// The runner of jobs; nil if there is to be none.
    private static func runner(
        _ invocation: Invocation, _ parts: WorkerParts, _ telemetry: WorkerTelemetry
    ) throws -> JobRunner? {
        if invocation.isSet("no-jobs") { return nil }
        let json = Command.logsJSON(invocation)
        let analyzer = parts.analyzer
        return JobRunner(
            try JobCatalog.all(invocation.environment, parts.options) { analyzer },
            configuration: Command.runnerConfiguration(invocation), options: parts.options,
            log: { event in
                telemetry.note(event)
                WorkerLog.write(event, json: json)
            })
    }

    /// Runs all until somebody asks to stop, or the worker or the runner can't go on.
    func run() async throws {
        defer { pulse?.end() }
        WorkerLog.line("working; stop with Ctrl-C or SIGTERM", json: json)
        if runner != nil {
            let languageModel = try LanguageModelChoice.configuration(invocation.environment)
            WorkerLog.line("language model: \(LanguageModelChoice.spoken(languageModel))", json: json)
        }
        let endpoint = try await EndpointChoice.start(invocation, parts, runner, progress, telemetry)
        do { try await runParts() } catch {
            await endpoint?.stop()
            throw error
        }
        await endpoint?.stop()
        WorkerLog.line("stopped", json: json)
    }

    private func stop() {
        worker.stop()
        if let runner { Task { await runner.stop() } }
        Task { await sampler.stop() }
        Task { await auditor.stop() }
    }

    private func runParts() async throws {
        let watcher = Task { await StopSignal.whenRequested { stop() } }
        let reloader = Task { await Command.reloadOnHangUp(invocation, worker, runner, pulse) }
        defer {
            watcher.cancel()
            reloader.cancel()
        }
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
            // Whoever ends first has asked the others to end; the error of the first is the one to tell.
            var failure: (any Error)?
            while let ended = await group.nextResult() {
                if case .failure(let error) = ended { failure = failure ?? error }
            }
            if let failure { throw failure }
        }
    }
}
