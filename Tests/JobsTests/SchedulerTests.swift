import Jobs
import Postgres
import Store
import Support
import Testing

@Suite("Scheduler", .database)
struct SchedulerTests {
    private static let outcomes = """
        select to_char(scheduled_at at time zone 'UTC', 'DD HH24:MI'), outcome, job_id is not null
        from afterthought.job_ticks order by scheduled_at
        """

    /// One daily job, as if its last tick was dealt with at noon of the 10th.
    private func prepare(_ connection: inout Connection, catchUp: String, cron: String = "0 2 * * *") throws {
        try connection.execute(
            """
            update afterthought.job_schedules set paused_at = now();
            insert into afterthought.job_schedules (job, cron, catch_up, summary)
            values ('daily', '\(cron)', '\(catchUp)', 'for tests');
            update afterthought.job_schedules
            set through_at = '2026-11-10 12:00Z', next_at = afterthought.cron_next(cron, 'UTC', '2026-11-10 12:00Z')
            where job = 'daily';
            """)
    }

    private func schedule(_ connection: inout Connection, at moment: String) throws -> String? {
        try connection.textRows("select afterthought.schedule_due_jobs('\(moment)')")[0][0]
    }

    @Test("however many workers look at once and again, a tick becomes one job")
    func oneJobATick() async throws {
        let database = TestDatabase.current
        var connection = try database.connect()
        try prepare(&connection, catchUp: "one")
        let options = try database.options
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<6 {
                group.addTask {
                    try await onOwnThread {
                        var connection = try Connection(options)
                        for _ in 0..<5 {
                            _ = try connection.textRows("select afterthought.schedule_due_jobs('2026-11-11 02:00:05Z')")
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try connection.lines("select count(*) from afterthought.jobs") == ["1"])
        #expect(try connection.lines(Self.outcomes) == ["11 02:00 enqueued t"])
        #expect(
            try connection.lines("select due_at = '2026-11-11 02:00Z', reason from afterthought.jobs")
                == ["t schedule"])
        #expect(
            try connection.lines(
                "select next_at = '2026-11-12 02:00Z' from afterthought.job_schedules where job = 'daily'") == ["t"])
    }

    @Test("ticks missed while all workers were down: one run makes up for all")
    func catchUpOne() throws {
        var connection = try TestDatabase.current.connect()
        try prepare(&connection, catchUp: "one")
        #expect(try schedule(&connection, at: "2026-11-13 15:00Z") == "1")
        #expect(
            try connection.lines(Self.outcomes) == [
                "11 02:00 coalesced t", "12 02:00 coalesced t", "13 02:00 enqueued t",
            ])
        #expect(try schedule(&connection, at: "2026-11-13 15:01Z") == "0")
    }

    @Test("ticks missed while all workers were down: each is run, if asked for")
    func catchUpAll() throws {
        var connection = try TestDatabase.current.connect()
        try prepare(&connection, catchUp: "all")
        #expect(try schedule(&connection, at: "2026-11-13 15:00Z") == "3")
        #expect(
            try connection.lines(
                "select to_char(due_at at time zone 'UTC', 'DD') from afterthought.jobs order by due_at")
                == ["11", "12", "13"])
    }

    @Test("ticks missed while all workers were down: skipped, if asked for; one just missed is run")
    func catchUpSkip() throws {
        var connection = try TestDatabase.current.connect()
        try prepare(&connection, catchUp: "skip")
        #expect(try schedule(&connection, at: "2026-11-13 15:00Z") == "0")
        #expect(
            try connection.lines(Self.outcomes) == ["11 02:00 skipped f", "12 02:00 skipped f", "13 02:00 skipped f"])
        #expect(try schedule(&connection, at: "2026-11-14 02:04Z") == "1")
    }

    @Test("a tick while a job of the same kind waits is that job")
    func coalesced() throws {
        var connection = try TestDatabase.current.connect()
        try prepare(&connection, catchUp: "one")
        let id = try connection.lines("select afterthought.enqueue_job('daily')")
        #expect(try schedule(&connection, at: "2026-11-11 02:00Z") == "0")
        #expect(try connection.lines("select job_id from afterthought.job_ticks") == id)
        #expect(try connection.lines("select outcome from afterthought.job_ticks") == ["coalesced"])
    }

    @Test("a job that was put off stays so over ticks and workers that start; a request by hand ends that")
    func snoozed() throws {
        var connection = try TestDatabase.current.connect()
        try prepare(&connection, catchUp: "one")
        let id = try connection.lines("select afterthought.enqueue_job('daily')")
        let waits = "select run_at > now() + interval '59 minutes', snoozed_until = run_at from afterthought.jobs"
        _ = try connection.lines("select afterthought.snooze_job(\(id[0]), '1 hour')")
        #expect(try schedule(&connection, at: "2026-11-11 02:00Z") == "0")
        #expect(try connection.lines("select job_id, outcome from afterthought.job_ticks") == ["\(id[0]) coalesced"])
        #expect(try connection.lines(waits) == ["t t"])
        #expect(try connection.lines("select afterthought.enqueue_job('daily', reason => 'a worker started')") == id)
        #expect(try connection.lines(waits) == ["t t"])
        #expect(try connection.lines("select afterthought.enqueue_job('daily', reason => 'by hand')") == id)
        #expect(try connection.lines("select run_at <= now(), snoozed_until from afterthought.jobs") == ["t null"])
        // A later attempt is not held by what was put off before the claim.
        _ = try connection.lines("select afterthought.snooze_job(\(id[0]), '1 hour')")
        let claims = ClaimJob(jobs: ["daily"], claimant: "test", leaseSeconds: 60, id: Int64(id[0]))
        #expect(try connection.first(claims) != nil)
        #expect(try connection.lines("select snoozed_until from afterthought.jobs") == ["null"])
    }

    @Test("a job that used up its attempts is not asked whether it is needed until its longest pause is over")
    func deadLetter() throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute(
            "update afterthought.job_schedules set attempts_max = 1, backoff_seconds_max = 600, cron = null")
        func isAsked() throws -> Bool {
            let found = try #require(try connection.first(PollJobs()))
            return !found.notToAsk.contains("clustering")
        }
        func end(_ outcome: EndJobAttempt.Outcome, arguments: String = "{}") throws {
            _ = try connection.lines("select afterthought.enqueue_job('clustering', '\(arguments)')")
            let claims = ClaimJob(jobs: ["clustering"], claimant: "test", leaseSeconds: 60)
            let claim = try #require(try connection.first(claims))
            _ = try connection.first(EndJobAttempt(claim: claim, outcome: outcome))
        }
        #expect(try isAsked())
        try end(.failed)
        #expect(try !isAsked())
        try connection.execute(
            "update afterthought.jobs set finished_at = finished_at - interval '599 seconds'")
        #expect(try !isAsked())
        try connection.execute("update afterthought.jobs set finished_at = finished_at - interval '2 seconds'")
        #expect(try isAsked())
        // A run that went well, whatever it was asked for, tells that the fault is gone; a cancelled one does not.
        try end(.failed)
        try end(.cancelled)
        #expect(try !isAsked())
        try end(.completed, arguments: #"{"force": true}"#)
        #expect(try isAsked())
    }

    @Test("a paused job has no ticks, and its pause is not caught up")
    func paused() throws {
        var connection = try TestDatabase.current.connect()
        try prepare(&connection, catchUp: "all")
        try connection.execute("update afterthought.job_schedules set paused_at = now() where job = 'daily'")
        #expect(try schedule(&connection, at: "2026-11-13 15:00Z") == "0")
        try connection.execute("update afterthought.job_schedules set paused_at = null where job = 'daily'")
        #expect(
            try connection.lines(
                "select through_at = now(), next_at > now() from afterthought.job_schedules where job = 'daily'"
            )
            .first?.hasSuffix("t") == true)
        #expect(try schedule(&connection, at: "2026-11-13 15:00Z") == "0")
    }

    @Test("history that is older than its setting is deleted, the rest stays")
    func pruned() throws {
        var connection = try TestDatabase.current.connect()
        try prepare(&connection, catchUp: "one")
        _ = try schedule(&connection, at: "2026-11-11 02:00Z")
        try connection.execute(
            """
            insert into afterthought.system_tasks (name, executed_at, duration_seconds, status, job_id, attempt)
            values ('daily', now() - interval '91 days', 1, 'completed', -1, 1),
                ('daily', now() - interval '89 days', 1, 'completed', -2, 1);
            insert into afterthought.job_ticks values ('daily', now() - interval '91 days', 'skipped');
            """)
        _ = try connection.first(PruneJobHistory())
        #expect(try connection.lines("select job_id from afterthought.system_tasks") == ["-2"])
        #expect(
            try connection.lines("select count(*) from afterthought.job_ticks where outcome = 'skipped'") == ["0"])
        #expect(try connection.lines("select count(*) from afterthought.jobs") == ["1"])
    }

    @Test("a clock that was ahead for one look does not silence the schedules")
    func clockAhead() throws {
        var connection = try TestDatabase.current.connect()
        _ = try connection.textRows("select afterthought.poll_jobs(now() + interval '3 years')")
        let future = """
            select
                (select count(*) from afterthought.job_schedules where next_at > now() + interval '8 days'),
                (select count(*) from afterthought.jobs where state = 'waiting' and due_at > now() + interval '1 hour')
            """
        #expect(try connection.lines(future) != ["0 0"])
        _ = try connection.first(PollJobs())
        #expect(try connection.lines(future) == ["0 0"])
        #expect(
            try connection.lines(
                "select distinct error_message from afterthought.jobs where state = 'cancelled'")
                == ["asked for while the clock of the database was ahead"])
        // A few minutes are no reason.
        _ = try connection.textRows("select afterthought.poll_jobs(now() + interval '50 minutes')")
        let before = try connection.lines("select job, through_at from afterthought.job_schedules order by job")
        _ = try connection.first(PollJobs())
        #expect(try connection.lines("select job, through_at from afterthought.job_schedules order by job") == before)
    }

    @Test("nobody who asks for a job waits for the end of a dry run")
    func dryRunKeepsNobody() throws {
        var connection = try TestDatabase.current.connect()
        var other = try TestDatabase.current.connect()
        try other.execute("set lock_timeout = '100ms'")
        try connection.transaction { connection in
            let id = try connection.first(
                EnqueueJob(job: "insight_cleanup", reason: "dry run", uniqueKey: "dry run by somebody"))
            _ = try connection.first(
                ClaimJob(jobs: ["insight_cleanup"], claimant: "somebody", leaseSeconds: 60, id: id))
            #expect(try other.first(EnqueueJob(job: "insight_cleanup", reason: "schedule")) != nil)
        }
    }
}
