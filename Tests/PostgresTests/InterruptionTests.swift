import Foundation
import Postgres
import Support
import Testing

/// Waits, on a connection of its own, until a statement of the application runs.
func waitUntilRunning(_ text: String) throws {
    var observer = try TestDatabase.current.connect()
    let deadline = patience()
    while deadline.remainingNanoseconds != 0 {
        let rows = try observer.textRows(
            """
            select 1 from pg_stat_activity
            where datname = current_database() and state = 'active' and pid <> pg_backend_pid()
                and query like '%\(text)%'
            """)
        if !rows.isEmpty { return }
    }
    Issue.record("expected a running statement with \(text), got: none")
}

/// Ends the server process of a connection, as an administrator would, and waits until it is gone.
func terminate(_ processID: Int32) throws {
    var administrator = try TestDatabase.current.connect()
    try administrator.execute("select pg_terminate_backend(\(processID), 20000)")
}

@Suite("Deadlines and cancelling", .database)
struct InterruptionTests {
    @Test func aPassedDeadlineLeavesTheConnectionReady() throws {
        var connection = try TestDatabase.current.connect()
        let error = failure { try connection.run(Sleep(seconds: 600), deadline: .after(milliseconds: 20)) }
        // The first use of a statement prepares it; the deadline may pass there on a busy machine.
        #expect(error?.code == .timeout)
        #expect(error?.statement == "sleep")
    }

    @Test func theStatementIsCancelledOnTheServer() throws {
        var connection = try TestDatabase.current.connect()
        try connection.prepare(Sleep(seconds: 0))
        #expect(
            failure { try connection.run(Sleep(seconds: 600), deadline: .after(milliseconds: 20)) }?.code == .timeout)
        #expect(connection.health == .ready)
        #expect(try connection.run(Sleep(seconds: 0)) == 1)
        #expect(
            failure { try connection.execute("select pg_sleep(600)", deadline: .after(milliseconds: 20)) }?.code
                == .timeout)
        #expect(
            failure { try connection.stream(Sleep(seconds: 600), deadline: .after(milliseconds: 20)) { _ in } }?.code
                == .timeout)
        #expect(connection.health == .ready)
        let inTransaction = failure {
            try connection.transaction { try $0.execute("select pg_sleep(600)", deadline: .after(milliseconds: 20)) }
        }
        #expect(inTransaction?.code == .timeout)
        #expect(connection.isInTransaction == false)
        #expect(connection.health == .ready)
    }

    @Test func aCancelRequestWithoutEffectIsRepeated() throws {
        var connection = try TestDatabase.current.connect()
        connection.cancelsOnTimeout = false
        // Takes the first request as the server takes one that comes before the statement.
        let deaf = """
            do $$
            begin
                perform pg_sleep(600);
            exception when query_canceled then
                perform pg_sleep(600);
            end
            $$
            """
        #expect(failure { try connection.execute(deaf, deadline: .after(milliseconds: 100)) }?.code == .timeout)
        #expect(connection.recover(patience()) == true)
        #expect(try connection.run(Sleep(seconds: 0)) == 1)
    }

    @Test func withoutCancellingTheStatementStaysOutstanding() throws {
        var connection = try TestDatabase.current.connect()
        connection.cancelsOnTimeout = false
        try connection.prepare(Sleep(seconds: 0))
        #expect(
            failure { try connection.run(Sleep(seconds: 600), deadline: .after(milliseconds: 1)) }?.code == .timeout)
        #expect(connection.health == .outstanding)
        #expect(connection.recover(patience()) == true)
        #expect(connection.health == .ready)
        #expect(
            failure { try connection.run(Sleep(seconds: 600), deadline: .after(milliseconds: 1)) }?.code == .timeout)
        #expect(connection.health == .outstanding)
        // The next statement ends the old one first.
        #expect(try connection.run(Sleep(seconds: 0)) == 1)
    }

    @Test func aPassedDeadlineIsToldBeforeSending() throws {
        var connection = try TestDatabase.current.connect()
        try connection.prepare(Numbers(from: 1, through: 1))
        #expect(
            failure {
                _ = try connection.query(Numbers(from: 1, through: 2_000_000), deadline: .after(milliseconds: 0))
            }?.code == .timeout)
        #expect(try connection.query(Numbers(from: 1, through: 1), deadline: patience()).count == 1)
    }

    @Test func anOverduePipelineAndCopy() throws {
        var connection = try TestDatabase.current.connect()
        let error = failure {
            try connection.pipeline(deadline: .after(milliseconds: 20)) { try $0.run(Sleep(seconds: 600)) }
        }
        #expect(error?.code == .timeout)
        #expect(connection.health == .broken)
        connection = try TestDatabase.current.connect()
        let copy = failure {
            try connection.copyOut("copy (select pg_sleep(600)) to stdout", deadline: .after(milliseconds: 20)) { _ in }
        }
        #expect(copy?.code == .timeout)
        #expect(connection.health == .ready)
    }

    @Test func anotherThreadCancels() throws {
        var connection = try TestDatabase.current.connect()
        let cancelHandle = connection.cancelHandle
        let database = TestDatabase.current
        let thread = Thread {
            do {
                try TestDatabase.with(database) { try waitUntilRunning("pg_sleep") }
                cancelHandle.cancel()
            } catch { Issue.record(error) }
        }
        thread.start()
        let error = failure { try connection.run(Sleep(seconds: 600)) }
        #expect(error?.code == .cancelled)
        #expect(error?.sqlState == "57014")
        #expect(connection.health == .ready)
        #expect(try connection.run(Sleep(seconds: 0)) == 1)
    }

    @Test func anInterruptionStopsWhatRunsAndWhatComes() throws {
        var connection = try TestDatabase.current.connect()
        let interruption = Interruption(Wakeup())
        connection.interruption = interruption
        let database = TestDatabase.current
        let thread = Thread {
            do { try TestDatabase.with(database) { try waitUntilRunning("pg_sleep") } } catch { Issue.record(error) }
            interruption.request()
        }
        thread.start()
        let error = failure {
            try connection.transaction { try $0.run(Sleep(seconds: 600)) }
        }
        #expect(error?.code == .cancelled)
        #expect(connection.health == .ready)
        #expect(connection.isInTransaction == false)
        #expect(failure { try connection.execute("select 1") }?.code == .cancelled)
        #expect(failure { _ = try connection.waitForNotification(deadline: patience()) }?.code == .cancelled)
        connection.interruption = nil
        #expect(try connection.textRows("select 1") == [["1"]])
    }

    @Test func aTerminatedSessionIsALostConnection() throws {
        var connection = try TestDatabase.current.connect()
        try terminate(connection.backendProcessID)
        #expect(connection.isAlive() == false)
        let error = failure { try connection.execute("select 1") }
        #expect(error?.code == .connectionLost)
        #expect(error?.isConnectionLoss == true)
        #expect(connection.health == .broken)
        #expect(failure { try connection.run(Sleep(seconds: 0)) }?.code == .connectionLost)
    }

    @Test func aSessionTerminatedInMidStatement() throws {
        var connection = try TestDatabase.current.connect()
        let processID = connection.backendProcessID
        let database = TestDatabase.current
        let thread = Thread {
            do {
                try TestDatabase.with(database) {
                    try waitUntilRunning("pg_sleep")
                    try terminate(processID)
                }
            } catch { Issue.record(error) }
        }
        thread.start()
        let error = failure { try connection.transaction { try $0.run(Sleep(seconds: 600)) } }
        #expect(error?.code == .connectionLost)
        #expect(error?.sqlState == "57P01")
        #expect(connection.health == .broken)
    }

    @Test func connectionsLostInPipelineAndCopy() throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute("create table t (n int, label text)")
        let pipelineID = connection.backendProcessID
        let inPipeline = failure {
            try connection.pipeline { pipeline in
                for number in 0..<1_000 {
                    if number == 500 { try terminate(pipelineID) }
                    try pipeline.run(Insert(number: Int32(number), label: nil))
                }
            }
        }
        #expect(inPipeline?.isConnectionLoss == true)
        connection = try TestDatabase.current.connect()
        let processID = connection.backendProcessID
        let inCopy = failure {
            try connection.copyIn("copy t (n) from stdin (format binary)") { writer in
                for number in 0..<200_000 {
                    if number == 1_000 { try terminate(processID) }
                    try writer.row(Int32(number))
                }
            }
        }
        #expect(inCopy?.isConnectionLoss == true)
        #expect(connection.health == .broken)
    }

    @Test func aConnectionLostWhileCommitting() throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute("create table t (n int)")
        let processID = connection.backendProcessID
        let error = failure {
            try connection.transaction { connection in
                try connection.execute("insert into t values (1)")
                try terminate(processID)
            }
        }
        #expect(error?.code == .commitUnknown)
        #expect(error?.isConnectionLoss == true)
    }
}

@Suite("Notifications", .database)
struct NotificationTests {
    @Test func notificationsArriveInOrder() throws {
        var listener = try TestDatabase.current.connect()
        var sender = try TestDatabase.current.connect()
        try listener.listen("a \"channel\"")
        try sender.execute(
            "notify \"a \"\"channel\"\"\", 'one'; select pg_notify('a \"channel\"', 'two'); notify other, 'x'")
        let first = try listener.waitForNotification(deadline: patience())
        #expect(first?.channel == "a \"channel\"")
        #expect(first?.payload == "one")
        #expect(first?.processID == sender.backendProcessID)
        #expect(try listener.waitForNotification(deadline: patience())?.payload == "two")
        #expect(try listener.waitForNotification(deadline: .after(milliseconds: 1)) == nil)
    }

    @Test func aLostListenerIsTold() throws {
        var listener = try TestDatabase.current.connect()
        try listener.listen("c")
        try terminate(listener.backendProcessID)
        #expect(failure { _ = try listener.waitForNotification(deadline: patience()) }?.isConnectionLoss == true)
    }
}
