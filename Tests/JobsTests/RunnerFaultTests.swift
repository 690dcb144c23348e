import Bytes
import Jobs
import Postgres
import Store
import Support
import Synchronization
import Testing

/// Named like the fault tests, so that it runs with them: a runner in the same process gets no time while tests that
/// block fill the cooperative pool.
@Suite("Job runner", .database)
struct RunnerFaultTests {
    /// What a runner said, for tests to wait on.
    private final class Reports: Sendable {
        private let reports = Mutex<[JobReport]>([])
        func note(_ event: JobEvent) {
            if case .ended(let report) = event { reports.withLock { $0.append(report) } }
        }
        var all: [JobReport] { reports.withLock { $0 } }
    }

    private func configuration(_ change: (inout JobRunnerConfiguration) -> Void = { _ in }) -> JobRunnerConfiguration {
        var configuration = JobRunnerConfiguration()
        configuration.pollSeconds = 0.05
        change(&configuration)
        return configuration
    }

    private static func runner(
        _ job: any Job, _ configuration: JobRunnerConfiguration, _ reports: Reports = Reports()
    ) throws -> JobRunner {
        JobRunner(
            [job], configuration: configuration, options: try TestDatabase.current.options,
            log: { reports.note($0) })
    }

    /// Does something while runners run, and stops them at its end, whatever that is.
    private func running(_ runners: [JobRunner], _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for runner in runners { group.addTask { try await runner.run() } }
            let failure: (any Error)?
            do {
                try await body()
                failure = nil
            } catch { failure = error }
            for runner in runners { await runner.stop() }
            try await group.waitForAll()
            if let failure { throw failure }
        }
    }

    /// Waits until a query says true.
    private func wait(_ what: String, _ sql: String) async throws {
        let options = try TestDatabase.current.options
        try await onOwnThread {
            var connection = try Connection(options)
            for _ in 0..<12_000 {
                if try connection.textRows(sql).first == ["t"] { return }
                try connection.execute("select pg_sleep(0.05)")
            }
            throw JobFailure("expected \(what) within ten minutes")
        }
    }

    @Test("several runners: each tick is run once, one run at a time")
    func several() async throws {
        var connection = try TestDatabase.current.connect()
        try StepJob.prepare(&connection)
        try connection.execute(
            """
            update afterthought.job_schedules
            set cron = '* * * * *', catch_up = 'all';
            update afterthought.job_schedules set through_at = now() - interval '10 minutes', next_at = now();
            """)
        let reports = Reports()
        let job = ClosureJob { run, connection in
            try run.commit(&connection) { run, connection in
                let others = try connection.lines("select count(*) from afterthought.jobs where state = 'running'")
                #expect(others == ["1"])
                try connection.execute("insert into public.trace values (1, \(run.claim.attempt))")
            }
        }
        let runners = try (0..<3).map { _ in try Self.runner(job, configuration(), reports) }
        try await running(runners) {
            try await wait("ten runs", "select count(*) >= 10 from public.trace")
        }
        #expect(
            try connection.lines(
                """
                select count(*) from afterthought.job_ticks as t
                full join afterthought.jobs as j on j.id = t.job_id
                where t.job_id is null or j.id is null or t.outcome <> 'enqueued'
                """) == ["0"])
        #expect(
            try connection.lines(
                """
                select (select count(*) from public.trace) = count(*),
                    (select count(*) from afterthought.system_tasks where status = 'completed') = count(*)
                from afterthought.jobs where state = 'completed'
                """) == ["t t"])
    }

    @Test("a job past its timeout ends, on the server too")
    func timeout() async throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute("update afterthought.job_schedules set timeout_seconds = 1, attempts_max = 1")
        let runner = try Self.runner(
            ClosureJob { run, connection in
                try run.commit(&connection) { _, connection in try connection.execute("select pg_sleep(600)") }
            }, configuration())
        let report = try #require(try await runner.runByHand("signal_quality").report)
        await runner.close()
        #expect(report.state == "failed")
        #expect(
            report.error == "its time was up" || report.error?.contains("timeout") == true, "\(report.error ?? "")")
        #expect(
            try connection.lines(
                "select count(*) from pg_stat_activity "
                    + "where datname = current_database() and query like '%pg_sleep(600)%' "
                    + "and pid <> pg_backend_pid() and state = 'active'") == ["0"])
        #expect(try connection.lines("select status from afterthought.system_tasks") == ["failed"])
    }

    @Test("a running job that is cancelled ends, and is not repeated")
    func cancelled() async throws {
        let runner = try Self.runner(
            ClosureJob { run, connection in
                try run.commit(&connection) { _, connection in try connection.execute("select pg_sleep(600)") }
            }, configuration())
        async let ended = runner.runByHand("signal_quality")
        do {
            try await wait(
                "the job to be cancelled",
                "select afterthought.cancel_job(id) is not null from afterthought.jobs where state = 'running'")
        } catch {
            await runner.stop()
            throw error
        }
        let report = try #require(try await ended.report)
        await runner.close()
        #expect(report.state == "cancelled")
        var connection = try TestDatabase.current.connect()
        #expect(
            try connection.lines("select status, error_message from afterthought.system_tasks")
                == ["failed cancelled on request"])
    }

    @Test("a runner that stops gives its job back, and another goes on; that is no failed attempt")
    func stopped() async throws {
        var connection = try TestDatabase.current.connect()
        try StepJob.prepare(&connection)
        try connection.execute("update afterthought.job_schedules set attempts_max = 1")
        _ = try connection.first(EnqueueJob(job: "signal_quality", reason: "test"))
        let slow = ClosureJob { run, connection in
            if run.cursor == .null {
                try run.commit(&connection) { run, connection in
                    try connection.execute("insert into public.trace values (0, 1)")
                    run.cursor = .bool(true)
                }
                while true { try run.commit(&connection) { _, c in try c.execute("select pg_sleep(0.01)") } }
            }
            try run.commit(&connection) { _, c in try c.execute("insert into public.trace values (1, 2)") }
        }
        try await running([try Self.runner(slow, configuration())]) {
            try await wait("the first step", "select count(*) = 1 from public.trace")
        }
        #expect(try connection.lines("select state, attempt, attempts_max from afterthought.jobs") == ["waiting 1 2"])
        try await running([try Self.runner(slow, configuration())]) {
            try await wait("the end", "select state in ('completed', 'failed', 'cancelled') from afterthought.jobs")
        }
        #expect(try connection.lines("select step from public.trace order by step") == ["0", "1"])
        #expect(
            try connection.lines("select status from afterthought.system_tasks order by attempt")
                == ["failed", "completed"])
    }

    @Test("a job that says it is needed is run, once for each need")
    func needed() async throws {
        var connection = try TestDatabase.current.connect()
        try StepJob.prepare(&connection)
        let isNeeded = Mutex(true)
        let job = ClosureJob(reason: { isNeeded.withLock { $0 ? "3 new" : nil } }) { run, connection in
            isNeeded.withLock { $0 = false }
            try run.commit(&connection) { _, c in try c.execute("insert into public.trace values (1, 1)") }
        }
        let runner = try Self.runner(job, configuration())
        for _ in 0..<3 { try await runner.schedule() }
        #expect(try connection.lines("select reason, state from afterthought.jobs") == ["3 new waiting"])
        let report = try await runner.runByHand("signal_quality").report
        try await runner.schedule()
        await runner.close()
        #expect(report?.state == "completed")
        #expect(try connection.lines("select count(*) from afterthought.jobs") == ["1"])
        #expect(try connection.lines("select metadata from afterthought.system_tasks") == [#"{"reason": "3 new"}"#])
    }

    @Test("a dry run tells what it would do, and leaves nothing behind")
    func dryRun() async throws {
        var connection = try TestDatabase.current.connect()
        try StepJob.prepare(&connection)
        let runner = try Self.runner(StepJob(), configuration())
        let report = try #require(try await runner.runDry("signal_quality"))
        await runner.close()
        #expect(report.state == "completed")
        #expect(report.tally.recordsProcessed == 3)
        for table in ["public.trace", "afterthought.jobs", "afterthought.system_tasks"] {
            #expect(try connection.lines("select count(*) from \(table)") == ["0"], "\(table)")
        }
    }

    @Test("settings given to a runner are stored for all; what does not fit is refused")
    func settings() async throws {
        var connection = try TestDatabase.current.connect()
        try await running([try Self.runner(StepJob(), configuration { $0.settings = ["JOB_HISTORY_DAYS": "30"] })]) {
            try await wait(
                "the setting", "select value = '30' from afterthought.job_settings where name = 'JOB_HISTORY_DAYS'")
        }
        for value in ["0", "x", "1.5", ""] {
            let bad = try Self.runner(StepJob(), configuration { $0.settings = ["JOB_HISTORY_DAYS": value] })
            let failure = await #expect(throws: JobFailure.self) { try await bad.run() }
            #expect(
                failure?.description == "expected JOB_HISTORY_DAYS to be 1…3650, whole, got: \(value)")
        }
        #expect(
            try connection.lines("select value from afterthought.job_settings where name = 'JOB_HISTORY_DAYS'")
                == ["30"])
    }
}
