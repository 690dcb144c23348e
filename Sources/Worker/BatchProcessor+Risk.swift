import Bytes
import Engines
import Model
import Postgres
import Store
import Synchronization

/// Lets one lane at a time compute a pair that may end the process.
///
/// Otherwise the pairs that other lanes had on record at that moment would be blamed with it. Lanes are threads of
/// their own, which may wait.
final class RiskyPairLock: Sendable {
    let lock = Mutex<Void>(())
}

extension BatchProcessor {
    /// Computes one pair; one that may end the process is on record while it is computed, and is the only such one.
    func attempt(
        _ connection: inout Connection, _ work: Work, in batch: Batch, history: [ScannedRow]?,
        timer: inout BatchTimer
    ) throws -> Result<FoldedPair, PairError> {
        guard isRisky(work.pair, in: batch) else {
            return try outcome(&connection, work, in: batch, history: history, timer: &timer)
        }
        return try riskyOneAtATime.lock.withLock { _ in
            try store.noteSuspect(&connection, work.pair)
            let result = try outcome(&connection, work, in: batch, history: history, timer: &timer)
            try store.clearSuspect(&connection, of: work.pair.shard)
            return result
        }
    }

    private func outcome(
        _ connection: inout Connection, _ work: Work, in batch: Batch, history: [ScannedRow]?,
        timer: inout BatchTimer
    ) throws -> Result<FoldedPair, PairError> {
        do {
            try failpoints.reach(.pair(work.pair.pair))
            return .success(try compute(&connection, work, history: history, window: batch.window, timer: &timer))
        } catch let error as PairError {
            return .failure(error)
        } catch let error as StateError {
            if batch.quarantined.contains(work.pair) {
                try startOver(&connection, batch.shards.first { $0.shard == work.pair.shard })
            }
            return .failure(PairError(reason: "state_unreadable", description: error.description))
        }
    }

    /// From this many owners on that died without a commit in between, the pair at hand is recorded before it is
    /// computed.
    static let uncleanTakeoversMax = 3

    /// Whether computing a pair may end the process: its shard's owners keep dying, or it failed before.
    private func isRisky(_ pair: PairInShard, in batch: Batch) -> Bool {
        if batch.quarantined.contains(pair) { return true }
        return batch.shards.count == 1 && batch.shards[0].uncleanTakeovers >= Self.uncleanTakeoversMax
    }

    /// A state that stays unreadable takes what its pair gave to its bot's buckets with it: the shard's are made anew.
    private func startOver(_ connection: inout Connection, _ shard: ShardProgress?) throws {
        guard let shard else { return }
        try store.startOver(&connection, shard)
        throw ShardStartedOver(shard: shard.shard)
    }
}
