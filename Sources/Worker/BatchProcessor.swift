import Bytes
import Engines
import Model
import Postgres
import Store

/// One batch: rows of some shards that are to be applied together.
struct Batch: Sendable {
    /// The shards as they stand; all rows belong to them.
    var shards: [ShardProgress]
    /// All that this snapshot sees of a pair may be read when the pair is rebuilt.
    var window: Snapshot
    var move: ShardMove
    var rows: [ScannedRow] = []
    /// Pairs to rebuild whatever their rows say: outdated ones, and quarantined ones whose next try is due.
    var forced: Set<PairInShard> = []
    /// Pairs in quarantine whose next try is not due: their rows wait for the rebuild that will bring them back.
    var skipped: Set<PairInShard> = []
    var quarantined: Set<PairInShard> = []
    var answered: [PairInShard] = []
    /// Failures known before anything was computed.
    var failures: [PairFailure] = []
}

/// What became of a batch.
package struct BatchReport: Sendable {
    package var rows = 0
    package var pairs = 0
    package var rebuilt = 0
    /// Of the rows, those of `messages`.
    package var messages = 0
    /// Rows that were read again for it.
    package var rowsReread = 0
    package var failed = 0
    /// How often each reason put a pair into quarantine.
    package var reasons: [String: Int] = [:]
    package var times = BatchTimes()

    mutating func add(_ other: BatchReport) {
        rows += other.rows
        messages += other.messages
        reasons.merge(other.reasons, uniquingKeysWith: +)
        times.add(other.times)
        pairs += other.pairs
        rebuilt += other.rebuilt
        rowsReread += other.rowsReread
        failed += other.failed
    }
}

/// Reads what a batch needs, computes, and writes: three separate, short transactions.
///
/// Runs on the thread of the connection it is lent.
struct BatchProcessor: Sendable {
    var source: any ChangeSource
    var store: BatchStore
    var fold: PairFold
    var notice: CacheNotice
    var failpoints: Failpoints
    /// Rows that rebuilds hold at once; longer histories are replayed page by page.
    var historyRowsMax: Int
    /// Shared by all lanes of a worker.
    var riskyOneAtATime: RiskyPairLock
    /// Whether to give up before the next pair.
    var isStopping: @Sendable () -> Bool

    func process(_ connection: inout Connection, _ batch: Batch) throws -> BatchReport {
        var timer = BatchTimer()
        let work = try plan(&connection, batch)
        timer.end(\.readSeconds)
        try failpoints.reach(.afterRead)
        var results: [FoldedPair] = []
        var failures = batch.failures
        var report = BatchReport(rows: batch.rows.count)
        for group in groups(of: work) {
            let history = try histories(&connection, of: group, through: batch.window)
            for pair in group {
                if isStopping() { throw CancellationError() }
                switch try attempt(&connection, pair, in: batch, history: history[pair.pair], timer: &timer) {
                case .success(let result):
                    results.append(result)
                    if pair.plan != .fold { report.rebuilt += 1 }
                case .failure(let failed):
                    failures.append(failure(of: pair.pair, reason: failed.reason, error: failed.description))
                }
            }
        }
        timer.end(\.computeSeconds)
        try failpoints.reach(.beforeWrite)
        try commit(&connection, batch, results: &results, failures: &failures)
        timer.end(\.writeSeconds)
        try failpoints.reach(.afterCommit)
        report.times = timer.report
        report.messages = batch.rows.reduce(0) { if case .message = $1.event { $0 + 1 } else { $0 } }
        for failure in failures { report.reasons[failure.reason, default: 0] += 1 }
        report.pairs = results.count
        report.rowsReread = results.reduce(0) { $0 + $1.rowsReread }
        report.failed = failures.count
        // Only a hint: readers that miss it are told the truth by the row's freshness.
        try? notice.send(&connection, shards: batch.shards, changed: results.map(\.pair))
        return report
    }

    private func failure(of pair: PairInShard, reason: String, error: String) -> PairFailure {
        PairFailure(shard: pair.shard, pair: pair.pair, reason: reason, error: error)
    }
}

// MARK: - Read

extension BatchProcessor {
    /// A pair with everything that deciding about it needed.
    struct Work {
        var pair: PairInShard
        var stored: StoredState?
        var rows: [ScannedRow]
        var plan: PairPlan
        /// The checkpoint to replay from, when one lies before the earliest late row.
        var checkpoint: StoredState?
    }

    private func plan(_ connection: inout Connection, _ batch: Batch) throws -> [Work] {
        var grouped: [PairInShard: [ScannedRow]] = [:]
        // Rows mostly come in runs of one pair: each run is looked up once.
        var start = 0
        while start < batch.rows.count {
            let pair = PairInShard(shard: batch.rows[start].shard, pair: batch.rows[start].pair)
            var end = start + 1
            while end < batch.rows.count, batch.rows[end].shard == pair.shard, batch.rows[end].pair == pair.pair {
                end += 1
            }
            if !batch.skipped.contains(pair) { grouped[pair, default: []] += batch.rows[start..<end] }
            start = end
        }
        for pair in batch.forced where grouped[pair] == nil { grouped[pair] = [] }
        let pairs = grouped.keys.sorted { ($0.shard, $0.pair) < ($1.shard, $1.pair) }
        guard !pairs.isEmpty else { return [] }
        var stored: [PairInShard: StoredState] = [:]
        for state in try store.states(&connection, of: pairs) {
            stored[PairInShard(shard: state.shard, pair: state.pair)] = state
        }
        var work = pairs.map { pair in
            var rows = grouped[pair] ?? []
            let plan = fold.plan(stored: stored[pair], rows: &rows, isForced: batch.forced.contains(pair))
            return Work(pair: pair, stored: stored[pair], rows: rows, plan: plan)
        }
        try findCheckpoints(&connection, for: &work)
        return work
    }

    private func findCheckpoints(_ connection: inout Connection, for work: inout [Work]) throws {
        var late: [PairInShard: (index: Int, earliest: OrderKey)] = [:]
        for (index, pair) in work.enumerated() {
            if case .replay(let earliest) = pair.plan { late[pair.pair] = (index, earliest) }
        }
        for checkpoint in try store.checkpoints(&connection, of: Array(late.keys)) {
            let pair = PairInShard(shard: checkpoint.shard, pair: checkpoint.pair)
            guard let (index, earliest) = late[pair], fold.isCurrent(checkpoint), checkpoint.lastKey < earliest else {
                continue
            }
            work[index].checkpoint = checkpoint
        }
    }

    /// Cuts the work into groups whose histories are held at the same time.
    private func groups(of work: [Work]) -> [[Work]] {
        var groups: [[Work]] = []
        var group: [Work] = []
        var expected: Int64 = 0
        for pair in work where pair.plan != .nothing {
            let rows = pair.rowsToRead(max: historyRowsMax) ?? 0
            if expected + rows > Int64(historyRowsMax), !group.isEmpty {
                groups.append(group)
                group = []
                expected = 0
            }
            group.append(pair)
            expected += rows
        }
        if !group.isEmpty { groups.append(group) }
        return groups
    }

    /// Reads the histories of a group's pairs that fit into memory; the others are paged when they are computed.
    private func histories(
        _ connection: inout Connection, of group: [Work], through window: Snapshot
    ) throws -> [PairInShard: [ScannedRow]] {
        var histories: [PairInShard: [ScannedRow]] = [:]
        var wanted: [PairFrom] = []
        for pair in group where pair.rowsToRead(max: historyRowsMax) != nil {
            let from = pair.checkpoint?.lastKey.effectiveAt ?? .negativeInfinity
            wanted.append(PairFrom(shard: pair.pair.shard, pair: pair.pair.pair, from: from))
            histories[pair.pair] = []
        }
        for row in try source.history(&connection, of: wanted, through: window) {
            histories[PairInShard(shard: row.shard, pair: row.pair), default: []].append(row)
        }
        return histories
    }
}

extension BatchProcessor.Work {
    /// About how many rows a replay will read at once.
    ///
    /// Nil when it reads none, or reads pages: they are too many, or nothing is stored that tells how many there are.
    fileprivate func rowsToRead(max: Int) -> Int64? {
        switch plan {
        case .nothing, .fold: return nil
        case .replay, .rebuild: break
        }
        guard let stored else { return nil }
        let expected = Swift.max(0, stored.rowsApplied - (checkpoint?.rowsApplied ?? 0)) + Int64(rows.count)
        return expected <= Int64(max) ? expected : nil
    }
}

// MARK: - Compute

extension BatchProcessor {
    func compute(
        _ connection: inout Connection, _ work: Work, history: [ScannedRow]?, window: Snapshot,
        timer: inout BatchTimer
    ) throws -> FoldedPair {
        var state = PairState()
        if let stored = work.stored, fold.isCurrent(stored) { state = try PairState(decoding: stored.bytes) }
        // None of another version's: the shard's buckets were emptied when that version was left.
        let old = state.contributions
        var folded = FoldedPair(pair: work.pair)
        var checkpoint: StoredState?
        var marker: Snapshot?
        switch work.plan {
        case .nothing:
            return folded
        case .fold:
            // The mark of an earlier window is spent: no scan returns that window's rows again.
            marker = work.stored?.rebuiltSnapshot == window ? window : nil
            try fold.run(
                &state, over: work.rows.compactMap(\.inputRow), of: work.pair, checkpoint: &checkpoint, timer: &timer)
        case .replay, .rebuild:
            state = try work.checkpoint.map { try PairState(decoding: $0.bytes) } ?? PairState()
            checkpoint = work.checkpoint
            marker = window
            folded.rowsReread = try replay(
                &connection, work, history: history, window: window, state: &state, checkpoint: &checkpoint,
                timer: &timer)
            folded.dropsCheckpoint = checkpoint == nil
        }
        folded.contributions = BotContributions.delta(from: old, to: state.contributions)
        guard state.rowsApplied > 0 else { return folded }
        folded.state = try fold.stored(state, of: work.pair, rebuilt: marker)
        folded.checkpoint = checkpoint
        folded.row = work.pair.pair.isBotOnly ? nil : timer.row(of: state, for: work.pair.pair)
        return folded
    }

    /// Applies a pair's history from where the state stands; returns how many rows that were.
    private func replay(
        _ connection: inout Connection, _ work: Work, history: [ScannedRow]?, window: Snapshot,
        state: inout PairState, checkpoint: inout StoredState?, timer: inout BatchTimer
    ) throws -> Int {
        if let history {
            let after = state.lastKey
            let rows = history.filter { after < $0.key }.sorted { $0.key < $1.key }
            try fold.run(
                &state, over: rows.compactMap(\.inputRow), of: work.pair, checkpoint: &checkpoint, timer: &timer)
            return rows.count
        }
        let wanted = PairFrom(shard: work.pair.shard, pair: work.pair.pair, from: state.lastKey.effectiveAt)
        var count = 0
        while true {
            if isStopping() { throw CancellationError() }
            let page = try source.historyPage(
                &connection, of: wanted, after: state.lastKey, through: window, rowsMax: historyRowsMax)
            try fold.run(
                &state, over: page.compactMap(\.inputRow), of: work.pair, checkpoint: &checkpoint, timer: &timer)
            count += page.count
            if page.count < historyRowsMax { return count }
        }
    }
}

// MARK: - Write

extension BatchProcessor {
    private func assemble(
        _ connection: inout Connection, _ batch: Batch, results: [FoldedPair], failures: [PairFailure]
    ) throws -> BatchWrite {
        var write = BatchWrite(shards: batch.shards, move: batch.move)
        write.failures = failures
        write.answered = batch.answered
        for result in results {
            if let state = result.state { write.states.append(state) } else { write.emptied.append(result.pair) }
            if let checkpoint = result.checkpoint { write.checkpoints.append(checkpoint) }
            if result.dropsCheckpoint { write.droppedCheckpoints.append(result.pair) }
            if let row = result.row { write.rows.append((result.pair.shard, row)) }
            if batch.quarantined.contains(result.pair) { write.recovered.append(result.pair) }
        }
        write.buckets = try buckets(&connection, changedBy: results)
        return write
    }

    /// The buckets as they are after the batch: what is stored plus what the pairs changed.
    private func buckets(_ connection: inout Connection, changedBy results: [FoldedPair]) throws -> [StoredBucket] {
        struct Key: Hashable {
            /// The bot's own pair: names are told apart byte by byte.
            var bot: PairInShard
            var hour: Int64

            init(shard: Int16, bot: String, hour: Int64) {
                self.bot = PairInShard(shard: shard, pair: Pair(userID: "", botName: bot))
                self.hour = hour
            }
        }
        var changes: [Key: BucketSums] = [:]
        for result in results {
            for (hour, sums) in result.contributions.buckets {
                let key = Key(shard: result.pair.shard, bot: result.pair.pair.botName, hour: hour)
                changes[key] = (changes[key] ?? BucketSums()) + sums
            }
        }
        let keys = changes.keys.sorted {
            ($0.bot.shard, $0.bot.pair, $0.hour) < ($1.bot.shard, $1.bot.pair, $1.hour)
        }
        let wanted = keys.map {
            StoredBucket(shard: $0.bot.shard, botName: $0.bot.pair.botName, hour: $0.hour)
        }
        for bucket in try store.buckets(&connection, at: wanted) {
            let key = Key(shard: bucket.shard, bot: bucket.botName, hour: bucket.hour)
            changes[key] = bucket.sums + (changes[key] ?? BucketSums())
        }
        return zip(keys, wanted).map { key, bucket in
            var bucket = bucket
            bucket.sums = changes[key] ?? BucketSums()
            return bucket
        }
    }

    /// Commits; when the server refuses the data, finds the pairs it refuses and commits the others.
    private func commit(
        _ connection: inout Connection, _ batch: Batch, results: inout [FoldedPair], failures: inout [PairFailure]
    ) throws {
        do {
            let write = try assemble(&connection, batch, results: results, failures: failures)
            try store.commit(&connection, write) { try failpoints.reach(.insideWrite) }
        } catch let error as PostgresError where error.isDataError {
            var refused: Set<PairInShard> = []
            for result in results {
                var alone = BatchWrite(shards: batch.shards, move: batch.move)
                alone.states = result.state.map { [$0] } ?? []
                alone.checkpoints = result.checkpoint.map { [$0] } ?? []
                alone.rows = result.row.map { [(result.pair.shard, $0)] } ?? []
                guard let refusal = try store.refusal(&connection, of: alone) else { continue }
                refused.insert(result.pair)
                failures.append(
                    failure(of: result.pair, reason: "write_refused", error: refusal.description))
            }
            // Not the pairs' fault: the same error again, for the cycle to report.
            if refused.isEmpty { throw error }
            results.removeAll { refused.contains($0.pair) }
            let write = try assemble(&connection, batch, results: results, failures: failures)
            try store.commit(&connection, write)
        }
    }
}
