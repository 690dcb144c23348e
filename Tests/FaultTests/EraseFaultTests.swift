import Bytes
import Engines
import Model
import Postgres
import Store
import Support
import Synchronization
import Testing
import Worker

@Suite("Erasing a user beside workers and jobs", .database)
struct EraseFaultTests {
    @Test(
        "a worker whose batch is in flight can't write the user back, and the others are as if the user never was",
        arguments: [Failpoints.Place.afterRead, .beforeWrite])
    func batchInFlight(place: Failpoints.Place) async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        let rows = SampleRows.ofPairs(6)
        let user = rows[0].pair.userID
        let others = Set(rows.map(\.pair)).filter { $0.userID != user }.count
        try SampleRows.insert(rows.prefix(120), into: &connection)
        try await Workbench.runOnce(options)
        try SampleRows.insert(rows.dropFirst(120), into: &connection)
        try connection.execute(
            """
            insert into afterthought.messages (user_id, bot_name, role, content)
            values ('\(user)', '\(rows[0].pair.botName)', 'user', 'one more thing')
            """)
        let isFirst = Mutex(true)
        let events = EventLog()
        let failpoints = Failpoints { reached in
            guard reached == place, isFirst.withLock({ $0 }) else { return }
            isFirst.withLock { $0 = false }
            var other = try Connection(options)
            _ = try Eraser.shipped.erase(&other, Erasure(userID: user))
        }
        try await Workbench.runOnce(options, failpoints: failpoints, events: events)
        #expect(!isFirst.withLock { $0 })
        #expect(events.failures.contains { $0.contains("another worker took over") }, "\(events.failures)")
        #expect(try Eraser.traces(of: user, &connection).isEmpty)
        #expect(try Workbench.count(&connection, "select count(*) from afterthought.strategic_cache") == others)
        try await FaultBench.expectUndisturbed(options)
    }

    @Test("an erasure waits for a commit that has begun, and takes what it wrote with it")
    func commitUnderWay() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        let rows = SampleRows.ofPairs(3)
        let user = rows[0].pair.userID
        try SampleRows.insert(rows, into: &connection)
        let erasing = Mutex<Task<Void, any Error>?>(nil)
        let failpoints = Failpoints { reached in
            guard reached == .insideWrite else { return }
            erasing.withLock { task in
                guard task == nil else { return }
                task = Task {
                    try await onOwnThread {
                        var other = try Connection(options)
                        _ = try Eraser.shipped.erase(&other, Erasure(userID: user))
                    }
                }
            }
        }
        try await Workbench.runOnce(options, failpoints: failpoints)
        try await erasing.withLock { $0 }?.value
        #expect(try Eraser.traces(of: user, &connection).isEmpty)
        try await FaultBench.settle(options)
        try await FaultBench.expectUndisturbed(options)
    }

    @Test("a state that this build can't read has its shard rebuilt, and the bots' sums are right again")
    func unreadableState() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        let rows = SampleRows.ofPairs(6)
        let user = rows[0].pair.userID
        try SampleRows.insert(rows, into: &connection)
        try await Workbench.runOnce(options)
        let blind = Eraser(engineVersion: 0) { _ in BotContributions() }
        _ = try blind.erase(&connection, Erasure(userID: user))
        #expect(
            try Workbench.count(
                &connection, "select count(*) from afterthought.shard_progress where rebuild_pending") > 0)
        try await Workbench.runOnce(options)
        #expect(try Eraser.traces(of: user, &connection).isEmpty)
        try await FaultBench.expectUndisturbed(options)
    }

    @Test("an erasure that is cut off has changed nothing, wherever it was cut")
    func cutOff() throws {
        let database = TestDatabase.current
        var connection = try database.connect()
        try connection.execute(
            """
            insert into afterthought.messages (user_id, bot_name, role, content)
            select 'erasee', 'b', 'user', 'x' from generate_series(1, 50)
            """)
        func state() throws -> [[String?]] {
            try connection.textRows(
                """
                select (select count(*) from afterthought.messages), (select count(*) from afterthought.erasures),
                    (select count(*) from afterthought.erased_users),
                    (select sum(generation) from afterthought.shard_progress)
                """)
        }
        let before = try state()
        var place = 0
        while true {
            let countdown = Countdown(from: place)
            var options = try database.options
            options.breaksBeforeSending = { countdown.isOver() }
            do {
                var fragile = try Connection(options)
                _ = try Eraser.shipped.erase(&fragile, Erasure(userID: "erasee"))
                break
            } catch let error as PostgresError where error.isConnectionLoss {
                // The server notices the end of a connection only when it looks.
                try connection.execute(
                    """
                    select pg_terminate_backend(pid, 5000) from pg_stat_activity
                    where datname = current_database() and pid <> pg_backend_pid()
                        and backend_type = 'client backend'
                    """)
                if error.code != .commitUnknown { #expect(try state() == before, "cut before statement \(place + 1)") }
            }
            // Not before each statement: every cut costs a server process its end.
            place += 7
        }
        #expect(place > 40)
        #expect(try Eraser.traces(of: "erasee", &connection).isEmpty)
    }
}
