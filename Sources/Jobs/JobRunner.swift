import Bytes
import Postgres
import Store

/// How a process runs jobs.
package struct JobRunnerConfiguration: Sendable {
    /// Jobs that run side by side in this process; 1…16.
    package var lanes = 2
    /// Pause between looks into the queue and at the schedules; 0.05…3600 s.
    package var pollSeconds = 10.0
    /// How long a job stays with a process that does not renew its claim; 1…3600 s.
    package var leaseSeconds = 30.0
    /// Values by name, such as the environment; those that name a setting are stored for all.
    package var settings: [String: String] = [:]

    package init() {}

    /// Pause between renewals of a claim, which also notice that a job was cancelled.
    var renewSeconds: Double { min(5, leaseSeconds / 3) }
}

/// Runs the jobs of the queue as they come due, and puts those into the queue whose time has come.
///
/// Any number of them may work on a database, in any number of processes: there is no leader. Each tick becomes one
/// job, and each job one run at a time.
package actor JobRunner {
    nonisolated let configuration: JobRunnerConfiguration
    nonisolated let jobs: [String: any Job]
    nonisolated let claimant: String
    nonisolated let log: @Sendable (JobEvent) -> Void
    let scheduler: DatabaseThread
    let heart: DatabaseThread
    let lanes: [DatabaseThread]

    /// Pause between looks into the queue, which may be changed under way.
    private var pollSeconds: Double
    private var isStopping = false
    private var running: [Int64: (stop: JobStop, task: Task<JobReport, any Error>)] = [:]
    private var pauses: [Int: Task<Void, Never>] = [:]
    private var nextPrune = ContinuousClock.now
    /// The scheduler's place among the pauses of the lanes.
    private static let schedulerPause = -1

    /// Makes a runner; it connects when it runs.
    ///
    /// - Parameters:
    ///   - jobs: those that this process can run, each with a name of its own.
    ///   - configuration: checked by the caller.
    ///   - options: how to connect.
    ///   - log: receives what is worth saying; never any content.
    package init(
        _ jobs: [any Job], configuration: JobRunnerConfiguration = JobRunnerConfiguration(),
        options: ConnectionOptions, log: @escaping @Sendable (JobEvent) -> Void
    ) {
        self.jobs = Dictionary(uniqueKeysWithValues: jobs.map { ($0.name, $0) })
        self.configuration = configuration
        pollSeconds = configuration.pollSeconds
        self.log = log
        claimant = "afterthought \(UUID.random())"
        var session = options
        session.applicationName = "afterthought jobs"
        session.sessionSettings += [
            ("idle_in_transaction_session_timeout", "60s"), ("lock_timeout", "30s"), ("timezone", "UTC"),
        ]
        scheduler = DatabaseThread(session)
        heart = DatabaseThread(session)
        lanes = (0..<configuration.lanes).map { _ in DatabaseThread(session) }
    }

    /// Schedules and runs jobs until `stop()` is called.
    ///
    /// - Throws: `JobFailure` when a setting of this process is not what it has to be.
    package func run() async throws {
        do { try await saveSettings() } catch let failure as JobFailure {
            await close()
            throw failure
        } catch {
            // The database is away: the loops below say so, and go on when it is back.
            log(.failure(JobFailure.text(of: error), retrySeconds: pollSeconds))
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.keepScheduling() }
            for lane in lanes.indices { group.addTask { await self.keepWorking(lane) } }
        }
        await close()
    }

    /// Asks for the end: running jobs are given back at their next step.
    package func stop() {
        isStopping = true
        for (stop, task) in running.values {
            stop.request(.workerStops)
            task.cancel()
        }
        for pause in pauses.values { pause.cancel() }
    }

    /// Changes the pause between looks into the queue, from the one at hand on.
    package func change(pollSeconds: Double) {
        self.pollSeconds = pollSeconds
        for pause in pauses.values { pause.cancel() }
    }

    /// Closes all connections; for a runner that ran jobs by hand.
    package func close() async {
        for thread in [scheduler, heart] + lanes { await thread.close() }
    }

    // Scheduling ------------------------------------------------------------------------------------------------------

    private func keepScheduling() async {
        var isFirst = true
        while !isStopping {
            do {
                if isFirst { try await noteStart() }
                isFirst = false
                try await schedule()
            } catch {
                log(.failure(JobFailure.text(of: error), retrySeconds: pollSeconds))
            }
            await pause(Self.schedulerPause, seconds: pollSeconds)
        }
    }

    /// Looks once at schedules, lost claims and what jobs need.
    package func schedule() async throws {
        let jobs = jobs
        let (lost, isDue) = try await scheduler.withConnection { connection in
            guard let found = try connection.first(PollJobs()) else { return (0, false) }
            let settings = JobSettings(found.settings)
            var isDue = found.isDue
            for (name, job) in jobs.sorted(by: { $0.key < $1.key }) where !found.notToAsk.contains(name) {
                guard let reason = try job.reasonToRun(settings, &connection) else { continue }
                _ = try connection.first(EnqueueJob(job: name, reason: reason))
                isDue = true
            }
            return (Int(found.lost), isDue)
        }
        if lost > 0 { log(.lostAttempts(lost)) }
        if isDue { for lane in lanes.indices { pauses[lane]?.cancel() } }
        if ContinuousClock.now >= nextPrune {
            nextPrune = .now + .seconds(3600)
            _ = try await scheduler.withConnection { try $0.first(PruneJobHistory()) }
        }
    }

    private func noteStart() async throws {
        let known = Set(jobs.keys)
        try await scheduler.withConnection { connection in
            for entry in try connection.query(JobsAfterStart()) where known.contains(entry.job) {
                _ = try connection.first(
                    EnqueueJob(job: entry.job, reason: "a worker started", delaySeconds: entry.seconds))
            }
        }
    }

    private func saveSettings() async throws {
        let values = configuration.settings
        if values.isEmpty { return }
        try await scheduler.withConnection { connection in
            for (name, stored) in try connection.query(LoadJobSettings()).sorted(by: { $0.name < $1.name }) {
                guard let value = values[name], value != stored else { continue }
                try Self.save(name, value, &connection)
            }
        }
    }

    /// Changes a setting for all workers.
    ///
    /// - Throws: `JobFailure` that says what the setting may be.
    package static func save(_ name: String, _ value: String, _ connection: inout Connection) throws {
        // Beforehand, for a refusal ends the caller's transaction, if there is one.
        let expectation = try connection.first(DescribeJobSetting(setting: name))?.expectation ?? "known"
        let failure: PostgresError
        do throws(PostgresError) {
            _ = try connection.run(SaveJobSetting(setting: name, value: value))
            return
        } catch {
            failure = error
        }
        guard failure.isDataError else { throw failure }
        throw JobFailure("expected \(name) to be \(expectation), got: \(value)")
    }

    // Working ---------------------------------------------------------------------------------------------------------

    private func keepWorking(_ lane: Int) async {
        while !isStopping {
            do {
                if let claim = try await claim(lane) {
                    log(.ended(try await attempt(claim, lane)))
                    continue
                }
            } catch {
                log(.failure(JobFailure.text(of: error), retrySeconds: pollSeconds))
            }
            // The scheduler wakes the lanes when there is something to claim.
            await pause(lane, seconds: 12 * pollSeconds)
        }
    }

    /// Claims the next job that is due.
    private func claim(_ lane: Int) async throws -> JobClaim? {
        let statement = ClaimJob(
            jobs: jobs.keys.sorted(), claimant: claimant, leaseSeconds: configuration.leaseSeconds)
        do {
            return try await lanes[lane].withConnection { try $0.first(statement) }
        } catch let error as PostgresError where error.isUniqueViolation {
            // Another process took one of the same name at this moment.
            return nil
        }
    }

    /// Runs a claimed job to its end, its timeout or its cancellation.
    private func attempt(_ claim: JobClaim, _ lane: Int) async throws -> JobReport {
        guard let job = jobs[claim.name] else { preconditionFailure("expected a known job, got: \(claim.name)") }
        let attempt = JobAttempt(job: job, claim: claim, stop: JobStop())
        let thread = lanes[lane]
        let task = Task { try await thread.withConnection { try attempt.perform(&$0) } }
        running[claim.id] = (attempt.stop, task)
        if isStopping { stop() }
        let watch = Task { await self.watch(attempt, task) }
        defer {
            watch.cancel()
            running[claim.id] = nil
        }
        do { return try await task.value } catch {
            let failure = error
            return try await thread.withConnection { try attempt.fail(&$0, failure) }
        }
    }

    /// Renews the claim, and ends the attempt when its time is up or somebody cancelled it.
    private func watch(_ attempt: JobAttempt, _ task: Task<JobReport, any Error>) async {
        let start = ContinuousClock.now
        let end = start + .seconds(attempt.claim.timeoutSeconds)
        let renewal = RenewJobClaim(claim: attempt.claim, leaseSeconds: configuration.leaseSeconds)
        func cut(_ reason: JobStop.Reason) {
            attempt.stop.request(reason)
            task.cancel()
        }
        while !Task.isCancelled {
            let pause = min(.seconds(configuration.renewSeconds), end - ContinuousClock.now)
            try? await Task.sleep(for: pause)
            if Task.isCancelled { return }
            if ContinuousClock.now >= end { return cut(.timeout) }
            // One that could not be renewed runs out; the next commit finds out whether somebody took over.
            guard let renewed = try? await heart.withConnection({ try $0.query(renewal) }) else { continue }
            if renewed.isEmpty { return cut(.claimLost) }
            if renewed[0] { return cut(.cancelled) }
        }
    }

    private func pause(_ lane: Int, seconds: Double) async {
        guard !isStopping else { return }
        let seconds = seconds * Double.random(in: 0.9...1.1)
        let sleep = Task<Void, Never> { try? await Task.sleep(for: .seconds(seconds)) }
        pauses[lane] = sleep
        await sleep.value
        pauses[lane] = nil
    }
}

extension JobRunner {
    /// Runs one job now, in this process.
    ///
    /// - Parameters:
    ///   - job: one of the runner's.
    ///   - arguments: what it is asked for, as a JSON object.
    /// - Returns: the report, or nil with the waiting job's number when one of the same name runs elsewhere.
    /// - Throws: `PostgresError`.
    package func runByHand(
        _ job: String, arguments: JSONValue = .object([])
    ) async throws -> (report: JobReport?, id: Int64) {
        let request = EnqueueJob(job: job, arguments: arguments, reason: "by hand")
        let (jobs, claimant, leaseSeconds) = (jobs.keys.sorted(), claimant, configuration.leaseSeconds)
        let (claim, id) = try await lanes[0].withConnection { connection in
            _ = try connection.first(EndLostAttempts())
            // In one transaction, so that no worker takes it in between.
            return try connection.transaction { connection in
                let id = try connection.first(request)!
                let claims = ClaimJob(jobs: jobs, claimant: claimant, leaseSeconds: leaseSeconds, id: id)
                do { return (try connection.savepoint { try $0.first(claims) }, id) } catch let error as PostgresError {
                    guard error.isUniqueViolation else { throw error }
                    return (nil, id)
                }
            }
        }
        guard let claim else { return (nil, id) }
        return (try await attempt(claim, 0), id)
    }

    /// Runs one job inside a transaction that is rolled back: it tells what it would do.
    ///
    /// - Returns: the report, or nil when one of the same name runs elsewhere.
    /// - Throws: what the job throws.
    package func runDry(_ name: String, arguments: JSONValue = .object([])) async throws -> JobReport? {
        guard let job = jobs[name] else { preconditionFailure("expected a known job, got: \(name)") }
        let claimant = claimant
        do {
            return try await lanes[0].withConnection { connection in
                try connection.transaction { connection in
                    // One that waits is not this run's, and nobody who asks for one waits for this transaction's end.
                    let id = try connection.first(
                        EnqueueJob(
                            job: name, arguments: arguments, reason: "dry run", uniqueKey: "dry run by \(claimant)"))!
                    let claims = ClaimJob(jobs: [name], claimant: claimant, leaseSeconds: 86_400, id: id)
                    guard let claim = try connection.first(claims) else { throw DryRunEnded(report: nil) }
                    let attempt = JobAttempt(job: job, claim: claim, stop: JobStop(), isDryRun: true)
                    throw DryRunEnded(report: try attempt.perform(&connection))
                }
            }
        } catch let ended as DryRunEnded {
            return ended.report
        }
    }
}

/// Leaves a dry run's transaction, so that it is rolled back.
private struct DryRunEnded: Error {
    let report: JobReport?
}
