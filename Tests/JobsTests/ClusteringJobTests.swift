import Bytes
import Jobs
import Model
import Postgres
import Store
import Support
import Testing

@Suite("Clustering job", .database)
struct ClusteringJobTests {
    typealias Fixture = ClusteringFixture

    private func text(_ connection: inout Connection, _ sql: String) throws -> String {
        try connection.lines(sql).joined(separator: "\n")
    }

    @Test("conversations of one subject come together, under ids that last")
    func subjects() throws {
        var connection = try TestDatabase.current.connect()
        try Fixture.insert(0..<40, into: &connection)
        try Fixture.run(Fixture.job, &connection)
        let first = try Fixture.members(&connection)
        #expect(first.count == 40 && Set(first.values).count == 4)
        let bySubject = Dictionary(grouping: first.keys) { Int($0.dropFirst())! % 4 }
        for names in bySubject.values { #expect(Set(names.map { first[$0] }).count == 1) }
        let labels = try text(&connection, "select string_agg(label, '; ') from afterthought.current_clusters")
        for subject in Fixture.subjects { #expect(subject.contains { labels.contains($0) }, "\(labels)") }

        try Fixture.insert(40..<60, into: &connection)
        try Fixture.run(Fixture.job, &connection)
        let second = try Fixture.members(&connection)
        #expect(second.count == 60)
        for (name, cluster) in first { #expect(second[name] == cluster) }
        #expect(
            try text(&connection, "select kind, count(*) from afterthought.cluster_changes group by kind") == "new 4")
        // A third run over the same conversations changes nothing.
        try Fixture.run(Fixture.job, &connection)
        #expect(try Fixture.members(&connection) == second)
        #expect(
            try text(
                &connection,
                "select status, kind, conversations, clusters, progress from afterthought.clustering_runs order by 1")
                == "completed full 40 4 1\ncompleted full 60 4 1\ncompleted full 60 4 1")
    }

    @Test("the order of rows and the portions they come in change nothing")
    func portions() throws {
        var connection = try TestDatabase.current.connect()
        try Fixture.insert(0..<24, into: &connection)
        try Fixture.insert(24..<48, into: &connection)
        try Fixture.run(Fixture.job, &connection)
        let whole = try Fixture.members(&connection)
        let vectors =
            "select md5(string_agg(v.sums::text || v.terms, '' order by v.conversation_id)) "
            + "from afterthought.conversation_vectors as v"
        let sums = try text(&connection, vectors)

        try Fixture.startOver(&connection)
        for start in [36, 12, 0, 24] {
            try Fixture.insert(start..<start + 12, into: &connection)
            try Fixture.run(Fixture.job, &connection)
        }
        #expect(try text(&connection, vectors) == sums)
        let parts = try Fixture.members(&connection)
        func partition(_ members: [String: String]) -> Set<Set<String>> {
            Set(Dictionary(grouping: members.keys) { members[$0] }.values.map(Set.init))
        }
        #expect(partition(parts) == partition(whole))

        try Fixture.startOver(&connection)
        try Fixture.insert(0..<48, into: &connection)
        try Fixture.run(ClusteringJob(pageRowsMax: 5) { Fixture.analyzer }, &connection)
        #expect(try text(&connection, vectors) == sums)
    }

    @Test("a page that was read ahead is read again if vectors were changed before its turn")
    func ahead() throws {
        var connection = try TestDatabase.current.connect()
        try Fixture.insert(0..<40, into: &connection)
        // As an erasure does it, beside the commit of the first page: messages go, and the generation moves on.
        try connection.execute(
            """
            create function forget() returns trigger language plpgsql as $$ begin
                if not exists (select from afterthought.messages where user_id in ('u0', 'u3')) then
                    return null;
                end if;
                delete from afterthought.messages where user_id in ('u0', 'u3');
                delete from afterthought.conversation_vectors where user_id in ('u0', 'u3');
                update afterthought.clustering_state set generation = generation + 1;
                return null;
            end $$;
            create constraint trigger forget after insert on afterthought.conversation_vectors
                deferrable initially deferred for each row execute function forget();
            """)
        try Fixture.run(ClusteringJob(pageRowsMax: 10) { Fixture.analyzer }, &connection)
        #expect(
            try text(
                &connection,
                """
                select count(*), sum(messages), count(*) filter (where user_id in ('u0', 'u3'))
                from afterthought.conversation_vectors
                """) == "28 84 0")
    }

    @Test("fewer than two conversations: skipped, and said so")
    func tooFew() throws {
        var connection = try TestDatabase.current.connect()
        try Fixture.insert(0..<1, into: &connection)
        try Fixture.run(Fixture.job, &connection)
        #expect(
            try text(&connection, "select status, error_message from afterthought.clustering_runs")
                == "skipped fewer than 2 conversations")
        #expect(
            try text(&connection, "select metadata ->> 'skipped' from afterthought.system_tasks")
                == "fewer than 2 conversations")
        #expect(try text(&connection, "select count(*) from afterthought.current_clusters") == "0")
    }

    @Test("a message that was begun first and committed last is not lost")
    func lateCommit() throws {
        var connection = try TestDatabase.current.connect()
        try Fixture.insert(0..<8, into: &connection)
        var late = try TestDatabase.current.connect()
        try late.execute("begin")
        try Fixture.insert(8..<9, into: &late)
        try Fixture.insert(9..<12, into: &connection)
        try Fixture.run(Fixture.job, &connection)
        #expect(try Fixture.members(&connection).count == 11)
        #expect(try text(&connection, "select afterthought.clustering_backlog(100)") == "0")
        try late.execute("commit")
        #expect(try text(&connection, "select afterthought.clustering_backlog(100)") == "3")
        try Fixture.run(Fixture.job, &connection)
        #expect(try Fixture.members(&connection).count == 12)
        #expect(try text(&connection, "select sum(messages) from afterthought.conversation_vectors") == "36")
        #expect(try text(&connection, "select afterthought.clustering_backlog(100)") == "0")
    }

    @Test("many pages, many shards: each message once")
    func sample() throws {
        var connection = try TestDatabase.current.connect()
        try SampleRows.insert(SampleRows.all, into: &connection)
        try Fixture.run(Fixture.job, &connection)
        #expect(
            try text(
                &connection,
                """
                select (select count(*) from afterthought.messages)
                    = (select sum(messages) from afterthought.conversation_vectors),
                    (select count(distinct (bot_name, user_id, conversation_id)) from afterthought.messages)
                    = (select count(*) from afterthought.conversation_vectors),
                    (select count(*) from afterthought.conversation_vectors where weight > 0)
                    = (select count(*) from afterthought.current_cluster_members),
                    (select bool_and(conversations > 0 and label <> '') from afterthought.current_clusters),
                    (select count(*) from afterthought.current_clusters) > 1
                """) == "t t t t t")
    }

    @Test("messages without a conversation are cut by half an hour of silence")
    func sessions() throws {
        var connection = try TestDatabase.current.connect()
        try Fixture.insert(0..<14, named: false, into: &connection)
        try Fixture.run(Fixture.job, &connection)
        #expect(
            try text(
                &connection,
                """
                select count(*), bool_and(is_session), bool_and(messages = 3),
                    bool_and(conversation_id like 'session:%')
                from afterthought.conversation_vectors
                """) == "14 t t t")
        // Ten minutes after the last message of the session of u0: it goes on.
        try connection.execute(
            """
            insert into afterthought.messages (user_id, bot_name, role, content, created_at)
            values ('u0', 'elena', 'user', 'another word about the bank', '2024-03-01 00:12Z')
            """)
        try Fixture.run(Fixture.job, &connection)
        #expect(
            try text(
                &connection,
                "select messages, last_at from afterthought.conversation_vectors where messages <> 3")
                == "4 2024-03-01 00:12:00+00")
    }

    @Test("many conversations: new ones join the nearest cluster until enough has changed")
    func assignment() throws {
        var connection = try TestDatabase.current.connect()
        let job = ClusteringJob(alwaysFullMax: 50) { Fixture.analyzer }
        try connection.execute(
            "update afterthought.job_settings set value = '0.2' where name = 'CLUSTERING_FULL_RUN_SHARE'")
        try Fixture.insert(0..<60, into: &connection)
        try Fixture.run(job, &connection)
        try Fixture.insert(60..<68, into: &connection)
        try Fixture.run(job, &connection)
        #expect(
            try text(
                &connection, "select kind, conversations_assigned from afterthought.clustering_runs order by run_id")
                == "full 0\nassignment 8")
        let members = try Fixture.members(&connection)
        for number in 60..<68 { #expect(members["c\(number)"] == members["c\(number - 60)"]) }
        #expect(
            try text(
                &connection,
                "select sum(conversations), sum(conversations_at_run) from afterthought.current_clusters")
                == "68 60")
        try Fixture.run(
            job, &connection, arguments: .object([JSONMember(key: "force", value: .bool(true))]))
        #expect(
            try text(&connection, "select bool_or(was_assigned), count(*) from afterthought.current_cluster_members")
                == "f 68")
        let after = try Fixture.members(&connection)
        #expect(after.allSatisfy { members[$0.key] == $0.value })
        // Only the newest are clustered when there are too many.
        try connection.execute(
            "update afterthought.job_settings set value = '40' where name = 'CLUSTERING_CONVERSATIONS_MAX'")
        try Fixture.run(job, &connection)
        let newest = try Fixture.members(&connection)
        #expect(newest.count == 40 && newest.keys.allSatisfy { Int($0.dropFirst())! >= 28 })
    }

    @Test("a failed run leaves a row and the old clusters")
    func failure() throws {
        var connection = try TestDatabase.current.connect()
        try Fixture.insert(0..<12, into: &connection)
        try Fixture.run(Fixture.job, &connection)
        let before = try Fixture.members(&connection)
        try Fixture.insert(12..<20, into: &connection)
        try connection.execute(
            """
            create function public.refuse() returns trigger language plpgsql
                as $$ begin raise exception 'no' using errcode = 'P0001'; end $$;
            create trigger refuse before insert on afterthought.cluster_changes
                for each statement execute function public.refuse();
            """)
        let report = try JobBench.run(JobBench.Request(Fixture.job), &connection)
        #expect(report.state == "waiting" && report.error != nil)
        #expect(
            try text(
                &connection,
                """
                select status, error_message is not null from afterthought.clustering_runs
                order by run_id desc limit 1
                """)
                == "failed t")
        let meanwhile = try Fixture.members(&connection)
        #expect(before.allSatisfy { meanwhile[$0.key] == $0.value })
        #expect(try text(&connection, "select count(distinct run_id) from afterthought.conversation_clusters") == "1")
        #expect(
            try text(&connection, "select afterthought.clustering_status() -> 'latest_clustering_run' ->> 'status'")
                == "failed")
        try connection.execute(
            """
            drop trigger refuse on afterthought.cluster_changes;
            update afterthought.jobs set run_at = now() where state = 'waiting';
            """)
        try Fixture.run(Fixture.job, &connection)
        #expect(try Fixture.members(&connection).count == 20)
        #expect(
            try text(&connection, "select status, attempt from afterthought.clustering_runs order by run_id")
                == "completed 1\ncompleted 2")
    }

    @Test("a set that somebody reads is still there after the next run, and gone after the one that follows")
    func sets() throws {
        var connection = try TestDatabase.current.connect()
        try Fixture.insert(0..<12, into: &connection)
        for run in 1...3 {
            try Fixture.run(Fixture.job, &connection)
            #expect(
                try text(&connection, "select count(distinct run_id) from afterthought.cluster_members")
                    == "\(min(run, 2))")
        }
    }
}
