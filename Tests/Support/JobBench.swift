import Bytes
import Jobs
import Postgres
import Store
import Testing

/// Runs jobs on a test's database through the real queue, and kills them.
package enum JobBench {
    /// A job as a test asks for it.
    package struct Request: Sendable {
        package var job: any Job
        package var arguments: JSONValue
        /// The moment from which the run reckons, as PostgreSQL reads it; nil: now.
        package var dueAt: String?

        package init(_ job: any Job, arguments: JSONValue = .object([]), dueAt: String? = nil) {
            self.job = job
            self.arguments = arguments
            self.dueAt = dueAt
        }
    }

    /// Asks for a job and runs it to the end of its first attempt.
    ///
    /// - Returns: how it ended; its state is `waiting` when the attempt failed and is to be repeated.
    package static func run(_ request: Request, _ connection: inout Connection) throws -> JobReport {
        try perform(request, claim(request, &connection), &connection)
    }

    /// Runs a job to its end, cutting the connection before its first statement, then anew before its second, and so
    /// on until it is through before it is cut; after each cut another attempt goes on.
    ///
    /// - Parameters:
    ///   - request: the job.
    ///   - prepare: fills a fresh database, each time the same.
    ///   - state: what has to be the same whether it was cut or not, without moments and numbers that may differ.
    ///   - sourceLocation: of the test.
    /// - Returns: how many places there were.
    /// - Throws: whatever goes wrong other than by the cuts.
    @discardableResult
    package static func cutEverywhere(
        _ request: Request, prepare: (inout Connection) throws -> Void,
        state: (inout Connection) throws -> [String], sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Int {
        var expected: [String]?
        var place = 0
        while true {
            let database = try TestDatabase.make()
            defer { _ = try? database.remove() }
            var connection = try database.connect()
            try prepare(&connection)
            let countdown = Countdown(from: expected == nil ? .max : place)
            let wasCut = try runCut(request, database, &connection, countdown)
            let found = try state(&connection)
            if let expected {
                #expect(found == expected, "cut before statement \(place + 1)", sourceLocation: sourceLocation)
                try expectTruth(&connection, attempts: wasCut ? 2 : 1, sourceLocation)
                if !wasCut { return place }
                place += 1
            } else {
                #expect(!found.isEmpty, "expected a state to compare, got none", sourceLocation: sourceLocation)
                expected = found
            }
        }
    }

    /// Runs a job that is cut off once, and then again until it ends; tells whether it was cut.
    private static func runCut(
        _ request: Request, _ database: TestDatabase, _ connection: inout Connection, _ countdown: Countdown
    ) throws -> Bool {
        let claim = try claim(request, &connection)
        var options = try database.options
        options.breaksBeforeSending = { countdown.isOver() }
        var isCut = false
        do {
            var fragile = try Connection(options)
            _ = try perform(request, claim, &fragile)
        } catch let error as PostgresError where error.isConnectionLoss {
            isCut = true
        }
        guard isCut else { return false }
        // The server notices the end of a connection only when it looks; what the dead attempt holds would wait for it.
        try connection.execute(
            """
            select pg_terminate_backend(pid, 5000) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend';
            update afterthought.jobs set lease_until = now() - interval '1 second' where state = 'running';
            """)
        _ = try connection.first(EndLostAttempts())
        try connection.execute("update afterthought.jobs set run_at = now() where state = 'waiting'")
        if let again = try connection.first(ClaimJob(jobs: [request.job.name], claimant: "test", leaseSeconds: 600)) {
            let report = try perform(request, again, &connection)
            #expect(report.state == "completed", "\(report)")
        }
        return true
    }

    private static func expectTruth(
        _ connection: inout Connection, attempts: Int, _ sourceLocation: SourceLocation
    ) throws {
        let rows = try connection.textRows(
            "select status <> 'failed', error_message is null from afterthought.system_tasks order by attempt")
        // A cut after the end was recorded, before its answer arrived, leaves one row.
        let isTrue =
            rows.count <= attempts && !rows.isEmpty
            && rows.last == ["t", "t"] && rows.dropLast().allSatisfy { $0 == ["f", "f"] }
        #expect(isTrue, "expected failed rows and then a completed one, got: \(rows)", sourceLocation: sourceLocation)
    }

    private static func claim(_ request: Request, _ connection: inout Connection) throws -> JobClaim {
        let id = try connection.first(
            EnqueueJob(job: request.job.name, arguments: request.arguments, reason: "by hand"))!
        if let dueAt = request.dueAt {
            try connection.execute("update afterthought.jobs set due_at = '\(dueAt)' where id = \(id)")
        }
        let claims = ClaimJob(jobs: [request.job.name], claimant: "test", leaseSeconds: 600, id: id)
        guard let claim = try connection.first(claims) else {
            throw PostgresError(.misuse, "expected to claim job \(id), got: nothing")
        }
        return claim
    }

    /// Performs an attempt, and records its failure as the runner does.
    private static func perform(
        _ request: Request, _ claim: JobClaim, _ connection: inout Connection
    ) throws -> JobReport {
        let attempt = JobAttempt(job: request.job, claim: claim, stop: JobStop())
        do { return try attempt.perform(&connection) } catch {
            guard connection.health == .ready else { throw error }
            return try attempt.fail(&connection, error)
        }
    }
}
