import Foundation
import Postgres
import Support
import Testing

@testable import Store
@testable import afterthought

@Suite("Adopting a table", .database)
struct AdoptTests {
    private static let row = "(user_id, bot_name, role, content)"

    /// A connection, with the table adopted and ten rows in it.
    private func adopted(_ adjust: (inout AdoptionOptions) -> Void = { _ in }) throws -> Connection {
        var connection = try TestDatabase.current.connect()
        try connection.execute(
            AdoptFixture.chat
                + """
                insert into public.chat \(Self.row)
                select 'u' || g % 3, 'elena', case g % 2 when 0 then 'user' else 'assistant' end, 'hello ' || g
                from generate_series(1, 10) as g;
                """)
        try AdoptFixture.adopt(&connection, "public.chat", adjust)
        #expect(try AdoptFixture.differences(&connection) == [])
        try connection.execute("truncate afterthought.pair_changes")
        return connection
    }

    @Test("what is inserted, changed and deleted is followed, and only what matters marks a pair")
    func follows() throws {
        var connection = try adopted()
        try connection.execute("insert into public.chat \(Self.row) values ('n', 'elena', 'user', 'new')")
        #expect(try AdoptFixture.changes(&connection) == [])
        try connection.execute("update public.chat set likes = likes + 1")
        #expect(try AdoptFixture.changes(&connection) == [])
        try connection.execute("update public.chat set content = 'edited' where id in (1, 2)")
        #expect(
            try AdoptFixture.changes(&connection) == [["u1", "elena", "edited"], ["u2", "elena", "edited"]])
        try connection.execute("truncate afterthought.pair_changes; delete from public.chat where id = 3")
        #expect(try AdoptFixture.changes(&connection) == [["u0", "elena", "deleted"]])
        try connection.execute("update public.chat set user_id = 'moved' where id = 4")
        try connection.execute("update public.chat set id = id + 100 where id in (5, 6)")
        try connection.execute(
            """
            insert into public.chat (id, user_id, bot_name, role, content) values
                (7, 'u1', 'elena', 'user', 'not again'), (777, 'u1', 'elena', 'user', 'new too')
            on conflict (id) do nothing;
            insert into public.chat (id, user_id, bot_name, role, content) values
                (7, 'u1', 'elena', 'user', 'x'), (778, 'u1', 'elena', 'user', 'new as well')
            on conflict (id) do update set content = 'upserted';
            begin; insert into public.chat \(Self.row) values ('r', 'elena', 'user', 'gone');
            update public.chat set content = 'gone'; delete from public.chat where id = 8; rollback;
            """)
        #expect(try AdoptFixture.differences(&connection) == [])
        #expect(try AdoptFixture.rejects(&connection) == [])
        try connection.execute("truncate public.chat")
        #expect(try connection.textRows("select from afterthought.messages").isEmpty)
    }

    @Test("an application without any right here inserts by COPY and otherwise, and never fails")
    func application() throws {
        var connection = try adopted()
        let role = "chatter_\(UInt32.random(in: 0 ... .max))"
        try connection.execute(
            """
            revoke all on schema afterthought from public;
            create role \(role); grant insert, update, delete, select on public.chat to \(role); set role \(role)
            """)
        defer { try? connection.execute("reset role; drop owned by \(role); drop role \(role)") }
        #expect(AdoptFixture.refusal(&connection, "select from afterthought.messages") == "42501")
        try connection.copyIn("copy public.chat \(Self.row) from stdin") { writer in
            for number in 1...10_000 {
                try writer.write(bytes: Array("c\(number % 50)\telena\tuser\tcopied \(number)\n".utf8))
            }
        }
        try connection.execute("update public.chat set content = content || '!' where id % 3 = 0")
        try connection.execute("delete from public.chat where id % 4 = 0; reset role")
        #expect(try AdoptFixture.differences(&connection) == [])
        #expect(try Workbench.count(&connection, "select count(*) from afterthought.messages") > 7_000)
    }

    @Test("rows that can't be messages are noted with their reason, and taken once they can")
    func badRows() throws {
        var connection = try adopted()
        try connection.execute(
            """
            insert into public.chat (id, user_id, bot_name, role, content, created_at) values
                (101, 'u', 'b', 'user', null, '2024-01-01'), (102, '', 'b', 'user', 'x', '2024-01-01'),
                (103, 'u', null, 'user', 'x', '2024-01-01'), (104, 'u', 'b', 'robot', 'x', '2024-01-01'),
                (105, 'u', 'b', 'user', repeat('x', 65537), '2024-01-01'), (106, 'u', 'b', 'user', 'x', null),
                (107, 'u', 'b', 'user', 'x', 'infinity'), (108, 'u', 'b', 'user', 'x', '1969-12-31'),
                (109, repeat('u', 257), 'b', 'user', 'x', '2024-01-01'), (110, 'u', 'b', 'user', 'good', '2024-01-01'),
                (111, 'u', repeat('b', 257), 'user', 'x', '2024-01-01');
            update public.chat set content = null where id = 1;
            """)
        let expected = [
            ["1", "content is missing"], ["101", "content is missing"], ["102", "user_id is empty"],
            ["103", "bot_name is missing"], ["104", "role is none of the values that are mapped"],
            ["105", "content has more than 65536 bytes"], ["106", "created_at is missing or out of range"],
            ["107", "created_at is more than a day in the future"], ["108", "created_at is before 1970-01-01"],
            ["109", "user_id has more than 256 bytes"], ["111", "bot_name has more than 256 bytes"],
        ]
        #expect(try AdoptFixture.rejects(&connection) == expected.map { ["public.chat:" + $0[0], $0[1]] })
        let there =
            "select count(*) from afterthought.messages where external_id in ('public.chat:1', 'public.chat:110')"
        #expect(try Workbench.count(&connection, there) == 1)
        let doctor = try Program.run(["doctor", "--database-url", TestDatabase.current.url])
        #expect(doctor.output.contains("expected every row of adopted tables in messages, got: 11 rejected"))
        try connection.execute(
            """
            update public.chat set user_id = 'u', bot_name = 'b', role = 'user', content = 'good',
                created_at = '2024-01-01' where id > 100;
            delete from public.chat where id = 1;
            """)
        #expect(try AdoptFixture.rejects(&connection) == [])
        #expect(try AdoptFixture.differences(&connection) == [])
    }

    @Test("an error of messages itself is the row's, not the statement's, and never the application's")
    func errors() throws {
        var connection = try adopted()
        try connection.execute(
            """
            alter table afterthought.messages add constraint picky check (content <> 'one');
            insert into public.chat \(Self.row) values ('u', 'b', 'user', 'one'), ('u', 'b', 'user', 'two');
            update public.chat set content = 'one' where content = 'hello 1';
            """)
        #expect(
            try connection.textRows("select reason, count(*) from afterthought.adoption_rejects group by 1")
                == [["could not be stored: SQLSTATE 23514", "2"]])
        #expect(
            try connection.textRows("select content from afterthought.messages where content in ('one', 'two')")
                == [["two"]])
        // Another shape of the table: nothing can be mapped, and the application does not notice.
        try connection.execute(
            """
            alter table afterthought.messages drop constraint picky;
            alter table public.chat rename column content to words;
            insert into public.chat (user_id, bot_name, role, words) values ('u', 'b', 'user', 'three');
            alter table public.chat rename column words to content;
            """)
        #expect(
            try AdoptFixture.rejects(&connection).first
                == ["public.chat:", "a statement's rows could not be read: SQLSTATE 42703"])
        // Mended by reading all once more.
        let adopter = try Adopter(&connection, AdoptionOptions(table: "public.chat"))
        _ = try adopter.backfill(&connection, again: true)
        #expect(try AdoptFixture.differences(&connection) == [])
    }

    @Test("a lock on messages delays the application by a moment and no more; what was missed is mended")
    func locked() throws {
        var connection = try adopted()
        var other = try TestDatabase.current.connect()
        try other.execute("begin; lock table afterthought.messages in access exclusive mode")
        try connection.execute(
            """
            insert into public.chat \(Self.row) select 'u', 'b', 'user', 'late ' || g from generate_series(1, 50) as g;
            delete from public.chat where id = 2;
            """)
        try other.execute("rollback")
        let reasons = try connection.textRows(
            "select reason, count(*) from afterthought.adoption_rejects group by 1 order by 1")
        #expect(
            reasons == [["could not be removed: SQLSTATE 55P03", "1"], ["could not be stored: SQLSTATE 55P03", "50"]])
        #expect(try AdoptFixture.differences(&connection).count == 51)
        let adopter = try Adopter(&connection, AdoptionOptions(table: "public.chat"))
        _ = try adopter.backfill(&connection, again: true)
        #expect(try AdoptFixture.differences(&connection) == [] && AdoptFixture.rejects(&connection) == [])
    }

    @Test("an erased user's past stays out; what the user writes later comes in")
    func erased() throws {
        var connection = try adopted()
        _ = try Eraser.shipped.erase(&connection, Erasure(userID: "u1"))
        try connection.execute(
            """
            update public.chat set content = content || ' edited';
            insert into public.chat \(Self.row) values ('u1', 'elena', 'user', 'old'), ('u2', 'elena', 'user', 'old');
            """)
        let adopter = try Adopter(&connection, AdoptionOptions(table: "public.chat"))
        let report = try adopter.backfill(&connection, again: true)
        #expect(report.isBackfillFinished && report.rejects.isEmpty)
        #expect(try connection.textRows("select from afterthought.messages where user_id = 'u1'").isEmpty)
        #expect(
            try Workbench.count(&connection, "select count(*) from afterthought.messages where user_id = 'u2'") == 4)
        try connection.execute(
            "insert into public.chat (user_id, bot_name, role, content, created_at) "
                + "values ('u1', 'elena', 'user', 'back', now() + interval '1 second')")
        #expect(
            try connection.textRows("select content from afterthought.messages where user_id = 'u1'") == [["back"]])
    }

    @Test("the printed SQL, run by psql, does the same; its undo leaves nothing")
    func dryRun() throws {
        let url = TestDatabase.current.url
        var connection = try TestDatabase.current.connect()
        try connection.execute(
            AdoptFixture.chat
                + """
                insert into public.chat \(Self.row) select 'u' || g % 7, 'b', 'user', 'x' || g
                from generate_series(1, 2500) as g;
                """)
        func state() throws -> [[String?]] {
            try connection.textRows(
                """
                select pg_get_functiondef(p.oid) || p.proowner || p.proacl::text from pg_proc as p
                where p.pronamespace = 'afterthought'::regnamespace and p.proname ~ '^adopted_[0-9a-f]{16}_'
                union all
                select pg_get_triggerdef(oid) || tgenabled::text from pg_trigger where tgrelid = 'public.chat'::regclass
                union all
                select (to_jsonb(a) - '{adopted_at,backfill_started_at,backfill_finished_at}'::text[])::text
                from afterthought.adoptions as a
                union all
                select m.user_id || m.external_id || m.content from afterthought.messages as m
                order by 1
                """)
        }
        let empty = try state()
        let script = try Program.run(["adopt", "public.chat", "--dry-run", "--database-url", url])
        #expect(script.status == 0 && script.output.contains("--   2,500 rows are there; nothing was changed"))
        #expect(try state() == empty)
        #expect(try AdoptFixture.psql(url, script.output) == "")
        let byHand = try state()
        #expect(byHand.count == 5 + 4 + 1 + 2500)
        let undo = try Program.run(["adopt", "public.chat", "--undo", "--dry-run", "--database-url", url])
        #expect(try AdoptFixture.psql(url, undo.output) == "")
        try connection.execute("delete from afterthought.messages where starts_with(external_id, 'public.chat:')")
        #expect(try state() == empty)
        let run = try Program.run(["adopt", "public.chat", "--database-url", url])
        #expect(run.status == 0 && run.output.hasSuffix("read 2,500 rows of before: 2,500 stored, 0 rejected\n"))
        #expect(try state() == byHand)
        let again = try Program.run(["adopt", "public.chat", "--database-url", url])
        #expect(again.status == 0 && again.output.hasPrefix("nothing changed: \"public\".\"chat\" is adopted\n"))
        let other = try Program.run(["adopt", "public.chat", "--map", "bot_name='x'", "--database-url", url])
        #expect(other.status == 64 && other.errors.contains("hint: the same options change nothing; else first --undo"))
        let undone = try Program.run(["adopt", "public.chat", "--undo", "--json", "--database-url", url])
        #expect(undone.status == 0 && undone.output.contains("\"undone\":true"))
        #expect(try state().count == 2500)
    }

    @Test("an adoption of a table that is gone can be undone")
    func dropped() throws {
        var connection = try adopted()
        try connection.execute("drop table public.chat")
        let doctor = try Program.run(["doctor", "--database-url", TestDatabase.current.url])
        #expect(doctor.output.contains("expected 4 enabled triggers on public.chat, got: 0"))
        let undo = try #require(try AdoptionUndo(&connection, table: "public.chat"))
        try undo.run(&connection)
        #expect(try connection.textRows("select from afterthought.adoptions").isEmpty)
        #expect(throws: AdoptionError.self) { try AdoptionUndo(&connection, table: "public.chat") }
    }

    @Test("without a backfill only what comes is taken; later it can be read all the same")
    func noBackfill() throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute(
            AdoptFixture.chat + "insert into public.chat \(Self.row) values ('u', 'b', 'user', 'before')")
        #expect(try AdoptFixture.adopt(&connection) { $0.backfills = false }.rowsRead == 0)
        try connection.execute("insert into public.chat \(Self.row) values ('u', 'b', 'user', 'after')")
        #expect(try connection.textRows("select content from afterthought.messages") == [["after"]])
        #expect(try AdoptFixture.adopt(&connection).rowsRead == 0)
        #expect(try AdoptFixture.adopt(&connection) { $0.backfills = true }.rowsStored == 1)
        #expect(try AdoptFixture.differences(&connection) == [])
    }

    @Test("an application in repeatable read that edits what was read meanwhile loses nothing")
    func repeatableRead() throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute(
            AdoptFixture.chat + "insert into public.chat \(Self.row) values ('u', 'b', 'user', 'before')")
        let adopter = try Adopter(&connection, AdoptionOptions(table: "public.chat"))
        #expect(try adopter.install(&connection))
        var other = try TestDatabase.current.connect()
        try other.execute("begin isolation level repeatable read; select from public.chat")
        _ = try adopter.backfill(&connection)
        try other.execute("update public.chat set content = 'after'; commit")
        // Its snapshot does not have the message: what it could not do is noted, and mended by reading once more.
        #expect(
            try AdoptFixture.rejects(&connection) == [["public.chat:1", "could not be stored: SQLSTATE 40001"]])
        _ = try adopter.backfill(&connection, again: true)
        #expect(try AdoptFixture.differences(&connection) == [] && AdoptFixture.rejects(&connection) == [])
    }
}
