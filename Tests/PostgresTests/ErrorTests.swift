import Foundation
import Postgres
import Support
import Testing

@Suite("Errors", .database)
struct ErrorTests {
    /// What a log, a crash report or a dump of the error would show.
    private func shown(_ error: PostgresError?) -> String {
        var dumped = ""
        dump(error, to: &dumped)
        return "\(String(describing: error)) \(String(reflecting: error)) \(dumped)"
    }

    @Test func constraintsAreToldApartWithoutData() throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute(
            "create table t (n text constraint t_key primary key, m int constraint small check (m < 9))")
        try connection.execute("insert into t values ('secret', 1)")
        let unique = failure { try connection.execute("insert into t values ('secret', 1)") }
        #expect(unique?.isUniqueViolation == true)
        #expect(unique?.isDataError == true)
        #expect(unique?.constraint == "t_key")
        #expect(unique?.table == "t")
        #expect(unique?.detail?.contains("secret") == true)
        #expect(!shown(unique).contains("secret"))
        let check = failure { try connection.execute("insert into t values ('secret two', 10)") }
        #expect(check?.sqlState == "23514")
        #expect(!shown(check).contains("secret"))
    }

    @Test func refusedConnectionsSayWhatToDo() {
        let hints = [
            (#"FATAL:  password authentication failed for user "u""#, "check user and password"),
            ("fe_sendauth: no password supplied", "check user and password"),
            (#"FATAL:  database "chat" does not exist"#, "create the database"),
            (#"FATAL:  role "bot" does not exist"#, "create the role"),
            ("FATAL:  sorry, too many clients already", "max_connections"),
            ("FATAL:  remaining connection slots are reserved for non-replication superusers", "max_connections"),
            ("FATAL:  the database system is in recovery mode", "starting, stopping or recovering"),
            (#"FATAL:  no pg_hba.conf entry for host "::1", user "u", database "d", no encryption"#, "pg_hba.conf"),
        ]
        for (message, hint) in hints {
            #expect(PostgresError(.connectionFailed, message).refusalHint?.contains(hint) == true, "\(message)")
            // The same words in an answer to a statement mean something else.
            #expect(PostgresError(.serverError, message).refusalHint == nil)
        }
        #expect(PostgresError(.connectionFailed, "Connection refused").refusalHint == nil)
        #expect(PostgresError(.connectionFailed, "no password", hint: "own").refusalHint == "own")
    }

    @Test(arguments: ["select 'secret'::int", "select '{secret'::jsonb", "select 'secret' ~ '(secret'"])
    func valuesInMessagesAreWithheld(_ sql: String) throws {
        var connection = try TestDatabase.current.connect()
        let error = failure { try connection.execute(sql) }
        #expect(error?.isDataError == true)
        #expect(!shown(error).contains("secret"))
        let raised = failure {
            try connection.execute("do $$ begin raise exception 'secret' using hint = 'secret'; end $$")
        }
        #expect(raised?.message == "secret")
        #expect(!shown(raised).contains("secret"))
    }

    @Test func conditionsAreRecognised() throws {
        var connection = try TestDatabase.current.connect()
        #expect(failure { try connection.execute("select * from nowhere") }?.isUndefinedObject == true)
        #expect(failure { try connection.execute("selec") }?.sqlState == "42601")
        #expect(failure { try connection.execute("select 1\0") }?.code == .misuse)
        try connection.execute("create table t (n int); set lock_timeout = '1ms'")
        var other = try TestDatabase.current.connect()
        try other.transaction { other in
            try other.execute("lock table t")
            #expect(failure { try connection.execute("select * from t") }?.isLockTimeout == true)
        }
    }

    @Test func serializationFailuresAreRecognised() throws {
        var first = try TestDatabase.current.connect()
        var second = try TestDatabase.current.connect()
        try first.execute("create table t (n int); insert into t values (1)")
        let error = failure {
            try first.transaction(.repeatableRead) { first in
                _ = try first.textRows("select n from t")
                try second.execute("update t set n = 2")
                try first.execute("update t set n = 3")
            }
        }
        #expect(error?.isSerializationFailure == true)
        #expect(first.health == .ready)
    }

    @Test func noticesAreNotPrinted() throws {
        var connection = try TestDatabase.current.connect()
        // Both streams go to a file meanwhile; what other tests print then is not looked at.
        let file = open(NSTemporaryDirectory() + "afterthought-notices-\(getpid())", O_RDWR | O_CREAT | O_TRUNC, 0o600)
        let saved = [dup(1), dup(2)]
        fflush(nil)
        dup2(file, 1)
        dup2(file, 2)
        let result = Result {
            try connection.execute("do $$ begin raise warning 'secret-notice'; end $$")
            try connection.execute("do $$ begin raise warning 'another'; end $$")
        }
        write(2, "marker", 6)
        fflush(nil)
        dup2(saved[0], 1)
        dup2(saved[1], 2)
        var printed = [UInt8](repeating: 0, count: 1 << 16)
        let count = pread(file, &printed, printed.count, 0)
        for descriptor in saved + [file] { close(descriptor) }
        try result.get()
        let text = String(decoding: printed.prefix(max(0, count)), as: UTF8.self)
        #expect(text.contains("marker"))
        #expect(!text.contains("secret-notice"))
    }

    @Test func aWrongDatabaseIsTold() throws {
        let cluster = try TestCluster.shared
        let error = failure { _ = try cluster.connect(database: "no_such_database") }
        #expect(error?.code == .connectionFailed)
        #expect(error?.isConnectionLoss == true)
        #expect(error?.description.contains("no_such_database") == true)
        let nobody = failure {
            _ = try Connection(ConnectionOptions(url: "host=/nowhere/at/all user=u password=pass-word"))
        }
        #expect(nobody?.code == .connectionFailed)
        #expect(!shown(nobody).contains("pass-word"))
    }
}

@Suite("Connection options")
struct ConnectionOptionsTests {
    @Test func urlsAndPairsAreRead() throws {
        for text in [
            "postgresql://me:pass-word@host.example:6543/db?sslmode=require",
            "user=me password=pass-word host=host.example port=6543 dbname=db sslmode=require",
        ] {
            let options = try ConnectionOptions(url: text)
            #expect(options[keyword: "host"] == "host.example")
            #expect(options[keyword: "password"] == "pass-word")
            #expect(options.redactedDescription == "host=host.example port=6543 dbname=db user=me sslmode=require")
            var dumped = ""
            dump(options, to: &dumped)
            #expect(!"\(options) \(String(reflecting: options)) \(dumped)".contains("pass-word"))
        }
    }

    @Test func theEnvironmentNamesTheDatabase() throws {
        let environment = ["DATABASE_URL": "dbname=second", "AFTERTHOUGHT_DATABASE_URL": "dbname=first"]
        #expect(try ConnectionOptions(environment: environment)[keyword: "dbname"] == "first")
        #expect(try ConnectionOptions(environment: ["DATABASE_URL": "dbname=second"])[keyword: "dbname"] == "second")
        #expect(try ConnectionOptions(url: "dbname=given", environment: environment)[keyword: "dbname"] == "given")
        #expect(try ConnectionOptions(url: "", environment: environment)[keyword: "dbname"] == "first")
        #expect(try ConnectionOptions()[keyword: "dbname"] == nil)
        #expect(try ConnectionOptions().redactedDescription == "libpq's defaults (PG* variables)")
    }

    @Test(arguments: [
        "postgresql://u:secret%zz@h/d", "password=secret nonsense", "host=a\0b", "no_such_keyword=secret",
    ])
    func malformedTextIsNotRepeated(_ text: String) {
        let error = failure { _ = try ConnectionOptions(url: text) }
        #expect(error?.code == .misuse)
        #expect(error?.description.contains("secret") == false)
        #expect(error?.message.contains("secret") == false)
    }

    @Test func oneParameterCanBeChanged() throws {
        var options = try ConnectionOptions(url: "dbname=a user=u")
        options[keyword: "dbname"] = "b"
        #expect(options[keyword: "dbname"] == "b")
        options[keyword: "user"] = nil
        #expect(options.redactedDescription == "dbname=b")
    }
}
