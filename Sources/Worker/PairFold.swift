import Bytes
import Engines
import Model
import Store

/// Why one pair can't be processed; it never names content.
package struct PairError: Error, Sendable, CustomStringConvertible {
    package var reason: String
    package var description: String

    package init(reason: String, description: String) {
        self.reason = reason
        self.description = description
    }
}

/// What to do about a pair, given what is stored of it and what is new.
enum PairPlan: Equatable {
    /// Everything that came is in the state already.
    case nothing
    /// The new rows follow the newest applied one.
    case fold
    /// A row came late: replay from the checkpoint if it lies before this key, else from the start.
    case replay(earliest: OrderKey)
    /// Rebuild from the start: the history changed, or the state is of another version or configuration.
    case rebuild
}

/// What a fold made of a pair.
struct FoldedPair {
    var pair: PairInShard
    /// Nil: the pair has no input left.
    var state: StoredState?
    var checkpoint: StoredState?
    /// Whether a stored checkpoint no longer holds.
    var dropsCheckpoint = false
    var row: StrategicRow?
    /// Rows that were read again to rebuild it.
    var rowsReread = 0
    /// What its bot's buckets have to be changed by.
    var contributions = BotContributions()
}

/// Folds rows into a pair's state: all decisions about order, replay and checkpoints, without a database.
struct PairFold {
    var analyzer: TextAnalyzer
    var identity: WorkerIdentity

    /// Whether a stored state can be continued.
    func isCurrent(_ stored: StoredState) -> Bool {
        stored.engineVersion == identity.engineVersion && stored.configHash == identity.configHash
    }

    /// Decides what to do; drops the rows that the state has already.
    ///
    /// - Parameters:
    ///   - stored: the pair's state, if it has one.
    ///   - rows: the pair's new rows in any order; returned in order, without those that a rebuild took in already.
    ///   - isForced: whether the pair is to be rebuilt whatever its rows say.
    /// - Returns: the plan.
    func plan(stored: StoredState?, rows: inout [ScannedRow], isForced: Bool) -> PairPlan {
        if let snapshot = stored?.rebuiltSnapshot { rows.removeAll { snapshot.sees($0.transaction) } }
        let isChanged = rows.contains { $0.event == nil }
        rows.removeAll { $0.event == nil }
        rows.sort { $0.key < $1.key }
        if isForced || isChanged { return .rebuild }
        guard let first = rows.first else { return .nothing }
        guard let stored else { return .fold }
        guard isCurrent(stored) else { return .rebuild }
        return stored.lastKey < first.key ? .fold : .replay(earliest: first.key)
    }

    /// Continues a fold over rows in order, keeping the newest checkpoint on the way.
    ///
    /// - Parameters:
    ///   - state: where to continue from.
    ///   - rows: in order, all after `state.lastKey`.
    ///   - pair: whose they are.
    ///   - checkpoint: replaced when a session starts within the rows.
    ///   - timer: measures some of the rows.
    /// - Throws: `PairError` when the state outgrows its limit.
    func run(
        _ state: inout PairState, over rows: [InputRow], of pair: PairInShard, checkpoint: inout StoredState?,
        timer: inout BatchTimer
    ) throws {
        let keep = state.checkpointIndex(before: rows)
        for (index, row) in rows.enumerated() {
            if index == keep { checkpoint = state.rowsApplied > 0 ? try stored(state, of: pair, rebuilt: nil) : nil }
            timer.apply(row, to: &state, analyzer: analyzer)
        }
    }

    /// The stored form of a state.
    ///
    /// - Throws: `PairError` when it is larger than a state may be.
    func stored(_ state: PairState, of pair: PairInShard, rebuilt: Snapshot?) throws -> StoredState {
        let bytes = state.encoded()
        guard bytes.count <= Limits.stateBytesMax else {
            throw PairError(
                reason: "state_too_large",
                description: "expected an engine state of at most \(Limits.stateBytesMax) bytes, got: \(bytes.count)")
        }
        return StoredState(
            shard: pair.shard, pair: pair.pair, engineVersion: identity.engineVersion,
            configHash: identity.configHash, rowsApplied: state.rowsApplied, lastKey: state.lastKey,
            rebuiltSnapshot: rebuilt, bytes: bytes)
    }
}
