/// The functions that triggers and the backfill call.
extension AdoptionSQL {
    var functions: [String] {
        let bodies: [(String, String)] =
            plan.capture == .statement
            ? [("insert", insertStatement), ("update", updateStatement), ("delete", deleteStatement)]
            : [("insert", insertRow), ("update", updateRow), ("delete", deleteRow)]
        return (bodies + [("truncate", truncation)]).map { trigger($0.0, $0.1) } + [backfill]
    }

    private func trigger(_ event: String, _ body: String) -> String {
        let name = "afterthought.\(plan.stem)_\(event)()"
        // Plans outlive the day on which messages are few, so it has to be the index from the start; what that adds to
        // estimates would have every statement compiled, which takes longer than to run it.
        let planning = event == "insert" ? "" : " set enable_seqscan = off set jit = off"
        return """
            create or replace function \(name) returns trigger
                language plpgsql security definer
                set search_path = pg_catalog, pg_temp set lock_timeout = '1s'\(planning)
            as \(SQLText.dollarQuoted("\n" + body + "\n", "adopted"));
            alter function \(name) owner to \(owner);
            revoke execute on function \(name) from public;
            comment on function \(name) is
                \(SQLText.literal("Mirrors \(plan.source) into messages; made by afterthought adopt."));
            """
    }

    /// Tries `fast`; after an error of one row takes the rows one by one by `slow`; where waiting for each row would
    /// keep the application, only notes them.
    private func guarded(fast: String, slow: String, noting notes: [String]) -> String {
        """
        declare
            entry record;
            stored bigint;
            state text;
        begin
            begin
            \(fast)
            return null;
            exception
                when lock_not_available or serialization_failure or deadlock_detected or insufficient_resources then
                    get stacked diagnostics state = returned_sqlstate;
                when others then
                    -- One row is to blame: each row for itself, then.
            end;
            begin
            if state is null then
            \(slow)
            else
            \(notes.joined(separator: "\n    "))
            end if;
            exception when others then
                get stacked diagnostics state = returned_sqlstate;
                perform afterthought.note_adoption_fault(
                    \(source), \(SQLText.literal(plan.source + ":")), null,
                    'a statement''s rows could not be read: SQLSTATE ' || state);
            end;
            return null;
        end
        """
    }

    /// Notes all rows, without looking at `messages`.
    private func note(_ rows: String, _ what: String) -> String {
        """
        insert into afterthought.adoption_rejects (source, external_id, user_id, reason)
            select
                \(source), m.external_id, case when octet_length(m.user_id) <= 256 then m.user_id end,
                '\(what): SQLSTATE ' || state
            from (\(mapped(rows))) as m
            where \(Self.isNotSkipped)
            on conflict on constraint adoption_rejects_pkey do update
            set user_id = excluded.user_id, reason = excluded.reason, rejected_at = excluded.rejected_at;
        """
    }

    private func taking(_ rows: String) -> String {
        """
        for entry in \(mapped(rows)) loop
                perform afterthought.adopt_message(
                    \(source), entry.user_id, entry.bot_name, entry.role, entry.content, entry.created_at,
                    entry.conversation_id, entry.external_id, entry.emotion, entry.embedding);
            end loop;
        """
    }

    private func forgetting(_ rows: String) -> String {
        """
        for entry in \(mapped(rows)) loop
                perform afterthought.forget_adopted(
                    \(source), entry.user_id, entry.bot_name, entry.external_id);
            end loop;
        """
    }

    private var insertStatement: String {
        guarded(
            fast: insertion(from: mapped("new_rows"), whatIsThere: "do nothing") + "\n    "
                + """
                get diagnostics stored = row_count;
                    if stored <> (select count(*) from new_rows) then
                    \(rejection(from: mapped("new_rows")))
                    end if;
                """,
            slow: taking("new_rows"), noting: [note("new_rows", "could not be stored")])
    }

    /// Deletes the messages of rows of a relation, each found by the unique index.
    private func removal(of rows: String) -> String {
        """
        delete from afterthought.messages where id = any (array(
                    select k.id from \(rows) as g
                    cross join lateral (
                        select t.id from afterthought.messages as t
                        where t.bot_name = g.bot_name and t.user_id = g.user_id and t.external_id = g.external_id
                        offset 0
                    ) as k))
        """
    }

    /// Deletes what is noted of rows; nothing is looked up while nothing is noted at all.
    private func clearing(_ ids: String) -> String {
        """
        delete from afterthought.adoption_rejects as r
                where r.source = \(source)
                    and exists (select from afterthought.adoption_rejects as a where a.source = \(source))
                    and r.external_id = any (array(\(ids)))
        """
    }

    private var updateStatement: String {
        let list = Self.columns.split(separator: ", ").map { "m." + $0 }.joined(separator: ", ")
        // A row whose key, user or bot changed leaves its old place; so does one that can't be a message any more.
        let fast = """
            with before as materialized (
                    select m.*, \(Self.fault) as fault from (\(mapped("old_rows"))) as m
                ), after as materialized (
                    select m.*, \(Self.fault) as fault from (\(mapped("new_rows"))) as m
                    where \(Self.isNotSkipped)
                ), left_behind as (
                    select s.bot_name, s.user_id, s.external_id
                    from (
                        select m.bot_name, m.user_id, m.external_id, true as is_old from before as m
                        union all
                        select m.bot_name, m.user_id, m.external_id, false from after as m where m.fault is null
                    ) as s
                    group by s.bot_name, s.user_id, s.external_id
                    having bool_and(s.is_old)
                ), removed as (
                    \(removal(of: "left_behind"))
                ), changed as materialized (
                    select * from after except select * from before
                ), cleared as (
                    \(clearing("""
                        select m.external_id from before as m
                                except select m.external_id from after as m where m.fault is not null
                        """))
                ), refused as (
                    insert into afterthought.adoption_rejects (source, external_id, user_id, reason)
                    select
                        \(source), m.external_id, case when octet_length(m.user_id) <= 256 then m.user_id end, m.fault
                    from changed as m where m.fault is not null
                    on conflict on constraint adoption_rejects_pkey do update
                    set user_id = excluded.user_id, reason = excluded.reason, rejected_at = excluded.rejected_at
                )
                insert into afterthought.messages (\(Self.columns))
                select \(list)
                from changed as m
                cross join afterthought.erasure_bounds as b
                where m.fault is null and \(Self.isNotErased)
                \(Self.conflict) \(Self.overwrite);
            """
        return guarded(
            fast: fast, slow: forgetting("old_rows") + "\n    " + taking("new_rows"),
            noting: [note("old_rows", "could not be removed"), note("new_rows", "could not be stored")])
    }

    private var deleteStatement: String {
        let fast = """
            with before as materialized (
                    \(mapped("old_rows"))
                ), removed as (
                    \(removal(of: "before"))
                )
                \(clearing("select m.external_id from before as m"));
            """
        return guarded(
            fast: fast, slow: forgetting("old_rows"), noting: [note("old_rows", "could not be removed")])
    }

    private var insertRow: String { guardedRow(taking("(select new.*)")) }

    private var updateRow: String {
        let place = { (row: String) in
            "(select (m.bot_name, m.user_id, m.external_id) from (\(mapped("(select \(row).*)"))) as m)"
        }
        return guardedRow(
            """
            if \(place("old")) is distinct from \(place("new")) then
                \(forgetting("(select old.*)"))
                end if;
                \(taking("(select new.*)"))
            """)
    }

    private var deleteRow: String { guardedRow(forgetting("(select old.*)")) }

    private func guardedRow(_ body: String) -> String {
        """
        declare
            entry record;
            state text;
        begin
            \(body)
            return null;
        exception when others then
            get stacked diagnostics state = returned_sqlstate;
            perform afterthought.note_adoption_fault(
                \(source), \(SQLText.literal(plan.source + ":")), null,
                'a row could not be read: SQLSTATE ' || state);
            return null;
        end
        """
    }

    private var truncation: String {
        let prefix = SQLText.literal(plan.source + ":")
        return """
            declare
                state text;
            begin
                if current_setting('session_replication_role') = 'replica' then
                    insert into afterthought.pair_changes (user_id, bot_name, reason)
                    select distinct m.user_id, m.bot_name, 'deleted'
                    from afterthought.messages as m where starts_with(m.external_id, \(prefix));
                end if;
                delete from afterthought.messages as m where starts_with(m.external_id, \(prefix));
                delete from afterthought.adoption_rejects as r where r.source = \(source);
                return null;
            exception when others then
                get stacked diagnostics state = returned_sqlstate;
                perform afterthought.note_adoption_fault(
                    \(source), \(prefix), null, 'a truncation was not followed: SQLSTATE ' || state);
                return null;
            end
            """
    }
}

/// Reading what was there before the triggers.
extension AdoptionSQL {
    /// A function that reads the next rows in the order of the key, in the caller's transaction.
    ///
    /// The rows are held still meanwhile: an edit or deletion of one is either seen here or waits, and its trigger then
    /// sees the message.
    private var backfill: String {
        let name = "afterthought.\(plan.stem)_backfill(integer)"
        let keys = plan.key.map(\.sql)
        let last = plan.key.enumerated().map { "$1[\($0.offset + 1)]::\($0.element.typeSQL)" }
        let list = Self.columns.split(separator: ", ").map { "m." + $0 }.joined(separator: ", ")
        let query = { (condition: String) in
            """
            with batch as materialized (
                        select n.* from \(plan.table) as n
                        where \(condition)
                        order by \(keys.joined(separator: ", ")) limit $2
                        for share
                    ), mapped as materialized (
                        select m.*, \(Self.fault) as fault
                        from (\(mapped("batch"))) as m
                        where \(Self.isNotSkipped)
                    ), stored as (
                        insert into afterthought.messages as t
                            (\(Self.columns))
                        select \(list)
                        from mapped as m cross join afterthought.erasure_bounds as b
                        where m.fault is null and \(Self.isNotErased)
                        \(Self.conflict) \(Self.overwrite)
                        where (t.role, t.content, t.created_at, t.conversation_id, t.emotion, t.embedding)
                            is distinct from (excluded.role, excluded.content, excluded.created_at,
                                excluded.conversation_id, excluded.emotion, excluded.embedding)
                        returning 1
                    ), refused as (
                        insert into afterthought.adoption_rejects (source, external_id, user_id, reason)
                        select
                            \(source), m.external_id, case when octet_length(m.user_id) <= 256 then m.user_id end,
                            m.fault
                        from mapped as m where m.fault is not null
                        on conflict on constraint adoption_rejects_pkey do update
                        set user_id = excluded.user_id, reason = excluded.reason, rejected_at = excluded.rejected_at
                        returning 1
                    ), cleared as (
                        delete from afterthought.adoption_rejects as r
                        where r.source = \(source)
                            and r.external_id = any (array(select m.external_id from mapped as m where m.fault is null))
                    )
                    select
                        (select count(*) from batch), (select count(*) from stored), (select count(*) from refused),
                        (select array[\(keys.map { $0 + "::text" }.joined(separator: ", "))] from batch as n
                            order by \(keys.map { $0 + " desc" }.joined(separator: ", ")) limit 1)
            """
        }
        let onwards = "(\(keys.joined(separator: ", "))) > (\(last.joined(separator: ", ")))"
        let body = """

            #variable_conflict use_column
            declare
                place afterthought.adoptions;
                last_key text[];
                read_now bigint;
                stored_now bigint;
                refused_now bigint;
            begin
                -- Whoever is being erased at this moment is erased before or after these rows.
                perform pg_advisory_xact_lock_shared(\(ErasureLock.key));
                select * into place from afterthought.adoptions as a where a.source = \(source) for update;
                if place.backfill_place is null then
                    execute \(SQLText.dollarQuoted(query("true"), "first"))
                    into read_now, stored_now, refused_now, last_key using place.backfill_place, $1;
                else
                    execute \(SQLText.dollarQuoted(query(onwards), "next"))
                    into read_now, stored_now, refused_now, last_key using place.backfill_place, $1;
                end if;
                update afterthought.adoptions as a
                set backfill_place = coalesce(last_key, a.backfill_place), rows_read = a.rows_read + read_now,
                    rows_stored = a.rows_stored + stored_now, rows_refused = a.rows_refused + refused_now,
                    backfill_started_at = coalesce(a.backfill_started_at, now()),
                    backfill_finished_at = case when read_now = 0 then now() end
                where a.source = \(source);
                return query select read_now, stored_now, refused_now, read_now = 0;
            end

            """
        return """
            create or replace function \(name)
                returns table (rows_read bigint, rows_stored bigint, rows_refused bigint, is_done boolean)
                language plpgsql
                set search_path = pg_catalog, pg_temp set datestyle = iso set timezone = utc
            as \(SQLText.dollarQuoted(body, "backfill"));
            alter function \(name) owner to \(owner);
            revoke execute on function \(name) from public;
            comment on function \(name) is
                \(SQLText.literal("Reads the next rows of \(plan.source) into messages; made by afterthought adopt."));
            """
    }
}
