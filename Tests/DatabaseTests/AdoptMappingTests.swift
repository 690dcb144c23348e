import Foundation
import Postgres
import Support
import Testing

@testable import Store

/// A table as some application has it, and what its rows have to become.
struct AdoptShape: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var create: String
    var insert: String
    var adjust: @Sendable (inout AdoptionOptions) -> Void = { _ in }
    /// user, bot, role, content, time in UTC, conversation, external id.
    var expected: [[String?]]

    static let all = [
        AdoptShape(
            testDescription: "plain names",
            create: """
                create table public.messages (
                    id serial primary key, user_id text not null, bot_name text not null, role text not null,
                    content text not null, created_at timestamptz not null, emotion jsonb, embedding real[])
                """,
            insert: """
                insert into public.messages (id, user_id, bot_name, role, content, created_at, emotion, embedding)
                values (1, 'u', 'b', 'Human', 'x', '2024-01-02 03:04:05+02', '{"joy": 1}', '{1,2}'),
                    (2, 'u', 'b', 'AI', 'y', '2024-01-02 03:04:06+02', null, null)
                """,
            expected: [
                ["u", "b", "user", "x", "2024-01-02 01:04:05", nil, "public.messages:1"],
                ["u", "b", "assistant", "y", "2024-01-02 01:04:06", nil, "public.messages:2"],
            ]),
        AdoptShape(
            testDescription: "camel case, uuid, boolean, a time without zone",
            create: """
                create schema "Chat App";
                create table "Chat App"."ChatLog" (
                    "messageUuid" uuid primary key, "userId" integer, character varchar(40), "isBot" boolean, body text,
                    "insertedAt" timestamp, "sessionId" uuid)
                """,
            insert: """
                insert into "Chat App"."ChatLog" values (
                    '00000000-0000-0000-0000-000000000001', 7, 'Elena', false, 'ünï', '2024-07-01 12:00:00',
                    '00000000-0000-0000-0000-00000000000a')
                """,
            adjust: { $0.timeZone = "Europe/Berlin" },
            expected: [
                [
                    "7", "Elena", "user", "ünï", "2024-07-01 10:00:00", "00000000-0000-0000-0000-00000000000a",
                    "\"Chat App\".\"ChatLog\":00000000-0000-0000-0000-000000000001",
                ]
            ]),
        AdoptShape(
            testDescription: "one bot, milliseconds, an enumeration, values of its own",
            create: """
                create type public.direction as enum ('in', 'out', 'tool');
                create table public.log (
                    entry text not null unique, sender_id bigint, direction public.direction, message text, ts bigint)
                """,
            insert: """
                insert into public.log values ('a', 5, 'in', 'hello', 1704067200000), ('b', 5, 'tool', 'x', 0),
                    (repeat('k', 300), 5, 'out', 'hi', 1704067201500)
                """,
            adjust: { options in
                options.timeUnitsASecond = 1000
                options.sources = [.botName: "'Ada''s'", .role: "direction"]
                options.roles = ["in": "user", "out": "assistant", "tool": "skip"]
            },
            expected: [
                ["5", "Ada''s", "user", "hello", "2024-01-01 00:00:00", nil, "public.log:a"],
                [
                    "5", "Ada''s", "assistant", "hi", "2024-01-01 00:00:01.5", nil,
                    "public.log:#",
                ],
            ]),
        AdoptShape(
            testDescription: "a key of several columns, partitioned",
            create: """
                create table public.parts (
                    room integer, seq integer, sent_at timestamptz, author text, username text, agent text, text text,
                    primary key (room, seq, sent_at)) partition by range (sent_at);
                create table public.parts_1 partition of public.parts for values from ('2024-01-01') to ('2024-02-01');
                create table public.parts_2 partition of public.parts for values from ('2024-02-01') to ('2024-03-01')
                """,
            insert: """
                insert into public.parts_1 values (1, 1, '2024-01-05', 'user', 'u', 'b', 'straight into it');
                insert into public.parts values (1, 2, '2024-02-05', 'bot', 'u', 'b', 'by the parent')
                """,
            expected: [
                [
                    "u", "b", "user", "straight into it", "2024-01-05 00:00:00", nil,
                    "public.parts:[\"1\", \"1\", \"1704412800.000000\"]",
                ],
                [
                    "u", "b", "assistant", "by the parent", "2024-02-05 00:00:00", nil,
                    "public.parts:[\"1\", \"2\", \"1707091200.000000\"]",
                ],
            ]),
    ]
}

@Suite("Adopting tables of many shapes", .database)
struct AdoptMappingTests {
    private static let stored = """
        select user_id, bot_name, role, content, created_at at time zone 'UTC', conversation_id, external_id
        from afterthought.messages order by created_at
        """

    private func expectSame(_ rows: [[String?]], _ expected: [[String?]]) {
        #expect(rows.count == expected.count)
        for (row, wanted) in zip(rows, expected) {
            #expect(row.dropLast() == wanted.dropLast())
            let id = row.last.flatMap { $0 } ?? ""
            let wantedID = wanted.last.flatMap { $0 } ?? ""
            if wantedID.contains("#") {
                // A digest of a key that is too long.
                #expect(id.hasPrefix("public.log:#") && id.utf8.count == 11 + 1 + 64)
            } else {
                #expect(id == wantedID)
            }
        }
    }

    @Test("what is there and what comes become the same", arguments: AdoptShape.all)
    func shapes(_ shape: AdoptShape) throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute(shape.create)
        let table = shape.expected[0][6].map { String($0.prefix { $0 != ":" }) } ?? ""
        try connection.execute(shape.insert)
        let report = try AdoptFixture.adopt(&connection, table, shape.adjust)
        #expect(report.isInstalled && report.isBackfillFinished && report.rejects.isEmpty)
        #expect(Int(report.rowsStored) == shape.expected.count)
        expectSame(try connection.textRows(Self.stored), shape.expected)
        #expect(try AdoptFixture.adopt(&connection, table, shape.adjust).isInstalled == false)
        // Now by the triggers.
        try connection.execute("delete from \(table)")
        #expect(try connection.textRows(Self.stored).isEmpty)
        try connection.execute(shape.insert)
        expectSame(try connection.textRows(Self.stored), shape.expected)
        #expect(try AdoptFixture.rejects(&connection).isEmpty)
        let rest = try connection.textRows(
            "select emotion, embedding from afterthought.messages where emotion is not null")
        #expect(rest == (table == "public.messages" ? [["{\"joy\": 1}", "{1,2}"]] : []))
    }

    /// Tables that can't be adopted, and what is said of them.
    static let refused: [(sql: String, message: String, hint: String)] = [
        (
            "create view public.t as select 1 as id", "expected \"public\".\"t\" to be a table, got: a view",
            "no trigger"
        ),
        (
            "create materialized view public.t as select 1 as id",
            "expected \"public\".\"t\" to be a table, got: a materialized view", "no trigger"
        ),
        (
            "create foreign data wrapper w; create server s foreign data wrapper w; "
                + "create foreign table public.t (id int) server s",
            "expected \"public\".\"t\" to be a table, got: a foreign table", "no trigger"
        ),
        (
            "create table public.r (id int) partition by list (id); "
                + "create table public.t partition of public.r for values in (1)",
            "expected a whole table, got: one partition of one", "adopt the partitioned table"
        ),
        (
            "create table public.t (id int primary key); create table public.c () inherits (public.t)",
            "expected a table without inheritance, got: one that inherits or is inherited from", "a trigger"
        ),
        (
            "create table public.t (id int, user_id text, bot_name text, role text, content text, created_at date)",
            "expected a primary key or a unique index over columns that are not null, got: none", "alter table"
        ),
        (
            "create table public.t (id int unique, n int, user_id text, bot_name text, role text, content text, "
                + "created_at date); create unique index on public.t (n) where n > 0; "
                + "create unique index on public.t ((n + 1))",
            "expected a primary key or a unique index over columns that are not null, got: none", "alter table"
        ),
        (
            "create table public.t (id inet primary key, user_id text, bot_name text, role text, content text, "
                + "created_at date)",
            "expected a key of whole numbers, uuid, text or times, got: `id` inet", "add a unique index"
        ),
        (
            "create table public.t (id int primary key, user_id text, role text, content text, created_at date)",
            "expected a column that is bot_name, got: `id`, `user_id`, `role`, `content`, `created_at`",
            "name it with --map bot_name=COLUMN, or the one bot of all rows with --map \"bot_name='Ada'\""
        ),
        (
            "create table public.t (id int primary key, user_id text, bot_name text, role text, content jsonb, "
                + "created_at date)",
            "expected `content`, which would be content, to be text, got: jsonb", "name it with --map content"
        ),
        (
            "create table public.t (id int primary key, user_id text, bot_name text, role text, content text, "
                + "created_at bigint)",
            "expected `created_at`, which would be created_at, to be timestamptz, timestamp, date or a number with "
                + "--time-unit, got: bigint",
            "name it with --map created_at"
        ),
        (
            "create table public.t (id int primary key, user_id text, bot_name text, author text, content text, "
                + "created_at date); insert into public.t values (1, 'u', 'b', 'Somebody', 'x', now())",
            "expected `author` text to hold roles such as user and assistant, got: none in 1 rows", "name another"
        ),
        ("select 1", "expected a table as SQL names it, got: `public.t`, which is none", "write schema.table"),
    ]

    @Test("what can't be is refused with what was expected, and nothing is made", arguments: refused.indices)
    func refusals(_ index: Int) throws {
        var connection = try TestDatabase.current.connect()
        let entry = Self.refused[index]
        try connection.execute(entry.sql)
        let error = #expect(throws: AdoptionError.self) { try AdoptFixture.adopt(&connection, "public.t") }
        #expect(error?.message == entry.message)
        #expect(error?.hint.hasPrefix(entry.hint) == true, "\(error?.hint ?? "")")
        #expect(error?.description.contains("Somebody") == false)
        #expect(try connection.textRows("select from afterthought.adoptions").isEmpty)
    }

    @Test("rights are asked for by name")
    func rights() throws {
        var connection = try TestDatabase.current.connect()
        let role = "adopter_\(UInt32.random(in: 0 ... .max))"
        try connection.execute(
            AdoptFixture.chat + "create role \(role); grant usage on schema afterthought to \(role);")
        defer { try? connection.execute("reset role; drop owned by \(role); drop role \(role)") }
        func said(_ grant: String) throws -> String? {
            try connection.execute("reset role; \(grant); set role \(role)")
            let error = #expect(throws: AdoptionError.self) {
                try AdoptFixture.adopt(&connection) { $0.isSubscriber = true }
            }
            return error?.message
        }
        #expect(try said("select 1") == "expected a member of postgres, who owns schema afterthought, got: \(role)")
        try connection.execute("reset role; create role \(role)_o; alter schema afterthought owner to \(role)_o;")
        defer { try? connection.execute("alter schema afterthought owner to postgres; drop role \(role)_o") }
        #expect(
            try said("grant \(role)_o to \(role); grant select on public.chat to \(role)")
                == "expected the rights SELECT, UPDATE and TRIGGER on \"public\".\"chat\", got: none to UPDATE, TRIGGER"
        )
        #expect(
            try said("grant update, trigger on public.chat to \(role)")
                == "expected a member of the owner of \"public\".\"chat\", got: \(role)")
        #expect(
            try said(
                "alter table public.chat owner to \(role); alter table public.chat enable row level security; "
                    + "alter table public.chat force row level security")
                == "expected to see every row of \"public\".\"chat\", got: row-level security for \(role)")
    }

    @Test("every statement fits the schema")
    func statements() throws {
        var connection = try TestDatabase.current.connect()
        _ = try connection.describe(FindAdoptionRelation(text: "x"))
        _ = try connection.describe(ListAdoptionColumns(oid: 0))
        _ = try connection.describe(ListAdoptionKeys(oid: 0))
        _ = try connection.describe(CountTimeZones(zone: "UTC"))
        _ = try connection.describe(ReadAdoption(source: "x"))
        _ = try connection.describe(CountAdoptionTriggers(oid: 0, stem: "x", isAlways: false))
        _ = try connection.describe(RestartAdoptionBackfill(source: "x", fromTheStart: false))
        _ = try connection.describe(CountAdoptionRejects(source: "x"))
        _ = try connection.describe(ExamineAdoptions())
        _ = try connection.describe(FindAdoption(source: "x", oid: nil))
        _ = try connection.describe(ForgetUnremoved(source: "x"))
    }
}
