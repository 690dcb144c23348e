import Postgres
import Store
import Worker

/// What a cycle costs that finds nothing, while other sessions hold transactions open.
enum IdleTask: BenchTask {
    static let name = "idle"
    private static let openTransactions = 50
    /// A tenth of the shipped cycle, and leases as long in proportion, so that a cycle does all it does in service.
    private static let cycleSeconds = 1.0
    private static let leaseSeconds = 3.0

    static func run(_ setting: Setting, _ report: inout Report) async throws {
        let database = try ManyPairs.make(setting, "bench_idle")
        defer { try? setting.server.drop("bench_idle") }
        var connection = try database.connect()
        _ = try await database.worker().runOnce()
        let holders = try (0..<openTransactions).map { _ in try Holder.open(database) }
        defer { withExtendedLifetime(holders) {} }
        let cyclesWanted = setting.size.pick(12.0, 30, 60)
        let cost = try await measure(database, &connection, cyclesWanted)
        report.add("idle-worker-cpu", cost.workerMilliseconds, "ms/cycle", .atMost(5))
        report.add("idle-server-cpu", cost.serverMilliseconds, "ms/cycle", .atMost(10))
        report.note("cycles", .number(cost.cycles))
        report.note("pairs", .count(ManyPairs.pairs(setting)))
        report.note("open_transactions", .count(openTransactions))
        report.note("cycle_seconds", .number(cycleSeconds))
        report.note("lease_seconds", .number(leaseSeconds))

        let counted = try await countStatements(setting.server, database, &connection, setting.size.pick(6, 12, 12))
        report.add(
            "idle-statements", Double(counted.statements.count) / counted.cycles, "statements/cycle", .atMost(12))
        report.note("statements_counted", .count(counted.statements.count))
        report.note("cycles_counted", .number(counted.cycles))
        report.note("statements", tally(counted.statements))
    }

    private struct Cost {
        var cycles: Double
        var workerMilliseconds: Double
        var serverMilliseconds: Double
    }

    private static func idleWorker(_ database: BenchDatabase) throws -> Worker {
        try database.worker {
            $0.cycleSeconds = cycleSeconds
            $0.leaseSeconds = leaseSeconds
        }
    }

    /// Cycles that committed so far: each moves every shard's generation on by one.
    private static func generation(_ connection: inout Connection) throws -> Double {
        try connection.number("select generation from afterthought.shard_progress where shard = 0")
    }

    private static func measure(
        _ database: BenchDatabase, _ connection: inout Connection, _ cyclesWanted: Double
    ) async throws -> Cost {
        let worker = try idleWorker(database)
        async let ended: Void = worker.run()
        // The first cycles connect and prepare.
        try await Task.sleep(for: .seconds(3 * cycleSeconds))
        let before = try generation(&connection)
        let server = try ServerClock(&connection, ServerClock.worker)
        let cpu = Machine.processNanoseconds()
        try await Task.sleep(for: .seconds(cyclesWanted * cycleSeconds))
        let workerCPU = Double(Machine.processNanoseconds() - cpu)
        let serverCPU = try server.passed(&connection, ServerClock.worker)
        let cycles = try generation(&connection) - before
        worker.stop()
        try await ended
        guard cycles > 0 else { throw BenchError("expected idle cycles to move the shards on, got: none") }
        return Cost(
            cycles: cycles, workerMilliseconds: workerCPU / 1e6 / cycles, serverMilliseconds: serverCPU / 1e6 / cycles)
    }

    /// Counts by the server's own log.
    private static func countStatements(
        _ server: BenchServer, _ database: BenchDatabase, _ connection: inout Connection, _ cyclesWanted: Double
    ) async throws -> (statements: [String], cycles: Double) {
        let name = try connection.textRows("select current_database()").first?.first ?? nil
        try connection.execute("alter database \(name ?? "") set log_statement = 'all'")
        let worker = try idleWorker(database)
        async let ended: Void = worker.run()
        try await Task.sleep(for: .seconds(3 * cycleSeconds))
        let before = try generation(&connection)
        let length = Machine.text(server.log).utf8.count
        try await Task.sleep(for: .seconds(cyclesWanted * cycleSeconds))
        let log = Machine.text(server.log).utf8.dropFirst(length)
        let cycles = try generation(&connection) - before
        worker.stop()
        try await ended
        try connection.execute("alter database \(name ?? "") reset log_statement")
        guard cycles > 0 else { throw BenchError("expected idle cycles to move the shards on, got: none") }
        return (statements(in: String(decoding: Array(log), as: UTF8.self)), cycles)
    }

    /// The names of the prepared statements and the texts of the others, in the order of the log.
    private static func statements(in log: String) -> [String] {
        log.split(separator: "\n").compactMap { line in
            for (mark, isNamed) in [("LOG:  execute ", true), ("LOG:  statement: ", false)] {
                guard let found = line.range(of: mark) else { continue }
                let rest = line[found.upperBound...]
                return String(isNamed ? rest.prefix { $0 != ":" } : rest.prefix(60))
            }
            return nil
        }
    }

    private static func tally(_ statements: [String]) -> Detail {
        var counts: [String: Int] = [:]
        for statement in statements { counts[statement, default: 0] += 1 }
        return .group(counts.sorted { $0.key < $1.key }.map { ($0.key, .count($0.value)) })
    }
}

/// A session that holds a transaction open with an id assigned.
private final class Holder {
    private let connection: Connection

    init(_ connection: consuming Connection) { self.connection = connection }

    static func open(_ database: BenchDatabase) throws -> Holder {
        var connection = try database.connect()
        try connection.execute("begin; select pg_current_xact_id()")
        return Holder(connection)
    }
}

extension Substring {
    /// Where a text occurs first.
    fileprivate func range(of text: String) -> Range<Index>? {
        let wanted = Array(text.utf8)
        var start = startIndex
        while let place = self[start...].utf8.firstIndex(of: wanted[0]) {
            if self[place...].utf8.starts(with: wanted) {
                return place..<utf8.index(place, offsetBy: wanted.count)
            }
            start = utf8.index(after: place)
        }
        return nil
    }
}
