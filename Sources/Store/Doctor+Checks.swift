import Postgres

/// The checks that need the schema; each is one query over the catalog or a small table.
extension Doctor {
    /// Whether transaction ids stored here belong to this cluster.
    static func cluster(_ connection: inout Connection) throws -> DoctorFinding {
        let rows = try connection.textRows(
            """
            select identity.system_identifier = control.system_identifier, identity.epoch
            from afterthought.cluster_identity as identity
            cross join pg_control_system() as control
            """)
        guard let row = rows.first, row[0] == "t" else {
            return DoctorFinding(
                "cluster", .failure,
                "expected the cluster that the progress was made in, got: another system identifier",
                hint: "the database was restored or copied here; stop the workers and run `afterthought reconcile`")
        }
        return DoctorFinding("cluster", .ok, "epoch \(row[1] ?? "?") of this cluster")
    }

    /// Whether watermarks lie in the past of this cluster.
    static func watermark(_ connection: inout Connection) throws -> DoctorFinding {
        let rows = try connection.textRows(
            """
            select
                count(*) filter (
                    where pg_snapshot_xmax(last_snapshot) > pg_snapshot_xmax(pg_current_snapshot())),
                count(*)
            from afterthought.shard_progress
            """)
        let ahead = Int(rows[0][0] ?? "") ?? 0
        let shards = Int(rows[0][1] ?? "") ?? 0
        if ahead > 0 || shards != 64 {
            return DoctorFinding(
                "watermark", .failure,
                "expected 64 shards with watermarks in the past, got: \(shards) with \(ahead) in the future",
                hint: "stop the workers and run `afterthought reconcile`")
        }
        return DoctorFinding("watermark", .ok, "64 shards, none ahead of the cluster")
    }

    /// Whether edits and deletions are noticed.
    static func triggers(_ connection: inout Connection) throws -> DoctorFinding {
        let rows = try connection.textRows(
            """
            select c.relname, count(t.oid) filter (where t.tgenabled <> 'D')
            from pg_class as c
            left join pg_trigger as t on t.tgrelid = c.oid and t.tgname like 'note\\_%'
            where c.relnamespace = 'afterthought'::regnamespace
                and c.relname in (
                    'messages', 'memory_retrievals', 'metric_points', 'trait_activations', 'outreach_attempts')
            group by c.relname
            having count(t.oid) filter (where t.tgenabled <> 'D') < 3
            order by 1
            """)
        guard !rows.isEmpty else {
            return DoctorFinding("triggers", .ok, "edits, deletions and truncations are noticed")
        }
        return DoctorFinding(
            "triggers", .failure,
            "expected three enabled triggers on each stream, got: fewer on "
                + rows.map { $0[0] ?? "" }.joined(separator: ", "),
            hint: "alter table … enable trigger all, then `afterthought refresh` the pairs that were edited meanwhile")
    }

    /// Whether cache rows can be updated in place.
    static func storage(_ connection: inout Connection) throws -> DoctorFinding {
        let rows = try connection.textRows(
            """
            select
                c.relname,
                coalesce((select option_value::int from pg_options_to_table(c.reloptions)
                    where option_name = 'fillfactor'), 100),
                (select count(*) from pg_index where indrelid = c.oid)
            from pg_class as c
            where c.relnamespace = 'afterthought'::regnamespace
                and c.relname in ('strategic_cache', 'engine_state', 'shard_progress')
            order by 1
            """)
        for row in rows where (Int(row[1] ?? "") ?? 100) > 80 || row[2] != "1" {
            return DoctorFinding(
                "storage", .warning,
                "expected \(row[0] ?? "") with a fillfactor of at most 80 and one index, got: \(row[1] ?? ""), "
                    + "\(row[2] ?? "") indexes",
                hint: "another index or full pages make every update write a new index entry as well")
        }
        return DoctorFinding("storage", .ok, "cache, state and progress can be updated in place")
    }

    /// Whether something keeps old row versions, or transactions, from ending.
    static func transactions(_ connection: inout Connection) throws -> DoctorFinding {
        let rows = try connection.textRows(
            """
            select
                (select count(*) from pg_prepared_xacts where prepared < now() - interval '10 minutes'),
                (select count(*) from pg_stat_activity
                    where xact_start < now() - interval '1 hour' and backend_type = 'client backend')
            """)
        let prepared = Int(rows[0][0] ?? "") ?? 0
        let long = Int(rows[0][1] ?? "") ?? 0
        guard prepared + long > 0 else { return DoctorFinding("transactions", .ok, "none open for long") }
        return DoctorFinding(
            "transactions", .warning,
            "expected no old transactions, got: \(prepared) prepared over 10 minutes ago, "
                + "\(long) open for over an hour",
            hint: "see pg_prepared_xacts and pg_stat_activity; they keep dead rows from being cleaned up")
    }

    /// Whether the server keeps what it confirms, and cleans up.
    static func settings(_ connection: inout Connection) throws -> DoctorFinding {
        let rows = try connection.textRows(
            "select name from pg_settings where name in ('fsync', 'autovacuum', 'full_page_writes') and setting = 'off'"
        )
        guard !rows.isEmpty else {
            return DoctorFinding("settings", .ok, "fsync, full_page_writes and autovacuum are on")
        }
        return DoctorFinding(
            "settings", .warning, "expected all on, got: off for " + rows.map { $0[0] ?? "" }.joined(separator: ", "),
            hint: "without fsync and full_page_writes a power cut can lose or damage data")
    }

    /// Whether pairs wait in quarantine.
    static func quarantine(_ connection: inout Connection) throws -> DoctorFinding {
        let rows = try connection.textRows(
            "select count(*), count(distinct reason), min(first_failed_at)::text from afterthought.quarantine")
        guard rows[0][0] != "0" else { return DoctorFinding("quarantine", .ok, "empty") }
        return DoctorFinding(
            "quarantine", .warning,
            "\(rows[0][0] ?? "") pairs for \(rows[0][1] ?? "") reasons, the oldest since \(rows[0][2] ?? "")",
            hint: "`afterthought quarantine` lists them; they are retried by themselves and read as stale meanwhile")
    }
}
