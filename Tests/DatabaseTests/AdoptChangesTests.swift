import Foundation
import Postgres
import Support
import Testing

@testable import Store

@Suite("Adopting a table that is being written to", .database)
struct AdoptChangesTests {
    private static let row = "(user_id, bot_name, role, content)"

    @Test("whatever an application does in one session, also on partitions, ends the same", arguments: [false, true])
    func randomChanges(isPartitioned: Bool) throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute(
            isPartitioned
                ? """
                create table public.chat (
                    id bigint primary key, user_id text, bot_name text, role text, content text,
                    created_at timestamptz default '2024-05-06 07:08:09+00', conversation_id text, likes integer
                ) partition by hash (id);
                create table public.chat_0 partition of public.chat for values with (modulus 2, remainder 0);
                create table public.chat_1 partition of public.chat for values with (modulus 2, remainder 1);
                """ : AdoptFixture.chat)
        try AdoptFixture.adopt(&connection)
        let seed = UInt64.random(in: 0...1_000_000)
        var random = SeededRandom(seed: seed)
        var done = 0
        for _ in 0..<300 {
            let id = Int.random(in: 1...40, using: &random)
            let other = Int.random(in: 1...40, using: &random)
            let content = ["null", "'x'", "'y'", "repeat('z', 65537)"].randomElement(using: &random) ?? ""
            let role = ["user", "assistant", "robot"].randomElement(using: &random) ?? ""
            let values = "(\(id), 'u\(other % 3)', 'b\(id % 2)', '\(role)', \(content))"
            let columns = "(id, user_id, bot_name, role, content)"
            let changes = [
                "insert into public.chat \(columns) values \(values) on conflict (id) do nothing",
                "insert into public.chat \(columns) values \(values) on conflict (id) do update "
                    + "set content = excluded.content, user_id = excluded.user_id",
                "update public.chat set content = \(content) where id between \(min(id, other)) and \(max(id, other))",
                "update public.chat set user_id = 'u\(other % 3)', role = '\(role)' where id % 5 = \(id % 5)",
                "update public.chat set id = \(other) where id = \(id)", "update public.chat set likes = \(id)",
                "delete from public.chat where id = \(id)",
                "begin; delete from public.chat; insert into public.chat \(columns) values \(values); rollback",
                isPartitioned ? "update public.chat_1 set content = \(content) where id = \(id)" : "select 1",
            ]
            let change = changes.randomElement(using: &random) ?? ""
            // Two rows with one id: the application's own error, and the only one there is.
            let refused = AdoptFixture.refusal(&connection, change)
            #expect(refused == nil || refused == "23505", "\(change)")
            done += refused == nil ? 1 : 0
            guard try AdoptFixture.differences(&connection) == [] else {
                Issue.record("expected the same after \(change), got: a difference; seed \(seed)")
                return
            }
        }
        #expect(done > 200)
        let kept = try connection.textRows("select external_id from afterthought.adoption_rejects order by 1")
        let expected = try connection.textRows(
            """
            select 'public.chat:' || id from public.chat
            where content is null or octet_length(content) > 65536 or role = 'robot' order by 'public.chat:' || id
            """)
        #expect(Set(kept) == Set(expected), "seed \(seed)")
    }

    @Test("a table that is being written to is waited for, in short attempts")
    func waits() throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute(AdoptFixture.chat)
        var other = try TestDatabase.current.connect()
        try other.execute("begin; insert into public.chat \(Self.row) values ('u', 'b', 'user', 'open')")
        var options = AdoptionOptions(table: "public.chat")
        options.lockSeconds = 0.1
        let adopter = try Adopter(&connection, options)
        let error = #expect(throws: AdoptionError.self) { try adopter.install(&connection) }
        #expect(error?.kind == .busy)
        #expect(try connection.textRows("select from pg_trigger where tgrelid = 'public.chat'::regclass").isEmpty)
        var waits = 0
        #expect(
            try adopter.install(&connection) {
                waits += 1
                try? other.execute("commit")
            })
        #expect(waits > 0)
        _ = try adopter.backfill(&connection)
        // What was written before the triggers and committed while they were waited for is there.
        #expect(try connection.textRows("select content from afterthought.messages") == [["open"]])
    }

    @Test("rows that the application changes, moves and deletes while history is read come out right")
    func changesMeanwhile() throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute(
            AdoptFixture.chat
                + """
                insert into public.chat \(Self.row) select 'u' || g % 50, 'b', 'user', 'row ' || g
                from generate_series(1, 6000) as g;
                """)
        let adopter = try Adopter(&connection, AdoptionOptions(table: "public.chat"))
        _ = try adopter.install(&connection)
        var other = try TestDatabase.current.connect()
        var random = SeededRandom(seed: 11)
        var changes = 0
        var waits = 0
        let report = try adopter.backfill(
            &connection,
            waiting: {
                waits += 1
                try? other.execute("commit")
            },
            report: { done in
                try? other.execute("commit")
                // Held open while the next rows are read.
                let ahead = Int(done) + Int.random(in: 1...900, using: &random)
                let behind = Int.random(in: 1...max(1, Int(done)), using: &random)
                let began: Void? = try? other.execute(
                    """
                    begin;
                    update public.chat set content = content || ' edited' where id in (\(ahead), \(behind));
                    delete from public.chat where id in (\(ahead + 1), \(behind + 1));
                    update public.chat set user_id = 'moved' where id in (\(ahead + 2), \(behind + 2));
                    insert into public.chat \(Self.row) values ('n', 'b', 'user', 'new');
                    """)
                changes += began == nil ? 0 : 1
            })
        try other.execute("commit")
        #expect(report.isBackfillFinished && changes >= 6 && waits >= 1)
        #expect(try AdoptFixture.differences(&connection) == [])
        #expect(try AdoptFixture.rejects(&connection) == [])
    }
}
