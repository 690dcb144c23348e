import Bytes
import Jobs
import Postgres
import Store
import Support
import Testing

@Suite("Job queue", .database)
struct QueueTests {
    private static let job = "signal_quality"

    private func claim(_ connection: inout Connection) throws -> JobClaim? {
        try connection.first(ClaimJob(jobs: [Self.job], claimant: "test", leaseSeconds: 60))
    }

    @Test("a run cut off at any statement ends as one that was not")
    func cutEverywhere() throws {
        let places = try JobBench.cutEverywhere(
            JobBench.Request(StepJob()), prepare: StepJob.prepare,
            state: { connection in
                try connection.lines("select step from public.trace order by step")
                    + connection.lines("select state, tally ->> 'records_processed' from afterthought.jobs")
            })
        #expect(places > 10)
    }

    @Test("a worker that lost its claim can neither commit nor acknowledge")
    func lostClaim() throws {
        var connection = try TestDatabase.current.connect()
        try StepJob.prepare(&connection)
        _ = try connection.first(EnqueueJob(job: Self.job, reason: "test"))
        let old = try #require(try claim(&connection))
        try connection.execute("update afterthought.jobs set lease_until = now() - interval '1 second'")
        #expect(try connection.first(EndLostAttempts()) == 1)
        try connection.execute("update afterthought.jobs set run_at = now()")
        let new = try #require(try claim(&connection))
        #expect(new.attempt == 2)

        let attempt = JobAttempt(job: StepJob(), claim: old, stop: JobStop())
        #expect(throws: ClaimLost.self) { try attempt.perform(&connection) }
        #expect(try connection.lines("select count(*) from public.trace") == ["0"])
        #expect(try connection.first(EndJobAttempt(claim: old, outcome: .completed)) == .some(nil))
        #expect(try connection.query(RenewJobClaim(claim: old, leaseSeconds: 60)).isEmpty)
        #expect(try connection.query(RenewJobClaim(claim: new, leaseSeconds: 60)) == [false])
        #expect(try connection.lines("select state, attempt from afterthought.jobs") == ["running 2"])
    }

    @Test("a crash counts as an attempt, and the last one ends the job")
    func crashesCount() throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute("update afterthought.job_schedules set attempts_max = 2")
        let id = try #require(try connection.first(EnqueueJob(job: Self.job, reason: "test")))
        for _ in 0..<2 {
            try connection.execute("update afterthought.jobs set run_at = now()")
            #expect(try claim(&connection) != nil)
            try connection.execute("update afterthought.jobs set lease_until = now() - interval '1 second'")
            #expect(try connection.first(EndLostAttempts()) == 1)
        }
        #expect(try connection.lines("select state, attempt from afterthought.jobs") == ["failed 2"])
        #expect(
            try connection.lines(
                "select attempt, status, error_message from afterthought.system_tasks order by attempt")
                == [
                    "1 failed the worker was lost: its lease ran out",
                    "2 failed the worker was lost: its lease ran out",
                ])
        // By hand it gets as many attempts as a new one.
        #expect(try connection.lines("select afterthought.retry_job(\(id))") == ["\(id)"])
        #expect(try connection.lines("select state, attempts_max from afterthought.jobs") == ["waiting 4"])
    }

    @Test("an error fails the attempt with its text, and the next goes on where it was, after a pause")
    func failure() throws {
        var connection = try TestDatabase.current.connect()
        try StepJob.prepare(&connection)
        let job = ClosureJob { run, connection in
            try run.commit(&connection) { run, _ in
                run.tally.usersProcessed = 5
                run.cursor = .bool(true)
            }
            try run.commit(&connection) { _, connection in
                try connection.execute("insert into public.trace values (1, 1)")
                throw JobFailure("expected a step to work, got: none")
            }
        }
        let report = try JobBench.run(JobBench.Request(job), &connection)
        #expect(report.state == "waiting")
        #expect(report.error == "expected a step to work, got: none")
        #expect(
            try connection.lines("select progress, run_at > started_at, state, error_message from afterthought.jobs")
                == ["true t waiting expected a step to work, got: none"])
        #expect(
            try connection.lines("select status, users_processed, error_message from afterthought.system_tasks")
                == ["failed 5 expected a step to work, got: none"])
        #expect(try connection.lines("select count(*) from public.trace") == ["0"])
    }

    @Test("the rows of a job's attempts add up to what was done, and a failed attempt reports what it did")
    func attemptsAddUp() throws {
        var connection = try TestDatabase.current.connect()
        let job = ClosureJob { run, connection in
            let attempt = run.claim.attempt
            try run.commit(&connection) { run, _ in
                run.tally.usersProcessed += 5
                run.tally.successfulUpdates += 4
                run.tally.failedUpdates += attempt == 1 ? 1 : 0
                run.tally.recordsProcessed += 100
                run.tally.set(.count("steps", Int64(attempt)))
            }
            if attempt < 3 { throw JobFailure("expected a step to work, got: none") }
        }
        let first = try JobBench.run(JobBench.Request(job), &connection)
        #expect(first.tally.usersProcessed == 5 && first.tally.recordsProcessed == 100)
        for _ in 2...3 {
            try connection.execute("update afterthought.jobs set run_at = now()")
            let again = try #require(try claim(&connection))
            let attempt = JobAttempt(job: job, claim: again, stop: JobStop())
            do { _ = try attempt.perform(&connection) } catch {
                #expect(try attempt.fail(&connection, error).tally.usersProcessed == 10)
            }
        }
        #expect(
            try connection.lines(
                """
                select status, users_processed, successful_updates, failed_updates, records_processed
                from afterthought.system_tasks order by attempt
                """) == ["failed 5 4 1 100", "failed 5 4 0 100", "completed_with_errors 5 4 0 100"])
        #expect(
            try connection.lines(
                "select state, tally ->> 'records_processed', tally #>> '{metadata,steps}' from afterthought.jobs")
                == ["completed 300 3"])
    }

    @Test("a job that knows no users is not run for one, however it was asked")
    func noUser() throws {
        var connection = try TestDatabase.current.connect()
        try StepJob.prepare(&connection)
        let one = JSONValue.object([JSONMember(key: "user_id", value: .string("u1"))])
        let report = try JobBench.run(JobBench.Request(StepJob(), arguments: one), &connection)
        #expect(report.error?.hasPrefix("expected no argument user_id") == true, "\(report)")
        #expect(report.error?.contains("u1") == false)
        #expect(try connection.lines("select count(*) from public.trace") == ["0"])
    }

    @Test("a timeout that is changed holds for what waits already, and for a retry")
    func changedTimeout() throws {
        var connection = try TestDatabase.current.connect()
        let id = try #require(try connection.first(EnqueueJob(job: Self.job, reason: "test")))
        var change = ChangeSchedule(job: Self.job)
        change.timeoutSeconds = 7
        _ = try connection.run(change)
        let first = try #require(try claim(&connection))
        #expect(first.timeoutSeconds == 7)
        #expect(try connection.lines("select timeout_seconds from afterthought.jobs") == ["7"])
        try connection.execute("update afterthought.jobs set cancel_requested_at = now()")
        #expect(try connection.first(EndJobAttempt(claim: first, outcome: .cancelled)) == .some("cancelled"))
        change.timeoutSeconds = 9
        _ = try connection.run(change)
        #expect(try connection.first(RetryJob(id: id)) == id)
        #expect(try claim(&connection)?.timeoutSeconds == 9)
    }

    @Test("an unknown error is told by its type alone")
    func noContentInErrors() throws {
        struct Secret: Error { let content = "what the user said" }
        var connection = try TestDatabase.current.connect()
        let report = try JobBench.run(JobBench.Request(ClosureJob { _, _ in throw Secret() }), &connection)
        #expect(report.error == "unexpected Secret")
    }

    @Test("users that failed make a run completed with errors")
    func completedWithErrors() throws {
        var connection = try TestDatabase.current.connect()
        let job = ClosureJob { run, connection in
            run.tally.usersProcessed = 3
            run.tally.successfulUpdates = 2
            run.tally.failedUpdates = 1
        }
        #expect(try JobBench.run(JobBench.Request(job), &connection).state == "completed")
        #expect(
            try connection.lines(
                "select status, users_processed, successful_updates, failed_updates, duration_seconds >= 0 "
                    + "from afterthought.system_tasks") == ["completed_with_errors 3 2 1 t"])
    }

    @Test("requests while one waits are that one; requests while one runs become one more")
    func coalescing() throws {
        var connection = try TestDatabase.current.connect()
        let first = try connection.first(EnqueueJob(job: Self.job, reason: "test"))
        #expect(try connection.first(EnqueueJob(job: Self.job, reason: "again")) == first)
        let running = try #require(try claim(&connection))
        let second = try connection.first(EnqueueJob(job: Self.job, reason: "again"))
        #expect(second != first)
        for _ in 0..<5 { #expect(try connection.first(EnqueueJob(job: Self.job, reason: "again")) == second) }
        #expect(try claim(&connection) == nil, "expected one run of a job at a time")
        // The attempt fails: what waited behind it is taken in.
        #expect(
            try connection.first(EndJobAttempt(claim: running, outcome: .failed, error: "test")) == .some("waiting"))
        #expect(
            try connection.lines("select state, error_message from afterthought.jobs order by id")
                == ["waiting test", "cancelled taken in by the next attempt of job \(running.id)"])
        let other = JSONValue.object([JSONMember(key: "user_id", value: .string("u1"))])
        let single = try connection.first(EnqueueJob(job: Self.job, arguments: other, reason: "test"))
        #expect(single != first && single != second, "expected a request for one user to be its own job")
    }

    @Test("cancelled, snoozed and paused jobs do not run; queues are looked into in their order")
    func controls() throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute(
            """
            insert into afterthought.job_schedules (job, queue, summary)
            values ('tune', 'optimization', 'for tests'), ('vectors', 'reembed', 'for tests')
            """)
        let jobs = [Self.job, "tune", "vectors"]
        var ids: [String: Int64] = [:]
        for job in ["vectors", Self.job, "tune"] {
            ids[job] = try connection.first(EnqueueJob(job: job, reason: "test"))
        }
        func next() throws -> String? {
            try connection.first(ClaimJob(jobs: jobs, claimant: "test", leaseSeconds: 60))?.name
        }
        try connection.execute("update afterthought.job_queues set paused_at = now() where queue = 'optimization'")
        #expect(try next() == Self.job)
        #expect(try connection.lines("select afterthought.cancel_job(\(ids[Self.job]!))") == ["cancelling"])
        #expect(
            try connection.lines(
                "select cancel_requested_at is not null from afterthought.jobs where state = 'running'")
                == ["t"])
        #expect(
            try connection.lines("select afterthought.snooze_job(\(ids["vectors"]!), '1 hour') > now()") == ["t"])
        #expect(try next() == nil)
        try connection.execute("update afterthought.job_queues set paused_at = null")
        #expect(try next() == "tune")
        #expect(try connection.lines("select afterthought.cancel_job(\(ids["vectors"]!))") == ["cancelled"])
        #expect(try connection.lines("select afterthought.cancel_job(\(ids["vectors"]!))") == ["null"])
        #expect(
            try connection.lines("select job, state from afterthought.job_overview where job = 'tune'")
                == ["tune running"])
    }

    @Test("every statement of the queue fits the schema")
    func statements() throws {
        var connection = try TestDatabase.current.connect()
        _ = try connection.describe(ClaimJob.self)
        _ = try connection.describe(RenewJobClaim.self)
        _ = try connection.describe(EndJobAttempt.self)
        _ = try connection.describe(SaveJobProgress.self)
        _ = try connection.describe(LoadJobTally.self)
        _ = try connection.describe(SetStatementTimeout.self)
        _ = try connection.describe(EndLostAttempts.self)
        _ = try connection.describe(PruneJobHistory.self)
        _ = try connection.describe(EnqueueJob.self)
        _ = try connection.describe(PollJobs.self)
        _ = try connection.describe(JobsAfterStart.self)
        _ = try connection.describe(LoadJobSettings.self)
        _ = try connection.describe(DescribeJobSetting.self)
        _ = try connection.describe(SaveJobSetting.self)
    }
}
