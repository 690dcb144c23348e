import Bytes
import Model
import Postgres
import Store
import Support
import Synchronization
import Testing
import Worker

@Suite("C7 one bad pair holds up nobody else", .database)
struct QuarantineTests {
    @Test("a poisonous pair is isolated, never called fresh, retried with backoff, and recovers")
    func poisonousPair() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        let rows = SampleRows.ofPairs(6)
        let poisonous = rows[0].pair
        let other = rows.first { $0.pair != poisonous }?.pair ?? poisonous
        try SampleRows.insert(rows.prefix(100), into: &connection)
        try await Workbench.runOnce(options)
        let isPoisonous = Mutex(true)
        let failpoints = Failpoints { place in
            if place == .pair(poisonous), isPoisonous.withLock({ $0 }) {
                throw PairError(reason: "test", description: "this pair fails")
            }
        }
        // Both have news.
        let insert = "insert into afterthought.messages (user_id, bot_name, role, content) values "
        for pair in [poisonous, other] {
            try connection.execute(insert + "('\(pair.userID)', '\(pair.botName)', 'user', 'one more thing')")
        }
        let report = try await Workbench.runOnce(options, failpoints: failpoints)
        #expect(report.failed == 1)
        #expect(report.pairs == 1, "expected the other pair in the same cycle")
        func view(_ pair: Pair) throws -> [String?]? {
            try connection.textRows(
                """
                select stale_reason, expires_at, expires_at > now() from afterthought.strategic_memory_health
                where user_id = '\(pair.userID)' and bot_name = '\(pair.botName)'
                """
            ).first
        }
        #expect(try view(poisonous) == ["quarantined", "-infinity", "f"])
        #expect(try view(other)?.last == "t")
        let quarantine = """
            select attempts, reason, error, extract(epoch from next_attempt_at - last_failed_at)::bigint
            from afterthought.quarantine
            """
        #expect(try connection.textRows(quarantine) == [["1", "test", "this pair fails", "30"]])
        // Not due: its next message waits, and nothing is computed.
        try connection.execute(
            insert + "('\(poisonous.userID)', '\(poisonous.botName)', 'user', 'and another thing')")
        #expect(try await Workbench.runOnce(options, failpoints: failpoints).failed == 0)
        for (attempts, seconds) in [("2", "60"), ("3", "120")] {
            try connection.execute("update afterthought.quarantine set next_attempt_at = now()")
            #expect(try await Workbench.runOnce(options, failpoints: failpoints).failed == 1)
            #expect(try connection.textRows(quarantine) == [[attempts, "test", "this pair fails", seconds]])
        }
        isPoisonous.withLock { $0 = false }
        try connection.execute("update afterthought.quarantine set next_attempt_at = now()")
        try await Workbench.runOnce(options, failpoints: failpoints)
        #expect(try connection.textRows(quarantine).isEmpty)
        #expect(try view(poisonous)?.last == "t")
        try await FaultBench.expectUndisturbed(options)
    }

    @Test("a pair that fails before it ever had a row is missing, not fresh, and recovers by pages")
    func firstTime() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        let rows = SampleRows.ofPairs(3)
        try SampleRows.insert(rows, into: &connection)
        let poisonous = rows[0].pair
        var configuration = WorkerConfiguration()
        configuration.batchRowsMax = 5
        configuration.historyRowsMax = 4
        let failing = Failpoints { place in
            if place == .pair(poisonous) { throw PairError(reason: "test", description: "this pair fails") }
        }
        let report = try await Workbench.runOnce(options, configuration: configuration, failpoints: failing)
        #expect(report.failed == 1)
        let found = """
            select count(*) from afterthought.strategic_cache
            where user_id = '\(poisonous.userID)' and bot_name = '\(poisonous.botName)'
            """
        #expect(try Workbench.count(&connection, found) == 0)
        try connection.execute("update afterthought.quarantine set next_attempt_at = now()")
        try await Workbench.runOnce(options, configuration: configuration)
        #expect(try Workbench.count(&connection, found) == 1)
        try await FaultBench.expectUndisturbed(options)
    }

    @Test("a row that the server refuses is isolated, the rest of its batch is stored")
    func refusedRow() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        let rows = SampleRows.ofPairs(4)
        try SampleRows.insert(rows, into: &connection)
        let refused = rows[0].pair
        try connection.execute(
            """
            alter table afterthought.strategic_cache
            add constraint test_refuses check (user_id <> '\(refused.userID)' or bot_name <> '\(refused.botName)')
            """)
        let report = try await Workbench.runOnce(options)
        #expect(report.failed == 1)
        #expect(report.pairs == 3)
        let reason = try connection.textRows("select reason, error from afterthought.quarantine")
        #expect(reason.first?[0] == "write_refused")
        #expect(reason.first?[1]?.contains(refused.userID) == false, "expected no data in the error's text")
        try connection.execute("alter table afterthought.strategic_cache drop constraint test_refuses")
        try await FaultBench.settle(options)
        try await FaultBench.expectUndisturbed(options)
    }

    @Test("a state that can't be read is rebuilt, and the bot's sums are right again")
    func unreadableState() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        let rows = SampleRows.ofPairs(4)
        try SampleRows.insert(rows.prefix(80), into: &connection)
        try await Workbench.runOnce(options)
        try connection.execute(
            """
            update afterthought.engine_state set state = '\\x0102'
            where (bot_name, user_id) = (select bot_name, user_id from afterthought.engine_state order by 1, 2 limit 1)
            """)
        try SampleRows.insert(rows.dropFirst(80), into: &connection)
        try connection.execute(
            """
            insert into afterthought.pair_changes (user_id, bot_name, reason)
            select user_id, bot_name, 'requested' from afterthought.engine_state
            """)
        try await Workbench.runOnce(options)
        try await FaultBench.settle(options)
        try await FaultBench.expectUndisturbed(options)
    }
}
