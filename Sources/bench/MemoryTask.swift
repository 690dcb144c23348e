import Engines
import Glibc
import Postgres
import Store
import Worker

/// How much memory a worker's process keeps that works off a backlog and then idles.
enum MemoryTask: BenchTask {
    static let name = "memory"
    /// First argument of the process that this task starts: the worker alone.
    static let childFlag = "--worker-of-memory-task"

    static func run(_ setting: Setting, _ report: inout Report) async throws {
        let database = try ManyPairs.make(setting, "bench_memory")
        defer { try? setting.server.drop("bench_memory") }
        var connection = try database.connect()
        let child = try Child(["/proc/self/exe", childFlag, database.url])
        var samples: [Double] = []
        var peak = 0
        var isCaughtUp = false
        let start = Machine.nanoseconds()
        // Backlog, then ten seconds of idling; the child ends when its standard input's process says so by a signal.
        var idleUntil: UInt64 = .max
        while Machine.nanoseconds() < idleUntil {
            try await Task.sleep(for: .milliseconds(100))
            guard let resident = Machine.kilobytes("VmRSS", ofProcess: child.id), resident > 0 else { break }
            samples.append(Double(resident))
            peak = max(peak, Machine.kilobytes("VmHWM", ofProcess: child.id) ?? 0)
            if !isCaughtUp, samples.count % 10 == 0 {
                isCaughtUp = try connection.number(caughtUp) == 64
                if isCaughtUp { idleUntil = Machine.nanoseconds() + 5_000_000_000 }
            }
        }
        kill(child.id, SIGKILL)
        _ = child.wait()
        guard isCaughtUp else { throw BenchError("expected the worker to catch up, got: its end") }
        report.add("memory", Double(peak), "kB", .atMost(64 * 1024))
        report.note("pairs", .count(ManyPairs.pairs(setting)))
        report.note("messages", .number(try connection.number("select count(*) from afterthought.messages")))
        report.note("resident_kB_last", .number(samples.last ?? 0))
        report.note("resident_kB_by_100_ms", .numbers(samples))
        report.note("seconds_measured", .number(Double(Machine.nanoseconds() - start) / 1e9))
    }

    private static let caughtUp = """
        select count(*) from afterthought.shard_progress where verified_at is not null and window_snapshot is null
        """

    /// The child: a worker, and nothing else.
    static func work(url: String) async {
        do {
            try await BenchDatabase(url: url).worker { $0.cycleSeconds = 0.5 }.run()
        } catch {
            progress("worker: \(type(of: error))")
        }
    }
}

/// Many pairs of few messages, all waiting.
enum ManyPairs {
    private static let turns = 2

    static func pairs(_ setting: Setting) -> Int { setting.size.pick(20_000, 100_000, 100_000) }

    static func make(_ setting: Setting, _ name: String) throws -> BenchDatabase {
        let database = try setting.server.makeDatabase(name)
        var connection = try database.connect()
        let range = Conversations.Range(pairs: Array(0..<pairs(setting)), turns: turns)
        try Conversations(seed: 6).load(range, into: &connection)
        try connection.execute("analyze afterthought.messages")
        return database
    }
}
