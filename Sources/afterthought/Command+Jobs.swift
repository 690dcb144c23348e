import Bytes
import Engines
import Jobs
import Postgres
import Store
import Worker

extension Command {
    /// The queue and the history of runs.
    static let jobs = Command(
        name: "jobs", summary: "show the queue of jobs and what ran, cancel or snooze one",
        details: [
            "Jobs that wait or run come first, then those that ended. With --history, every attempt that ended: one "
                + "row each, as in afterthought.system_tasks."
        ],
        options: [
            Option(name: "job", value: "NAME", help: "of one job only"),
            Option(
                name: "state", value: "STATE", help: "waiting, running, completed, failed or cancelled only",
                check: .choice(["waiting", "running", "completed", "failed", "cancelled"])),
            Option(name: "history", help: "show attempts that ended instead of the queue"),
            Option(name: "limit", value: "N", help: "rows at most (default 20)", check: .integer(1...10_000)),
            Option(name: "cancel", value: "ID", help: "cancel a job", check: .integer(1...Int.max)),
            Option(name: "snooze", value: "ID", help: "let a waiting job wait longer", check: .integer(1...Int.max)),
            Option(
                name: "minutes", value: "N", help: "how much longer (default 60)", check: .number(0.01...525_600)),
            Option.json,
        ],
        examples: ["jobs", "jobs --history --job clustering", "jobs --cancel 42", "jobs --snooze 42 --minutes 30"],
        body: .blocking { invocation in
            let limit = Int64(invocation.integer("limit") ?? 20)
            let job = invocation.value("job")
            let state = invocation.value("state")
            let history = invocation.isSet("history")
            if history, let state, !["completed", "failed"].contains(state) {
                throw CommandFailure(
                    .usage, "expected `--state` with `--history` to be completed or failed, got: \(state)",
                    hint: "an attempt that ended did one or the other; without `--history` it is about jobs")
            }
            return try DatabaseChoice.withMigrated(invocation) { connection in
                if let said = try control(invocation, &connection) {
                    Terminal.print(said)
                    return .ok
                }
                let rows =
                    history
                    ? try connection.query(ListSystemTasks(job: job, state: state, rowsMax: limit))
                    : try connection.query(ListJobs(job: job, state: state, rowsMax: limit))
                if invocation.wantsJSON {
                    Terminal.print(JSONValue.array(rows).text)
                } else {
                    Terminal.print(history ? tasksText(rows) : jobsText(rows))
                }
                return .ok
            }
        })

    /// One job, now.
    static let run = Command(
        name: "run", summary: "run a job now, in this process",
        details: [
            "The run goes through the queue like any other: one run of a job at a time, and a row in "
                + "afterthought.system_tasks. If the job runs elsewhere at this moment, the request waits and is done "
                + "after it."
        ],
        arguments: [Argument(name: "JOB", help: "the job; `afterthought schedule` lists them")],
        options: [
            Option(name: "user", value: "USER", help: "for one user only, where the job can"),
            Option(name: "dry-run", help: "undo everything at the end, and tell what it would have done"),
            Option.json,
        ],
        examples: ["run signal_quality", "run personality_update --user u42", "run preference_aggregation --dry-run"],
        body: .concurrent { invocation in
            try await withDatabase(invocation) { options in
                try await migrateIfEmbedded(invocation, options)
                return try await runJob(invocation, options)
            }
        })

    /// A failed job, once more.
    static let retry = Command(
        name: "retry", summary: "let a failed or cancelled job go on where it was",
        arguments: [Argument(name: "ID", help: "the job's number; `afterthought jobs --state failed` lists them")],
        options: [Option.json],
        body: .blocking { invocation in
            guard let id = Int64(invocation.arguments[0]) else {
                throw CommandFailure(
                    .usage, "expected ID to be a whole number, got: \(invocation.arguments[0])",
                    hint: "`afterthought jobs --state failed` lists them")
            }
            return try DatabaseChoice.withMigrated(invocation) { connection in
                guard let waiting = try connection.first(RetryJob(id: id)) else {
                    throw CommandFailure(
                        .data, "expected a job that failed or was cancelled, got: \(id)",
                        hint: "`afterthought jobs --state failed` lists them")
                }
                Terminal.print(
                    invocation.wantsJSON
                        ? object([("id", waiting)])
                        : waiting == id
                            ? "job \(id) waits for a worker" : "job \(waiting), of the same kind, waits already")
                return .ok
            }
        })

    private static func control(_ invocation: Invocation, _ connection: inout Connection) throws -> String? {
        if let id = invocation.integer("cancel") {
            guard let state = try connection.first(CancelJob(id: Int64(id))) else {
                throw CommandFailure(
                    .data, "expected a job that waits or runs, got: \(id)", hint: "`afterthought jobs` lists them")
            }
            if invocation.wantsJSON {
                return JSONValue.object([.text("state", state)]).text
            }
            return state == "cancelled" ? "job \(id) is cancelled" : "job \(id) ends within a few seconds"
        }
        if let id = invocation.integer("snooze") {
            let minutes = invocation.number("minutes") ?? 60
            guard let seconds = try connection.first(SnoozeJob(id: Int64(id), seconds: minutes * 60)) else {
                throw CommandFailure(
                    .data, "expected a job that waits, got: \(id)",
                    hint: "`afterthought jobs --state waiting` lists them")
            }
            return invocation.wantsJSON
                ? object([("wait_seconds", Int64(seconds))]) : "job \(id) waits for \(spoken(seconds: seconds))"
        }
        return nil
    }

    private static func runJob(_ invocation: Invocation, _ options: ConnectionOptions) async throws -> ExitCode {
        let name = invocation.arguments[0]
        let jobs = try JobCatalog.all(invocation.environment, options) {
            .shipped(dimensions: WorkerConfiguration().embeddingDimensions)
        }
        guard let job = jobs.first(where: { $0.name == name }) else {
            throw CommandFailure(
                .usage, "expected a job, got: `\(name)`",
                hint: ArgumentParser.suggestion(name, among: jobs.map(\.name)) ?? "`afterthought schedule` lists them")
        }
        let arguments = try userArgument(invocation, job, among: jobs)
        let runner = JobRunner(jobs, options: options, log: { _ in })
        let watcher = Task { await StopSignal.whenRequested { Task { await runner.stop() } } }
        defer { watcher.cancel() }
        let report: JobReport?
        var waiting: Int64?
        do {
            if invocation.isSet("dry-run") {
                report = try await runner.runDry(name, arguments: .object(arguments))
            } else {
                let (ended, id) = try await runner.runByHand(name, arguments: .object(arguments))
                report = ended
                waiting = id
            }
        } catch {
            await runner.close()
            throw error
        }
        await runner.close()
        guard let report else {
            throw CommandFailure(
                .busy, "expected \(name) not to be running, got: a run of it in another process",
                hint: waiting.map { "the request waits as job \($0), and is done after that run" }
                    ?? "try again when it has ended; `afterthought jobs` shows it")
        }
        return try say(report, invocation)
    }

    /// What `--user` asks for.
    private static func userArgument(
        _ invocation: Invocation, _ job: any Job, among jobs: [any Job]
    ) throws(CommandFailure) -> [JSONMember] {
        guard let user = invocation.value("user") else { return [] }
        guard job.takesUser else {
            throw CommandFailure(
                .usage, "expected a job that knows users with `--user`, got: \(job.name)",
                hint: "these do: " + jobs.filter(\.takesUser).map(\.name).sorted().joined(separator: ", "))
        }
        guard (1...256).contains(user.utf8.count) else {
            throw CommandFailure(
                .usage, "expected `--user` to be of 1…256 bytes, got: \(user.utf8.count)",
                hint: "it is the id that the application gave with the user's messages")
        }
        return [.text("user_id", user)]
    }

    private static func say(_ report: JobReport, _ invocation: Invocation) throws -> ExitCode {
        let tally = report.tally
        if invocation.wantsJSON {
            Terminal.print(
                JSONValue.object([
                    .count("job_id", report.claim.id),
                    JSONMember(key: "state", value: report.state.map { .string($0) } ?? .null),
                    JSONMember(key: "error_message", value: report.error.map { .string($0) } ?? .null),
                    JSONMember(key: "tally", value: tally.json),
                ]).text)
        } else {
            var table = TextTable([("", .left), ("", .right)])
            for (what, count) in [
                ("users processed", tally.usersProcessed), ("successful updates", tally.successfulUpdates),
                ("failed updates", tally.failedUpdates), ("records processed", tally.recordsProcessed),
            ] { table.add(what, grouped(count)) }
            let mode = invocation.isSet("dry-run") ? " (dry run: nothing was kept)" : ""
            var text = "\(report.claim.name): \(spokenStatus(report.state ?? "lost"))\(mode)\n\n" + table.text()
            for member in tally.metadata { text += "\n\(member.key): \(member.value.text)" }
            Terminal.print(text)
        }
        guard let error = report.error else { return .ok }
        if report.state == "waiting", StopSignal.isRequested { return .interrupted }
        throw CommandFailure(
            .data, "expected \(report.claim.name) to end well, got: \(error)",
            hint: report.state == "waiting"
                ? "a worker repeats it; `afterthought jobs` shows when"
                : "`afterthought retry \(report.claim.id)` runs it again")
    }

    private static func jobsText(_ rows: [JSONValue]) -> String {
        if rows.isEmpty { return "no jobs; `afterthought schedule` shows when the next come" }
        var table = TextTable([
            ("id", .right), ("job", .left), ("state", .left), ("why", .left), ("attempt", .right), ("due", .left),
            ("ended", .left), ("error", .left),
        ])
        for row in rows {
            let attempts = "\(row["attempt"]?.int64 ?? 0) of \(row["attempts_max"]?.int64 ?? 0)"
            table.add(
                "\(row["id"]?.int64 ?? 0)", row["job"]?.string ?? "", row["state"]?.string ?? "",
                row["reason"]?.string ?? "", attempts, row.minute("due_at") ?? "", row.minute("finished_at") ?? "–",
                row["error_message"]?.string ?? "")
        }
        return table.text(columnsMax: 160)
    }

    private static func tasksText(_ rows: [JSONValue]) -> String {
        if rows.isEmpty { return "nothing ran yet; `afterthought schedule` shows when the next jobs come" }
        var table = TextTable([
            ("began", .left), ("job", .left), ("took", .right), ("ended", .left), ("users", .right),
            ("updated", .right), ("failed", .right), ("records", .right), ("error", .left),
        ])
        for row in rows {
            func count(_ key: String) -> String { grouped(row[key]?.int64 ?? 0) }
            table.add(
                row.minute("executed_at") ?? "", row["name"]?.string ?? "",
                spoken(seconds: row["duration_seconds"]?.double ?? 0),
                row["status"]?.string.map(spokenStatus) ?? "", count("users_processed"), count("successful_updates"),
                count("failed_updates"), count("records_processed"), row["error_message"]?.string ?? "")
        }
        return table.text(columnsMax: 160)
    }

    private static func object(_ members: [(String, Int64)]) -> String {
        JSONValue.object(members.map { .count($0.0, $0.1) }).text
    }
}
