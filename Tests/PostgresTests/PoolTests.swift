import Foundation
import Postgres
import Support
import Synchronization
import Testing

@Suite("Connection pool", .database)
struct PoolTests {
    private func pool(max: Int = 2, min: Int = 1) throws -> ConnectionPool {
        var limits = ConnectionPool.Limits()
        limits.connectionsMax = max
        limits.connectionsMin = min
        limits.backoff = Backoff(firstMilliseconds: 1, capMilliseconds: 5)
        return ConnectionPool(try TestDatabase.current.options, limits: limits) { try $0.prepare(Sleep(seconds: 0)) }
    }

    @Test func connectionsAreUsedAgain() throws {
        let pool = try pool()
        defer { pool.close() }
        let ids = try (0..<10).map { _ in try pool.withConnection(deadline: patience()) { $0.backendProcessID } }
        #expect(Set(ids).count == 1)
        #expect(pool.metrics.opened == 1)
        #expect(pool.metrics.lent == 10)
        #expect(pool.metrics.idle == 1)
        #expect(pool.metrics.inUse == 0)
    }

    @Test func theLimitHolds() throws {
        let pool = try pool(max: 1)
        defer { pool.close() }
        try pool.withConnection(deadline: patience()) { _ in
            let error = failure { try pool.withConnection(deadline: .after(milliseconds: 5)) { _ in } }
            #expect(error?.code == .poolExhausted)
        }
        #expect(pool.metrics.exhausted == 1)
        try pool.withConnection(deadline: patience()) { try $0.execute("select 1") }
    }

    @Test func manyThreadsShareFewConnections() throws {
        let pool = try pool(max: 2)
        defer { pool.close() }
        let done = Atomic<Int>(0)
        let running = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for _ in 0..<100 {
                do {
                    try pool.withConnection(deadline: patience()) { connection in
                        let now = running.add(1, ordering: .relaxed).newValue
                        #expect(now <= 2)
                        try connection.run(Sleep(seconds: 0))
                        running.subtract(1, ordering: .relaxed)
                    }
                    done.add(1, ordering: .relaxed)
                } catch { Issue.record(error) }
            }
        }
        #expect(done.load(ordering: .relaxed) == 800)
        #expect(pool.metrics.opened <= 2)
    }

    @Test func anOverdueStatementIsEndedInTheBackground() throws {
        let pool = try pool(max: 1)
        defer { pool.close() }
        let overdue = failure {
            try pool.withConnection(deadline: patience()) {
                try $0.run(Sleep(seconds: 600), deadline: .after(milliseconds: 2))
            }
        }
        #expect(overdue?.code == .timeout)
        #expect(try pool.withConnection(deadline: patience()) { try $0.run(Sleep(seconds: 0)) } == 1)
        #expect(pool.metrics.recovered == 1)
        #expect(pool.metrics.opened == 1)
    }

    @Test func lostConnectionsAreReplaced() throws {
        let pool = try pool(max: 2)
        defer { pool.close() }
        // Two connections, both of which are terminated while idle.
        let ids = try pool.withConnection(deadline: patience()) { first in
            try pool.withConnection(deadline: patience()) { second in [first.backendProcessID, second.backendProcessID]
            }
        }
        for id in ids { try terminate(id) }
        let error = failure { try pool.withConnection(deadline: patience()) { try $0.execute("select 1") } }
        #expect(error?.code == .connectionLost)
        // The other one is checked before it is lent, as a loss is known by now.
        for _ in 0..<3 { try pool.withConnection(deadline: patience()) { try $0.execute("select 1") } }
        #expect(pool.metrics.lost == 2)
    }

    @Test func anOpenTransactionIsNotHandedOn() throws {
        let pool = try pool(max: 1)
        defer { pool.close() }
        try pool.withConnection(deadline: patience()) { try $0.execute("begin") }
        #expect(try pool.withConnection(deadline: patience()) { $0.isInTransaction } == false)
    }

    @Test func anAbsentDatabaseIsToldAtOnce() throws {
        var options = try TestDatabase.current.options
        options[keyword: "dbname"] = "no_such_database"
        var limits = ConnectionPool.Limits()
        limits.backoff = Backoff(firstMilliseconds: 3_600_000, capMilliseconds: 3_600_000)
        let pool = ConnectionPool(options, limits: limits)
        defer { pool.close() }
        for _ in 0..<3 {
            let error = failure { try pool.withConnection(deadline: .never) { _ in } }
            #expect(error?.code == .connectionFailed)
        }
        #expect(pool.metrics.openFailures == 1)
        #expect(pool.metrics.refused == 3)
    }

    @Test func aClosedPoolRefuses() throws {
        let pool = try pool()
        try pool.withConnection(deadline: patience()) { try $0.execute("select 1") }
        pool.close()
        #expect(failure { try pool.withConnection(deadline: .never) { _ in } }?.code == .closed)
    }
}

@Suite("Database thread", .database)
struct DatabaseThreadTests {
    @Test func workRunsInOrderOnOneConnection() async throws {
        let thread = DatabaseThread(try TestDatabase.current.options) { try $0.execute("set lock_timeout = '77ms'") }
        let rows = try await thread.withConnection { try $0.textRows("show lock_timeout") }
        #expect(rows == [["77ms"]])
        let ids = try await withThrowingTaskGroup(of: Int32.self) { group in
            for _ in 0..<20 { group.addTask { try await thread.withConnection { $0.backendProcessID } } }
            return try await group.reduce(into: Set<Int32>()) { $0.insert($1) }
        }
        #expect(ids.count == 1)
        #expect(await thread.connectionsMade == 1)
        await thread.close()
    }

    @Test func blockingWorkHoldsUpNobodyElse() async throws {
        // More blocked threads than the machine has cores: with shared threads the last call would never come to run.
        let options = try TestDatabase.current.options
        let threads = (0..<8).map { _ in DatabaseThread(options) }
        let last = DatabaseThread(options)
        try await withThrowingTaskGroup(of: Void.self) { group in
            try await last.withConnection { try $0.execute("select pg_advisory_lock(7)") }
            for thread in threads {
                group.addTask {
                    try await thread.withConnection { try $0.execute("select pg_advisory_lock_shared(7)") }
                }
            }
            try await last.withConnection { connection in
                while try connection.textRows("select 1 from pg_locks where locktype = 'advisory' and not granted")
                    .count < 8
                {}
                try connection.execute("select pg_advisory_unlock(7)")
            }
            try await group.waitForAll()
        }
        for thread in threads + [last] { await thread.close() }
    }

    @Test func cancellingTheTaskCancelsTheStatement() async throws {
        let thread = DatabaseThread(try TestDatabase.current.options)
        let task = Task { try await thread.withConnection { try $0.run(Sleep(seconds: 600)) } }
        try await runsNow("pg_sleep")
        task.cancel()
        let error = await #expect(throws: PostgresError.self) { try await task.value }
        #expect(error?.code == .cancelled)
        // The connection serves on, and was not made again.
        #expect(try await thread.withConnection { try $0.run(Sleep(seconds: 0)) } == 1)
        #expect(await thread.connectionsMade == 1)
        await thread.close()
    }

    @Test func cancellingAQueuedCallLeavesTheRunningOneAlone() async throws {
        let thread = DatabaseThread(try TestDatabase.current.options)
        let gate = DatabaseThread(try TestDatabase.current.options)
        try await gate.withConnection { try $0.execute("select pg_advisory_lock(8)") }
        let running = Task { try await thread.withConnection { try $0.execute("select pg_advisory_lock(8)") } }
        try await runsNow("pg_advisory_lock")
        let queued = Task { try await thread.withConnection { try $0.run(Sleep(seconds: 600)) } }
        queued.cancel()
        try await gate.withConnection { try $0.execute("select pg_advisory_unlock(8)") }
        try await running.value
        let error = await #expect(throws: PostgresError.self) { try await queued.value }
        #expect(error?.code == .cancelled)
        await thread.close()
        await gate.close()
    }

    @Test func aLostConnectionIsMadeAgain() async throws {
        let thread = DatabaseThread(try TestDatabase.current.options)
        let id = try await thread.withConnection { $0.backendProcessID }
        try terminate(id)
        let error = await #expect(throws: PostgresError.self) {
            try await thread.withConnection { try $0.execute("select 1") }
        }
        #expect(error?.code == .connectionLost)
        let next = try await thread.withConnection { connection in
            try connection.run(Sleep(seconds: 0))
            return connection.backendProcessID
        }
        #expect(next != id)
        #expect(await thread.connectionsMade == 2)
        await thread.close()
    }

    @Test func attemptsArePaced() async throws {
        var options = try TestDatabase.current.options
        options[keyword: "dbname"] = "no_such_database"
        let hour: UInt64 = 3_600_000
        let thread = DatabaseThread(options, backoff: Backoff(firstMilliseconds: hour, capMilliseconds: hour))
        for _ in 0..<3 {
            let error = await #expect(throws: PostgresError.self) { try await thread.withConnection { _ in } }
            #expect(error?.code == .connectionFailed)
        }
        await thread.close()
    }

    @Test func anOpenTransactionIsRolledBack() async throws {
        let thread = DatabaseThread(try TestDatabase.current.options)
        let error = await #expect(throws: PostgresError.self) {
            try await thread.withConnection { try $0.execute("begin; create table t (n int)") }
        }
        #expect(error?.code == .misuse)
        #expect(try await thread.withConnection { $0.isInTransaction } == false)
        #expect(try await thread.withConnection { try $0.textRows("select to_regclass('t')") } == [[nil]])
        await thread.close()
    }

    @Test func aClosedThreadRefuses() async throws {
        let thread = DatabaseThread(try TestDatabase.current.options)
        try await thread.withConnection { try $0.execute("select 1") }
        await thread.close()
        await thread.close()
        let error = await #expect(throws: PostgresError.self) { try await thread.withConnection { _ in } }
        #expect(error?.code == .closed)
    }

    @Test func aForgottenThreadClosesItsConnection() async throws {
        // The trait's check for open connections is what can fail here.
        try await DatabaseThread(try TestDatabase.current.options).withConnection { try $0.execute("select 1") }
    }

    private func runsNow(_ text: String) async throws {
        try await Task.detached { [database = TestDatabase.current] in
            try TestDatabase.with(database) { try waitUntilRunning(text) }
        }.value
    }
}

@Suite("A server that goes away")
struct ServerRestartTests {
    @Test func poolAndThreadSurviveARestartAndAKill() async throws {
        let cluster = try TestCluster.makeBareCluster(settings: [("max_connections", "20")])
        defer { cluster.remove() }
        let options = try ConnectionOptions(url: cluster.url())
        var limits = ConnectionPool.Limits()
        limits.backoff = Backoff(firstMilliseconds: 1, capMilliseconds: 20)
        let pool = ConnectionPool(options, limits: limits)
        defer { pool.close() }
        let thread = DatabaseThread(options, backoff: Backoff(firstMilliseconds: 1, capMilliseconds: 20))
        try pool.withConnection(deadline: patience()) { try $0.execute("create table t as select 1 as n") }
        try await thread.withConnection { try $0.execute("select n from t") }
        for outage in 0..<2 {
            if outage == 0 { try cluster.stop() } else { cluster.kill() }
            #expect(
                failure { try pool.withConnection(deadline: patience()) { try $0.execute("select n from t") } }?
                    .isConnectionLoss == true)
            let error = await #expect(throws: PostgresError.self) {
                try await thread.withConnection { try $0.execute("select n from t") }
            }
            #expect(error?.isConnectionLoss == true)
            try cluster.start()
            let deadline = patience()
            while deadline.remainingNanoseconds != 0 {
                do {
                    try pool.withConnection(deadline: deadline) { try $0.execute("select n from t") }
                    try await thread.withConnection { try $0.execute("select n from t") }
                    break
                } catch {}
            }
            #expect(try pool.withConnection(deadline: deadline) { try $0.textRows("select n from t") } == [["1"]])
            #expect(try await thread.withConnection { try $0.textRows("select n from t") } == [["1"]])
        }
        await thread.close()
    }

    @Test func aStandbyFollowsAndIsPromoted() throws {
        let primary = try TestCluster.makeBareCluster()
        defer { primary.remove() }
        var connection = try primary.connect()
        try connection.execute("create table t as select 1 as n")
        let standby = try primary.createStandby()
        defer { standby.remove() }
        var reader = try standby.connect()
        #expect(try reader.textRows("select pg_is_in_recovery(), n from t") == [["t", "1"]])
        let refused = failure { try reader.execute("insert into t values (2)") }
        #expect(refused?.isReadOnlyViolation == true)
        try standby.promote()
        try reader.execute("insert into t values (2)")
    }
}
