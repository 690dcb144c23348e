import Bytes
import Engines
import Model
import Postgres
import Store
import Synchronization
import Worker

/// Runs workers on a test's database and shows what they wrote.
package enum Workbench {
    /// The shipped analysis; made once, because its table takes a moment to index.
    package static let analyzer = TextAnalyzer.shipped(dimensions: 64)

    /// Runs a worker until it finds nothing left to do.
    @discardableResult
    package static func runOnce(
        _ options: ConnectionOptions, configuration: WorkerConfiguration = WorkerConfiguration(),
        failpoints: Failpoints = Failpoints(), events: EventLog = EventLog()
    ) async throws -> CycleReport {
        try await worker(options, configuration: configuration, failpoints: failpoints, events: events).runOnce()
    }

    package static func worker(
        _ options: ConnectionOptions, configuration: WorkerConfiguration = WorkerConfiguration(),
        failpoints: Failpoints = Failpoints(), events: EventLog = EventLog()
    ) -> Worker {
        Worker(
            configuration: configuration, options: options, analyzer: analyzer, failpoints: failpoints,
            log: { events.append($0) })
    }

    /// Every cache row, pairs and bots, as text: all columns but computed_at, generation and the moment of merging.
    package static func cache(_ connection: inout Connection) throws -> [String] {
        try connection.textRows(
            """
            select (to_jsonb(c) - 'computed_at' - 'generation')::text
            from afterthought.strategic_cache as c order by bot_name, user_id
            """
        ).map { $0[0] ?? "" }
            + connection.textRows(
                """
                select (to_jsonb(c) - 'computed_at' - 'generation' - 'merged_through')::text
                from afterthought.character_cache as c order by bot_name, time_window_hours
                """
            ).map { $0[0] ?? "" }
    }

    /// Every bucket, so that sums over pairs are compared too.
    package static func buckets(_ connection: inout Connection) throws -> [String] {
        try connection.textRows(
            "select b::text from afterthought.bot_buckets as b order by bot_name, shard, hour"
        ).map { $0[0] ?? "" }
    }

    /// The first number that a query returns.
    package static func count(_ connection: inout Connection, _ sql: String) throws -> Int {
        let rows = try connection.textRows(sql)
        return Int(rows.first?.first.flatMap { $0 } ?? "") ?? -1
    }
}

/// What workers said, in order.
package final class EventLog: Sendable {
    private let events = Mutex<[WorkerEvent]>([])

    package init() {}

    package func append(_ event: WorkerEvent) { events.withLock { $0.append(event) } }
    package var all: [WorkerEvent] { events.withLock { $0 } }

    /// The failures, as people read them.
    package var failures: [String] {
        all.compactMap { if case .failure(let fault, _) = $0 { fault.description } else { nil } }
    }
}

extension Workbench {
    /// Forgets everything but the input, so that the next run starts from scratch.
    package static func startOver(_ connection: inout Connection) throws {
        try connection.execute(
            """
            truncate afterthought.engine_state, afterthought.engine_checkpoints, afterthought.bot_buckets,
                afterthought.bot_changes, afterthought.strategic_cache, afterthought.character_cache,
                afterthought.quarantine, afterthought.pair_changes;
            update afterthought.shard_progress
            set last_snapshot = '3:3:', window_snapshot = null, window_at = null, verified_at = null, owner = null;
            """)
    }
}
