import Foundation
import Postgres
import Support
import Testing

@testable import Store
@testable import afterthought

/// The program that was built with the tests, run as a user runs it.
struct Program {
    var status: Int32
    var output: String
    var errors: String

    private static let path: String = {
        let test = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: test).deletingLastPathComponent().appendingPathComponent("afterthought").path
    }()

    /// Runs it to its end.
    ///
    /// - Parameters:
    ///   - words: what it is given.
    ///   - environment: its variables beside PATH and HOME.
    /// - Returns: how it ended and what it wrote.
    /// - Throws: what keeps it from starting.
    static func run(_ words: [String], environment: [String: String] = [:]) throws -> Program {
        let process = prepared(words, environment)
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        // What the program writes here fits a pipe, so one may be read after the other.
        let outputData = output.fileHandleForReading.readDataToEndOfFile()
        let errorData = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Program(
            status: process.terminationStatus, output: String(decoding: outputData, as: UTF8.self),
            errors: String(decoding: errorData, as: UTF8.self))
    }
}

extension Program {
    /// The program, not yet started, with its output thrown away.
    static func prepared(_ words: [String], _ environment: [String: String] = [:]) -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = words
        let least = ["PATH": "/usr/bin:/bin", "HOME": "/nonexistent"]
        process.environment = environment.merging(least) { given, _ in given }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        return process
    }
}

@Suite("Command line")
struct CommandLineTests {
    private static let snapshots = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Snapshots")

    /// Compares with a kept file; `AFTERTHOUGHT_KEEP_SNAPSHOTS=1` writes it anew.
    private func compare(_ text: String, with name: String) throws {
        let file = Self.snapshots.appendingPathComponent(name + ".txt")
        if ProcessInfo.processInfo.environment["AFTERTHOUGHT_KEEP_SNAPSHOTS"] != nil {
            try Data(text.utf8).write(to: file)
        }
        let kept = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        #expect(text == kept, "Snapshots/\(name).txt")
    }

    @Test(arguments: Command.all.map(\.name)) func helpPages(name: String) throws {
        let page = try Program.run(["help", name])
        #expect(page.status == 0 && page.errors.isEmpty)
        #expect(try Program.run([name, "--help"]).output == page.output)
        try compare(page.output, with: "help-" + name)
    }

    @Test func overview() throws {
        let page = try Program.run([])
        #expect(page.status == 0 && page.errors.isEmpty)
        #expect(try Program.run(["--help"]).output == page.output)
        try compare(page.output, with: "help")
    }

    @Test func noSnapshotIsLeftOver() throws {
        let kept = try FileManager.default.contentsOfDirectory(atPath: Self.snapshots.path)
        #expect(kept.sorted() == (Command.all.map { "help-\($0.name).txt" } + ["help.txt"]).sorted())
    }

    @Test(arguments: [
        (["imprt"], "expected a command, got: `imprt`", "did you mean `import`?"),
        (["--json"], "expected a command before options, got: `--json`", "`afterthought help` lists the commands"),
        (["import"], "expected FILE, got: nothing", "see `afterthought help import`"),
        (["import", "a", "b"], "expected at most 1 arguments, got: 2", "see `afterthought help import`"),
        (
            ["import", "a", "--formt", "csv"], "expected an option of `import`, got: `--formt`",
            "did you mean `--format`?"
        ),
        (["import", "a", "--bot"], "expected a value after `--bot`, got: none", "see `afterthought help import`"),
        (
            ["import", "a", "--bot="], "expected `--bot` to be not empty, got: nothing",
            "the bot of rows that name none"
        ),
        (
            ["import", "a", "--bot", "x", "--bot", "y"], "expected `--bot` once, got: it twice",
            "see `afterthought help import`"
        ),
        (["status", "--json=1"], "expected `--json` without a value, got: one", "see `afterthought help status`"),
        (
            ["status", "--embedded", "--database-url", "x"], "expected `--embedded` or `--database-url`, got: both",
            "leave one of them out"
        ),
        (
            ["status", "--database-url", "postgresql://a:secret@[b"],
            "expected the database URL to be readable, got: a malformed one (not shown: it may hold a password)",
            "write postgresql://user@host:5432/database, or host=… dbname=…; percent-encode special characters in a "
                + "URL's password"
        ),
    ]) func usageErrors(words: [String], message: String, hint: String) throws {
        let run = try Program.run(words)
        #expect(run.status == 64 && run.output.isEmpty)
        #expect(run.errors == "afterthought: \(message)\nhint: \(hint)\n")
    }

    @Test func numbersAreChecked() throws {
        let batch = Option(name: "batch", value: "ROWS", help: "rows", check: .integer(1...10_000))
        let command = Command(name: "x", summary: "x", options: [batch], body: .blocking { _ in .ok })
        let parser = ArgumentParser(commands: [command], environment: [:])
        let error = #expect(throws: CommandFailure.self) { try parser.parse(["x", "--batch", "0"]) }
        #expect(error?.message == "expected `--batch` to be 1…10000, got: 0" && error?.code == .usage)
        guard case .run(let invocation) = try parser.parse(["x", "--batch=10000"]) else {
            Issue.record("expected an invocation")
            return
        }
        #expect(invocation.integer("batch") == 10_000)
    }

    @Test func variablesStandInForOptionsAndUnknownOnesAreRefused() throws {
        let batch = Option(
            name: "batch", value: "ROWS", help: "rows", check: .integer(1...9), environmentKey: "AFTERTHOUGHT_BATCH")
        let command = Command(name: "x", summary: "x", options: [batch], body: .blocking { _ in .ok })
        func value(_ words: [String], _ environment: [String: String]) throws -> Int? {
            let parser = ArgumentParser(commands: [command], environment: environment)
            guard case .run(let invocation) = try parser.parse(words) else { return nil }
            return invocation.integer("batch")
        }
        #expect(try value(["x"], ["AFTERTHOUGHT_BATCH": "5"]) == 5)
        #expect(try value(["x", "--batch", "6"], ["AFTERTHOUGHT_BATCH": "5"]) == 6)
        let wrong = #expect(throws: CommandFailure.self) { try value(["x"], ["AFTERTHOUGHT_BATCH": "50"]) }
        #expect(wrong?.message == "expected `AFTERTHOUGHT_BATCH` to be 1…9, got: 50")
        let unknown = #expect(throws: CommandFailure.self) { try value(["x"], ["AFTERTHOUGHT_BATHC": "5"]) }
        #expect(unknown?.hint == "did you mean `AFTERTHOUGHT_BATCH`?")
    }

    @Test func aDatabaseOutOfReachGives69() throws {
        for command in [["status"], ["doctor"], ["migrate"], ["refresh", "u", "b"]] {
            let run = try Program.run(
                command + ["--database-url", "postgresql://nobody@127.0.0.1:1/x?connect_timeout=2"])
            #expect(run.status == 69 && run.output.isEmpty)
            #expect(run.errors.contains("\nhint: name the database with --database-url"))
        }
    }

    @Test func whatTheProcessExitsWithFitsTheError() {
        var refused = PostgresError(.connectionFailed, "FATAL:  password authentication failed for user \"u\"")
        #expect(CommandFailure(refused).code == .unavailable)
        #expect(CommandFailure(refused).hint == "check user and password: in the URL, PGPASSWORD or ~/.pgpass")
        refused.hint = "own"
        #expect(CommandFailure(refused).hint == "own")
        var locked = PostgresError(.serverError, "canceling statement due to lock timeout")
        locked.sqlState = "55P03"
        #expect(CommandFailure(locked).code == .busy && CommandFailure(locked).hint?.contains("pg_locks") == true)
    }

    @Test func oneSessionForTwoClientsIsAPoolersDoing() {
        // Straight, through a pooler in session mode, and through one that lends its sessions.
        #expect(!SessionProbe.isShared(promised: 7, first: 7, second: 7))
        #expect(!SessionProbe.isShared(promised: 7, first: 8, second: 9))
        #expect(SessionProbe.isShared(promised: 7, first: 8, second: 8))
    }

    @Test func tablesAlignWideText() {
        var table = TextTable([("name", .left), ("n", .right)])
        table.add("日本", "1")
        table.add("e\u{301}té 👩‍👩‍👧", "12,345")
        table.add("a\u{1B}[31m\nb", "7")
        #expect(
            table.text()
                == """
                name             n
                ────────  ──────
                日本           1
                e\u{301}té 👩‍👩‍👧    12,345
                a\u{FFFD}[31m b       7
                """.replacingOccurrences(of: "name             n", with: "name           n"))
        #expect(TextWidth.cut("日本語", columnsMax: 5) == "日本…")
        #expect(TextWidth.cut("abc", columnsMax: 3) == "abc")
    }

    @Test func numbersAndTimesForPeople() {
        #expect([0, 999, 1000, -1_234_567].map { grouped($0) } == ["0", "999", "1,000", "-1,234,567"])
        #expect(
            [0.0123, 0.0999, 41, 119.9, 600, 7300, 180_000].map { spoken(seconds: $0) }
                == ["12 ms", "0.1 s", "41 s", "2 min", "10 min", "2 h", "2.1 days"])
    }

    @Test func theBarShowsWhatIsLeft() {
        #expect(
            ProgressBar.line("importing", share: 0.5, detail: "7 rows", elapsed: 10)
                == "importing  ████████████░░░░░░░░░░░░ 50 %  7 rows  10 s left")
        #expect(ProgressBar.line("waiting", share: nil, detail: "7 rows", elapsed: 10) == "waiting  7 rows")
    }
}

@Suite("Command line on a database", .database)
struct CommandLineDatabaseTests {
    @Test func importThenStatusThenRefresh() throws {
        let url = TestDatabase.current.url
        let scratch = try ScratchFolder()
        let file = try scratch.write(
            "chat.csv",
            """
            author,role,content,created_at,mood
            u1,user,hello,2024-05-06T07:08:09Z,x
            u1,assistant,hi,2024-05-06T07:08:10Z,x
            u2,robot,beep,2024-05-06T07:08:11Z,x
            """)
        let words = ["import", file, "--map", "user_id=author", "--bot", "aria", "--database-url", url]
        let first = try Program.run(words)
        #expect(first.status == 65)
        #expect(first.output.hasPrefix("imported \(file): 2 loaded, 0 duplicates, 1 rejected, in "))
        #expect(first.output.hasSuffix("\nignored columns: mood\n"))
        #expect(first.errors == "1 rows were rejected: see \(file).rejects.csv\n")
        let rejects = try String(contentsOfFile: file + ".rejects.csv", encoding: .utf8)
        #expect(rejects == "line,reason\n4,\"role is none of user, assistant, bot, system\"\n")

        let second = try Program.run(words + ["--json"])
        #expect(second.status == 65 && second.errors.isEmpty)
        let json = try JSONSerialization.jsonObject(with: Data(second.output.utf8)) as? [String: Any]
        #expect(json?["already_imported"] as? Bool == true && json?["loaded"] as? Int == 2)

        let refresh = try Program.run(["refresh", "u1", "aria"], environment: ["DATABASE_URL": url])
        #expect(refresh.status == 0 && refresh.output == "requested: the next cycle rebuilds the pair\n")
        let unknown = try Program.run(["refresh", "aria", "u1", "--database-url", url])
        #expect(unknown.status == 65)

        let status = try Program.run(["status", "--json"], environment: ["AFTERTHOUGHT_DATABASE_URL": url])
        let figures = try JSONSerialization.jsonObject(with: Data(status.output.utf8)) as? [String: Any]
        #expect(status.status == 0)
        #expect(figures?["messages"] as? Int == 2 && figures?["pairs"] as? Int == 1)
        // Two messages and the request.
        #expect(figures?["unprocessed"] as? Int == 3 && figures?["fresh"] as? Int == 0)
        #expect(figures?["lag_seconds"] is NSNull)
    }

    @Test func aKilledImportIsFinishedByTheNextOne() throws {
        let scratch = try ScratchFolder()
        let rows = 100_000
        var text = "user_id,bot_name,role,content,created_at\n"
        for row in 1...rows { text += "u\(row % 50),b,user,\(row),2024-05-06T07:08:09Z\n" }
        let file = try scratch.write("chat.csv", text)
        let words = ["import", file, "--database-url", TestDatabase.current.url]
        var connection = try TestDatabase.current.connect()
        let process = Program.prepared(words)
        try process.run()
        // Killed as soon as its first chunk is there, so in the midst of a later one.
        while try connection.textRows("select 1 from afterthought.import_progress where rows_loaded > 0").isEmpty {
            guard process.isRunning else { break }
        }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        let second = try Program.run(words)
        #expect(second.status == 0 && second.output.contains("100,000 loaded"), "\(second)")
        let counts = try connection.textRows("select count(*), count(distinct content) from afterthought.messages")
        #expect(counts == [["100000", "100000"]])
    }

    @Test func aMissingFileIsNamed() throws {
        let run = try Program.run(["import", "/nowhere.csv", "--database-url", TestDatabase.current.url])
        #expect(run.status == 65)
        #expect(run.errors.hasPrefix("afterthought: expected `/nowhere.csv` to be readable, got: No such file"))
    }

    @Test func doctorPassesAndThenNamesWhatWasBroken() throws {
        let url = TestDatabase.current.url
        let well = try Program.run(["doctor", "--database-url", url])
        #expect(well.status == 0, "\(well.output)")
        var connection = try TestDatabase.current.connect()
        let role = "app_\(UInt32.random(in: 0 ... .max))"
        try connection.execute(
            """
            create role \(role);
            grant insert on afterthought.messages to \(role);
            alter table afterthought.messages disable trigger note_edits;
            update afterthought.cluster_identity set system_identifier = 1;
            """)
        let ill = try Program.run(["doctor", "--json", "--database-url", url])
        try connection.execute("drop owned by \(role); drop role \(role)")
        #expect(ill.status == 1)
        let json = try JSONSerialization.jsonObject(with: Data(ill.output.utf8)) as? [String: Any]
        let checks = json?["checks"] as? [[String: Any]] ?? []
        let failed = checks.filter { $0["verdict"] as? String == "failure" }.compactMap { $0["check"] as? String }
        #expect(failed == ["cluster", "grants", "triggers"])
        #expect(ill.output.contains("insert on messages to \(role)"))
    }

    @Test func rolesMayDoTheirPartAndNoMore() throws {
        var connection = try TestDatabase.current.connect()
        // Roles belong to the whole cluster, so that running it again is part of the test.
        for _ in 0..<2 {
            let run = try Program.run(["migrate", "--roles", "--database-url", TestDatabase.current.url])
            #expect(run.status == 0 && run.output.hasSuffix("roles created and granted\n"), "\(run.errors)")
        }
        func may(_ role: String, _ sql: String) -> Bool {
            do {
                try connection.execute("begin; set local role \(role); \(sql)")
                try connection.execute("rollback")
                return true
            } catch {
                try? connection.execute("rollback")
                return error.sqlState != "42501"
            }
        }
        let insert =
            "insert into afterthought.messages (user_id, bot_name, role, content) values ('u', 'b', 'user', 'x')"
        #expect(may("afterthought_app", insert))
        #expect(!may("afterthought_app", "insert into afterthought.messages (tx, user_id) values ('3', 'u')"))
        #expect(!may("afterthought_app", "update afterthought.messages set content = ''"))
        #expect(!may("afterthought_app", "select content from afterthought.messages"))
        #expect(!may("afterthought_reader", insert))
        #expect(!may("afterthought_reader", "select content from afterthought.messages"))
        #expect(may("afterthought_reader", "select * from afterthought.strategic_cache"))
        #expect(may("afterthought_worker", "select content from afterthought.messages"))
        #expect(may("afterthought_worker", "update afterthought.shard_progress set generation = 1"))
        #expect(!may("afterthought_worker", insert))
        #expect(!may("afterthought_worker", "delete from afterthought.messages"))
        #expect(may("afterthought_admin", insert))
    }
}
