import Engines
import Postgres
import Store
import Support
import Testing
import Worker

@Suite("Message on demand", .database)
struct MessageInspectionTests {
    private let inspection = MessageInspection(configuration: WorkerConfiguration(), analyzer: Workbench.analyzer)

    private func id(_ connection: inout Connection, _ sql: String) throws -> Int64 {
        Int64(try connection.lines("select id from afterthought.messages where \(sql)").first ?? "") ?? -1
    }

    @Test("concepts, emotion and the probability of a switch, stored and returned")
    func found() throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute(
            """
            insert into afterthought.messages (user_id, bot_name, conversation_id, role, content, created_at)
            values
                ('u', 'elena', 'c', 'user', 'my bank card was declined at the store', '2024-03-01 10:00Z'),
                ('u', 'elena', 'c', 'assistant', 'which bank issued the card', '2024-03-01 10:01Z'),
                ('u', 'elena', 'c', 'user', 'the card is from a bank in Lisbon', '2024-03-01 10:02Z'),
                ('u', 'elena', 'c', 'user',
                    'By the way, I am so happy, my sister adopted a wonderful puppy!', '2024-03-01 10:09Z'),
                ('u', 'elena', 'c', 'system', 'timezone is Europe/Lisbon', '2024-03-01 10:10Z')
            """)
        let stays = try #require(
            try inspection.inspect(&connection, message: try id(&connection, "content like 'the card%'")))
        let leaves = try #require(
            try inspection.inspect(&connection, message: try id(&connection, "content like 'By the way%'")))
        #expect(leaves.concepts.contains("puppy") && leaves.concepts.contains("sister"))
        #expect(leaves.finding.dominantEmotion == "joy" && leaves.finding.valence > 0)
        let probability = try #require(leaves.finding.switchProbability)
        let other = try #require(stays.finding.switchProbability)
        #expect(probability > 0.5 && probability > other)
        #expect(leaves.finding.isSwitch == true && stays.finding.isSwitch == false)
        #expect(
            try connection.lines(
                """
                select switch_probability = \(probability), concepts @> '[{"term": "puppy"}]', dominant_emotion
                from afterthought.message_analysis order by message_id desc limit 1
                """) == ["t t joy"])
    }

    @Test("what can't be told is null and says why; the same is found again; nobody's message is none")
    func reasons() throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute(
            """
            insert into afterthought.messages (user_id, bot_name, role, content, created_at)
            values ('u', 'elena', 'user', 'castles in Scotland', '2024-03-01 10:00Z'),
                ('u', 'elena', 'system', 'be kind', '2024-03-01 10:00:01Z')
            """)
        let first = try #require(try inspection.inspect(&connection, message: try id(&connection, "role = 'user'")))
        #expect(first.finding.switchProbability == nil && first.finding.nullReason == "no topic was running before it")
        let system = try #require(try inspection.inspect(&connection, message: try id(&connection, "role = 'system'")))
        #expect(system.finding.switchProbability == nil && system.finding.nullReason != nil)
        _ = try inspection.inspect(&connection, message: try id(&connection, "role = 'user'"))
        #expect(try connection.lines("select count(*) from afterthought.message_analysis") == ["2"])
        let nobodys = try inspection.inspect(&connection, message: 999_999)
        #expect(nobodys == nil)
    }

    @Test("the switch is the one that the worker's fold sees, and the cluster that of the conversation")
    func agrees() throws {
        var connection = try TestDatabase.current.connect()
        try ClusteringFixture.insert(0..<12, into: &connection)
        try ClusteringFixture.run(ClusteringFixture.job, &connection)
        let message = try id(&connection, "conversation_id = 'c5' order by id desc limit 1")
        let found = try #require(try inspection.inspect(&connection, message: message))
        #expect(found.clusterID.map { "\($0)" } == (try ClusteringFixture.members(&connection)["c5"]))
    }
}
