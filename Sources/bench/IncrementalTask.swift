import Bytes
import Postgres
import Store
import Worker

/// What a thousand new messages cost on short and on long histories.
enum IncrementalTask: BenchTask {
    static let name = "incremental"
    private static let turns = 20
    private static let changedPairs = 500
    private static let newTurns = 2

    static func run(_ setting: Setting, _ report: inout Report) async throws {
        let histories = setting.size.pick([10_000, 100_000], [10_000, 1_000_000], [10_000, 1_000_000, 10_000_000])
        let rounds = setting.size.pick(9, 11, 11)
        report.note("new_messages", .count(changedPairs * newTurns))
        report.note("changed_pairs", .count(changedPairs))
        report.note("rounds", .count(rounds))
        var databases: [(messages: Int, database: BenchDatabase)] = []
        for messages in histories {
            progress("a history of \(messages) messages")
            let database = try setting.server.makeDatabase("bench_history_\(messages)")
            var connection = try database.connect()
            let range = Conversations.Range(pairs: Array(0..<messages / turns), turns: turns)
            try Conversations(seed: 4).load(range, into: &connection)
            try connection.execute("analyze afterthought.messages")
            let run = try await Backfill.run(database, &connection)
            report.note("backfill_seconds_\(messages)", .number(run.seconds))
            try connection.execute("vacuum analyze")
            databases.append((messages, database))
        }
        var cycles = Array(repeating: [Cycle](), count: databases.count)
        var workers: [Worker] = []
        for entry in databases {
            let worker = try entry.database.worker()
            _ = try await worker.cycle()
            workers.append(worker)
        }
        // In turns, so that what else the machine does meets all alike; the first round warms up.
        for round in -1..<rounds {
            for (index, entry) in databases.enumerated() {
                let cycle = try await measure(workers[index], entry.database, entry.messages / turns, round: round + 1)
                if round >= 0 { cycles[index].append(cycle) }
            }
        }
        for (index, entry) in databases.enumerated() {
            _ = try await workers[index].runOnce()
            report.note("history_\(entry.messages)", detail(cycles[index]))
            guard index > 0 else { continue }
            let ratios = zip(cycles[index], cycles[0]).map { $0.seconds / $1.seconds }
            report.add("incremental-\(label(entry.messages))", median(ratios), "x", .atMost(1.2))
        }
        let wal = median(cycles[cycles.count - 1].map { $0.walBytes / Double(changedPairs) })
        report.add("incremental-wal", wal, "bytes/pair", .atMost(12_000))
        for entry in databases { try setting.server.drop("bench_history_\(entry.messages)") }
    }

    private struct Cycle {
        var seconds: Double
        var workerSeconds: Double
        var serverSeconds: Double
        var walBytes: Double
    }

    private static func measure(
        _ worker: Worker, _ database: BenchDatabase, _ pairs: Int, round: Int
    ) async throws -> Cycle {
        var connection = try database.connect()
        var random = SeededRandom(seed: UInt64(5 + round))
        let chosen = Array((0..<pairs).shuffled(using: &random).prefix(changedPairs))
        let range = Conversations.Range(
            pairs: chosen, turns: newTurns, firstTurn: turns + round * newTurns)
        try Conversations(seed: 4).load(range, into: &connection)
        let wal = try connection.walBytes()
        let server = try ServerClock(&connection, ServerClock.worker)
        let cpu = Machine.processNanoseconds()
        let start = Machine.nanoseconds()
        let report = try await worker.cycle()
        let seconds = Double(Machine.nanoseconds() - start) / 1e9
        guard report.rows == changedPairs * newTurns else {
            throw BenchError("expected \(changedPairs * newTurns) rows to be applied, got: \(report.rows)")
        }
        return Cycle(
            seconds: seconds, workerSeconds: Double(Machine.processNanoseconds() - cpu) / 1e9,
            serverSeconds: try server.passed(&connection, ServerClock.worker) / 1e9,
            walBytes: try connection.walBytes() - wal)
    }

    private static func label(_ messages: Int) -> String {
        messages >= 1_000_000 ? "\(messages / 1_000_000)m" : "\(messages / 1_000)k"
    }

    private static func detail(_ cycles: [Cycle]) -> Detail {
        .group([
            ("cycle_seconds", .numbers(cycles.map(\.seconds))),
            ("worker_cpu_seconds", .numbers(cycles.map(\.workerSeconds))),
            ("server_cpu_seconds", .numbers(cycles.map(\.serverSeconds))),
            ("wal_bytes", .numbers(cycles.map(\.walBytes))),
        ])
    }
}
