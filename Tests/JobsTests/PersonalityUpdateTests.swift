import Bytes
import Postgres
import Store
import Support
import Testing

@testable import Jobs

@Suite("Personality update", .database)
struct PersonalityUpdateTests {
    private func metadata(_ report: JobReport, _ key: String) -> JSONValue? {
        JSONValue.object(report.tally.metadata)[key]
    }

    @Test("+2.0 and +1.0 of openness take 50.0 to 50.3, and a replayed trigger changes nothing more")
    func example() throws {
        var bench = try UserBench()
        try bench.message("u")
        try bench.insight("u", "{\"openness\": 2.0}")
        try bench.insight("u", "{\"openness\": 1.0}")
        let report = try bench.update()
        #expect(report.tally.usersProcessed == 1 && report.tally.recordsProcessed == 2)
        #expect(try bench.openness("u") == "50.300000")
        for _ in 0..<3 {
            #expect(try bench.update().tally.usersProcessed == 0)
            #expect(metadata(try bench.update("u"), "insights_processed") == .number(JSONNumber(Int64(0))))
        }
        #expect(try bench.openness("u") == "50.300000")
        try bench.insight("u", "{\"openness\": -1.0}")
        try bench.update()
        #expect(try bench.openness("u") == "50.200000")
    }

    @Test("an insight that the application records twice is applied once")
    func doubledInsight() throws {
        var bench = try UserBench()
        let record = "select afterthought.record_personality_insight('u', '{\"openness\": 5}', external_id => 'x1')"
        let watch = "select afterthought.record_entertainment('u', 'liked', '{\"openness\": 5}', external_id => 'x1')"
        #expect(try bench.lines(record) == bench.lines(record))
        #expect(try bench.lines(watch) == bench.lines(watch))
        try bench.update("u")
        #expect(try bench.lines(record).count == 1)
        try bench.update("u")
        #expect(try bench.openness("u") == "51.000000")
    }

    @Test("of two updates at the same moment the second finds everything applied")
    func concurrentTriggers() async throws {
        var bench = try UserBench()
        for _ in 0..<3 { try bench.insight("u", "{\"openness\": 10}") }
        let now = Timestamp(seconds: 0)
        let batch = PersonalityBatch(since: now, rateMillionths: 100_000)
        try bench.connection.execute("begin")
        let first = try batch.update(["u"], &bench.connection)
        let database = TestDatabase.current
        async let second = onOwnThread {
            var connection = try database.connect()
            return try connection.transaction { try batch.update(["u"], &$0) }
        }
        var other = try UserBench()
        // The other one starts on the pool of threads that this one must not hold meanwhile.
        for _ in 0..<50_000 where try !other.isBlocked() { await Task.yield() }
        #expect(try other.isBlocked())
        // One that only the second can see to be new.
        try other.insight("u", "{\"openness\": 10}")
        try bench.connection.execute("commit")
        #expect(first.applied == 3)
        #expect(try await second.applied == 0)
        #expect(try bench.openness("u") == "53.000000")
        try bench.update("u")
        #expect(try bench.openness("u") == "54.000000")
    }

    @Test("only users with a message or an interaction within 7 days are updated")
    func activeUsers() throws {
        var bench = try UserBench()
        for user in ["written", "long ago", "imported", "bot only", "watched", "silent"] {
            try bench.insight(user, "{\"openness\": 1}")
        }
        try bench.message("written", at: "now() - interval '6 days 23 hours'")
        // Received now, but written long ago: an import makes nobody active.
        try bench.message("imported", at: "now() - interval '8 days'")
        try bench.message("long ago")
        try bench.connection.execute(
            """
            update afterthought.messages
            set received_at = now() - interval '8 days', created_at = now() - interval '8 days'
            where user_id = 'long ago';
            select afterthought.record_message('bot only', 'bot', 'assistant', 'hello');
            select afterthought.record_entertainment('watched', 'viewed', '{"openness": 1}')
            """)
        #expect(try bench.update().tally.usersProcessed == 2)
        let updated = "select user_id from afterthought.user_personality_profiles order by 1"
        #expect(try bench.lines(updated) == ["watched", "written"])
        try bench.update("silent")
        #expect(try bench.lines(updated) == ["silent", "watched", "written"])
        try bench.message("long ago")
        #expect(try bench.update().tally.usersProcessed == 1)
    }

    @Test("insights older than 30 days are not applied")
    func window() throws {
        var bench = try UserBench()
        try bench.insight("u", "{\"openness\": 1}", at: "now() - interval '29 days 23 hours'")
        try bench.insight("u", "{\"openness\": 10}", at: "now() - interval '30 days 1 minute'")
        try bench.update("u")
        #expect(try bench.openness("u") == "50.100000")
    }

    @Test("one user on demand returns how many insights were processed and which traits changed")
    func onDemand() throws {
        var bench = try UserBench()
        try bench.insight("u", "{\"openness\": 2, \"neuroticism\": -4}")
        try bench.insight("u", "{\"openness\": 1}")
        try bench.insight("u", "{\"openness\": \"NaN\"}")
        try bench.insight("v", "{\"openness\": 1}")
        let report = try bench.update("u")
        #expect(metadata(report, "insights_processed") == .number(JSONNumber(Int64(2))))
        #expect(metadata(report, "insights_rejected") == .number(JSONNumber(Int64(1))))
        #expect(
            metadata(report, "trait_changes")?.text
                == "{\"openness\":{\"before\":50,\"after\":50.3,\"change\":0.3,\"sum\":3},"
                + "\"neuroticism\":{\"before\":50,\"after\":49.6,\"change\":-0.4,\"sum\":-4}}")
        #expect(try bench.openness("v") == "none")
        #expect(
            try bench.lines("select metadata ->> 'insights_processed' from afterthought.system_tasks") == ["2"])
        let nobody = try bench.update("nobody")
        #expect(nobody.state == "completed")
        #expect(metadata(nobody, "trait_changes")?.text == "{}")
        #expect(nobody.tally.usersProcessed == 0 && nobody.tally.successfulUpdates == 0)
        #expect(metadata(nobody, "skipped") == .string("no new insights"))
        try bench.insight("w", "{\"charm\": 1}")
        let rejected = try bench.update("w")
        #expect(rejected.tally.usersProcessed == 1 && rejected.tally.successfulUpdates == 0)
        let wrong = JobBench.Request(PersonalityUpdateJob(), arguments: try JSONValue(parsing: "{\"user_id\": 7}"))
        let failed = try JobBench.run(wrong, &bench.connection)
        #expect(failed.error?.hasPrefix("expected the argument user_id") == true)
    }

    @Test("traits stay within 0…100")
    func clamps() throws {
        var bench = try UserBench()
        for _ in 0..<10 { try bench.insight("u", "{\"openness\": 90, \"extraversion\": -90}") }
        try bench.update("u")
        #expect(
            try bench.lines("select openness, extraversion, agreeableness from afterthought.user_personality_profiles")
                == ["100.000000 0.000000 50.000000"])
    }

    @Test("an unknown trait or a non-number rejects that insight with its reason and blocks no other")
    func rejections() throws {
        var bench = try UserBench()
        let bad = [
            "{\"charm\": 1}", "{\"openness\": \"Infinity\"}", "{\"openness\": null}", "{\"openness\": \"5\"}", "[1]",
            "{\"openness\": 1e400}",
        ]
        for text in bad { try bench.insight("u", text) }
        try bench.insight("u", "{\"openness\": 1}")
        let report = try bench.update("u")
        #expect(report.state == "completed" && report.tally.failedUpdates == 0)
        #expect(try bench.openness("u") == "50.100000")
        let reasons = try bench.lines(
            """
            select rejection from afterthought.chat_personality_insights
            where settled_at is not null and rejection is not null order by id
            """)
        #expect(reasons.count == bad.count && reasons.allSatisfy { $0.hasPrefix("expected ") })
        #expect(metadata(try bench.update("u"), "insights_rejected") == .number(JSONNumber(Int64(0))))
    }

    @Test("interactions count by the weight of their kind, which can be changed; an unknown kind is rejected")
    func entertainment() throws {
        var bench = try UserBench()
        func record(_ kind: String) throws {
            try bench.connection.execute(
                "select afterthought.record_entertainment('u', '\(kind)', '{\"openness\": 10}', 'film 1')")
        }
        try record("liked")
        try record("skipped")
        try record("teleported")
        try bench.insight("u", "{\"openness\": 1}")
        let report = try bench.update()
        // 1·10 - 0.2·10 + 1 = 9, a tenth of it.
        #expect(try bench.openness("u") == "50.900000")
        #expect(report.tally.recordsProcessed == 3)
        #expect(
            try bench.lines("select kind from afterthought.entertainment_interactions where rejection is not null")
                == ["teleported"])
        try bench.connection.execute(
            """
            update afterthought.entertainment_weights set weight = 2 where kind = 'liked';
            insert into afterthought.entertainment_weights values ('teleported', -0.5, 'was there')
            """)
        try record("liked")
        try record("teleported")
        try bench.update()
        #expect(try bench.openness("u") == "52.400000")
    }

    @Test("each update leaves a row of history that tells how the traits moved")
    func history() throws {
        var bench = try UserBench()
        try bench.insight("u", "{\"openness\": 2}")
        try bench.update("u")
        try bench.insight("u", "{\"agreeableness\": 5}")
        try bench.insight("u", "{\"agreeableness\": 5}")
        try bench.update("u")
        try bench.update("u")
        #expect(
            try bench.lines(
                """
                select openness, agreeableness, insights_applied,
                    (
                        select string_agg(key || (value ->> 'before') || (value ->> 'after'), ',')
                        from jsonb_each(trait_changes)
                    )
                from afterthought.personality_history order by id
                """) == ["50.200000 50.000000 1 openness5050.2", "50.200000 51.000000 2 agreeableness5051"])
        #expect(
            try bench.lines("select insights_applied from afterthought.user_personality_profiles") == ["3"])
    }

    @Test("history runs forward, also when a run that was due earlier comes later")
    func historyOfLateRun() throws {
        var bench = try UserBench()
        try bench.message("u", at: "now() - interval '3 hours'")
        for due in try bench.lines("select now() - interval '1 hour' * h from unnest('{0,2}'::int[]) as h") {
            try bench.insight("u", "{\"openness\": 1}", at: "now() - interval '3 hours'")
            let late = JobBench.Request(PersonalityUpdateJob(), dueAt: due)
            #expect(try JobBench.run(late, &bench.connection).tally.successfulUpdates == 1)
        }
        let isForward = """
            select array_agg(changed_at order by id) = array_agg(changed_at order by changed_at),
                min(changed_at) > now() - interval '1 hour'
            from afterthought.personality_history
            """
        #expect(try bench.lines(isForward) == ["t t"])
        #expect(
            try bench.lines(
                """
                select updated_at = (select max(changed_at) from afterthought.personality_history)
                from afterthought.user_personality_profiles
                """) == ["t"])
    }

    @Test("insights and interactions go after 90 days, or as many as are set; profiles and history stay")
    func cleanup() throws {
        var bench = try UserBench()
        func days() throws -> [String] {
            try bench.lines(
                """
                select external_id from afterthought.chat_personality_insights
                union all select 'e' || external_id from afterthought.entertainment_interactions order by 1
                """)
        }
        try bench.connection.execute(
            """
            select
                afterthought.record_personality_insight(
                    'u', '{"openness": 1}', external_id => d::text, recorded_at => now() - interval '1 day' * d),
                afterthought.record_entertainment(
                    'u', 'liked', '{"openness": 1}', external_id => d::text,
                    recorded_at => now() - interval '1 day' * d)
            from unnest('{10,70,89,91}'::int[]) as d
            """)
        try bench.update("u")
        let report = try JobBench.run(JobBench.Request(InsightCleanupJob()), &bench.connection)
        #expect(report.tally.recordsProcessed == 2)
        #expect(try days() == ["10", "70", "89", "e10", "e70", "e89"])
        try bench.connection.execute(
            "update afterthought.job_settings set value = '60' where name = 'INSIGHT_RETENTION_DAYS'")
        let again = try JobBench.run(JobBench.Request(InsightCleanupJob(rowsMax: 1)), &bench.connection)
        #expect(again.tally.recordsProcessed == 4)
        #expect(try days() == ["10", "e10"])
        #expect(try bench.openness("u") == "50.200000")
        #expect(try bench.lines("select count(*) from afterthought.personality_history") == ["1"])
    }
}
