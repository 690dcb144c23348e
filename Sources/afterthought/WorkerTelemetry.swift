import Engines
import Jobs
import Model
import Operations
import Postgres
import Store
import Worker

/// Turns what the worker and the runner of jobs say into metrics; never any content or user.
struct WorkerTelemetry: Sendable {
    let metrics: WorkerMetrics

    init() {
        // Names only: no job is run by these.
        let jobs = JobCatalog.all { preconditionFailure("expected no job of the metrics to run") }.map(\.name)
        metrics = WorkerMetrics(
            version: afterthoughtVersion, jobs: jobs, engines: EngineName.allCases.map(\.rawValue),
            parts: EnginePart.allCases.map(\.name))
    }

    /// Everything in Prometheus' text format; costs the database nothing.
    var exposition: @Sendable () -> String {
        { [registry = metrics.registry] in registry.exposition() }
    }

    func note(_ event: WorkerEvent) {
        switch event {
        case .batch(let report):
            let times = report.times
            metrics.noteBatch(
                (report.messages, report.rows, report.pairs, report.rebuilt, report.rowsReread),
                phases: [times.readSeconds, times.computeSeconds, times.writeSeconds],
                parts: zip(EnginePart.allCases, times.partSeconds).map { ($0.name, $1) })
        case .quarantined(_, let reasons):
            for (reason, count) in reasons { metrics.quarantined.add(Double(count), reason) }
        case .cycle(let seconds, let shardsHeld):
            metrics.noteCycle(seconds: seconds, shardsHeld: shardsHeld)
        case .failure:
            metrics.workerFailures.add()
        case .audited(let pairs, let mismatches):
            metrics.noteAudit(pairs: pairs, mismatches: mismatches)
        case .claimed, .lost, .backlog:
            break
        }
    }

    func note(_ event: JobEvent) {
        switch event {
        case .ended(let report):
            metrics.jobRuns.add(1, report.claim.name, Self.status(of: report))
        case .failure:
            metrics.jobRunnerFailures.add()
        case .lostAttempts:
            // Other processes' attempts: those of this one end by themselves.
            break
        }
    }

    private static func status(of report: JobReport) -> String {
        switch report.outcome {
        case .completed: report.tally.failedUpdates > 0 ? "completed_with_errors" : "completed"
        case .some(let outcome): outcome.rawValue
        case nil: "lost"
        }
    }

    /// What looks at the database for the metrics, and writes them to a file if there is to be one.
    func sampler(_ invocation: Invocation, _ options: ConnectionOptions) -> DatabaseSampler {
        let seconds = invocation.number("metrics-seconds") ?? DatabaseSampler.intervalSecondsDefault
        let path = invocation.value("metrics-file")
        let (exposition, json) = (exposition, Command.logsJSON(invocation))
        return DatabaseSampler(metrics, options: options, intervalSeconds: seconds) { failure in
            if let failure {
                let fault = WorkerFault(failure)
                WorkerLog.line("metrics: \(fault)", json: json, level: .warning, hint: fault.hint)
            }
            guard let path else { return }
            do {
                try await onOwnThread { try MetricsFile.write(exposition(), to: path) }
            } catch {
                let text = (error as? MetricsFileError)?.description ?? "the metrics could not be written"
                WorkerLog.line(text, json: json, level: .warning, hint: "check --metrics-file")
            }
        }
    }
}
