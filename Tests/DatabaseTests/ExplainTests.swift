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
}
