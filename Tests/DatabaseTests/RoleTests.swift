import Bytes
import Engines
import Foundation
import Postgres
import Support
import Synchronization
import Testing

@testable import Store

@Suite("C11 least privilege", .database)
struct RoleTests {
    private static let one = Mutex(())

    /// A session of the owner, with the roles granted.
    static func connect() throws -> Connection {
        var connection = try TestDatabase.current.connect()
        // Roles belong to the whole cluster: two tests at once would make the same.
        try one.withLock { _ in try connection.execute(Migration.rolesSQL) }
        return connection
    }

    /// Runs SQL as a role and undoes it; returns the SQLSTATE that it was refused with.
    static func attempt(_ connection: inout Connection, _ role: String, _ sql: String) -> String? {
        do throws(PostgresError) {
            try connection.execute("begin; set local role \(role); \(sql)")
            try connection.execute("rollback")
            return nil
        } catch {
            try? connection.execute("rollback")
            return error.sqlState
        }
    }

    private static let insertions: [(table: String, columns: String)] = [
        ("messages", "(user_id, bot_name, role, content, tx) values ('u', 'b', 'user', 'x', '5')"),
        ("memory_retrievals", "(user_id, bot_name, memory_id, tx) values ('u', 'b', 'm', '5')"),
        ("metric_points", "(bot_name, metric, value, tx) values ('b', 'm', 1, '5')"),
        ("trait_activations", "(user_id, bot_name, trait, intensity, tx) values ('u', 'b', 't', 1, '5')"),
        ("outreach_attempts", "(user_id, bot_name, tx) values ('u', 'b', '5')"),
        ("preference_signals", "(user_id, tx) values ('u', '5')"),
        ("chat_personality_insights", "(user_id, adjustments, tx) values ('u', '{}', '5')"),
        ("entertainment_interactions", "(user_id, kind, adjustments, tx) values ('u', 'liked', '{}', '5')"),
        ("pair_changes", "(user_id, bot_name, reason, tx) values ('u', 'b', 'requested', '5')"),
    ]

    @Test("nobody but the default writes tx")
    func transactionIDs() throws {
        var connection = try Self.connect()
        let carriers = try connection.textRows(
            """
            select relname from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attname = 'tx'
            where c.relnamespace = 'afterthought'::regnamespace and c.relkind = 'r' order by 1
            """
        ).map { $0[0] ?? "" }
        #expect(carriers == Self.insertions.map(\.table).sorted())
        for role in ["app", "interface", "reader", "worker", "admin"] {
            for (table, columns) in Self.insertions {
                let sql = "insert into afterthought.\(table) \(columns)"
                #expect(Self.attempt(&connection, "afterthought_\(role)", sql) == "42501", "\(role): \(sql)")
                let change = "update afterthought.\(table) set tx = '5'"
                #expect(Self.attempt(&connection, "afterthought_\(role)", change) == "42501", "\(role): \(change)")
            }
        }
    }

    @Test("reader and interface write nothing and see no text")
    func reading() throws {
        var connection = try Self.connect()
        let tables = try connection.textRows(
            """
            select relname from pg_class
            where relnamespace = 'afterthought'::regnamespace and relkind in ('r', 'v') order by 1
            """
        ).map { $0[0] ?? "" }
        #expect(tables.count > 60)
        let writable = try connection.textRows(
            """
            select r.rolname || ' ' || p.privilege || ' ' || c.relname
            from pg_class as c
            cross join unnest(array['insert', 'update', 'delete', 'truncate', 'trigger']) as p (privilege)
            join pg_roles as r on r.rolname in ('afterthought_reader', 'afterthought_interface')
            where c.relnamespace = 'afterthought'::regnamespace and c.relkind in ('r', 'v')
                and has_table_privilege(r.oid, c.oid, p.privilege)
            """)
        #expect(writable.isEmpty, "\(writable)")
        for role in ["afterthought_reader", "afterthought_interface", "afterthought_app"] {
            for text in [
                "content from afterthought.messages", "query from afterthought.preference_signals",
                "input from afterthought.agent_executions", "comment from afterthought.agent_feedback",
                "comment from afterthought.agent_feedback_archive", "input from afterthought.learning_examples",
                "query_text from afterthought.embedding_training_pairs", "prompt from afterthought.prompt_variants",
                "state from afterthought.engine_state", "arguments from afterthought.jobs",
                "user_hash from afterthought.erased_users", "inner_key from afterthought.erasure_key",
            ] { #expect(Self.attempt(&connection, role, "select \(text)") == "42501", "\(role): \(text)") }
        }
        #expect(Self.attempt(&connection, "afterthought_reader", "select * from afterthought.strategic_rows") == nil)
        #expect(
            Self.attempt(&connection, "afterthought_interface", "select * from afterthought.strategic_cache")
                == "42501")
    }

    @Test("no role but the owner alters the schema; the worker writes no input")
    func altering() throws {
        var connection = try Self.connect()
        for role in ["app", "interface", "reader", "worker", "admin"] {
            for sql in [
                "create table afterthought.mine (id int)", "alter table afterthought.messages add mine int",
                "drop table afterthought.quarantine", "create index on afterthought.messages (content)",
                "alter table afterthought.messages disable trigger refuse_erased",
                "alter table afterthought.messages disable row level security",
                "create function afterthought.mine() returns int language sql return 1",
                "truncate afterthought.messages",
            ] { #expect(Self.attempt(&connection, "afterthought_\(role)", sql) == "42501", "\(role): \(sql)") }
        }
        for sql in [
            "insert into afterthought.messages (user_id, bot_name, role, content) values ('u', 'b', 'user', 'x')",
            "delete from afterthought.messages", "update afterthought.messages set content = ''",
            "delete from afterthought.erasures", "select inner_key from afterthought.erasure_key",
            "select afterthought.erasure_hash('u')", "update afterthought.agents set prompt = 'x'",
        ] { #expect(Self.attempt(&connection, "afterthought_worker", sql) == "42501", "\(sql)") }
        // Receipts and tombstones stay, even from the administrator.
        for sql in ["delete from afterthought.erasures", "delete from afterthought.erased_users"] {
            #expect(Self.attempt(&connection, "afterthought_admin", sql) == "42501", "\(sql)")
        }
    }

    @Test("the administrator's role is enough to show, export and erase a user")
    func administrator() throws {
        var connection = try Self.connect()
        try UserFixture.fill(&connection, user: "erasee")
        try connection.execute("set role afterthought_admin")
        let erasure = Erasure(userID: "erasee")
        #expect(
            try Set(Eraser.preview(&connection, erasure).map(\.table)) == Set(UserTable.all.map(\.name)))
        let exported = try UserExport.write(&connection, user: "erasee", bot: nil) { _ in }
        #expect(Set(exported.map(\.table)) == Set(UserTable.all.filter(\.isExported).map(\.name)))
        _ = try Eraser.shipped.erase(&connection, erasure)
        try connection.execute("reset role")
        let left = UserFixture.tables(try UserFixture.dump(&connection), with: "erasee")
        #expect(left.isEmpty, "\(left)")
        #expect(try connection.textRows("select erased_by from afterthought.erasures") == [["afterthought_admin"]])
    }

    @Test("doctor names every right that a worker lacks, and knows of all that roles.sql grants")
    func workerGrants() throws {
        var connection = try Self.connect()
        #expect(try connection.query(MissingWorkerGrants()).isEmpty)
        let granted = try connection.textRows(
            """
            select c.relname, lower(a.privilege_type), null
            from pg_class as c cross join lateral aclexplode(c.relacl) as a
            where c.relnamespace = 'afterthought'::regnamespace and a.grantee = 'afterthought_worker'::regrole
                and a.privilege_type <> 'SELECT'
            union all
            select c.relname, lower(a.privilege_type), t.attname
            from pg_class as c join pg_attribute as t on t.attrelid = c.oid
            cross join lateral aclexplode(t.attacl) as a
            where c.relnamespace = 'afterthought'::regnamespace and a.grantee = 'afterthought_worker'::regrole
            """
        ).map { WorkerGrants.Grant(table: $0[0] ?? "", privilege: $0[1] ?? "", column: $0[2]) }
        #expect(Set(granted) == Set(WorkerGrants.all))
        for grant in WorkerGrants.all {
            let column = grant.column.map { " (\($0))" } ?? ""
            try connection.execute(
                """
                begin; revoke \(grant.privilege)\(column) on afterthought.\(grant.table) from afterthought_worker
                """)
            let missing = try connection.query(MissingWorkerGrants())
            try connection.execute("rollback")
            #expect(missing == ["\(grant.privilege) on \(grant.table)\(column) for afterthought_worker"])
        }
        try connection.execute("revoke select on afterthought.messages from afterthought_worker")
        let run = try Program.run(["doctor", "--database-url", TestDatabase.current.url])
        #expect(run.status == 1 && run.output.contains("got: none to select on messages for afterthought_worker"))
    }

    @Test("the ledger and the audit are pruned by age, by the worker's hourly look at the history")
    func pruning() throws {
        var connection = try Self.connect()
        try connection.execute(
            """
            insert into afterthought.language_model_ledger (
                at, purpose, model, subject, prompt_tokens, completion_tokens, prompt_usd_per_million,
                completion_usd_per_million)
            select now() - make_interval(days => d), 'p', 'm', 's' || d, 1, 1, 1, 1 from unnest(array[1, 89, 91]) as d;
            insert into afterthought.operations_audit (at, action, address)
            select now() - make_interval(days => d), 'd' || d, 'here' from unnest(array[1, 91]) as d;
            set role afterthought_worker
            """)
        #expect(try connection.first(PruneJobHistory()) == 2)
        #expect(try connection.textRows("select action from afterthought.operations_audit") == [["d1"]])
        #expect(throws: PostgresError.self) { try connection.execute("delete from afterthought.operations_audit") }
        let ledger = "select subject from afterthought.language_model_ledger order by id"
        #expect(try connection.textRows(ledger) == [["s1"], ["s89"]])
        try connection.execute(
            "update afterthought.job_settings set value = '31' where name = 'AUDIT_RETENTION_DAYS'")
        #expect(try connection.first(PruneJobHistory()) == 1)
        #expect(try connection.textRows(ledger) == [["s1"]])
        #expect(throws: PostgresError.self) {
            try connection.execute(
                "update afterthought.job_settings set value = '30' where name = 'AUDIT_RETENTION_DAYS'")
        }
    }
}
