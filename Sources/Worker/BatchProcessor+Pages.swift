import Bytes
import Model
import Postgres
import Store

/// What a lane did to one shard.
struct ShardStep: Sendable {
    /// The shard as it stands afterwards.
    var progress: ShardProgress
    var report: BatchReport
}

extension BatchProcessor {
    /// Pairs that one commit of a backlog takes at most: what is computed of them is in memory until then.
    static let commitPairsMax = 250

    /// Works off the next page of a shard's open window, in several commits when it holds many pairs.
    func processPage(_ connection: inout Connection, of shard: ShardProgress, rowsMax: Int) throws -> ShardStep {
        guard let window = shard.window else { preconditionFailure("expected an open window in shard \(shard.shard)") }
        let request = PageRequest(
            shard: shard.shard, last: shard.lastSnapshot, window: window.snapshot, position: window.position,
            floors: source.floors, rowsMax: Int64(rowsMax))
        let rows = try source.page(&connection, request: request)
        var step = ShardStep(progress: shard, report: BatchReport())
        var rest = rows[...]
        repeat {
            let part = rest.prefix(Self.length(of: rest, pairsMax: Self.commitPairsMax))
            rest = rest[part.endIndex...]
            var move = ShardMove.finish(window)
            if let last = part.last, !rest.isEmpty || rows.count >= rowsMax {
                var open = window
                open.position = BacklogPosition(pair: last.pair, key: last.key)
                move = .keepOpen(open)
            }
            var batch = Batch(shards: [step.progress], window: window.snapshot, move: move, rows: Array(part))
            batch.isolate(try store.quarantine(&connection, of: [shard.shard]))
            step.report.add(try process(&connection, batch))
            step.progress = move.applied(to: step.progress)
        } while !rest.isEmpty
        return step
    }

    /// How many of the rows, which come in runs of one pair, belong to so many pairs.
    private static func length(of rows: ArraySlice<ScannedRow>, pairsMax: Int) -> Int {
        var pairs = 0
        for index in rows.indices where index == rows.startIndex || rows[index].pair != rows[index - 1].pair {
            pairs += 1
            if pairs > pairsMax { return index - rows.startIndex }
        }
        return rows.count
    }

    /// Rebuilds some outdated pairs of a shard as of its watermark.
    func rebuildOutdated(_ connection: inout Connection, of shard: ShardProgress, pairsMax: Int) throws -> ShardStep {
        var move = ShardMove(isRebuild: true)
        let quarantine = try store.quarantine(&connection, of: [shard.shard])
        let waiting = Set(quarantine.map(\.pair))
        // Those in quarantine come back by their own retries.
        let outdated = try store.outdatedPairs(&connection, of: shard.shard, pairsMax: pairsMax + waiting.count)
            .filter { !waiting.contains($0.pair) }
        move.finishesRebuild = outdated.isEmpty
        var batch = Batch(shards: [shard], window: shard.lastSnapshot, move: move)
        batch.forced = Set(outdated.map { PairInShard(shard: shard.shard, pair: $0.pair) })
        batch.isolate(quarantine.filter { !$0.isDue })
        return ShardStep(progress: move.applied(to: shard), report: try process(&connection, batch))
    }
}

extension Batch {
    /// Leaves out the pairs in quarantine, brings back those whose next try is due, and adds the pair that a dead owner
    /// was computing.
    mutating func isolate(_ quarantine: [QuarantinedPair]) {
        for entry in quarantine {
            let pair = PairInShard(shard: entry.shard, pair: entry.pair)
            quarantined.insert(pair)
            if entry.isDue { forced.insert(pair) } else { skipped.insert(pair) }
        }
        // Asked for by hand: tried again at once.
        for row in rows where row.event == nil {
            let pair = PairInShard(shard: row.shard, pair: row.pair)
            if skipped.remove(pair) != nil { forced.insert(pair) }
        }
        for shard in shards {
            guard let suspect = shard.suspect else { continue }
            let pair = PairInShard(shard: shard.shard, pair: suspect)
            forced.remove(pair)
            skipped.insert(pair)
            failures.append(
                PairFailure(
                    shard: shard.shard, pair: suspect, reason: "worker_died",
                    error: "the worker ended while it computed this pair"))
        }
    }

    /// Cuts the batch by shards into about equal parts, one or more for each lane; small ones stay whole.
    func split(into lanes: Int) -> [Batch] {
        let careful = shards.filter { $0.uncleanTakeovers >= BatchProcessor.uncleanTakeoversMax }
        if lanes == 1 && careful.isEmpty || rows.count < Self.splitRowsMin && careful.isEmpty { return [self] }
        var counts: [Int16: Int] = [:]
        for row in rows { counts[row.shard, default: 0] += 1 }
        var parts: [[ShardProgress]] = careful.map { [$0] }
        let shared = shards.filter { $0.uncleanTakeovers < BatchProcessor.uncleanTakeoversMax }
        let target = min(rows.count / lanes + 1, Self.partRowsMax)
        var current: [ShardProgress] = []
        var size = 0
        for shard in shared {
            current.append(shard)
            size += counts[shard.shard] ?? 0
            if size >= target {
                parts.append(current)
                current = []
                size = 0
            }
        }
        if !current.isEmpty { parts.append(current) }
        return parts.map { part(of: $0) }
    }

    /// Below this many rows a second lane gains less than its commit costs.
    static let splitRowsMin = 500

    /// From this many rows on a part is a commit: each may be of another pair, and all are in memory until then.
    static let partRowsMax = 1000

    private func part(of shards: [ShardProgress]) -> Batch {
        let ids = Set(shards.map(\.shard))
        var part = self
        part.shards = shards
        part.rows = rows.filter { ids.contains($0.shard) }
        part.forced = forced.filter { ids.contains($0.shard) }
        part.skipped = skipped.filter { ids.contains($0.shard) }
        part.quarantined = quarantined.filter { ids.contains($0.shard) }
        part.answered = answered.filter { ids.contains($0.shard) }
        part.failures = failures.filter { ids.contains($0.shard) }
        return part
    }
}
