import Bytes
import Engines
import Model
import Postgres
import Store

/// Computes pairs from scratch, from their history alone, beside what the cache holds; writes nothing.
package struct Recomputation: Sendable {
    private let processor: BatchProcessor
    var analyzer: TextAnalyzer { processor.fold.analyzer }
    package let identity: WorkerIdentity

    /// Makes one for a database.
    ///
    /// - Parameters:
    ///   - configuration: the workers', which decides about results.
    ///   - cluster: what the database says of itself.
    ///   - analyzer: the workers' text analysis.
    package init(configuration: WorkerConfiguration, cluster: ClusterIdentity, analyzer: TextAnalyzer) {
        identity = WorkerIdentity(
            owner: UUID.random(), engineVersion: PairState.engineVersion, configHash: configuration.configHash,
            leaseSeconds: configuration.leaseSeconds, ttlSeconds: configuration.ttlSeconds)
        processor = BatchProcessor(
            source: SnapshotDiff(floors: cluster.floors), store: BatchStore(identity: identity),
            fold: PairFold(analyzer: analyzer, identity: identity),
            notice: CacheNotice(notificationKey: cluster.notificationKey), failpoints: Failpoints(),
            historyRowsMax: configuration.historyRowsMax, riskyOneAtATime: RiskyPairLock(), isStopping: { false })
    }

    /// The row of a pair as its history gives it.
    ///
    /// - Parameters:
    ///   - connection: outside a transaction.
    ///   - pair: the pair.
    ///   - window: history is what this snapshot sees.
    /// - Returns: nil when the pair has no input.
    /// - Throws: `PostgresError`, or `PairError` for a pair that can't be computed.
    package func row(
        _ connection: inout Connection, of pair: PairInShard, through window: Snapshot
    ) throws -> StrategicRow? {
        let work = BatchProcessor.Work(pair: pair, stored: nil, rows: [], plan: .rebuild, checkpoint: nil)
        var timer = BatchTimer()
        return try processor.compute(&connection, work, history: nil, window: window, timer: &timer).row
    }

    /// The input of a pair that a snapshot sees, in order; nil when it is more than `rowsMax` rows.
    package func history(
        _ connection: inout Connection, of pair: PairInShard, through window: Snapshot, rowsMax: Int
    ) throws -> [InputRow]? {
        let start = PairFrom(shard: pair.shard, pair: pair.pair, from: .negativeInfinity)
        let first = OrderKey(effectiveAt: .negativeInfinity, stream: 0, id: .min)
        let rows = try processor.source.historyPage(
            &connection, of: start, after: first, through: window, rowsMax: rowsMax + 1)
        return rows.count > rowsMax ? nil : rows.compactMap(\.inputRow)
    }

    /// The row that some input of a pair gives; nil of none.
    package func row(of input: [InputRow], pair: Pair) -> StrategicRow? {
        var state = PairState()
        for row in input { state.apply(row, analyzer: analyzer) }
        return state.rowsApplied > 0 ? state.strategicRow(for: pair) : nil
    }

    /// What comparing some pairs found.
    package struct Findings: Sendable {
        package var equal = 0
        /// Pairs that moved on meanwhile, or that a worker has to rebuild anyway.
        package var inProgress = 0
        /// Pairs of another version or configuration.
        package var outdated = 0
        package var different: [PairDifference] = []
    }

    /// Compares chosen pairs' cached rows with what their history gives, each column as the server holds it.
    ///
    /// - Parameters:
    ///   - connection: outside a transaction.
    ///   - pairs: chosen a moment ago.
    ///   - report: told after each pair how many are done; returns whether to go on.
    /// - Returns: what was found up to the end or the stop.
    /// - Throws: `PostgresError` or `PairError`.
    package func compare(
        _ connection: inout Connection, _ pairs: [CachedPair], report: (Int) -> Bool
    ) throws -> Findings {
        var findings = Findings()
        for (index, pair) in pairs.enumerated() {
            guard report(index) else { break }
            guard pair.engineVersion == identity.engineVersion, pair.configHash == identity.configHash else {
                findings.outdated += 1
                continue
            }
            guard let through = pair.through else {
                findings.inProgress += 1
                continue
            }
            // A pair without input has no row to compare; a cached one for it differs as a whole.
            let row = try row(&connection, of: pair.pair, through: through) ?? StrategicRow(pair: pair.pair.pair)
            for difference in try connection.query(CompareRows([(pair, row, through)], identity: identity)) {
                if difference.isInProgress {
                    findings.inProgress += 1
                } else if difference.columns.isEmpty {
                    findings.equal += 1
                } else {
                    findings.different.append(difference)
                }
            }
        }
        return findings
    }
}
