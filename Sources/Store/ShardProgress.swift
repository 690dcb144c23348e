import Bytes
import Model
import Postgres

/// How far one shard has come, as its owner holds it.
package struct ShardProgress: Equatable, Sendable {
    package var shard: Int16
    /// All that this snapshot sees is applied.
    package var lastSnapshot: Snapshot
    /// The window being worked off in several batches, if any.
    package var window: BacklogWindow?
    /// Grows with every takeover and commit; a writer that expects another value has lost the shard.
    package var generation: Int64
    package var epoch: Int32
    package var engineVersion: Int32
    package var configHash: String
    /// Whether pairs of an older version or configuration may be left.
    package var rebuildPending: Bool
    /// Owners in a row that died without a commit in between.
    package var uncleanTakeovers: Int32
    /// The pair that the last owner was computing when it died, when it recorded that.
    package var suspect: Pair?
}

/// A backlog taken at one snapshot and worked off in bounded batches.
package struct BacklogWindow: Equatable, Sendable {
    package var snapshot: Snapshot
    /// The database's time when the snapshot was taken; becomes `verified_at`.
    package var takenAt: Timestamp
    package var position: BacklogPosition

    package init(snapshot: Snapshot, takenAt: Timestamp, position: BacklogPosition = .start) {
        self.snapshot = snapshot
        self.takenAt = takenAt
        self.position = position
    }
}

/// Who claims, and what for.
package struct WorkerIdentity: Sendable {
    /// Random, made at process start.
    package var owner: UUID
    package var engineVersion: Int32
    package var configHash: String
    package var leaseSeconds: Double
    package var ttlSeconds: Double

    /// What two workers that live at the same time must agree on, for people to read.
    package var configuration: String { "\(configHash), ttl \(ttlSeconds) s" }

    package init(
        owner: UUID, engineVersion: Int32, configHash: String, leaseSeconds: Double, ttlSeconds: Double
    ) {
        self.owner = owner
        self.engineVersion = engineVersion
        self.configHash = configHash
        self.leaseSeconds = leaseSeconds
        self.ttlSeconds = ttlSeconds
    }
}

extension ShardProgress {
    /// The columns that a progress is read from, of a table or alias `p`.
    static let columns = """
        p.shard, p.last_snapshot, p.window_snapshot, p.window_at, p.position_bot, p.position_user, p.position_at,
        p.position_stream, p.position_id, p.generation, p.epoch, p.engine_version, p.config_hash, p.rebuild_pending,
        p.unclean_takeovers, p.suspect_bot, p.suspect_user
        """

    init(_ row: borrowing RowReader) throws(PostgresError) {
        var window: BacklogWindow?
        if let snapshot = try row.decode(2, as: Snapshot?.self) {
            let pair = Pair(
                userID: try row.decode(5, as: String?.self) ?? "", botName: try row.decode(4, as: String?.self) ?? "")
            let key = OrderKey(
                effectiveAt: try row.decode(6, as: Timestamp?.self) ?? .negativeInfinity,
                stream: UInt8(truncatingIfNeeded: try row.decode(7, as: Int16?.self) ?? 0),
                id: try row.decode(8, as: Int64?.self) ?? .min)
            window = BacklogWindow(
                snapshot: snapshot, takenAt: try row.decode(3, as: Timestamp.self),
                position: BacklogPosition(pair: pair, key: key))
        }
        var suspect: Pair?
        if let user = try row.decode(16, as: String?.self), let bot = try row.decode(15, as: String?.self) {
            suspect = Pair(userID: user, botName: bot)
        }
        self.init(
            shard: try row.decode(0, as: Int16.self), lastSnapshot: try row.decode(1, as: Snapshot.self),
            window: window, generation: try row.decode(9, as: Int64.self), epoch: try row.decode(10, as: Int32.self),
            engineVersion: try row.decode(11, as: Int32.self), configHash: try row.decode(12, as: String.self),
            rebuildPending: try row.decode(13, as: Bool.self),
            uncleanTakeovers: try row.decode(14, as: Int32.self), suspect: suspect)
    }
}

/// Moves shards on, if they are still held: the fence that every write of a worker passes.
///
/// Returns the shards that moved; fewer than asked for means that another worker took over, and the transaction must be
/// rolled back.
struct AdvanceShards: Statement {
    static let name = "advance_shards"
    static let sql = """
        with expected as (
            select * from unnest($1::smallint[], $2::bigint[]) as e (shard, generation)
        ), held as (
            -- In order, so that two workers never wait for each other.
            select p.shard from afterthought.shard_progress as p
            join expected as e on e.shard = p.shard and e.generation = p.generation
            where p.owner = $3 and p.epoch = $4
            order by p.shard
            for no key update of p
        )
        update afterthought.shard_progress as p
        set
            generation = p.generation + 1,
            lease_until = greatest(p.lease_until, now() + make_interval(secs => $5)),
            -- While pairs wait to be rebuilt, only a rebuild proves that they don't end their workers.
            unclean_takeovers = case when p.rebuild_pending and not $16 then p.unclean_takeovers else 0 end,
            suspect_bot = null,
            suspect_user = null,
            rebuild_pending = p.rebuild_pending and not $6,
            last_snapshot = coalesce($7, p.last_snapshot),
            verified_at = coalesce($8, p.verified_at),
            window_snapshot = $9,
            window_at = $10,
            position_bot = $11,
            position_user = $12,
            position_at = $13,
            position_stream = $14,
            position_id = $15
        from held
        where p.shard = held.shard
        returning p.shard
        """

    var shards: [ShardProgress]
    var identity: WorkerIdentity
    var move: ShardMove

    func bind(to parameters: inout Parameters) {
        parameters.append(shards.map(\.shard))
        parameters.append(shards.map(\.generation))
        parameters.append(identity.owner)
        parameters.append(shards.first?.epoch ?? 0)
        parameters.append(identity.leaseSeconds)
        parameters.append(move.finishesRebuild)
        parameters.append(move.finishedWindow?.snapshot)
        parameters.append(move.finishedWindow?.takenAt)
        parameters.append(move.openWindow?.snapshot)
        parameters.append(move.openWindow?.takenAt)
        parameters.append(move.openWindow?.position.pair.botName)
        parameters.append(move.openWindow?.position.pair.userID)
        parameters.append(move.openWindow?.position.key.effectiveAt)
        parameters.append(move.openWindow.map { Int16($0.position.key.stream) })
        parameters.append(move.openWindow?.position.key.id)
        parameters.append(move.isRebuild)
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int16 { try row.decode(0, as: Int16.self) }
}

/// What a commit does to the progress of its shards.
package struct ShardMove: Equatable, Sendable {
    /// The window that is fully applied with this commit.
    package var finishedWindow: BacklogWindow?
    /// The window that remains open after it.
    package var openWindow: BacklogWindow?
    /// Whether the commit rebuilds pairs of an older version.
    package var isRebuild = false
    /// Whether no pair of an older version is left.
    package var finishesRebuild = false

    package init(finishedWindow: BacklogWindow? = nil, openWindow: BacklogWindow? = nil, isRebuild: Bool = false) {
        self.finishedWindow = finishedWindow
        self.openWindow = openWindow
        self.isRebuild = isRebuild
    }

    package static func finish(_ window: BacklogWindow) -> ShardMove { ShardMove(finishedWindow: window) }
    package static func keepOpen(_ window: BacklogWindow) -> ShardMove { ShardMove(openWindow: window) }

    /// The progress after the commit.
    package func applied(to progress: ShardProgress) -> ShardProgress {
        var next = progress
        next.generation += 1
        if isRebuild || !progress.rebuildPending { next.uncleanTakeovers = 0 }
        next.suspect = nil
        next.window = openWindow
        if let finishedWindow { next.lastSnapshot = finishedWindow.snapshot }
        if finishesRebuild { next.rebuildPending = false }
        return next
    }
}

/// Records the pair about to be computed where that may end the process, or that it was computed.
struct NoteSuspect: Statement {
    static let name = "note_suspect"
    static let sql = """
        update afterthought.shard_progress set suspect_bot = $3, suspect_user = $4
        where shard = $1 and owner = $2
        returning shard
        """

    var shard: Int16
    var owner: UUID
    /// Nil: none.
    var pair: Pair?

    func bind(to parameters: inout Parameters) {
        parameters.append(shard)
        parameters.append(owner)
        parameters.append(pair?.botName)
        parameters.append(pair?.userID)
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int16 { try row.decode(0, as: Int16.self) }
}
