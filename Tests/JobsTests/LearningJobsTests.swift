import Bytes
import Jobs
import Postgres
import Store
import Support
import Testing

@testable import Learning

@Suite("Job: prompt optimisation", .database)
struct PromptOptimizationJobTests {
    private static let dueAt = "2026-02-02 02:00:00+00"

    /// `elena` has enough of everything; of the others one lacks executions, one examples, one is not enabled.
    static func prepare(_ connection: inout Connection) throws {
        try connection.execute(
            """
            select afterthought.record_agent(a, 'You are ' || a || '. Please answer kindly.', enabled => a <> 'off')
            from unnest(array['elena', 'few_examples', 'few_runs', 'marcus', 'off']) as a;
            select afterthought.record_execution(
                a.name, executed_at => case when a.name = 'few_runs' and n > 49 then timestamptz '2025-12-01'
                    else timestamptz '2026-01-20' end)
            from unnest(array['elena', 'few_examples', 'few_runs', 'marcus', 'off']) as a (name),
                generate_series(1, 50) as n;
            insert into afterthought.learning_examples (
                agent_id, input, expected_output, quality, status, decided_at)
            select a.name, 'question ' || n, 'answer ' || n, 0.5 + n % 5 / 10.0, 'approved', '2026-01-20'
            from unnest(array['elena', 'few_examples', 'few_runs', 'marcus', 'off']) as a (name),
                generate_series(1, 110) as n
            where n <= case a.name when 'few_examples' then 9 when 'marcus' then 10 else 110 end
            order by a.name, n;
            """)
    }

    private static func state(_ connection: inout Connection) throws -> [String] {
        try connection.lines(
            """
            select r.subject, r.kind, r.due_at, r.status, r.samples, r.metrics, v.kind, v.prompt, v.base_prompt,
                v.shown_examples, v.held_out_examples, v.status, v.status_reason, v.score, v.tokens_spent
            from afterthought.training_runs as r join afterthought.prompt_variants as v on v.training_run_id = r.id
            order by r.id, v.kind
            """)
    }

    private static func request(_ evaluator: (any PromptEvaluator)? = nil, dueAt: String = dueAt) -> JobBench.Request {
        JobBench.Request(PromptOptimizationJob(evaluator: evaluator), dueAt: dueAt)
    }

    @Test func agentsThatQualifyGetFourVariantsThatAreNotEvaluated() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepare(&connection)
        let report = try JobBench.run(Self.request(), &connection)
        #expect(report.state == "completed" && report.tally.successfulUpdates == 2, "\(report)")
        #expect(
            try connection.lines("select subject, samples, status from afterthought.training_runs order by 1")
                == ["elena 100 for_review", "marcus 10 for_review"])
        #expect(
            try connection.lines(
                """
                select agent_id, string_agg(kind, ' ' order by id), bool_and(status = 'not_evaluated'),
                    bool_and(status_reason = 'no language model is configured'), bool_and(score is null),
                    bool_and(not shown_examples && held_out_examples)
                from afterthought.prompt_variants group by 1 order by 1
                """) == [
                    "elena clarified few_shot restructured combined t t t t",
                    "marcus clarified few_shot restructured combined t t t t",
                ])
    }

    @Test func theSameAgainIsNotOfferedTwice() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepare(&connection)
        _ = try JobBench.run(Self.request(), &connection)
        let first = try Self.state(&connection)
        let again = try JobBench.run(Self.request(dueAt: "2026-02-09 02:00:00+00"), &connection)
        #expect(again.state == "completed" && again.tally.successfulUpdates == 0)
        #expect(try Self.state(&connection) == first)
        try connection.execute("select afterthought.record_agent('elena', 'You are Elena. Never lie.')")
        let changed = try JobBench.run(Self.request(dueAt: "2026-02-09 03:00:00+00"), &connection)
        #expect(changed.tally.successfulUpdates == 1)
    }

    @Test func nothingToDoIsSaidToBeSo() throws {
        var connection = try TestDatabase.current.connect()
        let report = try JobBench.run(Self.request(), &connection)
        #expect(report.state == "completed" && report.tally.metadata.first?.key == "skipped")
    }

    /// Gives every prompt a score by its length, and spends ten tokens an example.
    private struct Ruler: PromptEvaluator {
        let name = "ruler"
        func evaluate(_ request: PromptEvaluationRequest, checkStop: () throws -> Void) throws -> PromptEvaluation {
            try checkStop()
            let tokens = 10 * request.examples.count
            #expect(!request.examples.isEmpty && request.examples.allSatisfy(\.isHeldOut))
            guard tokens <= request.tokensMax else {
                return PromptEvaluation(score: nil, baseScore: nil, tokensSpent: request.tokensMax, usdSpent: 0)
            }
            return PromptEvaluation(
                score: min(1, Double(request.prompt.count) / 10_000), baseScore: 0.1, tokensSpent: tokens,
                usdSpent: 0.25)
        }
    }

    @Test func anEvaluatorsFindingsAndCostsAreKept() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepare(&connection)
        _ = try JobBench.run(Self.request(), &connection)
        _ = try JobBench.run(Self.request(Ruler(), dueAt: "2026-02-09 02:00:00+00"), &connection)
        #expect(
            try connection.lines(
                """
                select count(*),
                    bool_and(status = 'evaluated' and score > 0 and base_score = 0.1 and evaluator = 'ruler'),
                    bool_and(tokens_spent = 10 * cardinality(held_out_examples) and tokens_spent > 0), sum(usd_spent)
                from afterthought.prompt_variants
                """) == ["8 t t 2"])
    }

    @Test func aBudgetThatRanOutLeavesTheVariantNotEvaluated() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepare(&connection)
        try connection.execute(
            "update afterthought.job_settings set value = '5' where name = 'PROMPT_EVALUATION_TOKENS_MAX'")
        _ = try JobBench.run(Self.request(Ruler()), &connection)
        #expect(
            try connection.lines(
                """
                select distinct status, status_reason, score, tokens_spent, tokens_budget
                from afterthought.prompt_variants
                """)
                == ["not_evaluated the budget ran out null 5 5"])
    }

    @Test func aKillAtAnyStatementChangesNothing() throws {
        let places = try JobBench.cutEverywhere(Self.request(), prepare: Self.prepare, state: Self.state)
        #expect(places > 10, "\(places)")
        try JobBench.cutEverywhere(Self.request(Ruler()), prepare: Self.prepare, state: Self.state)
    }
}

@Suite("Job: learning cleanup", .database)
struct LearningCleanupJobTests {
    static func prepare(_ connection: inout Connection) throws {
        try connection.execute(
            """
            select afterthought.record_feedback(
                'elena', n % 10 / 10.0, 'comment ' || n, user_id => 'u' || n,
                created_at => timestamptz '2026-02-01 01:00:00+00' - make_interval(days => n))
            from generate_series(1, 400) as n
            """)
    }

    private static func state(_ connection: inout Connection) throws -> [String] {
        try connection.lines(
            """
            select id, created_at, agent_id, user_id, score, comment, correction, execution_id, archived_at
            from afterthought.all_agent_feedback order by id
            """)
    }

    private static let request = JobBench.Request(
        LearningCleanupJob(batchRowsMax: 50), dueAt: "2026-02-01 01:00:00+00")

    @Test func whatIsOlderThanTheRetentionMovesAndNothingIsLost() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepare(&connection)
        let all = "select to_jsonb(f) - 'archived_at' from afterthought.all_agent_feedback as f order by id"
        let before = try connection.lines(all)
        let report = try JobBench.run(Self.request, &connection)
        #expect(report.state == "completed" && report.tally.recordsProcessed == 220, "\(report)")
        #expect(
            try connection.lines(
                """
                select (select count(*) from afterthought.agent_feedback),
                    (select count(*) from afterthought.agent_feedback_archive),
                    (select max(created_at) < '2026-02-01 01:00:00+00'::timestamptz - interval '180 days'
                     from afterthought.agent_feedback_archive)
                """) == ["180 220 t"])
        #expect(before.count == 400)
        #expect(try connection.lines(all) == before)
        // Again: nothing more.
        #expect(try JobBench.run(Self.request, &connection).tally.recordsProcessed == 0)
    }

    @Test func theRetentionIsASetting() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepare(&connection)
        try connection.execute(
            "update afterthought.job_settings set value = '399' where name = 'FEEDBACK_RETENTION_DAYS'")
        #expect(try JobBench.run(Self.request, &connection).tally.recordsProcessed == 1)
    }

    @Test func aKillAtAnyStatementChangesNothing() throws {
        let places = try JobBench.cutEverywhere(Self.request, prepare: Self.prepare, state: Self.state)
        #expect(places > 15, "\(places)")
    }
}

@Suite("Job: learning report", .database)
struct LearningReportJobTests {
    private static let request = JobBench.Request(LearningReportJob(), dueAt: "2026-02-02 09:00:00+00")

    static func prepare(_ connection: inout Connection) throws {
        try ExperimentAnalysisJobTests.prepare(&connection)
        try connection.execute(
            """
            select afterthought.record_feedback(
                'elena', n % 11 / 10.0, correction => case n % 4 when 0 then 'better' end,
                created_at => timestamptz '2026-02-02 08:00:00+00' - make_interval(hours => n))
            from generate_series(1, 400) as n;
            select afterthought.record_execution(
                'elena', succeeded => n % 5 <> 0, latency_ms => n, cost_usd => 0.01,
                executed_at => timestamptz '2026-02-02 08:00:00+00' - make_interval(hours => n))
            from generate_series(1, 300) as n;
            insert into afterthought.learning_examples (
                agent_id, input, expected_output, quality, created_at, status, decided_at)
            select 'elena', 'in', 'out', n / 40.0,
                timestamptz '2026-02-02 08:00:00+00' - make_interval(hours => 10 * n),
                case n % 3 when 0 then 'pending' when 1 then 'approved' else 'rejected' end,
                case when n % 3 > 0 then timestamptz '2026-02-02 08:00:00+00' - make_interval(hours => 7 * n) end
            from generate_series(1, 40) as n;
            insert into afterthought.agent_feedback_archive (
                id, received_at, created_at, agent_id, score, archived_at)
            values (1000000, '2025-06-01', '2026-02-01', 'elena', 1, '2026-02-01 01:00:00+00');
            """)
        _ = try JobBench.run(
            JobBench.Request(ExperimentAnalysisJob(), dueAt: "2026-02-01 12:00:00+00"), &connection)
        // Its history is not part of this.
        try connection.execute("truncate afterthought.system_tasks")
    }

    private static func state(_ connection: inout Connection) throws -> [String] {
        try connection.lines("select period_start, period_end, markdown, report from afterthought.learning_reports")
    }

    @Test func everyFigureIsWhatItsSQLGives() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepare(&connection)
        let report = try JobBench.run(Self.request, &connection)
        #expect(report.state == "completed" && report.tally.successfulUpdates == 1, "\(report)")
        let figures = try connection.textRows(
            """
            select f ->> 'name', f ->> 'value', f ->> 'sql', f ->> 'label'
            from afterthought.learning_reports, jsonb_array_elements(report -> 'figures') as f
            """)
        #expect(figures.count == ReportFigure.all.count && figures.count > 20)
        let markdown = try #require(try connection.textRows("select markdown from afterthought.learning_reports")[0][0])
        for figure in figures {
            let name = try #require(figure[0])
            let sql = try #require(figure[2])
            let label = try #require(figure[3])
            #expect(markdown.contains(sql) && markdown.contains("| \(label) |"), "\(name)")
            let value = try connection.textRows(sql)
            #expect(value.count == 1 && value[0].count == 1, "\(name)")
            #expect(value[0][0].flatMap(Double.init) == figure[1].flatMap(Double.init), "\(name)")
        }
        func value(_ name: String) -> Double? { figures.first { $0[0] == name }?[1].flatMap(Double.init) }
        // Counted by hand: 167 of the hourly rows are within 168 hours of 09:00, which is an hour after the newest + 1.
        #expect(value("feedback_count") == 168 && value("executions") == 167)
        #expect(value("experiments_concluded") == 1 && value("experiments_won") == 1)
        #expect(value("experiments_running") == 2)
        #expect(value("variants_evaluated_share") == nil && markdown.contains("no data"))
    }

    @Test func aWeekHasOneReport() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepare(&connection)
        _ = try JobBench.run(Self.request, &connection)
        let first = try Self.state(&connection)
        try connection.execute("delete from afterthought.agent_feedback")
        _ = try JobBench.run(Self.request, &connection)
        #expect(try Self.state(&connection) == first)
    }

    @Test func anEmptyWeekIsReportedToo() throws {
        var connection = try TestDatabase.current.connect()
        #expect(try JobBench.run(Self.request, &connection).state == "completed")
        #expect(try Self.state(&connection).count == 1)
    }

    @Test func aKillAtAnyStatementChangesNothing() throws {
        let places = try JobBench.cutEverywhere(Self.request, prepare: Self.prepare, state: Self.state)
        #expect(places > ReportFigure.all.count, "\(places)")
    }
}
