import Postgres
import Support
import Testing

@testable import Worker
@testable import afterthought

/// Named like the fault tests, so that it runs with them: it waits for workers in the same process.
@Suite("C2 the auditor", .database)
struct AuditorFaultTests {
    private func auditor(_ log: @escaping @Sendable (WorkerEvent) -> Void = { _ in }) throws -> Auditor {
        Auditor(
            configuration: WorkerConfiguration(), options: try TestDatabase.current.options,
            analyzer: Workbench.analyzer, intervalSeconds: 0.05, pairsMax: 100, log: log)
    }

    @Test("a row that was changed by hand is found, and comes right by a rebuild")
    func repair() async throws {
        let options = try TestDatabase.current.options
        var connection = try TestDatabase.current.connect()
        try SampleRows.insert(SampleRows.ofPairs(6), into: &connection)
        try await Workbench.runOnce(options)
        let rows = try Workbench.cache(&connection)
        let pairs = try Workbench.count(&connection, "select count(*) from afterthought.strategic_cache")
        let auditor = try auditor()
        #expect(try await auditor.look() == Auditor.Report(pairs: pairs, mismatches: 0))

        try connection.execute(
            """
            update afterthought.strategic_cache set messages_reflected = messages_reflected + 1
            where (bot_name, user_id) in (
                select bot_name, user_id from afterthought.strategic_cache order by bot_name, user_id limit 2)
            """)
        #expect(try await auditor.look() == Auditor.Report(pairs: pairs, mismatches: 2))
        // Asked for once more before the worker came to it: news of a pair are no mismatch.
        #expect(try await auditor.look() == Auditor.Report(pairs: pairs - 2, mismatches: 0))
        try await Workbench.runOnce(options)
        #expect(try Workbench.cache(&connection) == rows)
        #expect(try await auditor.look() == Auditor.Report(pairs: pairs, mismatches: 0))
        await auditor.close()
    }

    @Test("rows that say themselves that they are stale, and new messages, are no mismatch")
    func noFalseAlarm() async throws {
        var connection = try TestDatabase.current.connect()
        let rows = SampleRows.ofPairs(6)
        try SampleRows.insert(rows, into: &connection)
        try await Workbench.runOnce(try TestDatabase.current.options)
        try connection.execute(
            """
            insert into afterthought.messages (user_id, bot_name, role, content)
            select user_id, bot_name, 'user', 'one more' from afterthought.strategic_cache;
            update afterthought.strategic_cache set stale_reason = 'quarantined', messages_reflected = 0
            where (bot_name, user_id) in (
                select bot_name, user_id from afterthought.strategic_cache order by bot_name, user_id limit 1)
            """)
        let auditor = try auditor()
        let found = try await auditor.look()
        #expect(found.mismatches == 0 && found.pairs > 0)
        await auditor.close()
    }

    @Test("an auditor that runs is counted in the metrics, and stops when asked")
    func metrics() async throws {
        var connection = try TestDatabase.current.connect()
        try SampleRows.insert(SampleRows.ofPairs(3), into: &connection)
        try await Workbench.runOnce(try TestDatabase.current.options)
        try connection.execute("update afterthought.strategic_cache set messages_reflected = 0")
        let telemetry = WorkerTelemetry()
        let (events, event) = AsyncStream.makeStream(of: WorkerEvent.self)
        let auditor = try auditor {
            telemetry.note($0)
            event.yield($0)
        }
        let running = Task { await auditor.run() }
        for await event in events { if case .audited(_, 1...) = event { break } }
        await auditor.stop()
        await running.value
        let page = try Exposition(telemetry.exposition())
        let mismatches = page.value("afterthought_audit_mismatch_total") ?? 0
        #expect(mismatches > 0 && (page.value("afterthought_audit_pairs_total") ?? 0) >= mismatches)
    }
}
