import Bytes
import Postgres
import Store

extension Command {
    /// Message files.
    static let importMessages = Command(
        name: "import", summary: "load messages from a CSV or JSONL file",
        details: [
            "Columns: user_id, bot_name, role (user, assistant, bot, system), content and created_at (ISO 8601; UTC "
                + "unless it names a zone); if present also conversation_id, external_id or message_id, emotion (a "
                + "JSON object) and embedding (a JSON array). Others are ignored and listed.",
            "Every row is loaded exactly once: rows with an external_id that the pair has already are passed over, and "
                + "a stopped or killed import of a file goes on where it was when the same command is run again.",
            "Rows that can't be loaded go to a rejects file with their line and the reason; the exit status is then "
                + "65.",
        ],
        arguments: [
            Argument(name: "FILE", help: "CSV with a header line (RFC 4180), or one JSON object a line; UTF-8")
        ],
        options: [
            Option(
                name: "format", value: "csv|jsonl", help: "how the file is written; else its name or first byte tells",
                check: .choice(ImportFormat.allCases.map(\.rawValue))),
            Option(
                name: "map", value: "COLUMN=NAME", help: "the file's own name for a column, such as user_id=author",
                isRepeatable: true),
            Option(name: "bot", value: "NAME", help: "the bot of rows that name none"),
            Option(
                name: "shift-to-now",
                help: "for demonstrations: move all times by one constant so that the newest message is now"),
            Option(name: "rejects", value: "PATH", help: "the rejects file; else FILE.rejects.csv"),
            Option(name: "again", help: "import the file once more, though it was imported before"),
            Option.json,
        ],
        examples: ["import chat.csv --map user_id=author --bot aria", "import history.jsonl --json"],
        body: .blocking { invocation in
            let path = invocation.arguments[0]
            var options = ImportOptions(.file(path: path))
            options.format = invocation.value("format").flatMap(ImportFormat.init(rawValue:))
            options.mapping = try mapping(invocation)
            options.shiftsToNow = invocation.isSet("shift-to-now")
            options.again = invocation.isSet("again")
            options.rejectsPath = invocation.value("rejects") ?? path + ".rejects.csv"
            var importer = try Importer(options)
            let started = Deadline.now
            let report = try DatabaseChoice.withMigrated(invocation) { connection in
                var bar = ProgressBar()
                defer { bar.finish() }
                return try importer.run(
                    &connection, shouldStop: { StopSignal.isRequested }, report: { show($0, in: &bar, since: started) })
            }
            printImport(report, path: path, seconds: Double(Deadline.now - started) / 1e9, invocation)
            return report.rejected > 0 ? .data : .ok
        })

    private static func mapping(_ invocation: Invocation) throws(CommandFailure) -> ImportMapping {
        var mapping = ImportMapping(defaultBot: invocation.value("bot"))
        for pair in invocation.values["map"] ?? [] {
            let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, let column = ImportColumn(name: parts[0]) else {
                let names = ImportColumn.allCases.map(\.name).joined(separator: ", ")
                throw CommandFailure(
                    .usage, "expected `--map` to be COLUMN=NAME, got: \(pair)", hint: "COLUMN is one of \(names)")
            }
            mapping.map(parts[1], to: column)
        }
        return mapping
    }

    private static func show(_ progress: ImportProgress, in bar: inout ProgressBar, since started: UInt64) {
        let seconds = max(0.001, Double(Deadline.now - started) / 1e9)
        let rate = grouped(Int64(Double(progress.rows) / seconds))
        bar.show(
            progress.phase == .checking ? "checking " : "importing",
            share: Double(progress.bytesDone) / Double(max(1, progress.bytesTotal)),
            detail: "\(grouped(progress.rows)) rows, \(rate) rows/s")
    }

    private static func printImport(_ report: ImportReport, path: String, seconds: Double, _ invocation: Invocation) {
        if invocation.wantsJSON {
            printImportJSON(report, seconds)
            return
        }
        if report.wasAlreadyImported {
            Terminal.print(
                "already imported: \(grouped(report.loaded)) rows of \(path); nothing was changed (--again forces)")
        } else {
            Terminal.print(
                "imported \(path): \(grouped(report.loaded)) loaded, \(grouped(report.duplicates)) duplicates, "
                    + "\(grouped(report.rejected)) rejected, in \(spoken(seconds: seconds))")
        }
        if let line = report.resumedAtLine { Terminal.print("resumed at line \(grouped(line)) of an earlier run") }
        if report.erased > 0 { Terminal.print("passed over \(grouped(report.erased)) rows of erased users") }
        if report.shiftMicroseconds != 0 {
            let days = Double(report.shiftMicroseconds) / 86_400e6
            Terminal.print("all times were moved by \(Int(days.rounded())) days, so that the newest message is now")
        }
        if !report.ignoredNames.isEmpty {
            let names = report.ignoredNames.map { TextWidth.harmless($0) }.joined(separator: ", ")
            Terminal.print("ignored columns: \(names)")
        }
        if let rejects = report.rejectsPath {
            Terminal.note("\(grouped(report.rejected)) rows were rejected: see \(rejects)")
        }
    }

    private static func printImportJSON(_ report: ImportReport, _ seconds: Double) {
        var json = JSONWriter()
        json.beginObject()
        json.key("loaded")
        json.value(report.loaded)
        json.key("duplicates")
        json.value(report.duplicates)
        json.key("rejected")
        json.value(report.rejected)
        json.key("erased")
        json.value(report.erased)
        json.key("rejects_file")
        json.value(report.rejectsPath)
        json.key("already_imported")
        json.value(report.wasAlreadyImported)
        json.key("resumed_at_line")
        json.value(report.resumedAtLine)
        json.key("shift_seconds")
        json.value(Double(report.shiftMicroseconds) / 1e6)
        json.key("ignored_columns")
        json.beginArray()
        for name in report.ignoredNames { json.value(name) }
        json.endArray()
        json.key("seconds")
        json.value(seconds, decimals: 3)
        json.endObject()
        Terminal.print(json.text)
    }
}
