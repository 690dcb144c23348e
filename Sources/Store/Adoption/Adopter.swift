import Postgres

/// What an adoption came to.
package struct AdoptionReport: Equatable, Sendable {
    /// Whether triggers and functions were made; false: they were there already, as they are now.
    package var isInstalled = false
    /// Rows of before that were read, by this and earlier runs.
    package var rowsRead: Int64 = 0
    /// Messages that these added or changed.
    package var rowsStored: Int64 = 0
    /// Rows of these that could not be taken.
    package var rowsRefused: Int64 = 0
    /// Whether the rows of before have all been read.
    package var isBackfillFinished = false
    /// Whether rows of before are to be read at all.
    package var wantsBackfill = true
    /// Whether this run read any.
    package var hasRead = false
    /// Rows that are not in `messages`, by reason, whenever they came.
    package var rejects: [AdoptionReject] = []
}

/// How many rows could not be taken for one reason.
package struct AdoptionReject: Equatable, Sendable {
    package var reason: String
    package var rows: Int64
}

/// Mirrors an application's table into `messages`: triggers for what comes, a backfill for what is there.
///
/// Triggers come first, in one transaction that waits for all writers of the table, so that no row falls between them
/// and the backfill. Both go by external ids made of the table's name and the row's key, so that a row that both see
/// is one message.
package struct Adopter: Sendable {
    /// Rows of a batch: few enough that the application never waits for one as long as `deadlock_timeout`.
    static let batchRowsMax = 1_000
    /// How long a batch waits for rows that the application is changing, before it tries fewer.
    static let batchLockMilliseconds = 200
    /// How often the table's lock is asked for.
    static let lockAttemptsMax = 10
    /// Values of the role's column that are looked at.
    private static let roleSampleRows = 10_000

    package let plan: AdoptionPlan
    private let options: AdoptionOptions
    private let sql: AdoptionSQL

    /// Looks at a table and decides how its rows become messages; changes nothing.
    ///
    /// - Parameters:
    ///   - connection: of a role that may act as the owner of schema `afterthought` and has rights on the table.
    ///   - options: what to adopt, and how.
    /// - Throws: `AdoptionError` when that can't be; `PostgresError`.
    package init(_ connection: inout Connection, _ options: AdoptionOptions) throws {
        guard let relation = try Self.relation(&connection, options.table) else { throw Self.noTable(options.table) }
        if try connection.first(CountTimeZones(zone: options.timeZone)) != 1 {
            throw AdoptionError(
                .usage, "expected `--time-zone` to be a zone that the server knows, got: \(options.timeZone)",
                hint: "names are those of pg_timezone_names, such as Europe/Berlin")
        }
        plan = try AdoptionPlan(
            relation, columns: connection.query(ListAdoptionColumns(oid: relation.oid)),
            keys: connection.query(ListAdoptionKeys(oid: relation.oid)), options: options)
        self.options = options
        sql = AdoptionSQL(plan)
        try checkRoles(&connection)
    }

    /// Finds a table by its name as SQL or as a person writes it; nil: there is none.
    static func relation(_ connection: inout Connection, _ text: String) throws -> AdoptionRelation? {
        var failure: PostgresError?
        do throws(PostgresError) {
            if let found = try connection.first(FindAdoptionRelation(text: text)) { return found }
            // Written without quotes, capitals and all.
            let quoted = text.split(separator: ".", omittingEmptySubsequences: false).map {
                SQLText.identifier(String($0))
            }
            let asWritten = quoted.joined(separator: ".")
            if let found = try connection.first(FindAdoptionRelation(text: asWritten)) { return found }
        } catch {
            failure = error
        }
        // Not a name at all, or one of another database: what is expected is the same.
        if let failure, failure.sqlState != "42602", failure.sqlState != "0A000" { throw failure }
        return nil
    }

    static func noTable(_ text: String) -> AdoptionError {
        AdoptionError(
            .usage, "expected a table as SQL names it, got: `\(text)`, which is none",
            hint: "write schema.table, in double quotes what has capitals or dots: 'public.\"ChatLog\"'")
    }

    /// Refuses a column of roles none of whose values is a role.
    private func checkRoles(_ connection: inout Connection) throws {
        guard let role = plan.sources.first(where: { $0.column == .role }) else { return }
        let sample = """
            select count(*), count(s.role) from (
                select \(role.sql) as role from \(plan.table) as n limit \(Self.roleSampleRows)) as s
            """
        let counts = try connection.query(sql: sample) { row in
            (rows: try row.decode(0, as: Int64.self), known: try row.decode(1, as: Int64.self))
        }
        guard let count = counts.first, count.rows > 0, count.known == 0 else { return }
        throw AdoptionError(
            .unfit,
            "expected \(role.origin) to hold roles such as user and assistant, got: none in "
                + "\(count.rows) rows",
            hint: "name another column with --map role=COLUMN, or say what its values mean: --role-values "
                + "user=human,assistant=bot,skip=tool")
    }
}

extension Adopter {
    /// How many rows there are: exact up to 10,000, else by the planner's statistics.
    ///
    /// - Parameter connection: as for `init`.
    /// - Returns: the number, and whether it is exact.
    /// - Throws: `PostgresError`.
    package func rowCount(_ connection: inout Connection) throws -> (rows: Int64, isExact: Bool) {
        let countedMax = 10_000
        let counted = try connection.textRows(
            "select count(*) from (select from \(plan.table) limit \(countedMax + 1)) as t")
        let rows = Int64(counted.first?[0] ?? "") ?? 0
        if rows <= Int64(countedMax) { return (rows, true) }
        return (max(rows, Int64(plan.relation.rowsEstimated)), false)
    }

    /// The SQL that `install` runs, as a script of its own.
    package var installScript: String {
        """
        begin;
        \(sql.install(options))
        commit;

        """
    }

    /// How `psql` reads the rows of before, one transaction a batch.
    package var backfillScript: String {
        """
        do $$
        begin
            while not (select b.is_done from afterthought.\(plan.stem)_backfill(\(Self.batchRowsMax)) as b) loop
                commit;
            end loop;
        end
        $$;

        """
    }

    /// The SQL that takes it back, as a script of its own.
    package var undoScript: String {
        let sql = AdoptionUndo.sql(table: plan.table, source: plan.source, stem: plan.stem)
        return "begin;\n\(sql)\ncommit;\n"
    }

    /// The SQL that also removes the messages; nothing here runs it.
    package var removalScript: String { AdoptionUndo.removal(plan.source) }

    /// Whether rows of before are to be read when the options don't say.
    package var wantsBackfill: Bool { options.backfills ?? true }

    /// Makes functions and triggers in one transaction, unless they are there as they should be.
    ///
    /// - Parameters:
    ///   - connection: as for `init`, outside a transaction.
    ///   - waiting: called between attempts to get the table's lock.
    /// - Returns: whether anything was made.
    /// - Throws: `AdoptionError` when the table is adopted otherwise, or its lock was not to be had.
    package func install(_ connection: inout Connection, waiting: () -> Void = {}) throws -> Bool {
        if let record = try connection.first(ReadAdoption(source: plan.source)) {
            let isAlways = plan.capture == .subscriber
            let triggers = try connection.first(
                CountAdoptionTriggers(oid: plan.relation.oid, stem: plan.stem, isAlways: isAlways))
            if triggers == Int64(AdoptionSQL.events.count) {
                if record.definitionHash == sql.definitionHash { return false }
                throw AdoptionError(
                    .usage, "expected the mapping that \(plan.source) is adopted with, got: another",
                    hint: "the same options change nothing; else first --undo, which says how to remove what is "
                        + "mirrored")
            }
        }
        for attempt in 1... {
            do {
                try connection.transaction { connection in try connection.execute(sql.install(options)) }
                return true
            } catch let error as PostgresError where error.isLockTimeout {
                guard attempt < Self.lockAttemptsMax else { break }
                waiting()
            }
        }
        throw AdoptionError(
            .busy,
            "expected the lock on \(plan.table) within \(options.lockSeconds) s, got: none in "
                + "\(Self.lockAttemptsMax) attempts",
            hint: "a transaction writes to it for long: see pg_stat_activity; --lock-seconds waits longer, with other "
                + "writers behind")
    }

    /// Reads the rows of before, from where an earlier run was.
    ///
    /// - Parameters:
    ///   - connection: as for `init`, outside a transaction.
    ///   - again: whether to begin anew though all were read.
    ///   - shouldStop: asked between batches.
    ///   - waiting: called when the application holds rows, before they are tried again.
    ///   - report: told how many rows have been read.
    /// - Returns: how it stands; `isInstalled` is false.
    /// - Throws: `AdoptionError` when stopped; `PostgresError`.
    package func backfill(
        _ connection: inout Connection, again: Bool = false, shouldStop: () -> Bool = { false },
        waiting: () -> Void = {}, report: (Int64) -> Void = { _ in }
    ) throws -> AdoptionReport {
        if again || options.backfills == true {
            try connection.run(RestartAdoptionBackfill(source: plan.source, fromTheStart: again))
        }
        var result = try standing(&connection)
        var batchRows = Self.batchRowsMax
        while result.wantsBackfill, !result.isBackfillFinished {
            if shouldStop() {
                throw AdoptionError(
                    .interrupted, "stopped after \(result.rowsRead) rows of before; new ones are mirrored",
                    hint: "run the same command again to go on from there")
            }
            do {
                let batch = try batch(&connection, rows: batchRows)
                result.rowsRead += batch.read
                result.isBackfillFinished = batch.isDone
                result.hasRead = true
                batchRows = min(Self.batchRowsMax, batchRows * 2)
                report(result.rowsRead)
            } catch let error as PostgresError where error.isLockTimeout {
                batchRows = max(1, batchRows / 8)
                waiting()
            }
        }
        if again { try connection.run(ForgetUnremoved(source: plan.source)) }
        var final = try standing(&connection)
        final.hasRead = result.hasRead
        return final
    }

    private func batch(_ connection: inout Connection, rows: Int) throws -> (read: Int64, isDone: Bool) {
        try connection.transaction { connection in
            // Well below deadlock_timeout: whoever waits for this batch never becomes a deadlock's victim.
            try connection.execute("set local lock_timeout = '\(Self.batchLockMilliseconds)ms'")
            let sql = "select rows_read, is_done from afterthought.\(plan.stem)_backfill(\(rows))"
            let found = try connection.query(sql: sql) { row in
                (read: try row.decode(0, as: Int64.self), isDone: try row.decode(1, as: Bool.self))
            }
            return found[0]
        }
    }

    /// How the adoption stands.
    ///
    /// - Parameter connection: as for `init`.
    /// - Returns: what is recorded.
    /// - Throws: `AdoptionError` when the table is not adopted.
    package func standing(_ connection: inout Connection) throws -> AdoptionReport {
        guard let record = try connection.first(ReadAdoption(source: plan.source)) else {
            throw AdoptionError(
                .busy, "expected \(plan.source) to be adopted, got: no record of it", hint: "run the same command again"
            )
        }
        let rejects = try connection.query(CountAdoptionRejects(source: plan.source))
        return AdoptionReport(
            rowsRead: record.rowsRead, rowsStored: record.rowsStored, rowsRefused: record.rowsRefused,
            isBackfillFinished: record.isBackfillFinished, wantsBackfill: record.wantsBackfill,
            rejects: rejects.map { AdoptionReject(reason: $0.reason, rows: $0.rows) })
    }
}
