import Bytes
import Jobs
import Model
import Postgres
import Store
import Support
import Testing

@Suite("Clustering: what changes afterwards, and what is no vector", .database)
struct ClusteringTruthTests {
    typealias Fixture = ClusteringFixture

    private func text(_ connection: inout Connection, _ sql: String) throws -> String {
        try connection.lines(sql).joined(separator: "\n")
    }

    @Test("an embedding with a null or of two dimensions is as good as none")
    func notVectors() throws {
        var connection = try TestDatabase.current.connect()
        try Fixture.insert(0..<8, into: &connection)
        try connection.execute(
            """
            insert into afterthought.messages (user_id, bot_name, conversation_id, role, content, embedding) values
                ('u1', 'elena', 'n1', 'user', 'a bank and a credit card', array[1, null]::real[]),
                ('u1', 'elena', 'n2', 'user', 'a bank and a credit card', '{{1,2},{3,4}}'),
                ('u1', 'elena', 'n3', 'user', 'a bank and a credit card', array['NaN', 1]::real[]),
                ('u1', 'elena', 'n4', 'user', 'a bank and a credit card', null),
                ('u1', 'elena', 'n5', 'user', 'a bank and a credit card', '[5:6]={3,4}')
            """)
        try Fixture.run(Fixture.job, &connection)
        let sums = "select count(distinct sums), count(*) from afterthought.conversation_vectors where conversation_id"
        #expect(try text(&connection, sums + " in ('n1', 'n2', 'n3', 'n4')") == "1 4")
        #expect(try text(&connection, sums + " in ('n4', 'n5')") == "2 2")
        try connection.execute("update afterthought.conversation_vectors set vector_version = 0")
        try Fixture.run(Fixture.reembed, &connection)
        #expect(try text(&connection, sums + " in ('n1', 'n2', 'n3', 'n4')") == "1 4")
    }

    @Test("a new subject that joined a cluster for the moment does not take its id")
    func newSubject() throws {
        var connection = try TestDatabase.current.connect()
        try Fixture.insert(0..<20, subjects: [0, 1], into: &connection)
        try Fixture.run(Fixture.job, &connection)
        let before = try Fixture.members(&connection)
        #expect(Set(before.values).count == 2)
        try Fixture.insert(100..<140, subjects: [3], into: &connection)
        try Fixture.run(Fixture.job, &connection)
        let after = try Fixture.members(&connection)
        #expect(Set(after.values).count == 3)
        #expect(before.allSatisfy { after[$0.key] == $0.value })
        #expect(
            try text(
                &connection, "select kind from afterthought.cluster_changes where run_id > 1 order by 1") == "new")
    }

    @Test("a run that was cancelled or timed out has ended in its row too", arguments: ["cancelled", "failed"])
    func ends(outcome: String) throws {
        var connection = try TestDatabase.current.connect()
        let state = "select status, error_message, finished_at is not null from afterthought.clustering_runs"
        _ = try connection.first(EnqueueJob(job: "clustering", reason: "by hand"))
        let claim = try #require(
            try connection.first(ClaimJob(jobs: ["clustering"], claimant: "test", leaseSeconds: 60)))
        _ = try connection.first(BeginClusteringRun(run: claim.id, attempt: claim.attempt))
        #expect(try text(&connection, state) == "running null f")
        let end = EndJobAttempt(
            claim: claim, outcome: outcome == "failed" ? .failed : .cancelled, error: "its time was up")
        _ = try connection.first(end)
        #expect(try text(&connection, state) == "failed its time was up t")
    }

    @Test("a run that a stopping worker gave back goes on")
    func givenBack() throws {
        var connection = try TestDatabase.current.connect()
        _ = try connection.first(EnqueueJob(job: "clustering", reason: "by hand"))
        let claim = try #require(
            try connection.first(ClaimJob(jobs: ["clustering"], claimant: "test", leaseSeconds: 60)))
        _ = try connection.first(BeginClusteringRun(run: claim.id, attempt: claim.attempt))
        _ = try connection.first(EndJobAttempt(claim: claim, outcome: .interrupted, error: "the worker stops"))
        #expect(try text(&connection, "select status from afterthought.clustering_runs") == "running")
    }

    @Test("messages that are moved to another conversation or user are found there")
    func moved() throws {
        var connection = try TestDatabase.current.connect()
        try Fixture.insert(0..<16, named: false, into: &connection)
        try Fixture.run(Fixture.job, &connection)
        #expect(try text(&connection, "select count(*) from afterthought.conversation_vectors") == "16")
        try connection.execute(
            """
            update afterthought.messages set conversation_id = 'late-' || user_id where user_id <> 'u1';
            update afterthought.messages set user_id = 'someone' where user_id = 'u1';
            """)
        try Fixture.run(Fixture.job, &connection)
        try Fixture.run(Fixture.reembed, &connection)
        let vectors = """
            select user_id, conversation_id, is_session, vector_version, messages, weight, md5(sums), terms
            from afterthought.conversation_vectors order by 1, 2
            """
        let found = try connection.lines(vectors)
        let messages = "select sum(messages), count(*) from afterthought.conversation_vectors"
        #expect(try text(&connection, messages) == "48 9")
        try connection.execute(
            """
            truncate afterthought.pair_changes, afterthought.conversation_vectors;
            update afterthought.clustering_state set last_snapshot = '3:3:', window_snapshot = null;
            """)
        try Fixture.run(Fixture.job, &connection)
        #expect(try connection.lines(vectors) == found)
    }

    @Test("edits and deletions start a run, and conversations made anew another")
    func triggers() throws {
        var connection = try TestDatabase.current.connect()
        try Fixture.insert(0..<12, into: &connection)
        try Fixture.run(Fixture.job, &connection)
        func reason() throws -> String? { try Fixture.job.reasonToRun(JobSettings(), &connection) }
        #expect(try reason() == nil)
        try connection.execute("insert into afterthought.refresh_requests (bot_name, user_id) values ('elena', 'u1')")
        #expect(try reason() == nil)
        try connection.execute("delete from afterthought.messages where conversation_id in ('c0', 'c4', 'c8')")
        #expect(try reason() == "messages were edited or deleted")
        try Fixture.run(Fixture.job, &connection)
        #expect(try reason() == nil)
        try Fixture.run(Fixture.reembed, &connection)
        #expect(
            try text(&connection, "select job, state, reason from afterthought.jobs where state = 'waiting'")
                == "clustering waiting conversation vectors were made anew")
        try connection.execute("delete from afterthought.jobs")
        // Should that be lost, or too little for a run over many conversations: after the time threshold at last.
        try connection.execute(
            "update afterthought.clustering_state set last_run_at = now() - interval '31 minutes'")
        #expect(try reason() == "changed conversations, and 30 minutes since the last run")
        try Fixture.run(Fixture.job, &connection)
        #expect(try text(&connection, "select count(*) from afterthought.current_clusters") == "3")
        try connection.execute(
            "update afterthought.clustering_state set last_run_at = now() - interval '31 minutes'")
        #expect(try reason() == nil)
    }

    @Test("a conversation that is called like a session loses no message to it")
    func sessionNames() throws {
        var connection = try TestDatabase.current.connect()
        let next = try text(
            &connection, "select 1 + last_value from pg_sequences where sequencename = 'messages_id_seq'")
        let id = (Int(next) ?? 1) + 3
        try connection.execute(
            """
            insert into afterthought.messages (user_id, bot_name, conversation_id, role, content, created_at)
            select 'u1', 'elena', 'session:\(id)', 'user', 'soccer goal ' || n, now() - interval '9 hours'
            from generate_series(1, 3) as n
            """)
        try Fixture.run(Fixture.job, &connection)
        try connection.execute(
            """
            insert into afterthought.messages (user_id, bot_name, role, content)
            values ('u1', 'elena', 'user', 'a telescope and a planet');
            """)
        #expect(try text(&connection, "select max(id) from afterthought.messages") == "\(id)")
        try Fixture.run(Fixture.job, &connection)
        #expect(try text(&connection, "select sum(messages) from afterthought.conversation_vectors") == "4")
    }
}
