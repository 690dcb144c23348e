import Bytes
import Model
import Postgres
import Store

/// What a lane did to one shard.
struct ShardStep: Sendable {
    var move: ShardMove
    var report: BatchReport
}

extension BatchProcessor {
    /// Works off the next page of a shard's open window.
    func processPage(_ connection: inout Connection, of shard: ShardProgress, rowsMax: Int) throws -> ShardStep {
        guard var window = shard.window else { preconditionFailure("expected an open window in shard \(shard.shard)") }
        let request = PageRequest(
            shard: shard.shard, last: shard.lastSnapshot, window: window.snapshot, position: window.position,
            floors: source.floors, rowsMax: Int64(rowsMax))
        let rows = try source.page(&connection, request: request)
        var move = ShardMove.finish(window)
        if rows.count >= rowsMax, let last = rows.last {
            window.position = BacklogPosition(pair: last.pair, key: last.key)
            move = .keepOpen(window)
        }
        var batch = Batch(shards: [shard], window: window.snapshot, move: move, rows: rows)
        batch.isolate(try store.quarantine(&connection, of: [shard.shard]))
        return ShardStep(move: move, report: try process(&connection, batch))
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
        return ShardStep(move: move, report: try process(&connection, batch))
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

    /// Cuts the batch by shards into about equal parts, one for each lane; small ones stay whole.
    func split(into lanes: Int) -> [Batch] {
        let careful = shards.filter { $0.uncleanTakeovers >= BatchProcessor.uncleanTakeoversMax }
        if lanes == 1 && careful.isEmpty || rows.count < Self.splitRowsMin && careful.isEmpty { return [self] }
        var counts: [Int16: Int] = [:]
        for row in rows { counts[row.shard, default: 0] += 1 }
        var parts: [[ShardProgress]] = careful.map { [$0] }
        let shared = shards.filter { $0.uncleanTakeovers < BatchProcessor.uncleanTakeoversMax }
        let target = rows.count / lanes + 1
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
