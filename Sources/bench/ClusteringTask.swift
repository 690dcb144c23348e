import Bytes
import Engines
import Jobs
import Postgres
import Store
import Worker

/// What clusters cost: 2,000 conversations computed anew, and new messages taken in and assigned, through the queue.
enum ClusteringTask: BenchTask {
    static let name = "clustering"
    private static let conversations = 2_000
    /// Conversations that come later, 100,000 messages: the goal is set for so many.
    private static let newConversations = 10_000
    private static let turns = 10

    static func run(_ setting: Setting, _ report: inout Report) async throws {
        let rounds = setting.size.pick(3, 5, 7)
        let database = try setting.server.makeDatabase("bench_clustering")
        var connection = try database.connect()
        let generator = Conversations(seed: 8)
        try generator.load(Conversations.Range(pairs: Array(0..<conversations), turns: turns), into: &connection)
        try connection.execute("analyze afterthought.messages")
        let analyzer = TextAnalyzer.shipped(dimensions: 256)
        let runner = JobRunner([ClusteringJob { analyzer }], options: try ConnectionOptions(url: database.url)) { _ in }
        let first = try await measure(runner)
        report.note("first_run_seconds", .number(first.seconds))
        var seconds: [Double] = []
        var processSeconds: [Double] = []
        for _ in 0..<rounds {
            let round = try await measure(runner, isForced: true)
            seconds.append(round.seconds)
            processSeconds.append(round.processSeconds)
        }
        report.add("clustering-2000", median(seconds), "s", .atMost(1))
        report.note("clustering_2000_seconds", .numbers(seconds))
        report.note("clustering_2000_process_seconds", .numbers(processSeconds))
        let clusters = try connection.number("select count(*) from afterthought.current_clusters")
        report.add("clustering-2000-clusters", clusters, "clusters")
        report.note("changes", .number(try connection.number("select count(*) from afterthought.cluster_changes")))

        // Enough to be assigned, and never enough for a full run.
        try connection.execute(
            "update afterthought.job_settings set value = '1000' where name = 'CLUSTERING_TIME_THRESHOLD_MINUTES';"
                + "update afterthought.job_settings set value = '1' where name = 'CLUSTERING_FULL_RUN_SHARE'")
        let pairs = Array(conversations..<conversations + newConversations)
        let messages = try generator.load(Conversations.Range(pairs: pairs, turns: turns), into: &connection)
        try connection.execute("analyze afterthought.messages")
        let assigned = try await measure(runner)
        let members = try connection.number(
            "select count(*) from afterthought.current_cluster_members where was_assigned")
        guard members >= 0.99 * Double(newConversations) else {
            throw BenchError("expected \(newConversations) conversations to be assigned, got: \(members)")
        }
        report.add("clustering-assigned", Double(messages) / assigned.seconds, "messages/s", .atLeast(50_000))
        report.note("assigned_messages", .count(messages))
        report.note("assigned_conversations", .number(members))
        report.note("assigned_seconds", .number(assigned.seconds))
        report.note("assigned_process_seconds", .number(assigned.processSeconds))
        await runner.close()
        try setting.server.drop("bench_clustering")
    }

    private static func measure(
        _ runner: JobRunner, isForced: Bool = false
    ) async throws -> (seconds: Double, processSeconds: Double) {
        let force = JSONValue.object(isForced ? [JSONMember(key: "force", value: .bool(true))] : [])
        let cpu = Machine.processNanoseconds()
        let start = Machine.nanoseconds()
        let (report, _) = try await runner.runByHand("clustering", arguments: force)
        guard report?.state == "completed" else {
            throw BenchError("expected clustering to complete, got: \(report?.error ?? "nothing")")
        }
        return (
            Double(Machine.nanoseconds() - start) / 1e9, Double(Machine.processNanoseconds() - cpu) / 1e9
        )
    }
}
