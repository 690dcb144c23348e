import Bytes
import Postgres

/// How far an import of one file has come.
struct ImportProgressRow: Equatable, Sendable {
    var byteOffset: Int64 = 0
    var line: Int64 = 1
    var loaded: Int64 = 0
    var duplicates: Int64 = 0
    var rejected: Int64 = 0
    /// Rows passed over because their user was erased.
    var erased: Int64 = 0
    var rejectsBytes: Int64 = 0
    var shiftMicroseconds: Int64 = 0
    var isFinished = false

    /// Columns in the order that `decode` reads.
    static let columns =
        "byte_offset, line_number, rows_loaded, rows_duplicate, rows_rejected, rejects_bytes, shift_microseconds, "
        + "finished_at is not null, rows_erased"

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> ImportProgressRow {
        ImportProgressRow(
            byteOffset: try row.decode(0), line: try row.decode(1), loaded: try row.decode(2),
            duplicates: try row.decode(3), rejected: try row.decode(4), erased: try row.decode(8),
            rejectsBytes: try row.decode(5), shiftMicroseconds: try row.decode(6), isFinished: try row.decode(7))
    }
}

/// Makes a file's progress row unless there is one.
struct BeginImport: Statement {
    static let name = "begin_import"
    static let sql = """
        insert into afterthought.import_progress (fingerprint)
        values ($1)
        on conflict (fingerprint) do nothing
        """

    var fingerprint: [UInt8]

    func bind(to parameters: inout Parameters) { parameters.append(fingerprint) }
}

/// Reads a file's progress and keeps others from changing it until the transaction ends.
struct LockImport: Statement {
    static let name = "lock_import"
    static let sql = """
        select \(ImportProgressRow.columns)
        from afterthought.import_progress
        where fingerprint = $1
        for update
        """

    var fingerprint: [UInt8]

    func bind(to parameters: inout Parameters) { parameters.append(fingerprint) }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> ImportProgressRow {
        try ImportProgressRow.decode(row)
    }
}

/// Records how far an import has come, in the transaction that loads the rows.
struct AdvanceImport: Statement {
    static let name = "advance_import"
    static let sql = """
        update afterthought.import_progress
        set byte_offset = $2,
            line_number = $3,
            rows_loaded = $4,
            rows_duplicate = $5,
            rows_rejected = $6,
            rejects_bytes = $7,
            shift_microseconds = $8,
            rows_erased = $10,
            updated_at = now(),
            finished_at = case when $9 then now() end
        where fingerprint = $1
        """

    var fingerprint: [UInt8]
    var progress: ImportProgressRow

    func bind(to parameters: inout Parameters) {
        parameters.append(
            all: fingerprint, progress.byteOffset, progress.line, progress.loaded, progress.duplicates,
            progress.rejected, progress.rejectsBytes, progress.shiftMicroseconds, progress.isFinished, progress.erased)
    }
}

/// The database's clock.
struct DatabaseClock: Statement {
    static let name = "database_clock"
    static let sql = "select now()"

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Timestamp { try row.decode(0) }
}

/// The SQL that moves a chunk from a temporary table into `messages`.
enum ImportChunkSQL {
    static let columns = ImportColumn.allCases.map(\.name).joined(separator: ", ")

    // Made in each transaction, so that poolers which change the session in between do no harm.
    static let createTable = """
        create temporary table import_chunk (
            user_id text, bot_name text, role text, content text, created_at timestamptz, conversation_id text,
            external_id text, emotion jsonb, embedding real[]
        ) on commit drop
        """

    static let copy = "copy pg_temp.import_chunk (\(columns)) from stdin (format binary)"

    /// Leaves out what erased users did before their erasure; without any it costs nothing.
    static let dropErased = """
        with gone as (
            delete from pg_temp.import_chunk as c
            using (
                select u.user_id, t.bot_name, t.erased_at, t.is_forever
                from (
                    -- Apart, so that each user is hashed once.
                    select d.user_id, afterthought.erasure_hash(d.user_id) as user_hash
                    from (
                        select distinct user_id from pg_temp.import_chunk
                        where exists (select from afterthought.erased_users)
                    ) as d
                    offset 0
                ) as u
                join afterthought.erased_users as t on t.user_hash = u.user_hash
            ) as e
            where c.user_id = e.user_id and e.bot_name in ('', c.bot_name)
                and (e.is_forever or c.created_at <= e.erased_at)
            returning 1
        )
        select count(*) from gone
        """

    static let insert = """
        with inserted as (
            insert into afterthought.messages (\(columns))
            select \(columns)
            from pg_temp.import_chunk
            on conflict (bot_name, user_id, external_id) where external_id is not null do nothing
            returning 1
        )
        select count(*) from inserted
        """
}
