import Jobs
import Worker

extension Command {
    /// What a worker's log looks like and how much it says.
    static let logOptions = [
        Option(
            name: "log-level", value: "LEVEL", help: "what is logged at least (default info)",
            check: .choice(WorkerLog.Level.allCases.map(\.name)), environmentKey: "AFTERTHOUGHT_LOG_LEVEL"),
        Option(
            name: "log-format", value: "FORMAT", help: "how events are logged (default text; --json means json)",
            check: .choice(["text", "json"]), environmentKey: "AFTERTHOUGHT_LOG_FORMAT"),
    ]

    /// Whether events are logged as JSON.
    static func logsJSON(_ invocation: Invocation) -> Bool {
        invocation.wantsJSON || invocation.value("log-format") == "json"
    }

    static func logLevel(_ invocation: Invocation) -> WorkerLog.Level {
        invocation.value("log-level").flatMap(WorkerLog.Level.init(name:)) ?? .info
    }

    /// Takes over new values on SIGHUP, if there is a file to read them from; returns when its task is cancelled.
    static func reloadOnHangUp(_ invocation: Invocation, _ worker: Worker, _ runner: JobRunner?, _ pulse: WorkerPulse?)
        async
    {
        guard let path = invocation.value(configurationFile.name), !path.isEmpty else { return }
        ReloadSignal.takeOver()
        await ReloadSignal.forEachRequest { await reload(invocation, worker, runner, pulse) }
    }

    private static func reload(
        _ first: Invocation, _ worker: Worker, _ runner: JobRunner?, _ pulse: WorkerPulse?
    ) async {
        let json = logsJSON(first)
        do {
            let next = try first.again()
            let cycleSeconds = try workerConfiguration(next).cycleSeconds
            WorkerLog.level = logLevel(next)
            await worker.change(cycleSeconds: cycleSeconds)
            pulse?.change(cycleSeconds: cycleSeconds)
            await runner?.change(pollSeconds: runnerConfiguration(next).pollSeconds)
            let waiting = needsRestart(first, next)
            WorkerLog.line(
                "read the settings again"
                    + (waiting.isEmpty ? "" : "; a restart is needed for \(waiting.joined(separator: ", "))"),
                json: json, level: waiting.isEmpty ? .info : .warning)
        } catch {
            let failure = CommandFailure(error)
            WorkerLog.line(
                "kept the settings as they are: \(failure.message)", json: json, level: .error, hint: failure.hint)
        }
    }

    /// Keys whose values differ from those the worker began with, and can't change under way.
    static func needsRestart(_ first: Invocation, _ next: Invocation) -> [String] {
        ConfigurationKey.all(Command.all)
            .filter { !$0.isReloadable && first.environment[$0.name] != next.environment[$0.name] }
            .map(\.name)
    }
}
