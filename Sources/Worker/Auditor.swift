import Bytes
import Engines
import Model
import Postgres
import Store

/// Recomputes pairs from their history all the time, a few at a time, compares them with the cache, and has those that
/// differ rebuilt.
///
/// It is not `afterthought compare`, which draws from all pairs and tells the columns. Pairs with very long histories
/// are left out, so that a look stays short; rows that are stale, or whose pair has news, say so themselves.
package actor Auditor {
    /// Pause between looks unless another is asked for, in seconds.
    package static let intervalSecondsDefault = 10.0
    /// Pairs that a look draws.
    package static let pairsMaxDefault = 5
    /// Messages of a pair that is looked at, at most.
    static let messagesMax: Int64 = 2_000

    /// What a look found.
    package struct Report: Equatable, Sendable {
        /// Pairs that were compared.
        package var pairs = 0
        package var mismatches = 0
    }

    private nonisolated let configuration: WorkerConfiguration
    private nonisolated let analyzer: TextAnalyzer
    private nonisolated let intervalSeconds: Double
    private nonisolated let pairsMax: Int
    private nonisolated let log: @Sendable (WorkerEvent) -> Void
    private nonisolated let stopping = StopFlag()
    private let thread: DatabaseThread
    private var sleeping: Task<Void, Never>?

    /// Makes an auditor; it connects when it runs.
    ///
    /// - Parameters:
    ///   - configuration: the worker's, which decides about results.
    ///   - options: how to connect, as the worker's role.
    ///   - analyzer: the worker's text analysis.
    ///   - intervalSeconds: the pause between looks; 0.05…86 400.
    ///   - pairsMax: pairs that a look draws, at least 1.
    ///   - log: receives what was found; never any user.
    package init(
        configuration: WorkerConfiguration, options: ConnectionOptions, analyzer: TextAnalyzer,
        intervalSeconds: Double = intervalSecondsDefault, pairsMax: Int = pairsMaxDefault,
        log: @escaping @Sendable (WorkerEvent) -> Void
    ) {
        self.configuration = configuration
        self.analyzer = analyzer
        self.intervalSeconds = intervalSeconds
        self.pairsMax = pairsMax
        self.log = log
        var session = Worker.session(options)
        session.applicationName = "afterthought auditor"
        thread = DatabaseThread(session)
    }

    /// Looks at pairs until `stop()` is called; a look that fails is simply the next one's work.
    package func run() async {
        while !stopping.isSet {
            let seconds = intervalSeconds * Double.random(in: 0.9...1.1)
            let sleep = Task<Void, Never> { try? await Task.sleep(for: .seconds(seconds)) }
            sleeping = sleep
            await sleep.value
            sleeping = nil
            if stopping.isSet { break }
            // The worker beside it says what is wrong with the database.
            guard let report = try? await look() else { continue }
            log(.audited(pairs: report.pairs, mismatches: report.mismatches))
        }
        await thread.close()
    }

    /// Asks for the end of `run()` after the pair at hand.
    package func stop() {
        stopping.set()
        sleeping?.cancel()
    }

    /// Closes the connection; for an auditor that looked by hand.
    package func close() async { await thread.close() }

    /// Looks at some pairs once.
    ///
    /// - Returns: what was found; differing pairs have been asked to be rebuilt.
    /// - Throws: `PostgresError`, or `PairError` for a pair that can't be computed.
    package func look() async throws -> Report {
        let (configuration, analyzer, pairsMax, stopping) = (configuration, analyzer, pairsMax, stopping)
        return try await thread.withConnection { connection in
            guard let cluster = try connection.first(LoadClusterIdentityRow()), (try? cluster.check()) != nil else {
                return Report()
            }
            let draw = DrawCachedPairs(pairsMax: Int64(pairsMax), messagesMax: Self.messagesMax)
            let recomputation = Recomputation(configuration: configuration, cluster: cluster, analyzer: analyzer)
            let findings = try recomputation.compare(&connection, try connection.query(draw)) { _ in !stopping.isSet }
            for difference in findings.different {
                let (user, bot) = (difference.pair.userID, difference.pair.botName)
                try connection.run(RequestRebuild(userID: user, botName: bot))
            }
            return Report(
                pairs: findings.equal + findings.different.count, mismatches: findings.different.count)
        }
    }
}
