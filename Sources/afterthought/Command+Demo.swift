import Bytes
import Engines
import Postgres
import Store
import Worker

extension Command {
    /// The whole way once, on the embedded sample.
    static let demo = Command(
        name: "demo", summary: "run everything once on real conversations, in a private database",
        details: [
            "Starts a private PostgreSQL server, migrates it, imports 5,210 messages of real conversations (their "
                + "times moved so that the newest is now), runs until caught up and prints what came of it. A second "
                + "run changes nothing. The server stays up, so that you can look further; --stop ends it.",
            "Where no server is installed, as in a container, name a database: it is migrated, and refused if it has "
                + "messages of its own.",
        ],
        options: [
            Option(name: "stop", help: "stop the private server"),
            Option(
                name: "data-folder", value: "PATH", help: "where the private server keeps its data",
                environmentKey: "AFTERTHOUGHT_DATA_FOLDER"),
            Option(name: "database-url", value: "URL", help: "work in this database instead of a private one"),
            Option(
                name: "configured",
                help: "work in the database that the variables name, as other commands do (AFTERTHOUGHT_DATABASE_URL, "
                    + "AFTERTHOUGHT_DATABASE_URL_FILE, DATABASE_URL or PG*)"),
            Option.json,
        ],
        usesDatabase: false,
        examples: ["demo", "demo --database-url postgresql://owner@db/empty"],
        body: .concurrent { invocation in
            if invocation.isSet("configured") || invocation.isSet("database-url") {
                guard !invocation.isSet("stop") else {
                    throw CommandFailure(
                        .usage, "expected `--stop` for the private server alone, got: another database",
                        hint: "leave one of them out")
                }
                let choice = try await onOwnThread { try DatabaseChoice(invocation) }
                try await runDemo(choice.options, privateURL: nil, json: invocation.wantsJSON)
                return .ok
            }
            let folder = invocation.value("data-folder")
            if invocation.isSet("stop") {
                let (path, outcome) = try await onOwnThread { try EmbeddedPostgres.stop(at: folder) }
                switch outcome {
                case .stopped: Terminal.print("stopped the private server in \(path)")
                case .wasNotRunning: Terminal.print("no private server was running in \(path)")
                case .isInUse:
                    throw CommandFailure(
                        .busy, "expected nobody to use the private server in \(path), got: another process",
                        hint: "stop the worker that uses it, then try again")
                }
                return .ok
            }
            let server = try await EmbeddedPostgres.started(at: folder, programs: invocation.postgresPrograms)
            defer { server.leaveRunning() }
            Terminal.note(
                "private PostgreSQL in \(server.path): " + (server.wasRunning ? "was running already" : "started"))
            try await runDemo(
                ConnectionOptions(url: server.connectionURL), privateURL: server.connectionURL,
                json: invocation.wantsJSON)
            return .ok
        })

    /// What the demo did, and what is there now.
    private struct DemoResult {
        var imported: ImportReport
        var cycle: CycleReport
        var workSeconds: Double
        var status: StatusReport
        var shown: PairSignals?
        var user = ""
        var bot = ""
    }

    private static func runDemo(_ options: ConnectionOptions, privateURL: String?, json: Bool) async throws {
        let imported = try await onOwnThread { () throws -> ImportReport in
            var connection = try Connection(options)
            let migrated = try Migrator.migrate(&connection)
            Terminal.note(
                "schema afterthought: \(migrated.applied.count) migrations applied, \(migrated.alreadyApplied) before")
            if privateURL == nil, try connection.first(HasForeignMessages()) == true {
                throw CommandFailure(
                    .data, "expected a database without messages but the sample's, got: one with others",
                    hint: "name an empty database, or leave the choice to the private server")
            }
            var wanted = ImportOptions(.memory(name: "sample", bytes: Sample.csv))
            wanted.shiftsToNow = true
            var importer = try Importer(wanted)
            return try importer.run(&connection, shouldStop: { StopSignal.isRequested }, report: { _ in })
        }
        let configuration = WorkerConfiguration()
        let worker = Worker(
            configuration: configuration, options: options,
            analyzer: .shipped(dimensions: configuration.embeddingDimensions),
            log: { event in
                // Taking the shards and the backlog is what a demo is expected to do.
                switch event {
                case .claimed, .backlog: break
                default: WorkerLog.write(event, json: json)
                }
            })
        let started = Deadline.now
        let cycle = try await worker.runOnce()
        let seconds = Double(Deadline.now - started) / 1e9
        let result = try await onOwnThread { () throws -> DemoResult in
            var connection = try Connection(options)
            var result = DemoResult(
                imported: imported, cycle: cycle, workSeconds: seconds, status: try StatusReport.read(&connection))
            if let pair = try connection.first(BusiestPair()) {
                (result.user, result.bot) = pair
                result.shown = try connection.first(ReadPairSignals(user: pair.user, bot: pair.bot))
            }
            return result
        }
        if cycle.shardsElsewhere > 0 {
            Terminal.note("\(cycle.shardsElsewhere) of 64 shards are another worker's, which does its part by itself")
        }
        Terminal.print(json ? demoJSON(result) : demoText(result, privateURL: privateURL))
    }

    private static func demoText(_ result: DemoResult, privateURL: String?) -> String {
        var text = ""
        if result.imported.wasAlreadyImported && result.cycle.rows == 0 {
            text += "nothing changed: the sample was imported and processed before\n"
        } else {
            let rate = Int64(Double(result.cycle.rows) / max(result.workSeconds, 1e-9))
            text +=
                "processed \(grouped(result.cycle.rows)) messages of \(grouped(result.cycle.pairs)) pairs in "
                + "\(spoken(seconds: result.workSeconds)): \(grouped(rate)) messages/s\n"
        }
        text += "\n" + statusText(result.status) + "\n"
        if let shown = result.shown {
            text += "\nthe pair with the most messages, user \(result.user), bot \(result.bot)\n"
            text += SignalTable.text(shown) + "\n"
        }
        text += "\nlook further:\n"
        // Any other database's URL is left out: it may hold a password.
        if let privateURL { text += "  psql '\(privateURL)'\n" }
        text += """
              set search_path = afterthought;
              select * from strategic_conversation_patterns where expires_at > now() limit 5;
              select * from read_strategic('\(result.user)', '\(result.bot)');
              select prompt_digest('\(result.user)', '\(result.bot)', 600);
            """
        return privateURL == nil ? text : text + "\nstop the private server: afterthought demo --stop"
    }

    private static func demoJSON(_ result: DemoResult) -> String {
        var json = JSONWriter()
        json.beginObject()
        json.key("changed")
        json.value(!(result.imported.wasAlreadyImported && result.cycle.rows == 0))
        json.key("rows")
        json.value(result.cycle.rows)
        json.key("seconds")
        json.value(result.workSeconds, decimals: 3)
        json.key("status")
        json.value((try? JSONValue(parsing: statusJSON(result.status))) ?? .null)
        json.key("pair")
        json.value(result.shown.flatMap { try? JSONValue(parsing: $0.json) } ?? .null)
        json.endObject()
        return json.text
    }
}

/// Whether there are messages that are not the sample's.
struct HasForeignMessages: Statement {
    static let name = "has_foreign_messages"
    static let sql = """
        select exists (
            select from afterthought.messages where external_id is null or external_id not like 'byu\\_chitchat:%')
        """

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Bool { try row.decode(0, as: Bool.self) }
}

/// The pair with the most messages.
private struct BusiestPair: Statement {
    static let name = "busiest_pair"
    static let sql = """
        select user_id, bot_name from afterthought.strategic_cache
        order by messages_reflected desc, bot_name, user_id
        limit 1
        """

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> (user: String, bot: String) {
        (try row.decode(0, as: String.self), try row.decode(1, as: String.self))
    }
}
