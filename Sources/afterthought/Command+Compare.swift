import Bytes
import Engines
import Postgres
import Store
import Worker

extension Command {
    /// The check of the cache against history.
    static let compare = Command(
        name: "compare", summary: "recompute a sample of pairs from scratch and report what differs",
        details: [
            "Folds the whole history of pairs drawn at random, as it was when their rows were verified, and compares "
                + "every stored column. Nothing is written. It ends with status 1 when anything differs."
        ],
        options: [
            Option(
                name: "sample", value: "PERCENT", help: "share of all pairs, at least 20 pairs (default 1%)",
                check: .percent),
            Option(name: "seed", value: "TEXT", help: "the same text draws the same pairs (default: new ones)"),
            Option.json,
        ],
        examples: ["compare", "compare --sample 5%", "compare --sample 100 --json"],
        body: .blocking { invocation in
            let share = (invocation.value("sample").flatMap(percent) ?? 1) / 100
            let salt = invocation.value("seed") ?? "\(UUID.random())"
            let findings = try DatabaseChoice.withMigrated(invocation) { connection in
                let recomputation = try recomputation(&connection)
                let pairs = try connection.query(ChooseCachedPairs(share: share, salt: salt))
                var bar = ProgressBar()
                defer { bar.finish() }
                return try recomputation.compare(&connection, pairs) { done in
                    bar.show(
                        "comparing", share: Double(done) / Double(pairs.count),
                        detail: "\(grouped(done)) of \(grouped(pairs.count)) pairs")
                    return !StopSignal.isRequested
                }
            }
            Terminal.print(invocation.wantsJSON ? json(findings) : text(findings))
            if StopSignal.isRequested { return .interrupted }
            return findings.different.isEmpty ? .ok : .unwell
        })

    /// What recomputes pairs of a database, under the settings that decide about results.
    static func recomputation(_ connection: inout Connection) throws -> Recomputation {
        let configuration = WorkerConfiguration()
        guard let cluster = try connection.first(LoadClusterIdentityRow()) else {
            throw CommandFailure(
                .data, "expected a row in afterthought.cluster_identity, got none", hint: "run `afterthought doctor`")
        }
        return Recomputation(
            configuration: configuration, cluster: cluster,
            analyzer: .shipped(dimensions: configuration.embeddingDimensions))
    }

    /// A percentage with or without its sign; nil for what is none.
    static func percent(_ text: String) -> Double? {
        Double(text.hasSuffix("%") ? String(text.dropLast()) : text).flatMap { (0...100).contains($0) ? $0 : nil }
    }

    /// Column → pairs in which it differs, most first.
    private static func columns(_ findings: Recomputation.Findings) -> [(name: String, pairs: Int)] {
        var counts: [String: Int] = [:]
        for difference in findings.different {
            for column in difference.columns { counts[column, default: 0] += 1 }
        }
        return counts.map { (name: $0.key, pairs: $0.value) }.sorted { ($1.pairs, $0.name) < ($0.pairs, $1.name) }
    }

    private static func text(_ findings: Recomputation.Findings) -> String {
        let compared = findings.equal + findings.different.count
        var text = "\(grouped(compared)) pairs recomputed from scratch: "
        text += findings.different.isEmpty ? "all equal" : "\(grouped(findings.different.count)) differ"
        if findings.inProgress > 0 {
            text += "\n\(grouped(findings.inProgress)) left out: new input is being processed"
        }
        if findings.outdated > 0 {
            text += "\n\(grouped(findings.outdated)) left out: rows of another version, waiting to be rebuilt"
        }
        guard !findings.different.isEmpty else { return text }
        var table = TextTable([("column", .left), ("pairs that differ", .right)])
        for column in columns(findings) { table.add(column.name, grouped(column.pairs)) }
        text += "\n\n" + table.text() + "\n\nfor example:"
        for difference in findings.different.prefix(5) {
            let pair = TextWidth.harmless("\(difference.pair.userID) \(difference.pair.botName)")
            text += "\n  \(pair): \(difference.columns.joined(separator: ", "))"
        }
        return text + "\n\n`afterthought refresh USER BOT` has a pair rebuilt; please report how it came about"
    }

    private static func json(_ findings: Recomputation.Findings) -> String {
        var json = JSONWriter()
        json.beginObject()
        for (key, value) in [
            ("equal", findings.equal), ("different", findings.different.count), ("in_progress", findings.inProgress),
            ("outdated", findings.outdated),
        ] {
            json.key(key)
            json.value(value)
        }
        json.key("columns")
        json.beginObject()
        for column in columns(findings) {
            json.key(column.name)
            json.value(column.pairs)
        }
        json.endObject()
        json.key("pairs")
        json.beginArray()
        for difference in findings.different {
            json.beginObject()
            json.key("user_id")
            json.value(difference.pair.userID)
            json.key("bot_name")
            json.value(difference.pair.botName)
            json.key("columns")
            json.beginArray()
            for column in difference.columns { json.value(column) }
            json.endArray()
            json.endObject()
        }
        json.endArray()
        json.endObject()
        return json.text
    }
}
