import Bytes
import Engines
import Model
import Postgres
import Store
import Synchronization

/// What a cycle, or several, came to.
package struct CycleReport: Sendable {
    package var rows = 0
    package var pairs = 0
    package var batches = 0
    /// Pairs replayed from a checkpoint or from their history.
    package var rebuilt = 0
    /// Rows that were read again for it.
    package var rowsReread = 0
    package var failed = 0
    package var bots = 0
    /// Whether anything was left for the next cycle.
    package var hasMore = false
    /// Shards that the worker did not hold at the end of a run: other workers do, or dead ones until their leases end.
    package var shardsElsewhere = 0

    mutating func add(_ batch: BatchReport) {
        batches += 1
        rows += batch.rows
        pairs += batch.pairs
        rebuilt += batch.rebuilt
        rowsReread += batch.rowsReread
        failed += batch.failed
    }

    package mutating func add(_ other: CycleReport) {
        rows += other.rows
        pairs += other.pairs
        batches += other.batches
        rebuilt += other.rebuilt
        rowsReread += other.rowsReread
        failed += other.failed
        bots += other.bots
        hasMore = other.hasMore
    }
}

/// Reads new rows since the shards' watermarks, folds them into their pairs, and writes cache rows; again and again.
///
/// Any number of workers may run on a database: they share the shards by leases on the database's clock. One that was
/// frozen, cut off or replaced can't write any more, because every commit names the generation it expects.
package actor Worker {
    package nonisolated let configuration: WorkerConfiguration
    nonisolated let identity: WorkerIdentity
    nonisolated let stopping = StopFlag()
    nonisolated let log: @Sendable (WorkerEvent) -> Void
    let scanner: DatabaseThread
    let heart: DatabaseThread
    let lanes: [DatabaseThread]
    let analyzer: TextAnalyzer
    let failpoints: Failpoints
    let riskyOneAtATime = RiskyPairLock()

    /// The shards held, as this worker knows them to stand.
    var progress: [Int16: ShardProgress] = [:]
    /// Reads changes with the floors of the present epoch; nil until the database was looked at.
    var source: SnapshotDiff?
    var notificationKey: [UInt8] = []
    /// The epoch that `source` belongs to.
    var epoch: Int32?
    /// Whether `progress` may differ from what is stored.
    var mustReload = true
    var nextOwnershipCheck = ContinuousClock.now
    /// When bots are merged next: reading all of a bot's buckets in every cycle would cost what its history costs.
    var nextMerge = ContinuousClock.now
    var wakeUp: Task<Void, Never>?
    /// The pause between cycles, which may be changed under way.
    private(set) var cycleSeconds: Double

    /// Makes a worker; it connects when it runs.
    ///
    /// - Parameters:
    ///   - configuration: checked by the caller.
    ///   - options: how to connect; session settings of the worker are added.
    ///   - analyzer: the text analysis, of the dimensions that the configuration names.
    ///   - owner: the worker's name in `worker_leases`, never used before.
    ///   - failpoints: for tests.
    ///   - log: receives what is worth saying; never any content.
    package init(
        configuration: WorkerConfiguration, options: ConnectionOptions, analyzer: TextAnalyzer,
        owner: UUID = UUID.random(), failpoints: Failpoints = Failpoints(),
        log: @escaping @Sendable (WorkerEvent) -> Void
    ) {
        self.configuration = configuration
        cycleSeconds = configuration.cycleSeconds
        self.analyzer = analyzer
        self.failpoints = failpoints
        self.log = log
        identity = WorkerIdentity(
            owner: owner, engineVersion: PairState.engineVersion, configHash: configuration.configHash,
            leaseSeconds: configuration.leaseSeconds, ttlSeconds: configuration.ttlSeconds)
        let session = Self.session(options)
        scanner = DatabaseThread(session)
        heart = DatabaseThread(session)
        lanes = (0..<configuration.lanes).map { _ in DatabaseThread(session) }
    }

    /// The session settings of a worker: a frozen worker must not hold up its successor.
    static func session(_ options: ConnectionOptions) -> ConnectionOptions {
        var session = options
        session.applicationName = "afterthought worker"
        session.sessionSettings += [
            ("idle_in_transaction_session_timeout", "10s"),
            ("lock_timeout", "10s"),
            ("statement_timeout", "10min"),
            ("work_mem", "64MB"),
            ("jit", "off"),
            // Watermarks are found by index whatever the statistics of a fast-growing table say.
            ("enable_seqscan", "off"),
            ("timezone", "UTC"),
        ]
        return session
    }

    /// Asks the worker to stop after the batch at hand.
    package nonisolated func stop() {
        stopping.set()
        Task { await self.wake() }
    }

    /// Changes the pause between cycles, from the one at hand on.
    ///
    /// - Parameter cycleSeconds: in the range of `WorkerConfiguration`, at most half the TTL.
    package func change(cycleSeconds: Double) {
        self.cycleSeconds = cycleSeconds
        wake()
    }

    private func wake() { wakeUp?.cancel() }

    /// Works until `stop()` is called; survives whatever passes, and says so.
    ///
    /// - Throws: `WorkerRefusal` when working on would be wrong.
    package func run() async throws {
        let beating = Task { await self.keepLeases() }
        defer { beating.cancel() }
        var failures = 0
        while !stopping.isSet {
            var pauseSeconds = cycleSeconds * Double.random(in: 0.9...1.1)
            do {
                let started = ContinuousClock.now
                let report = try await cycle()
                log(.cycle(seconds: (ContinuousClock.now - started) / .seconds(1), shardsHeld: progress.count))
                failures = 0
                if report.hasMore { continue }
            } catch is CancellationError {
                continue
            } catch let refusal as WorkerRefusal {
                await shutDown()
                throw refusal
            } catch {
                failures += 1
                mustReload = true
                if Self.endsSessions(error) { for thread in [scanner, heart] + lanes { await thread.disconnect() } }
                pauseSeconds = min(30, 0.2 * Double(1 << min(failures, 8))) * Double.random(in: 0.5...1)
                log(.failure(WorkerFault(error), retrySeconds: pauseSeconds))
            }
            await pause(seconds: pauseSeconds)
        }
        await shutDown()
    }

    /// Works until nothing is left to do, and stops.
    ///
    /// - Returns: what was done in all, also when it was stopped before.
    /// - Throws: the first error, after the shards were given back.
    package func runOnce() async throws -> CycleReport {
        let beating = Task { await self.keepLeases() }
        defer { beating.cancel() }
        var total = CycleReport()
        do {
            repeat {
                do {
                    total.add(try await cycle())
                    if !total.hasMore { total.bots += try await mergeBots() }
                } catch  where Self.mayRepeat(error) {
                    log(.failure(WorkerFault(error), retrySeconds: 0))
                    mustReload = true
                    total.hasMore = true
                }
            } while total.hasMore && !stopping.isSet
        } catch is CancellationError where stopping.isSet {
            total.hasMore = true
        } catch {
            await shutDown()
            throw error
        }
        total.shardsElsewhere = 64 - progress.count
        await shutDown()
        return total
    }

    /// Whether nothing is wrong but that the batch has to be taken again.
    private static func mayRepeat(_ error: any Error) -> Bool {
        // A connection finds a pooler in between once, and prepares nothing from then on.
        error is FenceError || error is ShardStartedOver || (error as? PostgresError)?.isForeignSession == true
    }

    /// Whether all connections should be made anew.
    ///
    /// When one is lost the others are most likely too, and each would fail a cycle of its own; and a session keeps
    /// what it was told when it began, though a failover may have moved the primary.
    private static func endsSessions(_ error: any Error) -> Bool {
        error is ScanRefusal || (error as? PostgresError)?.isConnectionLoss == true
    }

    private func pause(seconds: Double) async {
        guard !stopping.isSet else { return }
        let sleep = Task {
            try? await Task.sleep(for: .seconds(seconds)); return
        }
        wakeUp = sleep
        await sleep.value
        wakeUp = nil
    }

    /// Gives the shards back and closes all connections.
    private func shutDown() async {
        let leases = LeaseStore(identity: identity)
        let isKnown = source != nil
        progress = [:]
        // Without ever having seen the database there is nothing to give back. A cut connection is made anew.
        for isLast in isKnown ? [false, true] : [] {
            do {
                try await scanner.withConnection { connection in
                    try leases.release(&connection, nil)
                    try leases.stop(&connection)
                }
                break
            } catch {
                // The leases run out by themselves.
                if isLast { log(.failure(WorkerFault(error), retrySeconds: 0)) }
            }
        }
        for thread in [scanner, heart] + lanes { await thread.close() }
    }

    /// Prolongs the leases while long batches run, from a connection of its own.
    private func keepLeases() async {
        let leases = LeaseStore(identity: identity)
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(configuration.leaseSeconds / 3))
            if Task.isCancelled { return }
            // A lease that could not be renewed runs out; the next commit finds out whether somebody took over.
            _ = try? await heart.withConnection { try leases.keep(&$0) }
        }
    }
}

/// Whether a worker was asked to stop; set once.
final class StopFlag: Sendable {
    private let flag = Atomic<Bool>(false)
    var isSet: Bool { flag.load(ordering: .acquiring) }
    func set() { flag.store(true, ordering: .releasing) }
}
