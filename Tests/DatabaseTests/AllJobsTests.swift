import Postgres
import Support
import Testing
import Worker

@testable import afterthought

@Suite("All jobs on real and generated rows", .database)
struct AllJobsTests {
    /// What has to be there after each job, as a query that says true.
    private static let effects = [
        "cache_cleanup": "select true",
        "preference_aggregation": "select count(*) = 40 from afterthought.user_preferences",
        "personality_update": """
        select count(*) = 40 and min(openness) = 50.6 and max(openness) = 50.6 and min(extraversion) = 50.2
        from afterthought.user_personality_profiles
        """,
        "insight_cleanup": "select count(*) = 120 from afterthought.chat_personality_insights",
        "clustering": "select count(*) > 1 from afterthought.current_clusters",
        "reembed": "select true",
        "prompt_optimization": "select count(*) = 4 and count(score) = 0 from afterthought.prompt_variants",
        "rag_training": "select count(*) >= 1 from afterthought.training_runs where kind = 'rag_training'",
        "ab_test_analysis": """
        select winner_arm = 'new' and status = 'concluded'
        from afterthought.learning_experiments where experiment_id = 'generated-experiment'
        """,
        "learning_cleanup": "select count(*) = 5 from afterthought.agent_feedback_archive",
        "learning_report": "select count(*) = 1 from afterthought.learning_reports",
        "signal_quality": "select count(*) > 0 from afterthought.signal_quality",
    ]

    @Test("every job of the catalogue runs by hand, does its work and tells of it")
    func everyJob() async throws {
        let database = TestDatabase.current
        var connection = try database.connect()
        try SampleRows.insert(SampleRows.ofPairs(24), into: &connection)
        try GeneratedBusiness.insert(into: &connection)
        try await Workbench.runOnce(try database.options)
        let names = JobCatalog.all { Workbench.analyzer }.map(\.name)
        #expect(Set(names) == Set(Self.effects.keys))
        for name in names {
            let ran = try Program.run(["run", name], environment: ["AFTERTHOUGHT_DATABASE_URL": database.url])
            #expect(ran.status == 0, "\(name): \(ran.errors)")
            let effect = try connection.textRows(Self.effects[name] ?? "select false")
            #expect(effect == [["t"]], "\(name): \(ran.output)")
        }
        #expect(
            try connection.textRows(
                "select count(distinct name), bool_and(status = 'completed') from afterthought.system_tasks")
                == [["\(names.count)", "t"]])
        // Once more: nothing new, so nothing changes but the record of what ran.
        let before = try Self.outputs(&connection)
        for name in names where name != "signal_quality" && name != "learning_report" {
            _ = try Program.run(["run", name], environment: ["AFTERTHOUGHT_DATABASE_URL": database.url])
        }
        #expect(try Self.outputs(&connection) == before)
    }

    private static func outputs(_ connection: inout Connection) throws -> [[String?]] {
        try connection.textRows(
            """
            select 'preferences', md5(string_agg(p::text, ',' order by user_id)) from afterthought.user_preferences as p
            union all
            select 'personality', md5(string_agg(p::text, ',' order by user_id))
            from afterthought.user_personality_profiles as p
            union all
            select 'variants', count(*)::text from afterthought.prompt_variants
            union all
            select 'clusters', md5(string_agg(c.cluster_id::text || ' ' || c.conversations, ',' order by c.cluster_id))
            from afterthought.current_clusters as c
            """)
    }
}
