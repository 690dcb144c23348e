import Bytes
import CLibPQ
import Postgres
import StrategicCache

/// What a read costs through the library and through bare libpq: the same statement, row and key, taking turns.
enum ReadTask: BenchTask {
    static let name = "read"
    static let goal = 1.15
    private static let pairs = 20_000

    static func run(_ setting: Setting, _ report: inout Report) async throws {
        let rounds = setting.size.pick(15, 31, 61)
        let reads = setting.size.pick(500, 1_000, 2_000)
        let database = try await ReadDatabase.make(setting.server, name: "bench_read", pairs: pairs)
        defer { try? setting.server.drop("bench_read") }
        report.note("pairs", .count(pairs))
        report.note("rounds", .count(rounds))
        report.note("reads_a_round", .count(reads))
        let duel = try Duel(database)
        let plain = try duel.fight(rounds: rounds, reads: reads, pairs: pairs)
        report.add("read", plain.ratio, "x", .atMost(goal))
        report.note("read", plain.detail)

        var observer = try database.connect()
        try observer.execute("begin isolation level repeatable read")
        _ = try observer.textRows("select count(*) from afterthought.strategic_cache")
        // Versions that the old snapshot keeps from being pruned: reads walk past them.
        let updates = 5
        var writer = try database.connect()
        for _ in 0..<updates {
            try writer.execute("update afterthought.strategic_cache set generation = generation + 1")
        }
        let beside = try duel.fight(rounds: rounds, reads: reads, pairs: pairs)
        report.add("read-old-snapshot", beside.ratio, "x", .atMost(goal))
        report.note("read_old_snapshot", beside.detail)
        report.note("updates_beside_old_snapshot", .count(updates))
        try observer.execute("rollback")
    }
}

/// A database with rows that a worker computed, copied under other users.
enum ReadDatabase {
    private static let computed = 1_000

    static func make(_ server: BenchServer, name: String, pairs: Int) async throws -> BenchDatabase {
        let database = try server.makeDatabase(name)
        var connection = try database.connect()
        let range = Conversations.Range(pairs: Array(0..<computed), turns: 20)
        try Conversations(seed: 1).load(range, into: &connection)
        _ = try await database.worker().runOnce()
        let columns = try connection.textRows(
            """
            select string_agg(column_name, ', ' order by ordinal_position) from information_schema.columns
            where table_schema = 'afterthought' and table_name = 'strategic_cache'
                and column_name not in ('shard', 'user_id')
            """)
        let names = (columns.first?.first ?? nil) ?? ""
        try connection.execute(
            """
            insert into afterthought.strategic_cache (shard, user_id, \(names))
            select afterthought.shard_of('user-' || number, bot_name), 'user-' || number, \(names)
            from afterthought.strategic_cache as made
            cross join lateral (
                select substr(made.user_id, 6)::int + \(computed) * copy as number
                from generate_series(1, \(pairs / computed - 1)) as copy
            ) as copies;
            """)
        try connection.execute("vacuum analyze afterthought.strategic_cache")
        return database
    }
}

/// The library and libpq reading the same rows in turns.
private final class Duel {
    private let cache: StrategicCache
    private let raw: RawReader

    init(_ database: BenchDatabase) throws {
        var configuration = StrategicCache.Configuration(url: database.url)
        configuration.servesHits = false
        configuration.requestsRefresh = false
        // A busy machine must not turn reads into stand-ins.
        configuration.deadlineMilliseconds = 10_000
        cache = try StrategicCache(configuration)
        raw = try RawReader(url: database.url, sql: StrategicCache.readSQL)
        guard cache.waitUntilReady(milliseconds: 10_000) else { throw BenchError("expected the database to answer") }
    }

    struct Outcome {
        var ratio: Double
        var detail: Detail
    }

    func fight(rounds: Int, reads: Int, pairs: Int) throws -> Outcome {
        var random = SeededRandom(seed: 2)
        var ratios: [Double] = []
        var ours: [Double] = []
        var theirs: [Double] = []
        var quiet: [Double] = []
        var bytes = 0
        // What the calling thread itself computes, whoever else needs the cores.
        var ownCPU: UInt64 = 0
        var bareCPU: UInt64 = 0
        for round in -1..<rounds {
            var library: [Double] = []
            var bare: [Double] = []
            for read in 0..<reads {
                let number = Int.random(in: 0..<pairs, using: &random)
                let user = "user-\(number)"
                let bot = "bot-\(number % Conversations.bots)"
                // Whoever is second finds the pages warm, so they take turns at that as well.
                if read % 2 == 0 { library.append(try readLibrary(user, bot)) }
                let cpu = Machine.threadNanoseconds()
                let start = Machine.nanoseconds()
                bytes = try raw.read(bot, user)
                bare.append(Double(Machine.nanoseconds() - start))
                let between = Machine.threadNanoseconds()
                bareCPU += between - cpu
                guard read % 2 == 1 else { continue }
                library.append(try readLibrary(user, bot))
                ownCPU += Machine.threadNanoseconds() - between
            }
            // The first round only warms up.
            if round < 0 { continue }
            ours.append(median(library))
            theirs.append(median(bare))
            ratios.append(median(library) / median(bare))
            quiet.append(lowerDecile(library) / lowerDecile(bare))
        }
        return Outcome(
            ratio: median(ratios),
            detail: .group([
                ("library_ns_by_round", .numbers(ours)), ("libpq_ns_by_round", .numbers(theirs)),
                ("ratio_by_round", .numbers(ratios)), ("row_bytes_last", .count(bytes)),
                // The tenth of the reads that other processes disturbed least.
                ("ratio_of_lower_deciles", .number(median(quiet))),
                ("library_thread_cpu_ns_mean", .number(Double(ownCPU) / Double((rounds + 1) * (reads / 2)))),
                ("libpq_thread_cpu_ns_mean", .number(Double(bareCPU) / Double((rounds + 1) * reads))),
            ]))
    }

    private func readLibrary(_ user: String, _ bot: String) throws -> Double {
        let start = Machine.nanoseconds()
        let view = cache.read(user: user, bot: bot)
        let passed = Double(Machine.nanoseconds() - start)
        guard view.messagesReflected > 0 else { throw BenchError("expected a row of \(user), got: \(view.freshness)") }
        return passed
    }
}

/// Bare libpq: one prepared statement, blocking, binary.
@safe
private final class RawReader {
    private let handle: OpaquePointer

    init(url: String, sql: String) throws {
        guard let handle = unsafe PQconnectdb(url), unsafe PQstatus(handle) == CONNECTION_OK else {
            throw BenchError("expected libpq to connect")
        }
        unsafe self.handle = unsafe handle
        let types: [Oid] = [25, 25]
        let result = unsafe PQprepare(handle, "raw", sql, 2, types)
        defer { unsafe PQclear(result) }
        guard unsafe PQresultStatus(result) == PGRES_COMMAND_OK else { throw BenchError("expected to prepare") }
    }

    deinit { unsafe PQfinish(handle) }

    /// Reads one row.
    ///
    /// - Returns: its bytes.
    func read(_ bot: String, _ user: String) throws -> Int {
        let lengths = [Int32(bot.utf8.count), Int32(user.utf8.count)]
        let formats: [Int32] = [1, 1]
        let result = unsafe bot.withCString { bot in
            unsafe user.withCString { user in
                let values: [UnsafePointer<CChar>?] = unsafe [bot, user]
                return unsafe PQexecPrepared(handle, "raw", 2, values, lengths, formats, 1)
            }
        }
        defer { unsafe PQclear(result) }
        guard unsafe PQntuples(result) == 1 else { throw BenchError("expected one row of \(user)") }
        var bytes = 0
        for column in 0..<(unsafe PQnfields(result)) { bytes += Int(unsafe PQgetlength(result, 0, column)) }
        return bytes
    }
}
