import Bytes
import Store

extension Command {
    /// How far the worker is.
    static let status = Command(
        name: "status", summary: "show how far the worker is and what readers get",
        details: [
            "Unprocessed counts committed input rows that are not yet reflected. Lag is the time since everything was "
                + "reflected in every shard.",
            "The language model is off unless AFTERTHOUGHT_LLM_URL is set; what is shown is this command's own "
                + "environment, and the calls that all workers made in 30 days.",
        ],
        options: healthOptions + [Option.json],
        examples: ["status --json", "status --health"],
        body: .blocking { invocation in
            if invocation.isSet("health") || invocation.isSet("alive") { return try showHealth(invocation) }
            let languageModel = try LanguageModelChoice.configuration(invocation.environment)
            let report = try DatabaseChoice.withMigrated(invocation) { connection in try StatusReport.read(&connection)
            }
            if invocation.wantsJSON {
                Terminal.print(statusJSON(report) { LanguageModelChoice.write(languageModel, report, to: &$0) })
            } else {
                Terminal.print(statusText(report) + "\n\n" + LanguageModelChoice.line(languageModel, report))
            }
            return .ok
        })

    static func statusText(_ report: StatusReport) -> String {
        var table = TextTable([("", .left), ("", .right)])
        table.add("messages", grouped(report.messages))
        table.add("pairs", grouped(report.pairs))
        table.add("unprocessed", grouped(report.unprocessed))
        if let oldest = report.oldestUnprocessedAt {
            table.add("oldest unprocessed", spoken(seconds: max(0, report.at.seconds(since: oldest))))
        }
        table.add("lag", report.lagSeconds.map { spoken(seconds: $0) } ?? "not processed yet")
        table.add("fresh", grouped(report.fresh))
        table.add("stale", grouped(report.stale))
        table.add("quarantined", grouped(report.quarantined))
        table.add("workers", grouped(report.workers))
        table.add("shards leased", "\(report.shardsLeased) of 64")
        if report.shardsRebuilding > 0 { table.add("shards rebuilding", grouped(report.shardsRebuilding)) }
        if report.refreshRequests > 0 { table.add("refresh requests", grouped(report.refreshRequests)) }
        var text = table.text()
        if !report.nullReasons.isEmpty {
            var reasons = TextTable([("engine", .left), ("rows", .right), ("null because", .left)])
            for row in report.nullReasons { reasons.add(row.engine, grouped(row.rows), row.reason) }
            text += "\n\n" + reasons.text(columnsMax: 110)
        }
        if !report.unvalidated.isEmpty {
            var engines = TextTable([("engine", .left), ("rows where it is no better than its baseline", .right)])
            for row in report.unvalidated { engines.add(row.engine, grouped(row.rows)) }
            text += "\n\n" + engines.text()
        }
        return text
    }

    static func statusJSON(_ report: StatusReport, more: (inout JSONWriter) -> Void = { _ in }) -> String {
        var json = JSONWriter()
        json.beginObject()
        for (key, value) in [
            ("schema_version", Int64(report.schemaVersion)), ("messages", report.messages), ("pairs", report.pairs),
            ("unprocessed", report.unprocessed), ("fresh", report.fresh), ("stale", report.stale),
            ("quarantined", report.quarantined), ("workers", report.workers), ("shards_leased", report.shardsLeased),
            ("shards_rebuilding", report.shardsRebuilding), ("refresh_requests", report.refreshRequests),
        ] {
            json.key(key)
            json.value(value)
        }
        json.key("lag_seconds")
        json.value(report.lagSeconds, decimals: 3)
        json.key("oldest_unprocessed_seconds")
        json.value(report.oldestUnprocessedAt.map { max(0, report.at.seconds(since: $0)) }, decimals: 3)
        json.key("verified_through")
        json.value(report.verifiedThrough)
        json.key("null_reasons")
        json.beginObject()
        var engine: String?
        for row in report.nullReasons {
            if row.engine != engine {
                if engine != nil { json.endObject() }
                json.key(row.engine)
                json.beginObject()
                engine = row.engine
            }
            json.key(row.reason)
            json.value(row.rows)
        }
        if engine != nil { json.endObject() }
        json.endObject()
        json.key("unvalidated")
        json.beginObject()
        for row in report.unvalidated {
            json.key(row.engine)
            json.value(row.rows)
        }
        json.endObject()
        more(&json)
        json.endObject()
        return json.text
    }
}
