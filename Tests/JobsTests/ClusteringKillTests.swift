import Bytes
import Jobs
import Model
import Postgres
import Store
import Support
import Testing

@testable import Store

@Suite("Clustering: kills, edits and versions", .database)
struct ClusteringKillTests {
    typealias Fixture = ClusteringFixture

    @Test("killed at any statement, it comes to the same end")
    func kills() throws {
        // Pages so small that each is read while the one before it is stored.
        let job = ClusteringJob(pageRowsMax: 10) { Fixture.analyzer }
        let places = try JobBench.cutEverywhere(
            JobBench.Request(job),
            prepare: { connection in
                try Fixture.insert(0..<12, into: &connection)
                try Fixture.run(Fixture.job, &connection)
                try Fixture.insert(12..<20, into: &connection)
                // The history of the run that is cut off is looked at by itself.
                try connection.execute("delete from afterthought.system_tasks")
            }, state: { try Fixture.state(&$0) })
        #expect(places > 40)
    }

    @Test("remaking vectors, killed at any statement, comes to the same end")
    func killsOfReembed() throws {
        let places = try JobBench.cutEverywhere(
            JobBench.Request(Fixture.reembed),
            prepare: { connection in
                try Fixture.insert(0..<60, into: &connection)
                try Fixture.run(Fixture.job, &connection)
                try connection.execute(
                    """
                    update afterthought.conversation_vectors
                    set vector_version = 0, sums = decode(repeat('00', 1024), 'hex');
                    delete from afterthought.messages where conversation_id = 'c3';
                    delete from afterthought.system_tasks;
                    """)
            }, state: { try Fixture.state(&$0) })
        #expect(places > 8)
    }

    @Test("edits and deletions reach the vectors, which are those of a database that never knew otherwise")
    func edits() throws {
        var connection = try TestDatabase.current.connect()
        try Fixture.insert(0..<16, into: &connection)
        try Fixture.run(Fixture.job, &connection)
        #expect(try Fixture.reembed.reasonToRun(JobSettings(), &connection) == nil)
        let edit = """
            update afterthought.messages set content = 'the volcano on the island is awake'
            where conversation_id = 'c5';
            delete from afterthought.messages where conversation_id = 'c6';
            """
        try connection.execute(edit)
        try Fixture.insert(16..<18, into: &connection)
        try Fixture.run(Fixture.job, &connection)
        #expect(try Fixture.reembed.reasonToRun(JobSettings(), &connection) != nil)
        try Fixture.run(Fixture.reembed, &connection)
        #expect(try Fixture.reembed.reasonToRun(JobSettings(), &connection) == nil)
        #expect(try Fixture.members(&connection)["c6"] == nil)

        try Fixture.startOver(&connection)
        try Fixture.insert(0..<16, into: &connection)
        try connection.execute(edit)
        try Fixture.insert(16..<18, into: &connection)
        try Fixture.run(Fixture.job, &connection)
        let vectors = """
            select conversation_id, vector_version, messages, weight, md5(sums), terms
            from afterthought.conversation_vectors order by conversation_id
            """
        let found = try connection.lines(vectors)
        #expect(try connection.lines(vectors) == found && found.count == 17)
    }

    @Test("vectors of another version are made anew, and counted once with what comes meanwhile")
    func versions() throws {
        var connection = try TestDatabase.current.connect()
        try Fixture.insert(0..<16, into: &connection)
        try Fixture.run(Fixture.job, &connection)
        let vectors =
            "select conversation_id, messages, weight, md5(sums) from afterthought.conversation_vectors order by 1"
        let before = try connection.lines(vectors)
        let members = try Fixture.members(&connection)
        let next = ClusteringJob(vectorVersion: 2) { Fixture.analyzer }
        let remake = ReembedJob(vectorVersion: 2) { Fixture.analyzer }
        // A message that clustering has not taken in must not be counted by both.
        try Fixture.insert(0..<1, into: &connection)
        #expect(try remake.reasonToRun(JobSettings(), &connection) != nil)
        try Fixture.run(remake, &connection)
        #expect(try connection.lines(vectors) == before)
        #expect(try connection.lines("select distinct vector_version from afterthought.conversation_vectors") == ["2"])
        try Fixture.run(next, &connection)
        #expect(
            try connection.lines("select sum(messages) from afterthought.conversation_vectors") == ["51"])
        let after = try Fixture.members(&connection)
        #expect(members.allSatisfy { after[$0.key] == $0.value }, "ids outlive the version")
        try Fixture.run(
            remake, &connection, arguments: .object([JSONMember(key: "all", value: .bool(true))]))
        #expect(try connection.lines("select sum(messages) from afterthought.conversation_vectors") == ["51"])
    }

    @Test("while most vectors are to be made anew, the clusters stay")
    func stale() throws {
        var connection = try TestDatabase.current.connect()
        try Fixture.insert(0..<16, into: &connection)
        try Fixture.run(Fixture.job, &connection)
        let members = try Fixture.members(&connection)
        try connection.execute("update afterthought.conversation_vectors set vector_version = 0 where user_id <> 'u1'")
        try Fixture.run(Fixture.job, &connection)
        #expect(try Fixture.members(&connection) == members)
        #expect(
            try connection.lines("select kind from afterthought.clustering_runs order by run_id")
                == ["full", "assignment"])
    }

    @Test("after a restore into another cluster everything is read again, once")
    func restore() throws {
        var connection = try TestDatabase.current.connect()
        try Fixture.insert(0..<12, into: &connection)
        try Fixture.run(Fixture.job, &connection)
        _ = try Reconciler.reconcile(&connection)
        try Fixture.insert(12..<14, into: &connection)
        #expect(
            try connection.lines("select afterthought.clustering_trigger()")
                == ["the database was restored from a dump"])
        try Fixture.run(Fixture.job, &connection)
        try Fixture.insert(14..<15, into: &connection)
        try Fixture.run(Fixture.job, &connection)
        #expect(
            try connection.lines("select count(*), sum(messages) from afterthought.conversation_vectors") == ["15 45"])
        #expect(try connection.lines("select afterthought.clustering_backlog(100)") == ["0"])
    }

    @Test("every statement fits the schema")
    func statements() throws {
        var connection = try TestDatabase.current.connect()
        _ = try connection.describe(LoadClusteringState.self)
        _ = try connection.describe(OpenClusteringWindow.self)
        _ = try connection.describe(AdvanceClustering.self)
        _ = try connection.describe(ScanWindowMessages.self)
        _ = try connection.describe(LoadConversations.self)
        _ = try connection.describe(LoadSessions.self)
        _ = try connection.describe(LoadNewestConversations.self)
        _ = try connection.describe(CountConversations.self)
        _ = try connection.describe(SaveConversations.self)
        _ = try connection.describe(LoadCurrentClusters.self)
        _ = try connection.describe(LoadCurrentMembers.self)
        _ = try connection.describe(SaveClusters.self)
        _ = try connection.describe(SaveClusterMembers.self)
        _ = try connection.describe(SaveClusterChanges.self)
        _ = try connection.describe(PublishClusters.self)
        _ = try connection.describe(BeginClusteringRun.self)
        _ = try connection.describe(NoteClusteringProgress.self)
        _ = try connection.describe(FinishClusteringRun.self)
        _ = try connection.describe(ClusteringTrigger.self)
        _ = try connection.describe(ClusteringStatus.self)
        _ = try connection.describe(HasStaleVectors.self)
        _ = try connection.describe(MarkAllVectors.self)
        _ = try connection.describe(LockClusteringState.self)
        _ = try connection.describe(LoadStaleConversations.self)
        _ = try connection.describe(LoadPairMessages.self)
        _ = try connection.describe(ForgetConversations.self)
        _ = try connection.describe(ListClusters.self)
        _ = try connection.describe(LocateMessage.self)
        _ = try connection.describe(LoadMessagesThrough.self)
        _ = try connection.describe(SaveMessageAnalysis.self)
    }
}
