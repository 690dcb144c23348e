import StrategicCache

/// What a read costs that the process itself can answer, alone and with eight threads.
enum ReadHitTask: BenchTask {
    static let name = "read-hit"
    private static let pairs = 1_000
    private static let threads = 8

    static func run(_ setting: Setting, _ report: inout Report) async throws {
        let rounds = setting.size.pick(7, 15, 31)
        let reads = setting.size.pick(100_000, 200_000, 400_000)
        let database = try await ReadDatabase.make(setting.server, name: "bench_read_hit", pairs: pairs)
        defer { try? setting.server.drop("bench_read_hit") }
        var configuration = StrategicCache.Configuration(url: database.url)
        configuration.requestsRefresh = false
        configuration.deadlineMilliseconds = 10_000
        let cache = try StrategicCache(configuration)
        guard cache.waitUntilReady(milliseconds: 10_000) else { throw BenchError("expected the database to answer") }
        let keys = (0..<pairs).map { (user: "user-\($0)", bot: "bot-\($0 % Conversations.bots)") }
        try fill(cache, keys)

        var alone: [Double] = []
        for _ in 0..<rounds { alone.append(loop(cache, keys, reads, from: 0)) }
        report.add("read-hit", median(alone), "ns", .atMost(250))
        report.note("cpu_ns_by_round", .numbers(alone))

        let parallel = min(threads, Machine.cores)
        var together: [Double] = []
        var elapsed: [Double] = []
        let count = Double(reads / threads * threads)
        for _ in 0..<rounds {
            let start = Machine.nanoseconds()
            let cpu = Machine.processNanoseconds()
            onThreads(threads) { thread in _ = loop(cache, keys, reads / threads, from: thread * 7919) }
            // Both equal the figure above if threads do not hinder each other, and nobody else needs the cores.
            together.append(Double(Machine.processNanoseconds() - cpu) / count)
            elapsed.append(Double(Machine.nanoseconds() - start) * Double(parallel) / count)
        }
        report.add("read-hit-8", median(together), "ns")
        report.note("cpu_ns_by_round_8_threads", .numbers(together))
        report.note("elapsed_core_ns_by_round_8_threads", .numbers(elapsed))
        report.note("reads_a_round", .count(reads))
        report.note("pairs", .count(pairs))
        report.note("cores", .count(parallel))
    }

    private static func fill(_ cache: StrategicCache, _ keys: [(user: String, bot: String)]) throws {
        for key in keys {
            let view = cache.read(user: key.user, bot: key.bot)
            guard view.freshness == .fresh else { throw BenchError("expected a fresh row, got: \(view.freshness)") }
        }
    }

    /// Nanoseconds of this thread's CPU time a read, of so many in a row.
    private static func loop(
        _ cache: StrategicCache, _ keys: [(user: String, bot: String)], _ reads: Int, from first: Int
    ) -> Double {
        var place = first % keys.count
        var reflected: Int64 = 0
        let start = Machine.threadNanoseconds()
        for _ in 0..<reads {
            reflected &+= cache.read(user: keys[place].user, bot: keys[place].bot).messagesReflected
            place += 1
            if place == keys.count { place = 0 }
        }
        let passed = Double(Machine.threadNanoseconds() - start)
        precondition(reflected > 0, "expected rows with messages, got: none")
        return passed / Double(reads)
    }
}
