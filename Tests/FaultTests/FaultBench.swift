import Foundation
import Postgres
import Store
import Support
import Testing
import Worker

/// What fault tests share: threads, waiting with a bound, and the comparison with an undisturbed run.
enum FaultBench {
    /// Runs bodies on threads of their own side by side, so that blocking ones don't starve the workers.
    static func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<count { group.addTask { try await onOwnThread { try body(index) } } }
            try await group.waitForAll()
        }
    }

    /// Looks again and again until a condition holds; fails when it does not within so many seconds.
    static func waitUntil(
        _ what: String, seconds: Double = 300, _ condition: @escaping @Sendable () throws -> Bool
    ) async throws {
        try await onOwnThread {
            let end = Deadline.after(milliseconds: UInt64(seconds * 1000))
            while try !condition() {
                if end.remainingNanoseconds == 0 { throw BenchError("expected within \(seconds) s: \(what)") }
                usleep(10_000)
            }
        }
    }

    /// Brings a database to rest as time would: sessions of the dead end, their leases run out, and pairs in
    /// quarantine are tried again.
    static func settle(_ options: ConnectionOptions) async throws {
        let sessions = """
            from pg_stat_activity
            where datname = current_database() and application_name = 'afterthought worker'
            """
        try await waitUntil("the sessions of dead workers ended") {
            var connection = try Connection(options)
            _ = try connection.textRows("select pg_terminate_backend(pid) " + sessions)
            return try Workbench.count(&connection, "select count(*) " + sessions) == 0
        }
        for _ in 0..<10 {
            try await onOwnThread {
                var connection = try Connection(options)
                try connection.execute(
                    """
                    update afterthought.shard_progress set lease_until = now() - interval '1 second'
                    where owner is not null;
                    delete from afterthought.worker_leases;
                    update afterthought.quarantine set next_attempt_at = now();
                    """)
            }
            try await Workbench.runOnce(options)
            let waiting = try await onOwnThread {
                var connection = try Connection(options)
                return try Workbench.count(&connection, "select count(*) from afterthought.quarantine")
            }
            if waiting == 0 { return }
        }
        throw BenchError("expected every pair to leave quarantine, got: some still in it")
    }

    /// Everything that input determines.
    struct Outcome: Equatable, Sendable {
        var cache: [String]
        var buckets: [String]
        var rowsApplied: Int
    }

    static func outcome(_ options: ConnectionOptions) async throws -> Outcome {
        try await onOwnThread {
            var connection = try Connection(options)
            return Outcome(
                cache: try Workbench.cache(&connection), buckets: try Workbench.buckets(&connection),
                rowsApplied: try Workbench.count(
                    &connection, "select coalesce(sum(rows_applied), 0)::bigint from afterthought.engine_state"))
        }
    }

    /// Rows of all streams that are committed.
    static let rowsCommitted = """
        select (select count(*) from afterthought.messages) + (select count(*) from afterthought.memory_retrievals)
            + (select count(*) from afterthought.metric_points) + (select count(*) from afterthought.trait_activations)
            + (select count(*) from afterthought.outreach_attempts)
        """

    /// Pairs whose cache row does not count exactly their committed messages.
    static let miscounted = """
        select count(*) from (
            select bot_name, user_id, count(*) as messages from afterthought.messages group by bot_name, user_id
        ) as m
        left join afterthought.strategic_cache as c using (bot_name, user_id)
        where c.messages_reflected is distinct from m.messages
        """

    /// Checks that what is stored now is what one undisturbed run makes of the same input: each committed row once.
    static func expectUndisturbed(
        _ options: ConnectionOptions, _ location: SourceLocation = #_sourceLocation
    ) async throws {
        let disturbed = try await outcome(options)
        let (committed, wrong) = try await onOwnThread {
            var connection = try Connection(options)
            let counts = (
                try Workbench.count(&connection, rowsCommitted), try Workbench.count(&connection, miscounted)
            )
            try Workbench.startOver(&connection)
            return counts
        }
        #expect(disturbed.rowsApplied == committed, "applied and committed rows differ", sourceLocation: location)
        #expect(wrong == 0, "pairs that reflect another number of messages", sourceLocation: location)
        try await Workbench.runOnce(options)
        let undisturbed = try await outcome(options)
        #expect(disturbed.cache.count == undisturbed.cache.count, sourceLocation: location)
        for (left, right) in zip(disturbed.cache, undisturbed.cache) where left != right {
            Issue.record("expected the bytes of an undisturbed run, got others", sourceLocation: location)
            #expect(left == right, sourceLocation: location)
            break
        }
        #expect(disturbed.buckets == undisturbed.buckets, sourceLocation: location)
        #expect(disturbed.rowsApplied == undisturbed.rowsApplied, sourceLocation: location)
    }

    /// A number from the environment, for longer rounds than `swift test` has time for.
    static func number(_ key: String, default value: Int) -> Int {
        ProcessInfo.processInfo.environment[key].flatMap(Int.init) ?? value
    }

    /// How many rows all streams had, by the rows that workers said they applied.
    static func rowsSeen(_ events: EventLog) -> Int {
        events.all.reduce(0) { if case .batch(let report) = $1 { $0 + report.rows } else { $0 } }
    }
}

/// A failure of a fault test's own waiting or starting.
struct BenchError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
