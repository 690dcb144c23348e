import Bytes
import Foundation
import Postgres
import Support
import Testing

struct Numbers: Statement {
    static let name = "numbers"
    static let sql = "select n, 'row ' || n from generate_series($1, $2) n order by n"
    var from: Int32
    var through: Int32

    func bind(to parameters: inout Parameters) { parameters.append(all: from, through) }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> (Int32, String) {
        (try row.decode(0), try row.decode(1))
    }
}

struct Sleep: Statement {
    static let name = "sleep"
    static let sql = "select 1 from pg_sleep($1)"
    var seconds: Double

    func bind(to parameters: inout Parameters) { parameters.append(seconds) }
}

struct Insert: Statement {
    static let name = "insert"
    static let sql = "insert into t (n, label) values ($1, $2)"
    var number: Int32
    var label: String?

    func bind(to parameters: inout Parameters) { parameters.append(all: number, label) }
}

/// Runs a closure that should fail, and returns its error.
func failure<Result>(
    _ body: () throws -> Result, _ location: SourceLocation = #_sourceLocation
) -> PostgresError? {
    #expect(throws: PostgresError.self, sourceLocation: location) { _ = try body() }
}

/// The longest that a test waits for what must happen.
func patience() -> Deadline { .after(milliseconds: 20_000) }

@Suite("Connection", .database)
struct ConnectionTests {
    @Test func queriesDecodeRows() throws {
        var connection = try TestDatabase.current.connect()
        let rows = try connection.query(Numbers(from: 1, through: 3))
        #expect(rows.map(\.0) == [1, 2, 3])
        #expect(rows.map(\.1) == ["row 1", "row 2", "row 3"])
        #expect(try connection.first(Numbers(from: 7, through: 9))?.0 == 7)
        #expect(try connection.first(Numbers(from: 2, through: 1)) == nil)
        #expect(try connection.run(Numbers(from: 1, through: 5)) == 5)
        var sum: Int32 = 0
        try connection.forEach(Numbers(from: 1, through: 4)) { sum += try $0.decode(0) }
        #expect(sum == 10)
    }

    @Test func statementsArePreparedOnce() throws {
        var connection = try TestDatabase.current.connect()
        for _ in 0..<3 { _ = try connection.query(Numbers(from: 1, through: 1)) }
        #expect(try connection.textRows("select name from pg_prepared_statements") == [["numbers"]])
    }

    @Test func withoutPreparationNothingIsKeptOnTheServer() throws {
        var options = try TestDatabase.current.options
        options.preparesStatements = false
        var connection = try Connection(options)
        #expect(try connection.query(Numbers(from: 1, through: 2)).count == 2)
        #expect(try connection.textRows("select name from pg_prepared_statements").isEmpty)
    }

    /// What a session looks like behind a pooler that gives each transaction another one.
    @Test(arguments: ["deallocate all", "deallocate all; prepare numbers as select 'of somebody else'"])
    func aForeignSessionEndsPreparing(change: String) throws {
        var connection = try TestDatabase.current.connect()
        var fresh = try TestDatabase.current.connect()
        _ = try connection.query(Numbers(from: 1, through: 1))
        try connection.execute("deallocate all")
        #expect(try connection.query(Numbers(from: 1, through: 2)).count == 2)
        #expect(try connection.textRows("select name from pg_prepared_statements").isEmpty)
        // Prepared by others under the same name; inside a transaction that costs the transaction, once.
        try fresh.execute(change)
        if change.contains("prepare numbers") {
            #expect(throws: PostgresError.self) {
                try fresh.transaction(.readWrite) { _ = try $0.query(Numbers(from: 1, through: 2)) }
            }
        }
        let count = try fresh.transaction(.readWrite) { try $0.query(Numbers(from: 1, through: 2)).count }
        #expect(count == 2)
    }

    @Test func aChangedResultTypeIsPreparedAgain() throws {
        struct All: Statement {
            static let name = "all_of_t"
            static let sql = "select * from t"
            static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int { row.columnCount }
        }
        var connection = try TestDatabase.current.connect()
        try connection.execute("create table t (n int); insert into t values (1)")
        #expect(try connection.query(All()) == [1])
        try connection.execute("alter table t add m int")
        #expect(try connection.query(All()) == [2])
    }

    @Test func preparingAheadAndDescribing() throws {
        var connection = try TestDatabase.current.connect()
        try connection.prepare(Numbers(from: 0, through: 0))
        #expect(try connection.textRows("select name from pg_prepared_statements") == [["numbers"]])
        let description = try connection.describe(Numbers(from: 0, through: 0))
        #expect(description.parameterTypes == [.int4, .int4])
        #expect(description.columnTypes == [.int4, .text])
        struct Wrong: Statement {
            static let name = "wrong"
            static let sql = "select nothing from nowhere"
        }
        let error = failure { _ = try connection.describe(Wrong.self) }
        #expect(error?.isUndefinedObject == true)
        #expect(error?.statement == "wrong")
    }

    @Test func severalCommandsAndTextRows() throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute("create table t (n int); insert into t values (1), (null)")
        #expect(try connection.textRows("select n from t order by n") == [["1"], [nil]])
        try connection.execute("")
        #expect(
            failure { try connection.execute("select 1; select 1/0; insert into t values (3)") }?.sqlState == "22012")
        #expect(try connection.textRows("select count(*) from t") == [["2"]])
    }

    @Test func streamingReadsRowByRow() throws {
        var connection = try TestDatabase.current.connect()
        var sum = 0
        try connection.stream(Numbers(from: 1, through: 10_000)) { sum += Int(try $0.decode(0, as: Int32.self)) }
        #expect(sum == 50_005_000)
        struct Enough: Error {}
        var seen = 0
        #expect(throws: Enough.self) {
            try connection.stream(Numbers(from: 1, through: 5_000_000)) { _ in
                seen += 1
                if seen == 10 { throw Enough() }
            }
        }
        #expect(try connection.first(Numbers(from: 4, through: 4))?.0 == 4)
    }

    @Test func sessionSettingsAndName() throws {
        var options = try TestDatabase.current.options
        options.applicationName = "a test's name"
        options.sessionSettings = [("lock_timeout", "1234ms"), ("search_path", "a'b, public")]
        var connection = try Connection(options)
        let rows = try connection.textRows(
            """
            select current_setting('lock_timeout'), current_setting('search_path'), current_setting('application_name')
            """
        )
        #expect(rows == [["1234ms", "a'b, public", "a test's name"]])
        #expect(connection.serverVersion >= 140_000)
        #expect(try connection.textRows("select pg_backend_pid()") == [["\(connection.backendProcessID)"]])
        options.sessionSettings = [("no_such_setting", "1")]
        #expect(failure { _ = try Connection(options) }?.sqlState == "42704")
    }

    @Test func transactionsCommitAndRollBack() throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute("create table t (n int)")
        try connection.transaction { try $0.execute("insert into t values (1)") }
        struct Stop: Error {}
        #expect(throws: Stop.self) {
            try connection.transaction { connection in
                try connection.execute("insert into t values (2)")
                throw Stop()
            }
        }
        #expect(connection.isInTransaction == false)
        #expect(try connection.textRows("select n from t") == [["1"]])
    }

    @Test func transactionModes() throws {
        var connection = try TestDatabase.current.connect()
        for (mode, isolation, readOnly) in [
            (TransactionMode.readWrite, "read committed", "off"), (.readOnly, "read committed", "on"),
            (.repeatableRead, "repeatable read", "off"), (.readOnlyRepeatableRead, "repeatable read", "on"),
            (.serializable, "serializable", "off"),
        ] {
            let settings = try connection.transaction(mode) {
                try $0.textRows(
                    "select current_setting('transaction_isolation'), current_setting('transaction_read_only')")
            }
            #expect(settings == [[isolation, readOnly]])
        }
        let error = failure { try connection.transaction(.readOnly) { try $0.execute("create table t (n int)") } }
        #expect(error?.isReadOnlyViolation == true)
    }

    @Test func aSwallowedErrorDoesNotCommitSilently() throws {
        var connection = try TestDatabase.current.connect()
        let error = failure {
            try connection.transaction { connection in
                do { try connection.execute("select 1/0") } catch {}
            }
        }
        #expect(error?.code == .misuse)
        #expect(failure { try connection.transaction { try $0.transaction { _ in } } }?.code == .misuse)
        #expect(connection.isInTransaction == false)
    }

    @Test func savepointsUndoTheirOwnOnly() throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute("create table t (n int primary key)")
        try connection.transaction { connection in
            try connection.execute("insert into t values (1)")
            let error = failure { try connection.savepoint { try $0.execute("insert into t values (2), (1)") } }
            #expect(error?.isUniqueViolation == true)
            try connection.savepoint { try $0.execute("insert into t values (3)") }
        }
        #expect(try connection.textRows("select n from t order by n") == [["1"], ["3"]])
    }

    @Test func aDeferredConstraintFailsTheCommit() throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute("create table t (n int, constraint once unique (n) deferrable initially deferred)")
        let error = failure { try connection.transaction { try $0.execute("insert into t values (1), (1)") } }
        #expect(error?.isUniqueViolation == true)
        #expect(error?.constraint == "once")
        #expect(connection.isInTransaction == false)
    }

    @Test func copyOutsideOfItsMethodsIsRefused() throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute("create table t (n int)")
        #expect(failure { try connection.execute("copy t from stdin") }?.code == .misuse)
        #expect(connection.health == .ready)
        #expect(failure { try connection.execute("copy t to stdout") }?.code == .misuse)
        #expect(connection.health == .broken)
        #expect(failure { try connection.execute("select 1") }?.code == .connectionLost)
    }
}
