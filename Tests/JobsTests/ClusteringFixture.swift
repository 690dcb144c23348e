import Bytes
import Engines
import Jobs
import Model
import Postgres
import Store
import Support
import Worker

/// Conversations on a few subjects, and what clustering made of them.
enum ClusteringFixture {
    static let analyzer = TextAnalyzer.shipped(dimensions: 256)
    static var job: ClusteringJob { ClusteringJob { analyzer } }
    static var reembed: ReembedJob { ReembedJob { analyzer } }

    /// The words of each subject.
    static let subjects: [[String]] = [
        "bank card payment credit debit refund account fee charge balance loan cash money deposit",
        "flight airport airline plane luggage ticket passport hotel trip travel boarding gate seat departure",
        "recipe soup chicken garlic rice pasta tomato bread butter dinner sauce oven salt onion",
        "weather rain snow storm wind temperature cloudy sunny winter forecast cold thunder humidity fog",
    ].map { $0.split(separator: " ").map(String.init) }

    /// Inserts conversations: number n is about subject n mod 4 and has three messages.
    static func insert(
        _ numbers: Range<Int>, subjects chosen: [Int] = [0, 1, 2, 3], named: Bool = true,
        into connection: inout Connection
    ) throws {
        var values: [String] = []
        for number in numbers {
            let words = subjects[chosen[number % chosen.count]]
            // Seven words of the subject's fourteen a message: no two conversations are the same.
            var random = SeededRandom(seed: UInt64(number))
            for turn in 0..<3 {
                let text = words.shuffled(using: &random).prefix(7).joined(separator: " ")
                let role = turn == 1 ? "assistant" : "user"
                let name = named ? "'c\(number)'" : "null"
                values.append(
                    "('u\(number % 7)', 'elena', \(name), '\(role)', '\(text)', "
                        + "timestamptz '2024-03-01 00:00Z' + interval '\(number) hours \(turn) minutes')")
            }
        }
        try connection.execute(
            "insert into afterthought.messages (user_id, bot_name, conversation_id, role, content, created_at) values "
                + values.joined(separator: ", "))
    }

    /// Runs a job and demands that it completes.
    static func run(
        _ job: any Job, _ connection: inout Connection, arguments: JSONValue = .object([]), dueAt: String? = nil
    ) throws {
        let report = try JobBench.run(
            JobBench.Request(job, arguments: arguments, dueAt: dueAt), &connection)
        guard report.state == "completed" else {
            throw JobFailure("expected \(job.name) to complete, got: \(report.error ?? report.state ?? "lost")")
        }
    }

    /// Empties everything, as if nothing had ever been there.
    static func startOver(_ connection: inout Connection) throws {
        try connection.execute(
            """
            truncate afterthought.messages, afterthought.pair_changes, afterthought.conversation_vectors,
                afterthought.clustering_runs, afterthought.conversation_clusters, afterthought.cluster_members,
                afterthought.cluster_changes;
            update afterthought.clustering_state
            set last_snapshot = '3:3:', current_run = null, full_run_at = null, last_run_at = null,
                changed_conversations = 0, next_cluster_id = 1;
            """)
    }

    /// Each conversation with its cluster's id.
    static func members(_ connection: inout Connection) throws -> [String: String] {
        let rows = try connection.textRows(
            "select conversation_id, cluster_id from afterthought.current_cluster_members order by 1")
        return Dictionary(uniqueKeysWithValues: rows.map { ($0[0] ?? "", $0[1] ?? "") })
    }

    /// Everything that clustering keeps, but for moments, counters of changes and snapshots.
    static func state(_ connection: inout Connection) throws -> [String] {
        try connection.lines(
            """
            select v::text from (
                select bot_name, user_id, conversation_id, is_session, space, vector_version, messages, weight,
                    first_at, last_at, md5(sums) as sums, terms
                from afterthought.conversation_vectors) as v
            order by 1
            """)
            + connection.lines(
                "select m::text from afterthought.current_cluster_members as m order by 1")
            + connection.lines(
                """
                select (to_jsonb(c) - 'computed_at')::text from afterthought.current_clusters as c
                order by cluster_id
                """)
            + connection.lines("select c::text from afterthought.cluster_changes as c order by run_id, position")
            + connection.lines(
                """
                select (to_jsonb(r) - 'started_at' - 'finished_at' - 'attempt')::text
                from afterthought.clustering_runs as r order by run_id
                """)
            + connection.lines(
                """
                select current_run, next_cluster_id, window_snapshot is null, changed_conversations
                from afterthought.clustering_state
                """)
    }
}
