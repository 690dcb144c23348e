import Postgres
import Store
import Support
import Testing
import Worker

@Suite("C1 late commits", .database)
struct LateCommitTests {
    /// Rows in progress everywhere while the workers scan: `FAULT_TRANSACTIONS` transactions a writer.
    @Test("each row committed by 8 writers is applied once, whatever the order of commits")
    func writersAndWorkers() async throws {
        let database = TestDatabase.current
        let options = try database.options
        let other = "other_of_\(database.name)"
        var elsewhere = try await holdTransaction(in: other, of: database)
        let events = EventLog()
        var configuration = WorkerConfiguration()
        configuration.cycleSeconds = 0.02
        configuration.leaseSeconds = 5
        configuration.batchRowsMax = 50
        let workers = [
            Workbench.worker(options, configuration: configuration, events: events),
            Workbench.worker(options, configuration: configuration, events: events),
        ]
        let running = workers.map { worker in Task { try await worker.run() } }
        try await FaultBench.waitUntil("the workers share the shards") {
            var connection = try Connection(options)
            return try Workbench.count(
                &connection, "select count(distinct owner) from afterthought.shard_progress") == 2
        }
        let transactions = FaultBench.number("FAULT_TRANSACTIONS", default: 25)
        let seed: UInt64 = .random(in: 0...1_000_000)
        try await FaultBench.onThreads(8) { number in
            var writer = try FaultWriter(options, number: number, seed: seed)
            for _ in 0..<transactions { try writer.write() }
            // On a busy machine the writers may be done before the workers have begun.
            let end = Deadline.after(milliseconds: 60_000)
            while FaultBench.rowsSeen(events) == 0, end.remainingNanoseconds != 0 { try writer.write() }
        }
        for worker in workers { worker.stop() }
        for task in running { try await task.value }
        try elsewhere.execute("commit")
        #expect(FaultBench.rowsSeen(events) > 0, "the workers saw nothing while the writers wrote")
        #expect(events.failures.isEmpty, "seed \(seed)")
        try await Workbench.runOnce(options)
        try await FaultBench.expectUndisturbed(options)
        elsewhere = try database.cluster.connect()
        try elsewhere.execute("drop database \(other) with (force)")
    }

    /// A transaction that has written in another database of the cluster: in every snapshot's list as long as it lasts.
    private func holdTransaction(in other: String, of database: TestDatabase) async throws -> Connection {
        var connection = try database.cluster.connect()
        try connection.execute("create database \(other)")
        connection = try database.cluster.connect(database: other)
        try connection.execute("create table held (id bigint); begin; insert into held values (1)")
        return connection
    }

    @Test("a row that waits in a prepared transaction over many cycles is applied once, when it is committed")
    func preparedAcrossCycles() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        let insert = "insert into afterthought.messages (user_id, bot_name, role, content) values ('u', 'b', 'user', "
        try connection.execute("begin; \(insert)'early'); prepare transaction 'early_\(database.name)'")
        var applied: [Int] = []
        for index in 0..<4 {
            try connection.execute("\(insert)'message \(index)')")
            applied.append(try await Workbench.runOnce(options).rows)
        }
        try connection.execute("commit prepared 'early_\(database.name)'")
        applied.append(try await Workbench.runOnce(options).rows)
        applied.append(try await Workbench.runOnce(options).rows)
        #expect(applied == [1, 1, 1, 1, 1, 0])
        try await FaultBench.expectUndisturbed(options)
    }
}
