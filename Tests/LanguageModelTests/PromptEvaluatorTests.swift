import Bytes
import Jobs
import Learning
import Postgres
import Store
import Support
import Synchronization
import Testing

@testable import LanguageModel

@Suite("Language model: prompt evaluation", .database)
struct PromptEvaluatorTests {
    private static let examples = (1...4).map {
        PromptExample(id: Int64($0), input: "question \($0)", output: "the answer number \($0)", quality: nil)
    }
    private static let request = PromptEvaluationRequest(
        prompt: "better", basePrompt: "worse", examples: examples, tokensMax: 10_000, usdMax: 1)

    /// Gives the expected answer to the better prompt, and half of it to the worse.
    private static func transport() -> ScriptedTransport {
        ScriptedTransport { instructions, input in
            let number = input.split(separator: " ").last ?? ""
            return ScriptedTransport.reply(instructions == "worse" ? "the answer" : "The answer: number \(number)!")
        }
    }

    private static func price(_ connection: inout Connection) throws {
        try connection.execute(
            "update afterthought.job_settings set value = '1' where name ~ '^LANGUAGE_MODEL_(PROMPT|COMPLETION)_USD$'"
        )
    }

    private func evaluator(_ transport: ScriptedTransport) throws -> LanguageModelPromptEvaluator {
        LanguageModelPromptEvaluator(try transport.client(), options: try TestDatabase.current.options)
    }

    @Test func promptsAreScoredByTheirAnswers() throws {
        var connection = try TestDatabase.current.connect()
        try Self.price(&connection)
        let transport = Self.transport()
        let evaluator = try evaluator(transport)
        let found = try evaluator.evaluate(Self.request, checkStop: {})
        #expect(found.score == 1)
        // Two of four words: precision 1, recall 1/2.
        #expect(abs((found.baseScore ?? 0) - 2.0 / 3) < 1e-12)
        #expect(found.tokensSpent == 8 * 15 && abs(found.usdSpent - 120e-6) < 1e-12)
        #expect(evaluator.name == "tiny" && transport.requests.count == 8)
        // The same again is known; the prompt as it is is paid for once.
        #expect(try evaluator.evaluate(Self.request, checkStop: {}) == found)
        var other = Self.request
        other.prompt = "another"
        #expect(try evaluator.evaluate(other, checkStop: {}).tokensSpent == 4 * 15)
        #expect(transport.requests.count == 12)
    }

    @Test func aBudgetThatRunsOutGivesNoScore() throws {
        var connection = try TestDatabase.current.connect()
        try Self.price(&connection)
        let transport = Self.transport()
        var request = Self.request
        // Each call reserves fewer than 400 tokens and takes 15.
        request.tokensMax = 400
        let found = try evaluator(transport).evaluate(request, checkStop: {})
        #expect(found.score == nil && found.tokensSpent <= 400)
        #expect(transport.requests.count == found.tokensSpent / 15)
        let again = try evaluator(transport).evaluate(request, checkStop: {})
        #expect(again == found)
        request.tokensMax = 10_000
        #expect(try evaluator(transport).evaluate(request, checkStop: {}).score == 1)
        #expect(transport.requests.count == 8)
    }

    @Test func aKillAtAnyStatementOfTheLedgerCostsTheBudgetNothing() throws {
        var connection = try TestDatabase.current.connect()
        try Self.price(&connection)
        var place = 0
        while true {
            try connection.execute("truncate afterthought.language_model_ledger")
            let countdown = Countdown(from: place)
            var options = try TestDatabase.current.options
            options.breaksBeforeSending = { countdown.isOver() }
            let transport = Self.transport()
            let fragile = LanguageModelPromptEvaluator(try transport.client(), options: options)
            var wasCut = false
            do { _ = try fragile.evaluate(Self.request, checkStop: {}) } catch let error as PostgresError {
                #expect(error.isConnectionLoss)
                wasCut = true
            }
            let found = try evaluator(transport).evaluate(Self.request, checkStop: {})
            #expect(found.score == 1 && abs((found.baseScore ?? 0) - 2.0 / 3) < 1e-12, "place \(place)")
            let kept = try connection.lines(
                """
                select sum(prompt_tokens + completion_tokens), count(*) filter (where outcome = 'reserved') <= 1
                from afterthought.language_model_ledger
                """)
            // What was spent is told in full, and no question is asked a third time.
            #expect(kept == ["\(found.tokensSpent) t"] && found.tokensSpent <= Self.request.tokensMax)
            #expect(transport.requests.count <= 9, "place \(place)")
            if !wasCut { break }
            place += 1
        }
        #expect(place > 20)
    }

    @Test func whatIsReplacedInTheQuestionIsReplacedInTheExpectedAnswer() throws {
        var connection = try TestDatabase.current.connect()
        try Self.price(&connection)
        let echo = ScriptedTransport { _, input in ScriptedTransport.reply(input) }
        var request = Self.request
        request.examples = [
            PromptExample(id: 1, input: "write to me@example.org", output: "Write to me@example.org", quality: nil)
        ]
        #expect(try evaluator(echo).evaluate(request, checkStop: {}).score == 1)
        #expect(echo.requests.count == 2 && !echo.requests.joined().contains("example.org"))
    }

    @Test func aModelThatRefusesFailsTheAttemptInWordsWithoutContent() throws {
        var connection = try TestDatabase.current.connect()
        try Self.price(&connection)
        let closed = ScriptedTransport { _, _ in HTTPResponse(status: 403, body: Array("secret".utf8)) }
        let failure = #expect(throws: JobFailure.self) {
            try evaluator(closed).evaluate(Self.request, checkStop: {})
        }
        #expect(failure?.description.contains("refused the key") == true)
        #expect(failure?.description.contains("secret") == false)
    }

    /// An agent with enough executions and examples.
    private static func prepareAgent(_ connection: inout Connection) throws {
        try price(&connection)
        try connection.execute(
            """
            select afterthought.record_agent('elena', 'You are Elena. Please answer kindly.');
            select afterthought.record_execution('elena', executed_at => timestamptz '2026-01-20')
            from generate_series(1, 50);
            insert into afterthought.learning_examples (agent_id, input, expected_output, status, decided_at)
            select 'elena', 'question ' || n, 'the answer number ' || n, 'approved', '2026-01-20'
            from generate_series(1, 30) as n;
            """)
    }

    @Test(arguments: [
        (HTTPResponse(status: 400), "the endpoint refused this request (status 400)"),
        (HTTPResponse(status: 200, contentType: "application/json", body: Array("{".utf8)), "the endpoint's answer is"),
        (nil, "expected an answer of at most"),
    ])
    func oneAnswerThatIsNoneLeavesTheOtherVariantsTheirs(response: HTTPResponse?, reason: String) throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepareAgent(&connection)
        // Without an evaluator first: the variants say that there is none.
        _ = try JobBench.run(
            JobBench.Request(PromptOptimizationJob(), dueAt: "2026-02-02 02:00:00+00"), &connection)
        let odd = try connection.lines("select prompt from afterthought.prompt_variants where kind = 'restructured'")[0]
        let transport = ScriptedTransport { instructions, input in
            if instructions == odd { return response }
            return ScriptedTransport.reply("the answer number \(input.split(separator: " ").last ?? "")")
        } failing: {
            LanguageModelError(.tooLarge, "expected an answer of at most 1 bytes, got: a larger one")
        }
        let job = PromptOptimizationJob(evaluator: try evaluator(transport))
        let report = try JobBench.run(JobBench.Request(job, dueAt: "2026-02-09 02:00:00+00"), &connection)
        #expect(report.state == "completed" && report.error == nil, "\(report)")
        let rows = try connection.lines(
            """
            select kind, status, base_score, evaluator, status_reason from afterthought.prompt_variants order by id
            """)
        #expect(rows.filter { $0.hasSuffix(" evaluated 1 tiny null") }.count == 3, "\(rows)")
        let start = "restructured not_evaluated 1 tiny the language model gave no answer: \(reason)"
        #expect(rows[2].hasPrefix(start), "\(rows)")
        // Asked about once, or as often as a malformed answer is repeated.
        #expect(transport.requests.filter { $0.contains(JSONValue.string(odd).text) }.count <= 3)
        // Whatever it said, the next run asks again.
        let healed = PromptOptimizationJob(evaluator: try evaluator(Self.transport()))
        _ = try JobBench.run(JobBench.Request(healed, dueAt: "2026-02-16 02:00:00+00"), &connection)
        #expect(
            try connection.lines(
                """
                select count(*) from afterthought.prompt_variants
                where status = 'evaluated' and status_reason is null
                """) == ["4"])
    }

    @Test func anEndpointThatIsOutFailsTheAttemptAndNobodySaysThatThereIsNone() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepareAgent(&connection)
        _ = try JobBench.run(
            JobBench.Request(PromptOptimizationJob(), dueAt: "2026-02-02 02:00:00+00"), &connection)
        for status in [401, 403, 404, nil] {
            let transport = ScriptedTransport { _, _ in status.map { HTTPResponse(status: $0) } }
            let job = PromptOptimizationJob(evaluator: try evaluator(transport))
            let report = try JobBench.run(JobBench.Request(job, dueAt: "2026-02-09 02:00:00+00"), &connection)
            #expect(report.state == "waiting" && report.error != nil, "\(report)")
            try connection.execute("delete from afterthought.jobs")
        }
        #expect(
            try connection.lines(
                "select kind, status, status_reason from afterthought.prompt_variants order by id limit 1")
                == ["clarified not_evaluated not evaluated yet"])
    }

    @Test func theJobKeepsWhatWasFound() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepareAgent(&connection)
        let transport = Self.transport()
        let job = PromptOptimizationJob(evaluator: try evaluator(transport))
        let report = try JobBench.run(JobBench.Request(job, dueAt: "2026-02-02 02:00:00+00"), &connection)
        #expect(report.state == "completed" && report.error == nil, "\(report)")
        #expect(
            try connection.lines(
                """
                select count(*), bool_and(score = 1 and base_score = 1 and evaluator = 'tiny')
                from afterthought.prompt_variants where status = 'evaluated'
                """) == ["4 t"])
        #expect(
            try connection.lines(
                """
                select sum(v.tokens_spent) = (
                    select sum(prompt_tokens + completion_tokens) from afterthought.language_model_ledger)
                from afterthought.prompt_variants as v
                """) == ["t"])
    }
}
