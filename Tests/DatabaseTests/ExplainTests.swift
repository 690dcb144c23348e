import Engines
import Model
import Postgres
import Support
import Testing

@testable import Store
@testable import Worker
@testable import afterthought

@Suite("C9 every number can be explained", .database)
struct ExplainTests {
    /// Columns that say which row it is and how it stands, not what is known of the pair.
    private static let bookkeeping = [
        "id", "user_id", "bot_name", "computed_at", "expires_at", "age", "reflects_through", "messages_reflected",
        "stale_reason", "null_reason", "validated",
    ]

    @Test func everySignalOfThePairViewsIsExplained() throws {
        var connection = try TestDatabase.current.connect()
        let columns = try connection.textRows(
            """
            select table_name, column_name from information_schema.columns
            where table_schema = 'afterthought' and table_name in (
                'strategic_memory_health', 'strategic_personality_profiles', 'strategic_conversation_patterns',
                'strategic_memory_behavior', 'strategic_engagement_opportunities')
            """
        ).map { "\($0[0] ?? "").\($0[1] ?? "")" }
        let signals = columns.filter { name in !Self.bookkeeping.contains { name.hasSuffix(".\($0)") } }
        #expect(signals.sorted() == SignalExplanation.all.map { "\($0.view).\($0.column)" }.sorted())
        let stored = Set(SaveStrategicRows.columns.map(\.name))
        for explanation in SignalExplanation.all {
            #expect(explanation.anchors.allSatisfy { stored.contains($0.name) }, "\(explanation.column)")
        }
    }

    @Test func everySignalIsTheSameComputedFromScratch() async throws {
        let database = TestDatabase.current
        var connection = try database.connect()
        let rows = SampleRows.ofPairs(3)
        try SampleRows.insert(rows, into: &connection)
        try await Workbench.runOnce(database.options)
        for explanation in SignalExplanation.all {
            let account = try SignalAccount(&connection, explanation, of: rows[0].pair, inputsMax: 0)
            #expect(
                account.isEqual ?? (account.preview.cached == nil),
                "\(explanation.column): \(account.preview.cached ?? "null") \(account.preview.recomputed ?? "null")")
            #expect(account.preview.meaning != nil || explanation.column == "style_features")
        }
    }

    @Test func aDifferenceIsSeenAndNothingIsChangedByLooking() async throws {
        let database = TestDatabase.current
        var connection = try database.connect()
        let rows = SampleRows.ofPairs(2)
        try SampleRows.insert(rows, into: &connection)
        try await Workbench.runOnce(database.options)
        let before = try Workbench.cache(&connection)
        let gap = try #require(SignalExplanation.of(column: "last_engagement_gap_hours"))
        var account = try SignalAccount(&connection, gap, of: rows[0].pair, inputsMax: 5)
        #expect(account.isEqual == true && account.leftOut == 5)
        // Only the newest message of the user decides when the user last wrote.
        #expect(account.decisive.map(\.id) == [account.inputs?.last?.id].compactMap { $0 })
        try connection.execute(
            """
            update afterthought.strategic_cache set last_user_message_at = last_user_message_at - interval '1 hour'
            where user_id = '\(rows[0].pair.userID)'
            """)
        account = try SignalAccount(&connection, gap, of: rows[0].pair, inputsMax: 0)
        #expect(account.isEqual == false && account.text.contains("DIFFERS"))
        try connection.execute(
            """
            update afterthought.strategic_cache set last_user_message_at = last_user_message_at + interval '1 hour'
            where user_id = '\(rows[0].pair.userID)'
            """)
        #expect(try Workbench.cache(&connection) == before)
    }

    @Test func everySignalOfABotIsExplainedAndTheSameFromItsBuckets() async throws {
        let database = TestDatabase.current
        var connection = try database.connect()
        let columns = try connection.textRows(
            """
            select column_name from information_schema.columns
            where table_schema = 'afterthought' and table_name = 'strategic_character_performance'
            """
        ).compactMap { $0[0] }
        let bookkeeping = Self.bookkeeping + ["bot_name", "time_window_hours", "null_reasons"]
        #expect(
            columns.filter { !bookkeeping.contains($0) }.sorted() == CharacterExplanation.all.map(\.column).sorted())
        let rows = SampleRows.ofPairs(6)
        try SampleRows.insert(rows, into: &connection)
        try await Workbench.runOnce(database.options)
        let bot = rows[0].pair.botName
        let before = try connection.textRows("select * from afterthought.character_cache order by bot_name")
        for explanation in CharacterExplanation.all {
            let account = try CharacterAccount(&connection, explanation, of: bot)
            #expect(account.isEqual == true, "\(explanation.column): \(account.text)")
            #expect(account.preview.meaning != nil && account.preview.pairs > 0)
        }
        #expect(try connection.textRows("select * from afterthought.character_cache order by bot_name") == before)
        let trend = try #require(CharacterExplanation.of(column: "engagement_score_avg"))
        var account = try CharacterAccount(&connection, trend, of: bot)
        #expect(account.inputs.map(\.name) == ["continuation"] && account.hours > 0)
        try connection.execute("update afterthought.character_cache set personality_consistency_index = 0.123")
        let index = try #require(CharacterExplanation.of(column: "personality_consistency_index"))
        account = try CharacterAccount(&connection, index, of: bot)
        #expect(account.isEqual == false && account.text.contains("DIFFERS"))
        let printed = try Program.run(["explain", "", bot, "quality_trend", "--json", "--database-url", database.url])
        #expect(printed.status == 0 && printed.output.contains("\"equal\":true"), "\(printed)")
    }

    @Test func comparingFindsTheColumnThatWasChangedByHand() async throws {
        let database = TestDatabase.current
        var connection = try database.connect()
        try SampleRows.insert(SampleRows.ofPairs(5), into: &connection)
        try await Workbench.runOnce(database.options)
        let settings = ["compare", "--sample", "100%", "--json", "--database-url", database.url]
        var result = try Program.run(settings)
        #expect(result.status == 0 && result.output.contains("\"equal\":5,\"different\":0"), "\(result)")
        try connection.execute(
            """
            update afterthought.strategic_cache set topic_drift = 0.123
            where user_id = (select min(user_id) from afterthought.strategic_cache)
            """)
        result = try Program.run(settings)
        #expect(result.status == 1 && result.output.contains("\"columns\":{\"topic_drift\":1}"), "\(result)")
    }

    @Test func aRowThatWaitsForNewsIsNotCalledDifferent() async throws {
        let database = TestDatabase.current
        var connection = try database.connect()
        let rows = SampleRows.ofPairs(2)
        try SampleRows.insert(rows, into: &connection)
        try await Workbench.runOnce(database.options)
        // An edit that no worker has seen yet: the history is another by now, the row is not wrong.
        try connection.execute(
            """
            update afterthought.messages set content = 'Entirely other words.'
            where user_id = '\(rows[0].pair.userID)'
            """)
        let pairs = try connection.query(ChooseCachedPairs(only: rows[0].pair))
        let findings = try Command.recomputation(&connection).compare(&connection, pairs) { _ in true }
        #expect(findings.inProgress == 1 && findings.different.isEmpty)
        // New rows that no worker has seen are not part of the history that is compared.
        try connection.execute(
            """
            insert into afterthought.messages (user_id, bot_name, role, content)
            select user_id, bot_name, 'user', 'One more.' from afterthought.strategic_cache
            """)
        let other = try connection.query(ChooseCachedPairs(share: 1, salt: ""))
        let all = try Command.recomputation(&connection).compare(&connection, other) { _ in true }
        #expect(all.equal == 1 && all.inProgress == 1 && all.different.isEmpty)
    }

    @Test func theDigestOfTheCommandIsThatOfTheFunction() async throws {
        let database = TestDatabase.current
        var connection = try database.connect()
        let rows = SampleRows.ofPairs(1)
        try SampleRows.insert(rows, into: &connection)
        try await Workbench.runOnce(database.options)
        let pair = rows[0].pair
        // Shares are rounded to whole per cents, ages are not in it: two moments give one text.
        let expected = try connection.textRows(
            "select afterthought.prompt_digest('\(pair.userID)', '\(pair.botName)', 120)")
        let printed = try Program.run([
            "read", pair.userID, pair.botName, "--digest", "--characters", "120", "--database-url", database.url,
        ])
        #expect(printed.status == 0 && printed.output == (expected[0][0] ?? "") + "\n" && printed.output.count > 20)
    }

    @Test func anEvaluationCountsOnlyThePartThatWasNotTaught() async throws {
        let database = TestDatabase.current
        var connection = try database.connect()
        try SampleRows.insert(SampleRows.ofPairs(12), into: &connection)
        try await Workbench.runOnce(database.options)
        let pairs = try connection.query(ChooseCachedPairs(share: 1, salt: ""))
        let recomputation = try Command.recomputation(&connection)
        let evaluation = try recomputation.evaluate(&connection, pairs) { _ in true }
        #expect(evaluation.pairs == 12 && evaluation.findings.count == 6)
        // The whole history predicts more than its last part; each finding is told by its own mean losses.
        var whole: [Int] = Array(repeating: 0, count: 6)
        for pair in pairs {
            let through = try #require(pair.through)
            let input = try recomputation.history(&connection, of: pair.pair, through: through, rowsMax: 10_000)
            var state = PairState()
            for row in input ?? [] { state.apply(row, analyzer: Workbench.analyzer) }
            for (index, evidence) in state.evidence.enumerated() { whole[index] += evidence.predictions }
        }
        for (index, finding) in evaluation.findings.enumerated() {
            #expect(finding.evidence.predictions < whole[index] || whole[index] == 0)
            #expect(finding.isValidated == nil || finding.evidence.predictions >= SignalEvaluation.predictionsMin)
        }
        let switches = try #require(evaluation.findings.first { $0.evidence.engine == .contextSwitch })
        #expect(switches.pairs == 12 && switches.value != nil && switches.baseline != nil)
        try recomputation.save(evaluation, &connection)
        let kept = try connection.textRows(
            """
            select engine, predictions, validated from afterthought.signal_quality_latest order by engine
            """)
        let told = { (flag: Bool?) in flag.map { $0 ? "t" : "f" } }
        let expected = evaluation.findings.map {
            [$0.evidence.engine.rawValue, "\($0.evidence.predictions)", told($0.isValidated)]
        }
        #expect(kept == expected.sorted { ($0[0] ?? "") < ($1[0] ?? "") })
        // What is written at once is what the views say.
        let failed = evaluation.findings.filter { $0.isValidated == false }.map(\.evidence.engine.rawValue)
        let rows = try connection.textRows("select unvalidated_engines from afterthought.unvalidated_engines()")
        #expect(rows[0][0] == "{\(failed.sorted().joined(separator: ","))}")
    }
}
