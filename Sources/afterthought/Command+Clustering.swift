import Bytes
import Engines
import Postgres
import Store
import Worker

extension Command {
    /// Where clustering stands.
    static let clustering = Command(
        name: "clustering", summary: "show where the clustering of conversations stands, and the clusters",
        details: [
            "Clusters say what conversations are about. They are computed in the background as soon as there is enough "
                + "new, and keep their ids for as long as they go on. --force asks for a run that computes them anew, "
                + "whatever has changed."
        ],
        options: [
            Option(name: "force", help: "ask the workers for a run now"),
            Option(
                name: "clusters", value: "N", help: "how many clusters are shown (default 20)",
                check: .integer(0...10_000)),
            Option.json,
        ],
        examples: ["clustering", "clustering --force", "clustering --json"],
        body: .blocking { invocation in
            try DatabaseChoice.withMigrated(invocation) { connection in
                let forced = invocation.isSet("force") ? try force(&connection) : nil
                guard let json = try connection.first(ClusteringStatus()) else { return .internalError }
                let status = try JSONValue(parsing: json.text)
                if invocation.wantsJSON {
                    Terminal.print(status.text)
                    return .ok
                }
                if let forced { Terminal.print("job \(forced) waits for a worker\n") }
                Terminal.print(text(status))
                let most = invocation.integer("clusters") ?? 20
                let clusters = try connection.query(ListClusters(clustersMax: Int64(most)))
                if !clusters.isEmpty { Terminal.print("\n" + text(clusters)) }
                return .ok
            }
        })

    /// One message, looked at now.
    static let analyze = Command(
        name: "analyze", summary: "look at one message: its concepts, its emotion, whether it changed the topic",
        details: ["What is found is kept in afterthought.message_analysis. The text itself is never shown."],
        arguments: [Argument(name: "MESSAGE", help: "the message's number, afterthought.messages.id")],
        options: [Option.json],
        examples: ["analyze 42", "analyze 42 --json"],
        body: .blocking { invocation in
            guard let id = Int64(invocation.arguments[0]) else {
                throw CommandFailure(
                    .usage, "expected MESSAGE to be a whole number, got: \(invocation.arguments[0])",
                    hint: "it is the column id of afterthought.messages")
            }
            return try DatabaseChoice.withMigrated(invocation) { connection in
                let configuration = WorkerConfiguration()
                let inspection = MessageInspection(
                    configuration: configuration,
                    analyzer: .shipped(dimensions: configuration.embeddingDimensions))
                guard let found = try inspection.inspect(&connection, message: id) else {
                    throw CommandFailure(
                        .data, "expected a message of number \(id), got: none",
                        hint: "it is the column id of afterthought.messages")
                }
                Terminal.print(invocation.wantsJSON ? try found.json.text : text(found))
                return .ok
            }
        })

    private static func force(_ connection: inout Connection) throws -> Int64 {
        guard let id = try connection.first(EnqueueJob.forcedClustering(reason: "by hand")) else {
            throw CommandFailure(.internalError, "expected a job, got: none")
        }
        return id
    }

    private static func text(_ status: JSONValue) -> String {
        func flag(_ key: String) -> String { status[key]?.bool == true ? "yes" : "no" }
        var table = TextTable([("", .left), ("", .right)])
        table.add("enabled", flag("enabled"))
        table.add("running", flag("clustering_in_progress"))
        let unprocessed = Int(status["unprocessed_messages"]?.int64 ?? 0)
        table.add("unprocessed messages", unprocessed >= 10_000 ? "10,000 or more" : grouped(unprocessed))
        table.add(
            "last run",
            status["minutes_since_last_clustering"]?.double.map { spoken(seconds: $0 * 60) + " ago" } ?? "never")
        table.add("next", status["trigger_reason"]?.string.map { "now: " + $0 } ?? "when there is enough new")
        if let run = status["latest_clustering_run"], !run.isNull {
            table.add("latest run", "\(run["run_id"]?.int64 ?? 0), \(run["status"]?.string ?? "")")
            if let kind = run["kind"]?.string { table.add("kind", kind) }
            if run["status"]?.string == "running", let share = run["progress"]?.double {
                table.add("progress", "\(Int((share * 100).rounded())) %")
            }
            table.add("messages processed", grouped(Int(run["messages_processed"]?.int64 ?? 0)))
            if let count = run["conversations"]?.int64 { table.add("conversations", grouped(Int(count))) }
            if let count = run["clusters"]?.int64 { table.add("clusters", grouped(Int(count))) }
            if let error = run["error_message"]?.string { table.add("because", error) }
        }
        for member in status["configuration"]?.members ?? [] { table.add(member.key, member.value.text) }
        return table.text()
    }

    private static func text(_ clusters: [ListClusters.Cluster]) -> String {
        var table = TextTable([
            ("cluster", .right), ("conversations", .right), ("silhouette", .right), ("about", .left),
        ])
        for cluster in clusters {
            var number = JSONWriter()
            number.value(cluster.silhouette, decimals: 2)
            table.add("\(cluster.id)", grouped(Int(cluster.conversations)), number.text, cluster.label)
        }
        return table.text(columnsMax: 110)
    }

    private static func text(_ found: MessageInspection.Result) -> String {
        var table = TextTable([("", .left), ("", .left)])
        func decimals(_ number: Double) -> String {
            var json = JSONWriter()
            json.value(number, decimals: 3)
            return json.text
        }
        table.add("concepts", found.concepts.isEmpty ? "none" : found.concepts.joined(separator: ", "))
        table.add("emotion", found.finding.dominantEmotion)
        table.add("valence", decimals(found.finding.valence))
        table.add("arousal", decimals(found.finding.arousal))
        table.add(
            "P(switch)",
            found.finding.switchProbability.map(decimals) ?? "not computed: \(found.finding.nullReason ?? "")")
        if let isSwitch = found.finding.isSwitch { table.add("switched", isSwitch ? "yes" : "no") }
        if let topic = found.finding.topic { table.add("topic", topic) }
        if let cluster = found.clusterID { table.add("cluster", "\(cluster)") }
        return table.text(columnsMax: 110)
    }
}
