import Bytes
import Engines
import Foundation
import Postgres
import Support
import Testing

@testable import Store

@Suite("Erasing a user", .database)
struct EraseTests {
    /// Quotes and backslashes, so that no text is compared by chance.
    static let user = "erasee'7\"x\\"

    /// Columns that say something of users and hold none, with the reason.
    private static let exempt: [String: String] = [
        "erased_users.user_hash": "a keyed hash", "erasures.user_hash": "a keyed hash",
        "operations_audit.user_hash": "a keyed hash",
        "erasures.row_counts": "counts by table", "import_progress.rows_erased": "a count",
    ]

    /// Columns that may hold a user by their name or comment.
    private static func suspects(_ connection: inout Connection) throws -> [(table: String, column: String)] {
        try connection.textRows(
            """
            select c.relname, a.attname
            from pg_class as c
            join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            where c.relnamespace = 'afterthought'::regnamespace and c.relkind in ('r', 'p')
                and (
                    a.attname ~ '(^|_)(user|unit|person|author|speaker|subject_id)(_|$)'
                    or col_description(c.oid, a.attnum) ~* '\\muser''?s?\\M')
            order by 1, 2
            """
        ).map { ($0[0] ?? "", $0[1] ?? "") }
    }

    /// Those of them that erasing would leave.
    private static func forgotten(_ connection: inout Connection) throws -> [String] {
        try suspects(&connection).compactMap { table, column in
            let isKnown = UserTable.all.contains { $0.name == table } || exempt["\(table).\(column)"] != nil
            return isKnown ? nil : "\(table).\(column)"
        }
    }

    @Test("every column that holds a user belongs to a table that erase and export know")
    func catalog() throws {
        var connection = try TestDatabase.current.connect()
        let forgotten = try Self.forgotten(&connection)
        #expect(forgotten.isEmpty, "may hold a user, and UserTable.all does not know the table: \(forgotten)")
        let suspects = try Self.suspects(&connection).map { "\($0.table).\($0.column)" }
        #expect(suspects.count > 30 && Self.exempt.keys.allSatisfy { suspects.contains($0) })
        // And the other way round: what is known is there, with the columns that are named.
        let existing = Set(
            try connection.textRows(
                """
                select c.relname || '.' || a.attname from pg_class as c
                join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0
                where c.relnamespace = 'afterthought'::regnamespace and c.relkind = 'r'
                """
            ).map { $0[0] ?? "" })
        for table in UserTable.all {
            for column in table.columns { #expect(existing.contains("\(table.name).\(column)")) }
        }
    }

    @Test("a new table with a user column, by name or by comment, is noticed")
    func newTable() throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute(
            """
            create table afterthought.novelties (id bigint, user_id text);
            create table afterthought.curiosities (id bigint, whose text);
            comment on column afterthought.curiosities.whose is 'The user''s id.';
            """)
        #expect(try Self.forgotten(&connection) == ["curiosities.whose", "novelties.user_id"])
    }

    @Test("nothing of the user is left anywhere, everything of others is")
    func everywhere() throws {
        var connection = try TestDatabase.current.connect()
        try UserFixture.fill(&connection, user: "other", marker: "othermarker")
        try UserFixture.fill(&connection, user: Self.user)
        let before = try UserFixture.dump(&connection)
        let erasure = Erasure(userID: Self.user)
        let preview = try Eraser.preview(&connection, erasure)
        let known = Set(UserTable.all.map(\.name))
        #expect(Set(preview.map(\.table)) == known, "expected the fixture to fill every table")
        #expect(try UserFixture.dump(&connection) == before)

        let receipt = try Eraser.shipped.erase(&connection, erasure)
        let after = try UserFixture.dump(&connection)
        #expect(UserFixture.tables(after, with: "erasee").isEmpty, "\(UserFixture.tables(after, with: "erasee"))")
        let marked = UserFixture.tables(after, with: UserFixture.marker)
        #expect(marked.isEmpty, "\(marked)")
        // The first rows are also what the deletions noted, and the erasure's own pass over what came since.
        #expect(Set(receipt.counts.map(\.table)) == known)
        let rows = try connection.textRows(
            "select id, encode(user_hash, 'hex'), row_counts ->> 'messages', is_forever from afterthought.erasures")
        #expect(rows == [["\(receipt.id)", receipt.hash, "3", "f"]])

        for table in known.subtracting(["shard_progress", "jobs", "conversation_clusters"]) {
            #expect((after[table] ?? "").contains("other"), "\(table) lost rows of another user")
        }
        #expect((after["conversation_clusters"] ?? "").contains("sailing"))
        #expect((after["conversation_clusters"] ?? "").contains("othermarker"))
        #expect(
            try connection.textRows("select job from afterthought.jobs where reason = 'a user was erased'")
                == [["clustering"]])
        #expect(try Eraser.preview(&connection, erasure).isEmpty)
    }

    @Test("with one bot, only what the user has with it goes")
    func oneBot() throws {
        var connection = try TestDatabase.current.connect()
        try UserFixture.fill(&connection, user: Self.user)
        _ = try connection.query(
            sql: "select afterthought.record_message($1, 'aria', 'user', 'kept')",
            bind: { $0.append(Self.user) }, decode: { _ in })
        let receipt = try Eraser.shipped.erase(&connection, Erasure(userID: Self.user, botName: "elena"))
        let pairTables = Set(UserTable.all.filter { $0.scope == .pair }.map(\.name))
        #expect(Set(receipt.counts.map(\.table)) == pairTables)
        #expect(try connection.textRows("select bot_name, content from afterthought.messages") == [["aria", "kept"]])
        #expect(try connection.textRows("select count(*) from afterthought.user_preferences") == [["1"]])
        #expect(try connection.textRows("select bot_name from afterthought.outreach_rules") == [[""]])
        // Only that bot's past is refused.
        #expect(try record(&connection, bot: "elena", at: "now() - interval '1 hour'") == "23514")
        #expect(try record(&connection, bot: "aria", at: "now() - interval '1 hour'") == nil)
    }

    /// Records a message; returns the SQLSTATE that it was refused with.
    private func record(_ connection: inout Connection, bot: String, at: String) throws -> String? {
        do throws(PostgresError) {
            try connection.execute(
                """
                insert into afterthought.messages (user_id, bot_name, role, content, created_at)
                values ('\(Self.user.replacingOccurrences(of: "'", with: "''"))', '\(bot)', 'user', 'x', \(at))
                """)
            return nil
        } catch {
            return error.sqlState
        }
    }

    @Test("the past is refused, what happens later is taken, unless it was forever")
    func tombstone() throws {
        var connection = try TestDatabase.current.connect()
        _ = try Eraser.shipped.erase(&connection, Erasure(userID: Self.user))
        #expect(try record(&connection, bot: "b", at: "now() - interval '1 second'") == "23514")
        #expect(try record(&connection, bot: "b", at: "now() + interval '1 second'") == nil)
        for call in [
            "record_message($1, 'b', 'user', 'x', created_at => now() - interval '1 day')",
            "record_recall($1, 'b', 'm', retrieved_at => now() - interval '1 day')",
            "record_metric('b', 'engagement', 1, $1, now() - interval '1 day')",
            "record_trait($1, 'b', 'warmth', 1, activated_at => now() - interval '1 day')",
            "record_outreach($1, 'b', sent_at => now() - interval '1 day')",
            "record_preference_signal($1, 'q', created_at => now() - interval '1 day')",
            "record_personality_insight($1, '{}', external_id => 'e', recorded_at => now() - interval '1 day')",
            "record_entertainment($1, 'liked', '{}', external_id => 'e', recorded_at => now() - interval '1 day')",
            "record_execution('a', user_id => $1, executed_at => now() - interval '1 day')",
            "record_feedback('a', 1, user_id => $1, created_at => now() - interval '1 day')",
            "record_training_pair('q', 'd', user_id => $1, created_at => now() - interval '1 day')",
        ] {
            let error = #expect(throws: PostgresError.self, "\(call)") {
                _ = try connection.query(
                    sql: "select afterthought.\(call)", bind: { $0.append(Self.user) }, decode: { _ in })
            }
            #expect(error?.sqlState == "23514" && error?.constraint == "user_is_not_erased", "\(call)")
        }
        // Replication must go on: the row is left out there.
        try connection.execute("set session_replication_role = replica")
        #expect(try record(&connection, bot: "b", at: "now() - interval '1 second'") == nil)
        try connection.execute("reset session_replication_role")
        #expect(try connection.textRows("select count(*) from afterthought.messages") == [["1"]])

        _ = try Eraser.shipped.erase(&connection, Erasure(userID: Self.user, isForever: true))
        #expect(try record(&connection, bot: "b", at: "now() + interval '1 hour'") == "23514")
        // A later erasure takes nothing back.
        _ = try Eraser.shipped.erase(&connection, Erasure(userID: Self.user))
        #expect(try record(&connection, bot: "b", at: "now() + interval '1 hour'") == "23514")
        #expect(try connection.textRows("select count(*) from afterthought.erasures") == [["3"]])
    }

    @Test("an import passes an erased user's past over, and loads the others")
    func reimport() throws {
        var connection = try TestDatabase.current.connect()
        let csv = """
            user_id,bot_name,role,content,created_at
            gone,b,user,one,2024-05-06T07:08:09Z
            here,b,user,two,2024-05-06T07:08:09Z
            gone,c,user,three,2024-05-06T07:08:09Z

            """
        _ = try Eraser.shipped.erase(&connection, Erasure(userID: "gone"))
        let options = ImportOptions(.memory(name: "a.csv", bytes: Array(csv.utf8)))
        var importer = try Importer(options)
        let report = try importer.run(&connection)
        #expect(report.loaded == 1 && report.erased == 2 && report.duplicates == 0 && report.rejected == 0)
        #expect(try connection.textRows("select user_id from afterthought.messages") == [["here"]])
        var again = try Importer(options)
        #expect(try again.run(&connection).erased == 2)
    }

    @Test("a place in a backlog moves from the user to just before whoever follows")
    func backlogPlace() throws {
        var connection = try TestDatabase.current.connect()
        // Names that share a shard, in order.
        let names = try connection.textRows(
            """
            select 'n' || i from generate_series(1000, 9999) as i
            where afterthought.shard_of('n' || i, 'b') = 5 order by 1 limit 3
            """
        ).map { $0[0] ?? "" }
        for name in names {
            try connection.execute(
                """
                insert into afterthought.messages (user_id, bot_name, role, content)
                values ('\(name)', 'b', 'user', 'x')
                """)
        }
        func place(after erased: String) throws -> [String?] {
            try connection.execute(
                """
                update afterthought.shard_progress
                set window_snapshot = pg_current_snapshot(), window_at = now(), position_bot = 'b',
                    position_user = '\(erased)', position_at = now(), position_stream = 0, position_id = 9
                where shard = 5
                """)
            let before = try connection.textRows(
                "select generation from afterthought.shard_progress where shard = 5")[0][0]
            _ = try Eraser.shipped.erase(&connection, Erasure(userID: erased))
            let row = try connection.textRows(
                """
                select position_user, position_at, position_stream, position_id, generation > \(before ?? "")
                from afterthought.shard_progress where shard = 5
                """)[0]
            #expect(row[4] == "t")
            return Array(row.prefix(4))
        }
        #expect(try place(after: names[1]) == [names[2], nil, nil, nil])
        #expect(try place(after: names[2]) == ["\u{10FFFF}", nil, nil, nil])
    }

    @Test("a lock that somebody keeps ends the erasure, which has changed nothing then")
    func lockedRow() throws {
        var connection = try TestDatabase.current.connect()
        try UserFixture.fill(&connection, user: Self.user)
        let before = try UserFixture.dump(&connection)
        var other = try TestDatabase.current.connect()
        try other.execute("begin; update afterthought.quarantine set attempts = attempts")
        let impatient = Eraser(engineVersion: 0, lockMillisecondsMax: 100) { _ in throw CancellationError() }
        let error = #expect(throws: PostgresError.self) {
            try impatient.erase(&connection, Erasure(userID: Self.user))
        }
        #expect(error?.isLockTimeout == true)
        try other.execute("rollback")
        #expect(try UserFixture.dump(&connection) == before)
        _ = try impatient.erase(&connection, Erasure(userID: Self.user))
        #expect(UserFixture.tables(try UserFixture.dump(&connection), with: "erasee").isEmpty)
    }

    @Test func everyStatementFitsTheSchema() throws {
        var connection = try TestDatabase.current.connect()
        _ = try connection.describe(AimAtUser.self)
        _ = try connection.describe(AimedPairs.self)
        _ = try connection.describe(HoldOffErasureRivals.self)
        _ = try connection.describe(InterruptJobs.self)
        _ = try connection.describe(FenceShards.self)
        _ = try connection.describe(RebuildErasedShards.self)
        _ = try connection.describe(DropEmptyBots.self)
        _ = try connection.describe(OutdateClusters.self)
        _ = try connection.describe(PromptsOfUser.self)
        _ = try connection.describe(RecordErasure.self)
        _ = try connection.describe(LoadNotificationKey.self)
        _ = try connection.describe(HoldOffErasure.self)
        _ = try connection.describe(ListQuarantine.self)
        _ = try connection.describe(RetryQuarantine.self)
        _ = try connection.describe(MissingWorkerGrants.self)
    }
}
