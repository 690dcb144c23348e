import Bytes
import Postgres
import Store
import Support
import Testing

@testable import Jobs

@Suite("Statements of preferences and personality", .database)
struct UserJobSchemaTests {
    @Test("every statement fits the schema")
    func statements() throws {
        var connection = try TestDatabase.current.connect()
        let now = Timestamp(seconds: 0)
        let rules = DuePreferenceUsers.Rules(conversations: 5, hours: 24, signalsMin: 3)
        _ = try connection.describe(DuePreferenceUsers(after: "", rules: rules, at: now, usersMax: 1))
        _ = try connection.describe(PreferenceUserIsDue(rules: rules))
        _ = try connection.describe(CountPreferenceSignals(user: "u", signalsMax: 3))
        _ = try connection.describe(LoadPreferenceSignals(users: [], signalsMax: 100))
        _ = try connection.describe(MarkPreferenceSignals(ids: []))
        _ = try connection.describe(TrimPreferenceSignals(users: [], signalsMax: 100))
        _ = try connection.describe(SavePreferences(rows: []))
        _ = try connection.describe(NoteUserUpdateFailure(job: "j", user: "u", error: "e"))
        _ = try connection.describe(ForgetUserUpdateFailures(job: "j", users: []))
        _ = try connection.describe(
            ActivePersonalityUsers(after: "", insightsSince: now, activeSince: now, usersMax: 1))
        _ = try connection.describe(LoadChatInsights(users: [], since: now, insightsMax: 1))
        _ = try connection.describe(LoadInteractions(users: [], since: now, interactionsMax: 1))
        _ = try connection.describe(SettleInsights<ChatInsights>(SettledInsights()))
        _ = try connection.describe(SettleInsights<Interactions>(SettledInsights()))
        _ = try connection.describe(DeleteOldInsights<ChatInsights>(before: now, rowsMax: 1))
        _ = try connection.describe(DeleteOldInsights<Interactions>(before: now, rowsMax: 1))
        _ = try connection.describe(LoadPersonalityProfiles(users: []))
        _ = try connection.describe(SavePersonalityProfiles(rows: []))
        _ = try connection.describe(AppendPersonalityHistory(rows: []))
    }

    @Test(
        "what can't be meant is refused at the door",
        arguments: [
            "record_preference_signal('')", "record_preference_signal('u', created_at => 'infinity')",
            "record_preference_signal('u', style_keywords => '{{a,b},{c,d}}')",
            "record_preference_signal('u', brand_mentions => array_fill('x'::text, array[65]))",
            "record_preference_signal('u', user_interaction => '[]')", "record_personality_insight('', '{}')",
            "record_personality_insight('u', to_jsonb(repeat('x', 9000)))", "record_entertainment('', 'liked', '{}')",
        ])
    func constraints(call: String) throws {
        var connection = try TestDatabase.current.connect()
        let error = #expect(throws: PostgresError.self) { try connection.execute("select afterthought.\(call)") }
        #expect(error?.sqlState == "23514")
    }

    @Test("the application may record and not read, the worker may do its jobs and not write insights")
    func roles() throws {
        var bench = try UserBench()
        // Roles belong to the whole cluster, which other tests share.
        try bench.connection.execute("begin; select pg_advisory_xact_lock(4711)")
        try bench.connection.execute(Migration.rolesSQL)
        try bench.connection.execute("commit; set role afterthought_app")
        try bench.signals("u", 150)
        try bench.insight("u", "{\"openness\": 3}")
        try bench.connection.execute(
            """
            insert into afterthought.entertainment_interactions (user_id, kind, adjustments)
            values ('u', 'liked', '{}')
            """
        )
        for sql in [
            "select query from afterthought.preference_signals",
            "insert into afterthought.preference_signals (user_id, tx) values ('u', '9')",
            "insert into afterthought.preference_signals (user_id, aggregated_at) values ('u', now())",
            """
            insert into afterthought.chat_personality_insights (user_id, adjustments, settled_at)
            values ('u', '{}', now())
            """,
            "update afterthought.entertainment_weights set weight = 9",
        ] {
            let error = #expect(throws: PostgresError.self) { try bench.connection.execute(sql) }
            #expect(error?.sqlState == "42501", "\(sql)")
        }
        try bench.connection.execute("set role afterthought_worker")
        #expect(try bench.aggregate().tally.successfulUpdates == 1)
        #expect(try bench.update("u").tally.successfulUpdates == 1)
        #expect(try JobBench.run(JobBench.Request(InsightCleanupJob()), &bench.connection).state == "completed")
        let forbidden = #expect(throws: PostgresError.self) { try bench.insight("u", "{}") }
        #expect(forbidden?.sqlState == "42501")
        try bench.connection.execute("set role afterthought_reader")
        #expect(try bench.openness("u") == "50.300000")
        #expect(try bench.lines("select signals_reflected from afterthought.user_preferences") == ["100"])
    }

    @Test("schedules and defaults are those of the documentation")
    func schedules() throws {
        var bench = try UserBench()
        #expect(
            try bench.lines(
                """
                select job, cron, first_delay_seconds from afterthought.job_schedules
                where job in ('preference_aggregation', 'personality_update', 'insight_cleanup') order by job
                """) == [
                    "insight_cleanup 0 3 * * SUN null", "personality_update 0 2 * * * null",
                    "preference_aggregation 0 * * * * 30",
                ])
        #expect(
            try bench.lines(
                "select name, value from afterthought.job_settings where name ~ '_(THRESHOLD|MIN|KEPT)' order by 1"
            ).contains("PREFERENCE_CONVERSATION_THRESHOLD 5"))
    }
}
