import Postgres

/// The checks of who may do what.
extension Doctor {
    /// Whether applications may write the columns that the watermark relies on.
    static func grants(_ connection: inout Connection) throws -> DoctorFinding {
        let rows = try connection.textRows(
            """
            with streams as (
                select oid, relname, relowner, relacl
                from pg_class
                where relnamespace = 'afterthought'::regnamespace and relkind = 'r'
                    -- Whatever carries a transaction id is read by it.
                    and exists (
                        select from pg_attribute where attrelid = pg_class.oid and attname = 'tx' and attnum > 0)
            ),
            granted as (
                select s.relname, s.relowner, a.grantee, a.privilege_type
                from streams as s
                cross join lateral aclexplode(s.relacl) as a
                union all
                select s.relname || '.' || c.attname, s.relowner, a.grantee, a.privilege_type
                from streams as s
                join pg_attribute as c
                    on c.attrelid = s.oid and c.attname in ('id', 'tx', 'received_at', 'requested_at')
                cross join lateral aclexplode(c.attacl) as a
            )
            select distinct
                lower(privilege_type) || ' on ' || relname || ' to '
                    || case when grantee = 0 then 'public' else grantee::regrole::text end
            from granted
            where privilege_type in ('INSERT', 'UPDATE') and grantee <> relowner
            order by 1
            """)
        guard !rows.isEmpty else {
            return DoctorFinding("grants", .ok, "nobody but the owner may write tx, id or the time of receipt")
        }
        let shown = rows.prefix(5).map { $0[0] ?? "" }.joined(separator: ", ") + (rows.count > 5 ? ", …" : "")
        return DoctorFinding(
            "grants", .failure, "expected grants by column, without tx and id, got: \(shown)",
            hint: "revoke them and grant afterthought_app instead (`afterthought migrate --roles`); "
                + "a row with a foreign tx or id can be missed or read twice")
    }

    /// Whether those that workers run as may do all that workers do.
    ///
    /// They are afterthought_worker, where this database grants it anything, and the roles of workers that are
    /// connected now.
    static func workerGrants(_ connection: inout Connection) throws -> DoctorFinding {
        let missing = try connection.query(MissingWorkerGrants())
        guard !missing.isEmpty else {
            return DoctorFinding("worker grants", .ok, "workers may do all that they have to")
        }
        let shown = missing.prefix(5).joined(separator: ", ") + (missing.count > 5 ? ", …" : "")
        return DoctorFinding(
            "worker grants", .failure, "expected every right that a worker needs, got: none to \(shown)",
            hint: "run `afterthought migrate --roles` as the schema's owner, and connect workers as a member of "
                + "afterthought_worker")
    }
}

/// Rights that a worker needs and a role that runs one lacks, each as text for people.
struct MissingWorkerGrants: Statement {
    static let name = "missing_worker_grants"
    static let sql = """
        with roles as (
            select r.oid, r.rolname
            from pg_roles as r
            where r.rolname = 'afterthought_worker' and has_schema_privilege(r.oid, 'afterthought', 'usage')
                or r.oid in (
                    select a.usesysid from pg_stat_activity as a
                    where a.datname = current_database() and a.application_name = 'afterthought worker')
        ), needed as (
            select c.oid as relation, c.relname, n.privilege, n.column_name
            from unnest($1::text[], $2::text[], $3::text[]) as n (relation, privilege, column_name)
            join pg_class as c on c.relnamespace = 'afterthought'::regnamespace and c.relname = n.relation
            union all
            select c.oid, c.relname, 'select', null
            from pg_class as c
            where c.relnamespace = 'afterthought'::regnamespace and c.relkind in ('r', 'v')
                and c.relname <> 'erasure_key'
        )
        select distinct
            n.privilege || ' on ' || n.relname || coalesce(' (' || n.column_name || ')', '') || ' for ' || r.rolname
        from roles as r
        cross join needed as n
        where case
            when n.column_name is null then not has_table_privilege(r.oid, n.relation, n.privilege)
            else not has_column_privilege(r.oid, n.relation, n.column_name, n.privilege) end
        order by 1
        """

    func bind(to parameters: inout Parameters) {
        parameters.append(WorkerGrants.all.map(\.table))
        parameters.append(WorkerGrants.all.map(\.privilege))
        parameters.append(WorkerGrants.all.map(\.column))
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> String { try row.decode(0) }
}

/// What a worker does to tables beside reading them; `sql/roles.sql` grants it, and a test compares both.
enum WorkerGrants {
    /// One right, on a whole table or on one of its columns.
    struct Grant: Hashable, Sendable {
        var table: String
        var privilege: String
        var column: String?
    }

    static let all: [Grant] =
        grants(
            ["insert", "update", "delete"],
            [
                "engine_state", "engine_checkpoints", "bot_buckets", "bot_changes", "worker_leases", "quarantine",
                "refresh_requests", "strategic_cache", "character_cache", "jobs", "job_ticks", "system_tasks",
                "user_preferences", "user_personality_profiles", "user_update_failures", "conversation_vectors",
                "clustering_runs", "conversation_clusters", "cluster_members", "cluster_changes", "message_analysis",
                "experiment_results", "training_runs", "prompt_variants", "learning_reports",
            ])
        + grants(["update"], ["shard_progress", "job_schedules", "job_settings", "clustering_state"])
        + grants(["insert"], ["signal_quality", "personality_history", "agent_feedback_archive"])
        + grants(["insert", "update"], ["retrieval_adapters", "language_model_ledger"])
        + grants(
            ["delete"],
            [
                "preference_signals", "chat_personality_insights", "entertainment_interactions", "agent_feedback",
            ])
        + columns("insert", "pair_changes", ["user_id", "bot_name", "reason"])
        + columns("update", "preference_signals", ["aggregated_at"])
        + columns("update", "chat_personality_insights", ["settled_at", "rejection"])
        + columns("update", "entertainment_interactions", ["settled_at", "rejection"])
        + columns(
            "update", "learning_experiments", ["status", "concluded_at", "conclusion", "winner_arm"])
        + columns("update", "embedding_training_pairs", ["consumed_run_id"])
        + columns("insert", "operations_audit", ["action", "subject", "user_hash", "address"])
        + columns("update", "operations_audit", ["status", "finished_at"])

    private static func grants(_ privileges: [String], _ tables: [String]) -> [Grant] {
        tables.flatMap { table in privileges.map { Grant(table: table, privilege: $0) } }
    }

    private static func columns(_ privilege: String, _ table: String, _ names: [String]) -> [Grant] {
        names.map { Grant(table: table, privilege: privilege, column: $0) }
    }
}
