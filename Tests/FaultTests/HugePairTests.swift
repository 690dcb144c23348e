import Model
import Postgres
import Store
import Support
import Testing
import Worker

@Suite("C4 a pair with a long history", .database)
struct HugePairTests {
    /// `FAULT_HUGE_ROWS` messages of one pair.
    @Test("a long history is replayed by pages, and a late row only from its checkpoint")
    func hugePair() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        let rows = FaultBench.number("FAULT_HUGE_ROWS", default: 3_000)
        let insert = """
            insert into afterthought.messages (user_id, bot_name, role, content, created_at)
            select 'u', 'b', case when i % 2 = 0 then 'user' else 'assistant' end,
                (array['How do I grow tomatoes?', 'Water them.', 'My sister is coming.', 'I liked it.'])[1 + i % 4],
                timestamptz '2024-01-01' + i * interval '7 minutes' + i / 40 * interval '3 hours'
            """
        // Every third one comes late.
        try connection.execute(
            "\(insert) from generate_series(1, \(rows)) as i where i % 3 <> 0 and i <> \(rows - 5)")
        var configuration = WorkerConfiguration()
        configuration.batchRowsMax = rows / 20
        configuration.historyRowsMax = rows / 12
        let first = try await Workbench.runOnce(options, configuration: configuration)
        #expect(first.rebuilt == 0)
        #expect(first.rowsReread == 0)

        try connection.execute("\(insert) from generate_series(1, \(rows)) as i where i = \(rows - 5)")
        let late = try await Workbench.runOnce(options, configuration: configuration)
        #expect(late.rebuilt == 1)
        #expect(late.rowsReread > 0)
        #expect(late.rowsReread < 60, "expected a replay within the session, got: \(late.rowsReread) rows")

        try connection.execute("\(insert) from generate_series(1, \(rows)) as i where i % 3 = 0")
        let all = try await Workbench.runOnce(options, configuration: configuration)
        #expect(all.rebuilt == 1, "expected one rebuild, whatever the number of pages, got: \(all.rebuilt)")
        #expect(all.rowsReread == rows)
        try await FaultBench.expectUndisturbed(options)
    }

    @Test("many pairs to rebuild at once are held in memory a few at a time")
    func manyRebuilds() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        let rows = SampleRows.ofPairs(8)
        try SampleRows.insert(rows, into: &connection)
        try await Workbench.runOnce(options)
        try connection.execute(
            """
            insert into afterthought.pair_changes (user_id, bot_name, reason)
            select user_id, bot_name, 'requested' from afterthought.engine_state
            """)
        var configuration = WorkerConfiguration()
        configuration.historyRowsMax = 10
        let report = try await Workbench.runOnce(options, configuration: configuration)
        #expect(report.rebuilt == 8)
        #expect(report.rowsReread == rows.count)
        try await FaultBench.expectUndisturbed(options)
    }
}
