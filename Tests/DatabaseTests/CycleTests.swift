import Bytes
import Model
import Postgres
import Store
import Support
import Testing
import Worker

@Suite("C1, C2 applied exactly once, incremental equals batch", .database)
struct CycleTests {
    @Test("an empty database is verified at once, and nothing is written")
    func emptyDatabase() async throws {
        let database = TestDatabase.current
        let report = try await Workbench.runOnce(database.options)
        #expect(report.rows == 0)
        var connection = try database.connect()
        #expect(try Workbench.cache(&connection).isEmpty)
        let verified = """
            select count(*) from afterthought.shard_progress where verified_at is not null and owner is null
            """
        #expect(try Workbench.count(&connection, verified) == 64)
    }

    @Test("one message gives one row that reflects it")
    func oneMessage() async throws {
        let database = TestDatabase.current
        var connection = try database.connect()
        try SampleRows.insert(SampleRows.all.prefix(1), into: &connection)
        let report = try await Workbench.runOnce(database.options)
        #expect(report.rows == 1)
        #expect(report.pairs == 1)
        let sum = "select sum(messages_reflected) from afterthought.strategic_cache"
        #expect(try Workbench.count(&connection, sum) == 1)
        let again = try await Workbench.runOnce(database.options)
        #expect(again.rows == 0)
    }

    @Test("an embedding with a null or of two dimensions is passed over, and holds nobody up")
    func embeddingsThatAreNone() async throws {
        let database = TestDatabase.current
        var connection = try database.connect()
        try connection.execute(
            """
            insert into afterthought.messages (user_id, bot_name, role, content, embedding) values
                ('first', 'bot', 'user', 'I like sailing', null),
                ('null', 'bot', 'user', 'I like sailing', array[1, null]::real[]),
                ('square', 'bot', 'user', 'I like sailing', '{{1,2},{3,4}}'),
                ('last', 'bot', 'user', 'I like sailing', array[1, 2]::real[])
            """)
        let report = try await Workbench.runOnce(database.options)
        #expect(report.rows == 4 && report.pairs == 4)
        // Rebuilt from the history as well.
        for user in ["null", "square"] {
            try connection.execute(
                "insert into afterthought.refresh_requests (bot_name, user_id) values ('bot', '\(user)')")
        }
        _ = try await Workbench.runOnce(database.options)
        #expect(
            try Workbench.count(
                &connection, "select count(*) from afterthought.strategic_cache where stale_reason is null") == 4)
        #expect(try Workbench.count(&connection, "select count(*) from afterthought.quarantine") == 0)
    }

    /// Splits, orders of arrival and numbers of workers that must all give the same bytes.
    enum Arrival: String, CaseIterable {
        case inFileOrder, inOrderOfTime, reversed, shuffled
    }

    @Test("the sample in any order, split and batch size gives the same bytes", arguments: Arrival.allCases)
    func incrementalEqualsBatch(_ arrival: Arrival) async throws {
        let database = TestDatabase.current
        var connection = try database.connect()
        var random = SeededRandom(seed: 7)
        var rows = SampleRows.ofPairs(24)
        switch arrival {
        case .inFileOrder: break
        case .inOrderOfTime: rows.sort { $0.createdAt < $1.createdAt }
        case .reversed: rows.reverse()
        case .shuffled: rows.shuffle(using: &random)
        }
        var configuration = WorkerConfiguration()
        var rest = rows[...]
        while !rest.isEmpty {
            let part = rest.prefix(Int.random(in: 1...700, using: &random))
            rest = rest.dropFirst(part.count)
            try SampleRows.insert(part, into: &connection)
            configuration.batchRowsMax = Int.random(in: 7...500, using: &random)
            configuration.lanes = Int.random(in: 1...3, using: &random)
            try await Workbench.runOnce(database.options, configuration: configuration)
        }
        let incremental = try Workbench.cache(&connection)
        let buckets = try Workbench.buckets(&connection)
        let reflected = "select sum(messages_reflected) from afterthought.strategic_cache"
        #expect(try Workbench.count(&connection, reflected) == rows.count)
        try Workbench.startOver(&connection)
        try await Workbench.runOnce(database.options)
        let batch = try Workbench.cache(&connection)
        #expect(incremental.count == batch.count)
        for (left, right) in zip(incremental, batch) { #expect(left == right, "seed 7, \(arrival)") }
        #expect(buckets == (try Workbench.buckets(&connection)))
    }

    @Test("several workers at once give the same bytes as one")
    func severalWorkers() async throws {
        let database = TestDatabase.current
        var connection = try database.connect()
        let options = try database.options
        let rows = SampleRows.ofPairs(24).sorted { $0.createdAt < $1.createdAt }
        var rest = rows[...]
        while !rest.isEmpty {
            try SampleRows.insert(rest.prefix(500), into: &connection)
            rest = rest.dropFirst(500)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<3 { group.addTask { try await Workbench.runOnce(options) } }
                try await group.waitForAll()
            }
        }
        // Whoever held a shard last may have missed what the others stopped before.
        try await Workbench.runOnce(options)
        let shared = try Workbench.cache(&connection)
        try Workbench.startOver(&connection)
        try await Workbench.runOnce(options)
        #expect(shared == (try Workbench.cache(&connection)))
    }

    @Test("edits, deletions and moves of rows are followed")
    func edits() async throws {
        let database = TestDatabase.current
        var connection = try database.connect()
        try SampleRows.insert(SampleRows.ofPairs(6), into: &connection)
        try await Workbench.runOnce(database.options)
        try connection.execute(
            """
            update afterthought.messages set content = 'something else entirely about gardening' where id % 7 = 0;
            delete from afterthought.messages where id % 5 = 0;
            update afterthought.messages set user_id = 'moved' where id % 11 = 0;
            """)
        try await Workbench.runOnce(database.options)
        let followed = try Workbench.cache(&connection)
        let buckets = try Workbench.buckets(&connection)
        try Workbench.startOver(&connection)
        try await Workbench.runOnce(database.options)
        #expect(followed == (try Workbench.cache(&connection)))
        #expect(buckets == (try Workbench.buckets(&connection)))
        try connection.execute("delete from afterthought.messages")
        try await Workbench.runOnce(database.options)
        #expect(try Workbench.cache(&connection).isEmpty)
        #expect(try Workbench.count(&connection, "select count(*) from afterthought.engine_state") == 0)
        #expect(try Workbench.buckets(&connection).isEmpty)
    }
}
