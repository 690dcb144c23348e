import Foundation
import Postgres
import Support
import Testing

@testable import Store
@testable import afterthought

@Suite("Job commands", .database)
struct JobCommandTests {
    private func run(_ words: String...) throws -> Program {
        try Program.run(words, environment: ["AFTERTHOUGHT_DATABASE_URL": TestDatabase.current.url])
    }

    private func objects(_ text: String) throws -> [[String: Any]] {
        try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]])
    }

    @Test("a job run by hand shows in the history with what it came to")
    func byHand() throws {
        let ran = try run("run", "signal_quality")
        #expect(ran.status == 0, "\(ran.errors)")
        #expect(ran.output.hasPrefix("signal_quality: completed"))
        #expect(ran.output.contains("no pair was processed yet"))
        let history = try objects(run("jobs", "--history", "--json").output)
        #expect(history.count == 1)
        #expect(history[0]["name"] as? String == "signal_quality")
        #expect(history[0]["status"] as? String == "completed")
        #expect((history[0]["metadata"] as? [String: String])?["reason"] == "by hand")
        #expect(try run("jobs", "--history").output.contains("signal_quality"))
        #expect(try run("run", "signal_quality", "--dry-run").output.contains("nothing was kept"))
        #expect(try objects(run("jobs", "--json").output).count == 1)
    }

    @Test("a user is refused where the job knows none, and where it can be none, before anything waits")
    func userOfJob() throws {
        let unknown = try run("run", "clustering", "--user", "u42")
        #expect(unknown.status == 64)
        #expect(unknown.errors.contains("expected a job that knows users with `--user`, got: clustering"))
        #expect(unknown.errors.contains("these do: personality_update, preference_aggregation"))
        for user in ["", String(repeating: "é", count: 129)] {
            let bad = try run("run", "personality_update", "--user", user)
            #expect(bad.status == 64, "\(bad.errors)")
        }
        #expect(try run("run", "clustering", "--user", "u42", "--dry-run").status == 64)
        #expect(try objects(run("jobs", "--json").output).isEmpty)
        #expect(try run("run", "personality_update", "--user", String(repeating: "é", count: 128)).status == 0)
    }

    @Test("every job of the program has a schedule, and every schedule a job of the program")
    func schedulesAndJobs() throws {
        let known = Set(JobCatalog.all { fatalError("expected no analysis to be needed") }.map(\.name))
        let scheduled = Set(try objects(run("schedule", "--json").output).compactMap { $0["job"] as? String })
        #expect(known == scheduled)
        #expect(!known.isEmpty)
    }

    @Test("a schedule is changed, paused and resumed; what can't be is refused with the reason")
    func schedules() throws {
        func shown() throws -> [String: Any] {
            try #require(objects(run("schedule", "signal_quality", "--json").output).first)
        }
        #expect(
            try run("schedule", "signal_quality", "--cron", "0 2 * * MON", "--time-zone", "Europe/Berlin").status == 0)
        #expect(try shown()["cron"] as? String == "0 2 * * MON")
        #expect(try shown()["time_zone"] as? String == "Europe/Berlin")
        #expect(try run("schedule", "signal_quality", "--pause").status == 0)
        #expect(try shown()["state"] as? String == "paused")
        #expect(try run("schedule", "signal_quality", "--resume", "--attempts", "3").status == 0)
        #expect(try shown()["state"] as? String == "idle")
        #expect(try shown()["attempts_max"] as? Int == 3)

        let never = try run("schedule", "signal_quality", "--cron", "0 0 30 2 *")
        #expect(never.status == 64)
        #expect(never.errors.contains("expected a cron text that ever comes true, got: \"0 0 30 2 *\""))
        let mistyped = try run("schedule", "signal_qualit", "--pause")
        #expect(mistyped.status == 64)
        #expect(mistyped.errors.contains("did you mean `signal_quality`?"))
        #expect(try run("schedule", "--pause").errors.contains("expected JOB with `--pause`"))
    }

    @Test("settings are shown and changed; what does not fit is refused")
    func settings() throws {
        let changed = try run("schedule", "--set", "JOB_HISTORY_DAYS=30", "--json")
        let rows = try objects(changed.output)
        #expect(rows.first { $0["name"] as? String == "JOB_HISTORY_DAYS" }?["value"] as? String == "30")
        let bad = try run("schedule", "--set", "JOB_HISTORY_DAYS=none")
        #expect(bad.status == 64)
        #expect(bad.errors.contains("expected JOB_HISTORY_DAYS to be 1…3650, whole, got: none"))
        #expect(try run("schedule", "--set", "JOB_HISTORY=1").errors.contains("expected the name of a setting"))
        #expect(try run("schedule", "--set", "JOB_HISTORY_DAYS").errors.contains("expected `--set NAME=VALUE`"))
    }

    @Test("a change of which a part is refused changes nothing")
    func wholeChanges() throws {
        func days() throws -> String? {
            try objects(run("schedule", "--settings", "--json").output)
                .first { $0["name"] as? String == "JOB_HISTORY_DAYS" }?["value"] as? String
        }
        let set = ["schedule", "--set", "JOB_HISTORY_DAYS=31"]
        let refused = [
            set + ["--set", "SIGNAL_QUALITY_PAIRS=bad"], set + ["--set", "NO_SUCH=1"],
            ["schedule", "nosuch"] + set.dropFirst(), ["schedule", "nosuch", "--pause"] + set.dropFirst(),
            ["schedule", "signal_quality", "--cron", "0 0 30 2 *"] + set.dropFirst(),
        ]
        let environment = ["AFTERTHOUGHT_DATABASE_URL": TestDatabase.current.url]
        for words in refused {
            #expect(try Program.run(words, environment: environment).status == 64, "\(words)")
            #expect(try days() == "90", "\(words)")
        }
        #expect(try run("schedule", "signal_quality", "--set", "JOB_HISTORY_DAYS=31").status == 0)
        #expect(try days() == "31")
    }

    @Test(
        "a time zone that is none is named as the fault, also of a job that has no cron text",
        arguments: [
            "signal_quality", "clustering",
        ])
    func wrongZone(job: String) throws {
        let wrong = try run("schedule", job, "--time-zone", "Europe/Berln")
        #expect(wrong.status == 64)
        #expect(
            wrong.errors.contains("expected a time zone of the IANA database, got: \"Europe/Berln\""),
            "\(wrong.errors)")
        #expect(wrong.errors.contains("such as Europe/Berlin"))
    }

    @Test("history is told by how attempts ended")
    func historyByState() throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute(
            """
            insert into afterthought.system_tasks (name, executed_at, duration_seconds, status, job_id, attempt)
            values ('a', now(), 1, 'completed', 1, 1), ('b', now(), 1, 'completed_with_errors', 2, 1),
                ('c', now(), 1, 'failed', 3, 1)
            """)
        func names(_ state: String) throws -> Set<String> {
            Set(
                try objects(run("jobs", "--history", "--state", state, "--json").output).compactMap {
                    $0["name"] as? String
                })
        }
        #expect(try names("failed") == ["c"])
        #expect(try names("completed") == ["a", "b"])
        let waiting = try run("jobs", "--history", "--state", "waiting")
        #expect(waiting.status == 64)
        #expect(waiting.errors.contains("expected `--state` with `--history` to be completed or failed, got: waiting"))
    }

    @Test("a waiting job is snoozed and cancelled, a cancelled one retried")
    func controls() throws {
        var connection = try TestDatabase.current.connect()
        let id = try #require(
            try connection.first(EnqueueJob(job: "signal_quality", reason: "test", delaySeconds: 3600)))
        #expect(try run("jobs", "--snooze", "\(id)", "--minutes", "30").output.hasPrefix("job \(id) waits for 90 min"))
        #expect(try run("jobs", "--cancel", "\(id)").output == "job \(id) is cancelled\n")
        #expect(try run("jobs", "--cancel", "\(id)").status == 65)
        #expect(try run("retry", "\(id)").output == "job \(id) waits for a worker\n")
        #expect(try run("retry", "\(id)").errors.contains("expected a job that failed or was cancelled"))
        #expect(try run("retry", "x").status == 64)
    }
}
