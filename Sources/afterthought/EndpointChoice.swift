import Bytes
import Engines
import Jobs
import Model
import Operations
import Postgres
import Store
import Worker

/// The HTTP endpoint that a worker's options and variables ask for.
struct EndpointChoice: Sendable {
    /// The options that choose it.
    static let options = [
        Option(
            name: "http-host", value: "HOST",
            help: "the address that health, metrics and the dashboard are served at (default 127.0.0.1: this machine)",
            environmentKey: "AFTERTHOUGHT_HTTP_HOST"),
        Option(
            name: "http-port", value: "N",
            help: "its port (default \(EndpointConfiguration.portDefault)); 0: no HTTP at all",
            check: .integer(0...65_535), environmentKey: "AFTERTHOUGHT_HTTP_PORT"),
        Option(
            name: "admin-key-file", value: "PATH",
            help: "the file with the administrator's key, of \(EndpointConfiguration.keyBytesMin) characters or more",
            environmentKey: "AFTERTHOUGHT_ADMIN_KEY_FILE"),
    ]

    private let endpoint: OperationsEndpoint
    private let runner: JobRunner

    /// The settings; nil: there is to be no endpoint.
    static func configuration(_ invocation: Invocation) throws(CommandFailure) -> EndpointConfiguration? {
        var configuration = EndpointConfiguration()
        configuration.host = invocation.value("http-host") ?? configuration.host
        configuration.port = invocation.integer("http-port") ?? configuration.port
        configuration.adminKey = try adminKey(invocation)
        if configuration.port == 0 { return nil }
        if !HTTPServer.isBuiltIn {
            guard invocation.isSet("http-port") else { return nil }
            throw CommandFailure(
                .usage, "expected a build with the HTTP endpoint for `--http-port`, got: one without it",
                hint: "build without --disable-default-traits, or leave the port out")
        }
        return configuration
    }

    private static func adminKey(_ invocation: Invocation) throws(CommandFailure) -> Secret? {
        let text = invocation.environment["AFTERTHOUGHT_ADMIN_KEY"].flatMap { $0.isEmpty ? nil : $0 }
        let file = invocation.value("admin-key-file")
        let bytesMin = EndpointConfiguration.keyBytesMin
        do throws(SecretError) {
            switch (text, file) {
            case (nil, nil): return nil
            case (let text?, nil):
                return try Secret(text, source: "AFTERTHOUGHT_ADMIN_KEY", bytesMin: bytesMin)
            case (nil, let path?):
                return try Secret(file: path, source: "--admin-key-file", bytesMin: bytesMin)
            case (_?, _?): break
            }
        } catch {
            throw CommandFailure(
                .usage, error.message, hint: "make one with `head -c 32 /dev/urandom | base64`, in a file of your own")
        }
        throw CommandFailure(
            .usage, "expected AFTERTHOUGHT_ADMIN_KEY or `--admin-key-file`, got: both", hint: "leave one of them out")
    }

    /// Starts the endpoint; nil if there is to be none, or its default port is taken.
    ///
    /// - Throws: `CommandFailure`; `HTTPServerError` when it can't listen where it was told to.
    static func start(
        _ invocation: Invocation, _ parts: WorkerParts, _ jobs: JobRunner?, _ progress: WorkerProgress,
        _ telemetry: WorkerTelemetry
    ) async throws -> EndpointChoice? {
        guard let configuration = try configuration(invocation) else { return nil }
        let json = Command.logsJSON(invocation)
        let analyzer = parts.analyzer
        var runnerConfiguration = JobRunnerConfiguration()
        runnerConfiguration.lanes = 1
        let runner = JobRunner(
            try JobCatalog.all(invocation.environment, parts.options) { analyzer }, configuration: runnerConfiguration,
            options: parts.options, log: { _ in })
        let endpoint = OperationsEndpoint(
            configuration: configuration, options: parts.options,
            services: services(parts, runner: runner, jobs: jobs, progress: progress, telemetry, json: json))
        let choice = EndpointChoice(endpoint: endpoint, runner: runner)
        do {
            _ = try await onOwnThread { try endpoint.start() }
        } catch let error as HTTPServerError {
            await choice.stop()
            // Another worker of this machine has the port; it answers for itself, and this one works all the same.
            guard !invocation.isSet("http-port"), !invocation.isSet("http-host") else { throw error }
            WorkerLog.line(
                "no HTTP endpoint: \(error.message)", json: json, level: .warning, hint: error.hint)
            return nil
        }
        return choice
    }

    /// Stops within a few seconds, with requests under way or not.
    func stop() async {
        await runner.stop()
        let endpoint = endpoint
        try? await onOwnThread { endpoint.stop() }
        await runner.close()
    }

    private static func services(
        _ parts: WorkerParts, runner: JobRunner, jobs: JobRunner?, progress: WorkerProgress,
        _ telemetry: WorkerTelemetry, json: Bool
    ) -> EndpointServices {
        let inspection = MessageInspection(configuration: parts.configuration, analyzer: parts.analyzer)
        return EndpointServices(
            runJob: { job, arguments in
                let (report, id) = try await runner.runByHand(job, arguments: arguments)
                return EndpointServices.JobOutcome(
                    id: id, state: report?.state, error: report?.error, metadata: report?.tally.metadata ?? [])
            },
            wakeJobs: { if let jobs { Task { try? await jobs.schedule() } } },
            analyzeMessage: { id, connection in try inspection.inspect(&connection, message: id)?.json },
            metrics: telemetry.exposition, figures: { [metrics = telemetry.metrics] in metrics.figures },
            signals: SignalExplanation.all.map(\.column) + CharacterExplanation.all.map(\.column),
            explain: explain, worker: { progress.state(runsJobs: jobs != nil) },
            log: { WorkerLog.write($0, json: json) })
    }

    /// Inputs that are left out one by one, and rows that all those runs together may fold: less than the command does,
    /// since somebody waits, and a thread of the endpoint with them.
    private static let explainedInputsMax = 20
    private static let explainedRowsMax = 20_000
    /// A longer history is not read: its texts would be in memory at once, for each request under way.
    private static let explainedHistoryRowsMax = 2_000

    /// Explains as the command does, with less leaving out.
    private static func explain(
        _ column: String, user: String, bot: String, _ connection: inout Connection
    ) throws -> EndpointServices.Explanation {
        do {
            if let explanation = SignalExplanation.of(column: column) {
                let account = try SignalAccount(
                    &connection, explanation, of: Pair(userID: user, botName: bot), inputsMax: explainedInputsMax,
                    foldedRowsMax: explainedRowsMax, historyRowsMax: explainedHistoryRowsMax)
                return .found(json: account.json)
            }
            guard let explanation = CharacterExplanation.of(column: column) else { return .noPair }
            return .found(json: try CharacterAccount(&connection, explanation, of: bot).json)
        } catch {
            guard let failure = error as? CommandFailure else { throw error }
            switch failure.code {
            case .data: return .noPair
            case .busy: return .busy
            default: throw failure
            }
        }
    }
}
