import Bytes
import Jobs
import Postgres
import Store

extension Command {
    /// When jobs run.
    static let schedule = Command(
        name: "schedule", summary: "show when jobs run, or change it",
        details: [
            "Schedules, timeouts and settings are kept in the database: a change holds for all workers at once. Cron "
                + "texts have five fields (minute hour day-of-month month day-of-week) and follow the clocks of their "
                + "time zone: a time of day that a change of clocks leaves out or shows twice comes once.",
            "Ticks missed while no worker ran are skipped, made up for by one run, or run each, as --catch-up says.",
        ],
        arguments: [Argument(name: "JOB", help: "one job; without it, all are shown", isRequired: false)],
        options: [
            Option(name: "cron", value: "TEXT", help: "when it runs, such as \"0 2 * * MON\"; none: by need alone"),
            Option(name: "time-zone", value: "ZONE", help: "whose clocks that means, such as Europe/Berlin"),
            Option(
                name: "catch-up", value: "POLICY", help: "what becomes of missed ticks: skip, one or all",
                check: .choice(["skip", "one", "all"])),
            Option(
                name: "timeout-seconds", value: "N", help: "how long an attempt may take",
                check: .number(1...86_400)),
            Option(name: "attempts", value: "N", help: "how many attempts may fail", check: .integer(1...100)),
            Option(name: "pause", help: "let it rest until it is resumed"),
            Option(name: "resume", help: "end its pause; what was missed in it is not made up for"),
            Option(name: "settings", help: "show the thresholds of the jobs"),
            Option(name: "set", value: "NAME=VALUE", help: "change one of them", isRepeatable: true),
            Option.json,
        ],
        examples: [
            "schedule", "schedule personality_update --cron \"0 2 * * *\" --time-zone Europe/Berlin",
            "schedule --settings", "schedule --set CLUSTERING_MESSAGE_THRESHOLD=20",
        ],
        body: .blocking { invocation in
            let job = invocation.arguments.first
            let change = try scheduleChange(invocation, job)
            let settings = try settingChanges(invocation)
            return try DatabaseChoice.withMigrated(invocation) { connection in
                // All of it, or nothing.
                let schedules = try connection.transaction { connection in
                    for (name, value) in settings { try changeSetting(name, value, &connection) }
                    if let change, try apply(change, &connection) == 0 { throw unknownJob(job ?? "", &connection) }
                    let rows = try connection.query(ListSchedules(job: job))
                    if rows.isEmpty { throw unknownJob(job ?? "", &connection) }
                    return rows
                }
                if invocation.isSet("settings") || !settings.isEmpty {
                    let rows = try connection.query(ListJobSettings())
                    Terminal.print(invocation.wantsJSON ? JSONValue.array(rows).text : settingsText(rows))
                } else {
                    Terminal.print(
                        invocation.wantsJSON ? JSONValue.array(schedules).text : scheduleText(schedules))
                }
                return .ok
            }
        })

    private static func scheduleChange(
        _ invocation: Invocation, _ job: String?
    ) throws(CommandFailure) -> ChangeSchedule? {
        let changes = ["cron", "time-zone", "catch-up", "timeout-seconds", "attempts", "pause", "resume"]
        guard let first = changes.first(where: { invocation.isSet($0) }) else { return nil }
        guard let job else {
            throw CommandFailure(
                .usage, "expected JOB with `--\(first)`, got: nothing", hint: "`afterthought schedule` lists the jobs")
        }
        if invocation.isSet("pause"), invocation.isSet("resume") {
            throw CommandFailure(.usage, "expected `--pause` or `--resume`, got: both", hint: "leave one of them out")
        }
        var change = ChangeSchedule(job: job)
        change.cron = invocation.value("cron")
        change.timeZone = invocation.value("time-zone")
        change.catchUp = invocation.value("catch-up")
        change.timeoutSeconds = invocation.number("timeout-seconds")
        change.attemptsMax = invocation.integer("attempts").map(Int32.init)
        if invocation.isSet("pause") { change.isPaused = true }
        if invocation.isSet("resume") { change.isPaused = false }
        return change
    }

    private static func apply(_ change: ChangeSchedule, _ connection: inout Connection) throws -> Int {
        let refusal: PostgresError
        do throws(PostgresError) { return try connection.run(change) } catch { refusal = error }
        // What is wrong with a cron text or a zone, in the schema's own words.
        guard refusal.sqlState == "42601" else { throw refusal }
        throw CommandFailure(.usage, refusal.message, hint: refusal.hint)
    }

    private static func settingChanges(
        _ invocation: Invocation
    ) throws(CommandFailure) -> [(name: String, value: String)] {
        var changes: [(name: String, value: String)] = []
        for text in invocation.values["set"] ?? [] {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw CommandFailure(
                    .usage, "expected `--set NAME=VALUE`, got: `--set \(text)`",
                    hint: "`afterthought schedule --settings` lists the names")
            }
            changes.append((parts[0], parts[1]))
        }
        return changes
    }

    private static func changeSetting(_ name: String, _ value: String, _ connection: inout Connection) throws {
        guard try connection.first(DescribeJobSetting(setting: name)) != nil else {
            throw CommandFailure(
                .usage, "expected the name of a setting, got: `\(name)`",
                hint: "`afterthought schedule --settings` lists them")
        }
        do { try JobRunner.save(name, value, &connection) } catch let failure as JobFailure {
            throw CommandFailure(.usage, failure.description, hint: "nothing was changed")
        }
    }

    /// What to say of a job that there is none of.
    static func unknownJob(_ job: String, _ connection: inout Connection) -> CommandFailure {
        let known = (try? connection.query(ListSchedules()))?.compactMap { $0["job"]?.string } ?? []
        return CommandFailure(
            .usage, "expected a job, got: `\(job)`",
            hint: ArgumentParser.suggestion(job, among: known) ?? "`afterthought schedule` lists them")
    }

    private static func scheduleText(_ rows: [JSONValue]) -> String {
        var table = TextTable([
            ("job", .left), ("when", .left), ("zone", .left), ("next", .left), ("state", .left), ("last run", .left),
            ("ended", .left), ("what it does", .left),
        ])
        for row in rows {
            table.add(
                row["job"]?.string ?? "", row["cron"]?.string ?? "when needed", row["time_zone"]?.string ?? "",
                row.minute("next_at") ?? "–", row["state"]?.string ?? "", row.minute("last_executed_at") ?? "never",
                row["last_status"]?.string.map(spokenStatus) ?? "–", row["summary"]?.string ?? "")
        }
        return table.text()
    }

    private static func settingsText(_ rows: [JSONValue]) -> String {
        var table = TextTable([
            ("setting", .left), ("value", .right), ("default", .right), ("job", .left), ("what it means", .left),
        ])
        for row in rows {
            table.add(
                row["name"]?.string ?? "", row["value"]?.string ?? "", row["default_value"]?.string ?? "",
                row["job"]?.string ?? "all", row["description"]?.string ?? "")
        }
        return table.text()
    }

    /// A status as people say it.
    static func spokenStatus(_ status: String) -> String { status.split(separator: "_").joined(separator: " ") }
}

extension JSONValue {
    /// A member that is a moment, to the minute and in UTC.
    func minute(_ key: String) -> String? {
        guard let text = self[key]?.string, let moment = try? Timestamp(text: text) else { return nil }
        return moment.description.prefix(16).replacing("T", with: " ") + "Z"
    }
}
