import Bytes
import Glibc
import Postgres
import Store

extension Command {
    /// Tables that are there already.
    static let adopt = Command(
        name: "adopt", summary: "mirror a table of the application into messages",
        details: [
            "Finds the columns that are user_id, bot_name, role, content, created_at and, if there, conversation_id, "
                + "emotion and embedding by name and type, says so, and makes triggers that mirror what is inserted, "
                + "changed, deleted and truncated, in the application's own transactions. Then it reads what is there "
                + "already; stopped or killed, it goes on when the same command is run again.",
            "The application needs no right on afterthought's tables and never fails by them: rows that can't be "
                + "messages are noted in afterthought.adoption_rejects with their key and the reason. Creating "
                + "triggers waits for the table's writers, and others wait behind it for --lock-seconds at most.",
            "The table needs a primary key or a unique index over columns that are not null. Rows that come by "
                + "logical replication need --subscriber. Constants go in single quotes, within double ones for the "
                + "shell.",
        ],
        arguments: [Argument(name: "TABLE", help: "as SQL names it, such as public.messages")],
        options: [
            Option(
                name: "map", value: "COLUMN=NAME",
                help: "the table's own column for one of messages, such as user_id=author, or \"bot_name='Ada'\"",
                isRepeatable: true),
            Option(
                name: "role-values", value: "ROLE=VALUE,…",
                help: "what values of the role's column mean: user, assistant, system, or skip to leave such rows out",
                isRepeatable: true),
            Option(name: "time-zone", value: "ZONE", help: "the zone of times that have none; else UTC"),
            Option(
                name: "time-unit", value: "UNIT", help: "what times that are numbers count since 1970",
                check: .choice(["seconds", "milliseconds", "microseconds"])),
            Option(name: "subscriber", help: "the rows come by logical replication: triggers for each row, always on"),
            Option(name: "backfill", help: "read what is there already, though it was first left out"),
            Option(name: "no-backfill", help: "leave what is there already out"),
            Option(name: "again", help: "read everything once more and mend what differs"),
            Option(name: "undo", help: "take triggers and functions away; messages stay"),
            Option(name: "dry-run", help: "change nothing; print the mapping, the SQL and its undo as one SQL script"),
            Option(
                name: "lock-seconds", value: "SECONDS", help: "how long to wait for the table's lock; else 2",
                check: .number(0.1...60)),
            Option.json,
        ],
        examples: [
            "adopt public.messages --dry-run", "adopt chat.log --map user_id=author --map \"bot_name='Ada'\"",
            "adopt public.messages --undo",
        ],
        body: .blocking { invocation in
            let options = try adoptionOptions(invocation)
            return try DatabaseChoice.withMigrated(invocation) { connection in
                if invocation.isSet("undo") {
                    try undo(&connection, options, invocation)
                    return .ok
                }
                let adopter = try Adopter(&connection, options)
                if invocation.isSet("dry-run") {
                    try printScript(adopter, &connection, invocation)
                    return .ok
                }
                let installs = try adopter.install(&connection, waiting: pause)
                let rows = try adopter.rowCount(&connection).rows
                var bar = ProgressBar()
                defer { bar.finish() }
                var report = try adopter.backfill(
                    &connection, again: invocation.isSet("again"), shouldStop: { StopSignal.isRequested },
                    waiting: pause
                ) { done in
                    bar.show(
                        "reading ", share: Double(done) / Double(max(1, rows)), detail: "\(grouped(done)) rows")
                }
                report.isInstalled = installs
                bar.finish()
                printAdoption(adopter, report, invocation)
                return .ok
            }
        })

    /// Gives the application a moment.
    private static func pause() { usleep(100_000) }

    private static func adoptionOptions(_ invocation: Invocation) throws(CommandFailure) -> AdoptionOptions {
        var options = AdoptionOptions(table: invocation.arguments[0])
        for pair in invocation.values["map"] ?? [] {
            let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, let column = ImportColumn(name: parts[0]), column != .externalID else {
                let names = ImportColumn.allCases.filter { $0 != .externalID }.map(\.name).joined(separator: ", ")
                throw CommandFailure(
                    .usage, "expected `--map` to be COLUMN=NAME, got: \(pair)", hint: "COLUMN is one of \(names)")
            }
            options.sources[column] = parts[1]
        }
        for list in invocation.values["role-values"] ?? [] {
            for pair in list.split(separator: ",") {
                let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
                let roles = ["user": "user", "assistant": "assistant", "bot": "assistant", "system": "system"]
                let role = parts[0] == "skip" ? "skip" : roles[parts[0]]
                guard parts.count == 2, let role else {
                    throw CommandFailure(
                        .usage, "expected `--role-values` to be ROLE=VALUE, got: \(pair)",
                        hint: "ROLE is one of user, assistant, bot, system, skip; VALUE is what the table has")
                }
                options.roles[parts[1].lowercased()] = role
            }
        }
        if invocation.isSet("backfill"), invocation.isSet("no-backfill") {
            throw CommandFailure(
                .usage, "expected `--backfill` or `--no-backfill`, got: both", hint: "leave one of them out")
        }
        options.backfills = invocation.isSet("backfill") ? true : invocation.isSet("no-backfill") ? false : nil
        options.timeZone = invocation.value("time-zone") ?? "UTC"
        options.timeUnitsASecond =
            ["seconds": 1, "milliseconds": 1000, "microseconds": 1_000_000][
                invocation.value("time-unit") ?? ""]
        options.isSubscriber = invocation.isSet("subscriber")
        options.lockSeconds = invocation.number("lock-seconds") ?? options.lockSeconds
        return options
    }
}

/// What `adopt` prints.
extension Command {
    /// The mapping, a line a column.
    private static func lines(_ plan: AdoptionPlan) -> [String] {
        let how: String =
            switch plan.capture {
            case .statement: "triggers once a statement"
            case .row: "triggers once a row, on every partition"
            case .subscriber: "triggers once a row, always on, for logical replication"
            }
        let sources = plan.sources.map { source in
            let name = source.column.name + String(repeating: " ", count: max(1, 16 - source.column.name.count))
            return "  \(name)from \(source.origin) (\(source.reason))"
        }
        let key = "  external_id     from the key, as \(plan.source):KEY"
        return ["\(plan.table): \(how)"] + sources + [key] + plan.remarks.map { "  note: \($0)" }
    }

    private static func printScript(
        _ adopter: Adopter, _ connection: inout Connection, _ invocation: Invocation
    ) throws {
        let count = try adopter.rowCount(&connection)
        if invocation.wantsJSON {
            Terminal.print(
                JSONValue.object([
                    JSONMember(key: "table", value: .string(adopter.plan.table)),
                    JSONMember(key: "mapping", value: mapping(adopter.plan)),
                    JSONMember(key: "rows", value: .number(JSONNumber(count.rows))),
                    JSONMember(key: "rows_exact", value: .bool(count.isExact)),
                    JSONMember(key: "install", value: .string(adopter.installScript)),
                    JSONMember(key: "backfill", value: .string(adopter.backfillScript)),
                    JSONMember(key: "undo", value: .string(adopter.undoScript)),
                ]).text)
            return
        }
        let estimate = count.isExact ? "\(grouped(count.rows)) rows" : "about \(grouped(count.rows)) rows"
        var text = (lines(adopter.plan) + ["  \(estimate) are there; nothing was changed", ""]).map { line in
            "-- " + TextWidth.harmless(line)
        }
        text.append(adopter.installScript)
        if adopter.wantsBackfill {
            text.append("-- What is there already, outside a transaction block:")
            text.append(adopter.backfillScript)
        }
        text.append("-- To undo it:")
        text += (adopter.undoScript + adopter.removalScript).split(separator: "\n").map { "-- " + $0 }
        Terminal.print(text.joined(separator: "\n"))
    }

    private static func mapping(_ plan: AdoptionPlan) -> JSONValue {
        .object(
            plan.sources.map { source in
                JSONMember(
                    key: source.column.name,
                    value: .object([
                        JSONMember(key: "from", value: .string(source.origin)),
                        JSONMember(key: "because", value: .string(source.reason)),
                    ]))
            })
    }

    private static func undo(
        _ connection: inout Connection, _ options: AdoptionOptions, _ invocation: Invocation
    ) throws {
        let undo = try AdoptionUndo(&connection, table: options.table)
        if let undo, invocation.isSet("dry-run") {
            Terminal.print(undo.script + "-- and, to remove what was mirrored:\n-- " + undo.removal)
            return
        }
        try undo?.run(&connection, lockSeconds: options.lockSeconds)
        if invocation.wantsJSON {
            Terminal.print(
                JSONValue.object([
                    JSONMember(key: "undone", value: .bool(undo != nil)),
                    JSONMember(key: "remove_messages", value: undo.map { .string($0.removal) } ?? .null),
                ]).text)
        } else if let undo {
            Terminal.print("triggers and functions of \(undo.table ?? options.table) are gone; its messages stay")
            Terminal.print("to remove what was mirrored: \(undo.removal)")
        } else {
            Terminal.print("nothing changed: \(options.table) was not adopted")
        }
    }

    private static func printAdoption(_ adopter: Adopter, _ report: AdoptionReport, _ invocation: Invocation) {
        let rejected = report.rejects.reduce(0) { $0 + $1.rows }
        if invocation.wantsJSON {
            Terminal.print(
                JSONValue.object([
                    JSONMember(key: "adopted", value: .bool(report.isInstalled)),
                    JSONMember(key: "mapping", value: mapping(adopter.plan)),
                    JSONMember(key: "rows_read", value: .number(JSONNumber(report.rowsRead))),
                    JSONMember(key: "rows_stored", value: .number(JSONNumber(report.rowsStored))),
                    JSONMember(key: "rows_rejected", value: .number(JSONNumber(rejected))),
                    JSONMember(key: "backfill_finished", value: .bool(report.isBackfillFinished)),
                ]).text)
            return
        }
        if report.isInstalled {
            for line in lines(adopter.plan) { Terminal.print(TextWidth.harmless(line)) }
        } else if !report.hasRead {
            Terminal.print("nothing changed: \(adopter.plan.table) is adopted")
        }
        if report.wantsBackfill {
            Terminal.print(
                "read \(grouped(report.rowsRead)) rows of before: \(grouped(report.rowsStored)) stored, "
                    + "\(grouped(report.rowsRefused)) rejected")
        }
        for reject in report.rejects {
            Terminal.note("\(grouped(reject.rows)) rejected rows: \(reject.reason)")
        }
        if rejected > 0 { Terminal.note("hint: their keys are in afterthought.adoption_rejects") }
    }
}
