import Postgres

/// What is recorded of an adoption.
struct AdoptionRecord: Equatable, Sendable {
    var captures: String
    var definitionHash: String
    var wantsBackfill: Bool
    var isBackfillFinished: Bool
    var rowsRead: Int64
    var rowsStored: Int64
    var rowsRefused: Int64
}

/// Reads the record of an adoption.
struct ReadAdoption: Statement {
    static let name = "read_adoption"
    static let sql = """
        select
            captures, definition_hash, wants_backfill, backfill_finished_at is not null, rows_read, rows_stored,
            rows_refused
        from afterthought.adoptions
        where source = $1
        """

    var source: String

    func bind(to parameters: inout Parameters) { parameters.append(source) }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> AdoptionRecord {
        AdoptionRecord(
            captures: try row.decode(0), definitionHash: try row.decode(1), wantsBackfill: try row.decode(2),
            isBackfillFinished: try row.decode(3), rowsRead: try row.decode(4), rowsStored: try row.decode(5),
            rowsRefused: try row.decode(6))
    }
}

/// Counts the triggers of an adoption that fire as they should.
struct CountAdoptionTriggers: Statement {
    static let name = "count_adoption_triggers"
    static let sql = """
        select count(*)
        from pg_trigger as t
        join pg_proc as p on p.oid = t.tgfoid and p.pronamespace = 'afterthought'::regnamespace
        where t.tgrelid = $1::int8::oid and starts_with(p.proname::text, $2 || '_')
            and t.tgenabled = case when $3 then 'A' else 'O' end::"char"
        """

    var oid: Int64
    var stem: String
    var isAlways: Bool

    func bind(to parameters: inout Parameters) { parameters.append(all: oid, stem, isAlways) }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int64 { try row.decode(0) }
}

/// Has an adoption's backfill begin anew, or only notes that there is to be one.
struct RestartAdoptionBackfill: Statement {
    static let name = "restart_adoption_backfill"
    static let sql = """
        update afterthought.adoptions
        set wants_backfill = true,
            backfill_place = case when $2 then null else backfill_place end,
            backfill_finished_at = case when $2 then null else backfill_finished_at end,
            rows_read = case when $2 then 0 else rows_read end,
            rows_stored = case when $2 then 0 else rows_stored end,
            rows_refused = case when $2 then 0 else rows_refused end
        where source = $1
        """

    var source: String
    var fromTheStart: Bool

    func bind(to parameters: inout Parameters) { parameters.append(all: source, fromTheStart) }
}

/// Counts rows that could not be taken, by reason, most first.
struct CountAdoptionRejects: Statement {
    static let name = "count_adoption_rejects"
    static let sql = """
        select reason, count(*) from afterthought.adoption_rejects where source = $1 group by reason order by 2 desc, 1
        """

    var source: String

    func bind(to parameters: inout Parameters) { parameters.append(source) }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> (reason: String, rows: Int64) {
        (try row.decode(0), try row.decode(1))
    }
}

/// Compares each adoption with the triggers that are there, for `doctor`.
struct ExamineAdoptions: Statement {
    static let name = "examine_adoptions"
    static let sql = """
        select
            a.source,
            (
                select count(*) from pg_trigger as t
                join pg_proc as p on p.oid = t.tgfoid and p.pronamespace = 'afterthought'::regnamespace
                where starts_with(p.proname::text, a.function_stem || '_') and t.tgparentid = 0
                    and t.tgenabled = case when a.captures = 'subscriber' then 'A' else 'O' end::"char"
            ),
            (select count(*) from afterthought.adoption_rejects as r where r.source = a.source),
            a.wants_backfill and a.backfill_finished_at is null
        from afterthought.adoptions as a
        order by a.source
        """

    /// How one adoption stands.
    struct Row: Equatable, Sendable {
        var source: String
        var triggers: Int64
        var rejects: Int64
        var isBackfillOpen: Bool
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Row {
        Row(
            source: try row.decode(0), triggers: try row.decode(1), rejects: try row.decode(2),
            isBackfillOpen: try row.decode(3))
    }
}

/// Finds what is adopted as, by its triggers or by the name it had then.
struct FindAdoption: Statement {
    static let name = "find_adoption"
    static let sql = """
        select a.source, a.function_stem
        from afterthought.adoptions as a
        where a.source = $1 or exists (
            select from pg_trigger as t
            join pg_proc as p on p.oid = t.tgfoid and p.pronamespace = 'afterthought'::regnamespace
            where t.tgrelid = $2::int8::oid and p.proname::text = a.function_stem || '_insert')
        order by a.source <> $1
        limit 1
        """

    var source: String
    /// The table; nil: there is none of that name any more.
    var oid: Int64?

    func bind(to parameters: inout Parameters) {
        parameters.append(source)
        parameters.append(oid)
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> (source: String, stem: String) {
        (try row.decode(0), try row.decode(1))
    }
}

/// Removes messages whose row was deleted while that could not be followed, and that were not met again.
struct ForgetUnremoved: Statement {
    static let name = "forget_unremoved"
    static let sql = """
        with overdue as (
            delete from afterthought.adoption_rejects as r
            where r.source = $1 and r.reason like 'could not be removed%'
            returning r.external_id
        )
        delete from afterthought.messages as m using overdue as o where m.external_id = o.external_id
        """

    var source: String

    func bind(to parameters: inout Parameters) { parameters.append(source) }
}
