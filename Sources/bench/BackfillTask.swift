import Postgres
import Store
import Worker

/// Messages a second from nothing, and how that compares to moving the same bytes by plain SQL.
enum BackfillTask: BenchTask {
    static let name = "backfill"
    private static let turns = 20

    static func run(_ setting: Setting, _ report: inout Report) async throws {
        let messages = setting.size.pick(100_000, 200_000, 1_000_000)
        let database = try setting.server.makeDatabase("bench_backfill")
        defer { try? setting.server.drop("bench_backfill") }
        var connection = try database.connect()
        let range = Conversations.Range(pairs: Array(0..<messages / turns), turns: turns)
        try Conversations(seed: 3).load(range, into: &connection)
        try connection.execute("analyze afterthought.messages; checkpoint")

        let run = try await Backfill.run(database, &connection)
        guard run.report.rows == messages else {
            throw BenchError("expected \(messages) rows to be applied, got: \(run.report.rows)")
        }
        let count = Double(messages)
        let floor = try SQLFloor.run(database, &connection)
        report.add("backfill", count / run.seconds, "messages/s", .atLeast(50_000))
        report.add("backfill-to-sql", run.seconds / floor.seconds, "x", .atMost(3))
        report.add("backfill-wal", run.walBytes / count, "bytes/message", .atMost(1024))
        report.note("messages", .count(messages))
        report.note("pairs", .count(messages / turns))
        report.note("lanes", 2)
        report.note("batches", .count(run.report.batches))
        report.note("seconds", .number(run.seconds))
        report.note("worker_cpu_us_a_message", .number(run.workerSeconds * 1e6 / count))
        report.note("server_cpu_us_a_message", .number(run.serverSeconds * 1e6 / count))
        report.note(
            "messages_a_second_of_two_free_cores", .number(2 * count / (run.workerSeconds + run.serverSeconds)))
        report.note("wal_bytes", .number(run.walBytes))
        report.note("sql_floor", floor.detail)
        report.note("table_bytes", try Backfill.sizes(&connection))
        report.note("row_bytes_mean", try Backfill.columnSizes(&connection, "strategic_cache"))
        report.note("state_bytes_mean", try Backfill.columnSizes(&connection, "engine_state"))
    }
}

/// A worker's run over everything that waits.
struct Backfill {
    var report: CycleReport
    var seconds: Double
    var workerSeconds: Double
    var serverSeconds: Double
    var walBytes: Double

    static func run(_ database: BenchDatabase, _ connection: inout Connection) async throws -> Backfill {
        let worker = try database.worker()
        let wal = try connection.walBytes()
        let start = Machine.nanoseconds()
        let cpu = Machine.processNanoseconds()
        let server = try ServerClock(&connection, ServerClock.worker)
        var report = try await worker.cycle()
        while report.hasMore { report.add(try await worker.cycle()) }
        let seconds = Double(Machine.nanoseconds() - start) / 1e9
        let workerSeconds = Double(Machine.processNanoseconds() - cpu) / 1e9
        let serverSeconds = try server.passed(&connection, ServerClock.worker) / 1e9
        let walBytes = try connection.walBytes() - wal
        // Gives the shards back and closes the connections.
        report.add(try await worker.runOnce())
        return Backfill(
            report: report, seconds: seconds, workerSeconds: workerSeconds, serverSeconds: serverSeconds,
            walBytes: walBytes)
    }

    static func sizes(_ connection: inout Connection) throws -> Detail {
        let rows = try connection.textRows(
            """
            select relname, pg_table_size(oid) from pg_class
            where relnamespace = 'afterthought'::regnamespace and relkind = 'r' and pg_table_size(oid) > 100000
            order by relname
            """)
        return .group(rows.map { ($0[0] ?? "", .number(Double($0[1] ?? "") ?? 0)) })
    }
}

extension Backfill {
    /// Mean stored bytes of each column that takes 16 or more, and of the whole row.
    static func columnSizes(_ connection: inout Connection, _ table: String) throws -> Detail {
        let names = try connection.textRows(
            """
            select column_name from information_schema.columns
            where table_schema = 'afterthought' and table_name = '\(table)' order by column_name
            """
        ).compactMap { $0[0] }
        let sizes = names.map { "avg(pg_column_size(\($0)))" } + ["avg(pg_column_size(t))"]
        let row = try connection.textRows("select \(sizes.joined(separator: ", ")) from afterthought.\(table) as t")
        let means = (row.first ?? []).map { $0.flatMap { Double($0) } ?? 0 }
        return .group(zip(names + ["all"], means).filter { $0.1 >= 16 }.map { ($0.0, .number($0.1.rounded())) })
    }
}

/// The least that any worker must do: read the messages, and upsert rows and states of the same bytes.
struct SQLFloor {
    var seconds: Double
    var detail: Detail

    /// Measures it on what a worker left; the tables are as they were afterwards.
    static func run(_ database: BenchDatabase, _ connection: inout Connection) throws -> SQLFloor {
        try connection.execute(
            """
            create table staged_rows as select * from afterthought.strategic_cache;
            create table staged_states as select * from afterthought.engine_state;
            truncate afterthought.strategic_cache, afterthought.engine_state;
            checkpoint
            """)
        let wal = try connection.walBytes()
        let start = Machine.nanoseconds()
        var bytes = 0
        try connection.copyOut(
            """
            copy (
                select id, shard, bot_name, user_id, effective_at, tx, created_at, role, conversation_id, content,
                    emotion, embedding
                from afterthought.messages
            ) to stdout (format binary)
            """
        ) { bytes += $0.count }
        let copied = Double(Machine.nanoseconds() - start) / 1e9
        for (table, staged, key) in [
            ("strategic_cache", "staged_rows", "bot_name, user_id"),
            ("engine_state", "staged_states", "shard, bot_name, user_id"),
        ] {
            let columns = try connection.textRows(
                """
                select string_agg(column_name || ' = excluded.' || column_name, ', ') from information_schema.columns
                where table_schema = 'afterthought' and table_name = '\(table)'
                """)
            let sets = (columns.first?.first ?? nil) ?? ""
            try connection.execute(
                """
                insert into afterthought.\(table) select * from \(staged) on conflict (\(key)) do update set \(sets)
                """)
        }
        let seconds = Double(Machine.nanoseconds() - start) / 1e9
        let walBytes = try connection.walBytes() - wal
        try connection.execute("drop table staged_rows, staged_states")
        return SQLFloor(
            seconds: seconds,
            detail: .group([
                ("seconds", .number(seconds)), ("copy_out_seconds", .number(copied)),
                ("copy_out_bytes", .count(bytes)), ("wal_bytes", .number(walBytes)), ("sessions", 1),
            ]))
    }
}
