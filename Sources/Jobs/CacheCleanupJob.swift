import Bytes
import Postgres
import Store

/// `cache_cleanup`: drops the cache rows of pairs that were idle for `CACHE_RETENTION_DAYS`, a shard at a time.
///
/// A reader then finds no row, and falls back, as for a pair it never saw. The pair's state is kept: when it speaks
/// again, its row is what it would have been. `afterthought refresh USER BOT` brings a row back sooner.
package struct CacheCleanupJob: Job {
    package let name = "cache_cleanup"
    /// Pairs whose rows are dropped while the shard is locked.
    package static let batchPairsMax = 500
    private let batchPairsMax: Int

    package init(batchPairsMax: Int = CacheCleanupJob.batchPairsMax) { self.batchPairsMax = batchPairsMax }

    package func run(_ run: inout JobRun, _ connection: inout Connection) throws {
        let days = Int64(run.settings.integer("CACHE_RETENTION_DAYS"))
        while true {
            let from = Int16(truncatingIfNeeded: run.cursor.int64 ?? 0)
            let next = NextShardWithIdlePairs(from: from, at: run.dueAt, retentionDays: days)
            guard let shard = try connection.first(next) else { return }
            try run.commit(&connection) { run, connection in
                // Statements after this one see what the shard's worker committed last, and it commits nothing
                // meanwhile.
                try connection.run(LockShard(shard: shard))
                let drop = DropIdlePairs(
                    shard: shard, at: run.dueAt, retentionDays: days, pairsMax: Int64(batchPairsMax))
                guard let dropped = try connection.first(drop) else { return }
                run.tally.usersProcessed += Int(dropped.pairs)
                run.tally.recordsProcessed += Int(dropped.rows)
                run.tally.add(Int(dropped.checkpoints), to: "checkpoints")
                let isShardDone = dropped.pairs < Int64(batchPairsMax)
                run.cursor = .number(JSONNumber(Int64(shard) + (isShardDone ? 1 : 0)))
            }
        }
    }
}
