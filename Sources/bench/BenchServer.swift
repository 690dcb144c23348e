import Engines
import Glibc
import Postgres
import Store
import Worker

/// The private PostgreSQL server that the benchmarks run on, with its shipped settings.
final class BenchServer: Sendable {
    private let server: EmbeddedPostgres
    private let folder: String

    /// Starts a server in a new folder.
    init() async throws {
        folder = "/tmp/afterthought-bench-\(getpid())"
        server = try await EmbeddedPostgres.started(at: folder)
    }

    /// Stops the server and removes its folder.
    func remove() {
        server.stop()
        try? Child.run(["/bin/rm", "-rf", "--", folder])
    }

    /// The server's log; `log_statement` writes there.
    var log: String { server.path + "/server.log" }

    /// Makes an empty, migrated database.
    func makeDatabase(_ name: String) throws -> BenchDatabase {
        var admin = try Connection(ConnectionOptions(url: server.connectionURL))
        try admin.execute("create database \(name)")
        let database = BenchDatabase(url: url(of: name))
        var connection = try database.connect()
        _ = try Migrator.migrate(&connection)
        return database
    }

    /// Drops a database that is of no more use, so that the disk does not fill up.
    func drop(_ name: String) throws {
        var admin = try Connection(ConnectionOptions(url: server.connectionURL))
        try admin.execute("drop database if exists \(name) with (force)")
    }

    private func url(of name: String) -> String {
        let prefix = "postgresql:///"
        let rest = server.connectionURL.dropFirst(prefix.count).drop { $0 != "?" }
        return prefix + name + rest
    }
}

/// A database of a task.
struct BenchDatabase: Sendable {
    let url: String

    func connect(_ settings: [(name: String, value: String)] = []) throws -> Connection {
        var options = try ConnectionOptions(url: url)
        options.sessionSettings = settings
        return try Connection(options)
    }

    /// A worker as it is shipped, but for the TTL: rows must stay fresh as long as a benchmark takes.
    func worker(_ adjust: (inout WorkerConfiguration) -> Void = { _ in }) throws -> Worker {
        var configuration = WorkerConfiguration()
        configuration.ttlSeconds = 86_400
        adjust(&configuration)
        return Worker(
            configuration: configuration, options: try ConnectionOptions(url: url),
            analyzer: .shipped(dimensions: configuration.embeddingDimensions),
            log: { event in if case .failure(let fault, _) = event { progress("worker: \(fault)") } })
    }
}

extension Connection {
    /// The first number that a query returns.
    mutating func number(_ sql: String) throws -> Double {
        guard let text = try textRows(sql).first?.first ?? nil, let number = Double(text) else {
            throw BenchError("expected a number from \(sql)")
        }
        return number
    }

    /// Bytes of WAL that the server has written in its life.
    mutating func walBytes() throws -> Double {
        try number("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")
    }
}

/// CPU time of the server's processes between two moments.
struct ServerClock {
    private var before: [Int32: UInt64] = [:]

    /// Starts counting; processes that begin later count from their beginning.
    init(_ connection: inout Connection, _ filter: String) throws {
        for pid in try ServerClock.processes(&connection, filter) {
            before[pid] = Machine.nanoseconds(ofProcess: pid)
        }
    }

    /// Nanoseconds since, by the processes that still run.
    func passed(_ connection: inout Connection, _ filter: String) throws -> Double {
        var total = 0.0
        for pid in try ServerClock.processes(&connection, filter) {
            total += Double(Machine.nanoseconds(ofProcess: pid) - (before[pid] ?? 0))
        }
        return total
    }

    /// The sessions of a worker.
    static let worker = "application_name = 'afterthought worker'"

    private static func processes(_ connection: inout Connection, _ filter: String) throws -> [Int32] {
        try connection.textRows("select pid from pg_stat_activity where \(filter)").compactMap { row in
            row[0].flatMap { Int32($0) }
        }
    }
}
