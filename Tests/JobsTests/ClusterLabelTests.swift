import Jobs
import Postgres
import Store
import Support
import Synchronization
import Testing

@Suite("Cluster labels", .database)
struct ClusterLabelTests {
    typealias Fixture = ClusteringFixture

    /// Numbers its answers, and keeps what it was asked.
    private final class CountingNamer: ClusterNamer {
        let name = "a model"
        let answersMax: Int
        private let questions = Mutex<[[String]]>([])
        init(answersMax: Int = .max) { self.answersMax = answersMax }

        var asked: [[String]] { questions.withLock { $0 } }

        func names(
            for keywords: [[String]], checkStop: () throws -> Void
        ) throws -> (names: [String?], refusal: String?) {
            let names = keywords.prefix(answersMax).map { words in
                questions.withLock { questions in
                    questions.append(words)
                    return Optional("Name \(questions.count)")
                }
            }
            return (names, keywords.count > answersMax ? "out of budget" : nil)
        }
    }

    private func job(_ namer: any ClusterNamer) -> ClusteringJob {
        ClusteringJob(namer: namer) { Fixture.analyzer }
    }

    private func allow(_ clusters: Int, _ connection: inout Connection) throws {
        try connection.execute(
            """
            update afterthought.job_settings set value = '\(clusters)'
            where name = 'CLUSTERING_LANGUAGE_MODEL_LABELS'
            """)
    }

    private func labels(_ connection: inout Connection) throws -> [String] {
        try connection.lines(
            "select cluster_id, label, coalesce(labelled_by, 'keywords') from afterthought.current_clusters order by 1")
    }

    @Test("nothing is asked unless the setting allows it")
    func off() throws {
        var connection = try TestDatabase.current.connect()
        let namer = CountingNamer()
        try Fixture.insert(0..<24, into: &connection)
        try Fixture.run(job(namer), &connection)
        #expect(namer.asked.isEmpty)
        let labels = try labels(&connection)
        #expect(labels.count == 4 && labels.allSatisfy { $0.hasSuffix("keywords") && $0.contains(", ") }, "\(labels)")
    }

    @Test("a name is asked for once, and goes on with its cluster while half of its keywords do")
    func goesOn() throws {
        var connection = try TestDatabase.current.connect()
        try Fixture.insert(0..<24, into: &connection)
        try allow(3, &connection)
        let namer = CountingNamer()
        try Fixture.run(job(namer), &connection)
        let first = try labels(&connection)
        #expect(first.filter { $0.hasSuffix("a model") }.count == 3 && namer.asked.count == 3, "\(first)")
        // The fourth is named by the next run, and nothing is paid for twice.
        try Fixture.insert(24..<32, into: &connection)
        try Fixture.run(job(namer), &connection)
        let second = try labels(&connection)
        #expect(second.allSatisfy { $0.hasSuffix("a model") } && namer.asked.count == 4, "\(second)")
        #expect(first.filter { $0.hasSuffix("a model") }.allSatisfy(second.contains), "\(first) \(second)")
        // One whose keywords are others by now is asked about again.
        try connection.execute(
            """
            update afterthought.conversation_clusters set labelled_for = array['quite', 'other', 'words']
            where cluster_id = 2
            """)
        try Fixture.insert(32..<36, into: &connection)
        try Fixture.run(job(namer), &connection)
        #expect(namer.asked.count == 5)
        #expect(try labels(&connection).contains("2 Name 5 a model"))
        // Without the model names stay.
        try Fixture.insert(36..<40, into: &connection)
        try Fixture.run(Fixture.job, &connection)
        #expect(try labels(&connection).contains("2 Name 5 a model"))
    }

    @Test("a model that refuses holds nothing up, and the run says so")
    func refusal() throws {
        var connection = try TestDatabase.current.connect()
        try Fixture.insert(0..<24, into: &connection)
        try allow(10, &connection)
        try Fixture.run(job(CountingNamer(answersMax: 1)), &connection)
        #expect(try labels(&connection).filter { $0.hasSuffix("a model") }.count == 1)
        #expect(
            try connection.lines("select metadata ->> 'labels' from afterthought.system_tasks") == ["out of budget"])
    }

    @Test("killed at any statement, it comes to the same names")
    func kills() throws {
        let places = try JobBench.cutEverywhere(
            JobBench.Request(job(KeywordNamer())),
            prepare: { connection in
                try Fixture.insert(0..<16, into: &connection)
                try allow(10, &connection)
            }, state: { try Fixture.state(&$0) })
        #expect(places > 15)
    }

    private struct KeywordNamer: ClusterNamer {
        let name = "a model"
        func names(
            for keywords: [[String]], checkStop: () throws -> Void
        ) throws -> (names: [String?], refusal: String?) {
            try checkStop()
            return (keywords.map { $0.sorted().first }, nil)
        }
    }
}
