import Postgres
import Support
import Testing

@testable import Store

@Suite("Row-level security", .database)
struct RowSecurityTests {
    @Test("a user's interface starts that user's update and sees that user's profile, and nobody else's")
    func ownRows() throws {
        var connection = try RoleTests.connect()
        try connection.execute(
            """
            insert into afterthought.user_personality_profiles (user_id, openness, created_at, updated_at)
            values ('mine', 60, now(), now()), ('theirs', 70, now(), now());
            set role afterthought_interface
            """)
        let start = "select afterthought.start_own_personality_update()"
        let nobody = #expect(throws: PostgresError.self) { try connection.execute(start) }
        #expect(nobody?.sqlState == "42501" && nobody?.hint?.contains("set_config") == true)
        #expect(try connection.textRows("select * from afterthought.own_personality_profile").isEmpty)

        func asUser(_ user: String, _ sql: String) throws -> [[String?]] {
            try connection.execute("begin; select set_config('afterthought.user_id', '\(user)', true)")
            let rows = try connection.textRows(sql)
            try connection.execute("commit")
            return rows
        }
        let first = try asUser("mine", start)
        // Asked again within a minute it is the same request.
        #expect(try asUser("mine", start) == first)
        let second = try asUser("theirs", start)
        #expect(second != first)
        #expect(
            try asUser("mine", "select openness::int from afterthought.own_personality_profile") == [["60"]])
        let requests = "select user_id, job_id from afterthought.personality_update_requests"
        #expect(try asUser("mine", requests) == [["mine", first[0][0]]])
        #expect(try asUser("nobody", requests).isEmpty)
        // The setting ended with its transaction.
        #expect(try connection.textRows(requests).isEmpty)
        for sql in [
            "select * from afterthought.user_personality_profiles", "select * from afterthought.jobs",
            "select afterthought.enqueue_job('personality_update', '{\"user_id\": \"theirs\"}')",
            "insert into afterthought.personality_update_requests (user_id, job_id) values ('mine', 1)",
        ] { #expect(throws: PostgresError.self, "\(sql)") { try connection.execute(sql) } }
        try connection.execute("reset role")
        let jobs = try connection.textRows("select job, arguments, reason from afterthought.jobs order by id")
        #expect(
            jobs == [
                ["personality_update", "{\"user_id\": \"mine\"}", "asked for by the user"],
                ["personality_update", "{\"user_id\": \"theirs\"}", "asked for by the user"],
            ])
    }

    @Test("a role confined to a bot sees and writes rows of that bot alone, through views as well")
    func botIsolation() throws {
        var connection = try RoleTests.connect()
        let role = "isolated_\(UInt32.random(in: 0 ... .max))"
        try UserFixture.fill(&connection, user: "u1")
        try connection.execute(
            """
            create role \(role) nologin in role afterthought_reader;
            grant insert (user_id, bot_name, role, content) on afterthought.messages to \(role);
            insert into afterthought.strategic_cache (
                computed_at, generation, messages_reflected, engine_version, shard, bot_name, user_id, config_hash,
                null_reasons, unvalidated)
            values (now(), 1, 1, 0, afterthought.shard_of('u1', 'aria'), 'aria', 'u1', 'old', '{}', '{}');
            """)
        defer { try? connection.execute("reset role; drop owned by \(role); drop role \(role)") }
        let bots = "select string_agg(bot_name, ' ' order by bot_name) from afterthought."
        func seen(_ relation: String) throws -> String? {
            try connection.execute("set role \(role)")
            defer { try? connection.execute("reset role") }
            return try connection.textRows(bots + relation)[0][0]
        }
        #expect(try seen("strategic_cache") == "aria elena")
        try connection.execute("select afterthought.enable_bot_isolation('aria', '\(role)')")
        for relation in ["strategic_cache", "strategic_rows", "strategic_memory_health"] {
            #expect(try seen(relation) == "aria", "\(relation)")
        }
        #expect(
            try connection.textRows("select count(*) from afterthought.read_strategic('u1', 'elena')").count == 1)
        let insert = "insert into afterthought.messages (user_id, bot_name, role, content) values ('u1', "
        #expect(RoleTests.attempt(&connection, role, insert + "'aria', 'user', 'x')") == nil)
        #expect(RoleTests.attempt(&connection, role, insert + "'elena', 'user', 'x')") == "42501")
        // Rules for any bot are not missed, those of another bot are not seen.
        #expect(try seen("outreach_rules") == "")
        // Who is not confined sees all.
        #expect(
            RoleTests.attempt(
                &connection, "afterthought_worker",
                "do $$ begin assert (select count(*) from afterthought.strategic_cache) = 2; end $$") == nil)

        try connection.execute("select afterthought.enable_bot_isolation('elena', '\(role)')")
        #expect(try seen("strategic_rows") == "aria elena")
        try connection.execute("select afterthought.disable_bot_isolation('\(role)')")
        #expect(
            try connection.textRows(
                """
                select count(*) from pg_class as c
                where relnamespace = 'afterthought'::regnamespace and relrowsecurity
                """) == [["1"]])
        let app = #expect(throws: PostgresError.self) {
            try connection.execute("select afterthought.enable_bot_isolation('aria', 'afterthought_app')")
        }
        #expect(app?.sqlState == "22023")
    }
}
