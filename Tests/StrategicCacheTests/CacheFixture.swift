import Postgres
import Support
import Synchronization

@testable import StrategicCache

/// A migrated database whose shards were all verified just now, and rows in it.
struct CacheFixture {
    let database = TestDatabase.current

    init() throws {
        try run { connection in
            try Schema.apply(to: &connection)
            try connection.execute(
                """
                update afterthought.shard_progress
                set verified_at = now(), ttl = '5 minutes', engine_version = 1, config_hash = 'c'
                """)
        }
    }

    func run(_ body: (inout Connection) throws -> Void) throws {
        var connection = try database.connect()
        try body(&connection)
    }

    func rows(_ sql: String) throws -> [[String?]] {
        var connection = try database.connect()
        return try connection.textRows(sql)
    }

    /// Inserts a row with the given columns (SQL expressions) over sensible ones.
    func insert(_ user: String, _ bot: String = "elena", _ columns: [String: String] = [:]) throws {
        var values = [
            "computed_at": "now()", "generation": "1", "reflects_through": "now() - interval '1 minute'",
            "messages_reflected": "12", "engine_version": "1", "config_hash": "'c'", "null_reasons": "'{}'",
            "unvalidated": "'{}'", "bot_name": "'\(bot)'", "user_id": "'\(user)'",
            "shard": "afterthought.shard_of('\(user)', '\(bot)')",
        ]
        values.merge(columns) { $1 }
        let names = values.keys.sorted()
        try run { connection in
            try connection.execute(
                """
                insert into afterthought.strategic_cache (\(names.joined(separator: ", ")))
                values (\(names.map { values[$0]! }.joined(separator: ", ")))
                """)
        }
    }

    func configuration(_ change: (inout StrategicCache.Configuration) -> Void = { _ in })
        -> StrategicCache.Configuration
    {
        var configuration = StrategicCache.Configuration(url: database.url)
        // Tests judge outcomes, not speed: on a busy machine 5 ms may pass between two lines.
        configuration.deadlineMilliseconds = 20_000
        change(&configuration)
        return configuration
    }

    /// Runs a test with a cache that is connected, and closes it.
    func withCache(
        _ configuration: StrategicCache.Configuration, clock: ReaderClock = .boottime,
        _ body: (StrategicCache) throws -> Void
    ) throws {
        let cache = try StrategicCache(configuration, clock: clock)
        defer { cache.close() }
        precondition(cache.waitUntilReady(milliseconds: 30_000), "expected the database to answer")
        try body(cache)
    }
}

/// The machine's clock, moved by hand.
final class ShiftedClock: Sendable {
    private let shift = Atomic<UInt64>(0)

    var clock: ReaderClock {
        ReaderClock { [self] in ReaderClock.boottime.nanoseconds() + shift.load(ordering: .relaxed) }
    }

    func advance(seconds: UInt64) { shift.add(seconds * 1_000_000_000, ordering: .relaxed) }
}

/// The outcomes of reads, in order.
final class Outcomes: Sendable {
    private let found = Mutex<[ReadMetrics.Outcome]>([])

    var all: [ReadMetrics.Outcome] { found.withLock { $0 } }

    func note(_ metrics: ReadMetrics) { found.withLock { $0.append(metrics.outcome) } }
}
