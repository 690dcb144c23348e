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

/// Another worker that lives.
package struct OtherWorker: Sendable {
    package var owner: UUID
    package var engineVersion: Int32
    package var configuration: String
}

/// Takes up to a number of shards that nobody holds; the order is the shards', locked ones are passed over.
///
/// A shard whose owner's lease ran out counts an unclean takeover. A shard of another version or configuration starts over:
/// its buckets are emptied by the caller in the same transaction.
struct ClaimShards: Statement {
    static let name = "claim_shards"
    static let sql = """
        with free as (
            select shard from afterthought.shard_progress
            where owner is null or lease_until < now()
            order by shard
            limit $3
            for update skip locked
        )
        update afterthought.shard_progress as p
        set
            owner = $1,
            lease_until = now() + make_interval(secs => $2),
            generation = p.generation + 1,
            unclean_takeovers = case when p.owner is null then 0 else p.unclean_takeovers + 1 end,
            ttl = make_interval(secs => $4),
            rebuild_pending = p.rebuild_pending or p.engine_version <> $5 or p.config_hash <> $6,
            engine_version = $5,
            config_hash = $6
        from free
        join afterthought.shard_progress as before using (shard)
        where p.shard = free.shard
        returning
            \(ShardProgress.columns),
            before.engine_version <> $5 or before.config_hash <> $6 as is_outdated
        """

    var identity: WorkerIdentity
    var shardsMax: Int64

    func bind(to parameters: inout Parameters) {
        parameters.append(identity.owner)
        parameters.append(identity.leaseSeconds)
        parameters.append(shardsMax)
        parameters.append(identity.ttlSeconds)
        parameters.append(identity.engineVersion)
        parameters.append(identity.configHash)
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> (progress: ShardProgress, isOutdated: Bool) {
        (try ShardProgress(row), try row.decode(17, as: Bool.self))
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

/// The shards that a worker holds, as they stand.
struct LoadOwned: Statement {
    static let name = "load_owned"
    static let sql = """
        select \(ShardProgress.columns) from afterthought.shard_progress as p where p.owner = $1 order by p.shard
        """

    var owner: UUID

    func bind(to parameters: inout Parameters) { parameters.append(owner) }
    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> ShardProgress { try ShardProgress(row) }
}

/// Makes sure that shards are still held, until the transaction's end; fewer rows than asked for means that they are not.
struct HoldShards: Statement {
    static let name = "hold_shards"
    static let sql = """
        select shard from afterthought.shard_progress
        where shard = any($1) and owner = $2 and epoch = $3
        order by shard
        for share
        """

    var shards: [Int16]
    var owner: UUID
    var epoch: Int32

    func bind(to parameters: inout Parameters) {
        parameters.append(shards)
        parameters.append(owner)
        parameters.append(epoch)
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int16 { try row.decode(0, as: Int16.self) }
}

/// Empties the buckets of shards whose states are of another version: they are filled again as pairs are rebuilt.
struct EmptyBuckets: Statement {
    static let name = "empty_buckets"
    static let sql = "delete from afterthought.bot_buckets where shard = any($1) returning bot_name"

    var shards: [Int16]

    func bind(to parameters: inout Parameters) { parameters.append(shards) }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> String {
        try row.decode(0, as: String.self)
    }
}

/// Gives shards back: at a graceful stop, or to share evenly with other workers.
struct ReleaseShards: Statement {
    static let name = "release_shards"
    static let sql = """
        update afterthought.shard_progress
        set owner = null, lease_until = null, unclean_takeovers = 0, suspect_bot = null, suspect_user = null
        where owner = $1 and shard = any($2)
        returning shard
        """

    var owner: UUID
    var shards: [Int16]

    func bind(to parameters: inout Parameters) {
        parameters.append(owner)
        parameters.append(shards)
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int16 { try row.decode(0, as: Int16.self) }
}

/// Prolongs the leases of all shards held, and tells which those are.
struct RenewLeases: Statement {
    static let name = "renew_leases"
    static let sql = """
        update afterthought.shard_progress
        set lease_until = now() + make_interval(secs => $2)
        where owner = $1
        returning shard
        """

    var identity: WorkerIdentity

    func bind(to parameters: inout Parameters) {
        parameters.append(identity.owner)
        parameters.append(identity.leaseSeconds)
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int16 { try row.decode(0, as: Int16.self) }
}

/// Says that this worker lives, drops those whose lease ended long ago, and counts the living.
struct BeatHeart: Statement {
    static let name = "beat_heart"
    static let sql = """
        with gone as (
            delete from afterthought.worker_leases where lease_until < now() - interval '1 hour'
        ), own as (
            insert into afterthought.worker_leases (owner, configuration, engine_version, config_hash, lease_until)
            values ($1, $2, $3, $4, now() + make_interval(secs => $5))
            on conflict (owner) do update set lease_until = excluded.lease_until
        )
        select owner, engine_version, configuration from afterthought.worker_leases
        where lease_until >= now() and owner <> $1
        """

    var identity: WorkerIdentity

    func bind(to parameters: inout Parameters) {
        parameters.append(identity.owner)
        parameters.append(identity.configuration)
        parameters.append(identity.engineVersion)
        parameters.append(identity.configHash)
        parameters.append(identity.leaseSeconds)
    }


    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> OtherWorker {
        OtherWorker(
            owner: try row.decode(0, as: UUID.self), engineVersion: try row.decode(1, as: Int32.self),
            configuration: try row.decode(2, as: String.self))
    }
}

/// Says that this worker is gone.
struct StopHeart: Statement {
    static let name = "stop_heart"
    static let sql = "delete from afterthought.worker_leases where owner = $1"

    var owner: UUID

    func bind(to parameters: inout Parameters) { parameters.append(owner) }
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
            unclean_takeovers = 0,
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
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int16 { try row.decode(0, as: Int16.self) }
}

/// What a commit does to the progress of its shards.
package struct ShardMove: Equatable, Sendable {
    /// The window that is fully applied with this commit.
    package var finishedWindow: BacklogWindow?
    /// The window that remains open after it.
    package var openWindow: BacklogWindow?
    /// Whether no pair of an older version is left.
    package var finishesRebuild = false

    package init(
        finishedWindow: BacklogWindow? = nil, openWindow: BacklogWindow? = nil, finishesRebuild: Bool = false
    ) {
        self.finishedWindow = finishedWindow
        self.openWindow = openWindow
        self.finishesRebuild = finishesRebuild
    }

    package static func finish(_ window: BacklogWindow) -> ShardMove { ShardMove(finishedWindow: window) }
    package static func keepOpen(_ window: BacklogWindow) -> ShardMove { ShardMove(openWindow: window) }

    /// The progress after the commit.
    package func applied(to progress: ShardProgress) -> ShardProgress {
        var next = progress
        next.generation += 1
        next.uncleanTakeovers = 0
        next.suspect = nil
        next.window = openWindow
        if let finishedWindow { next.lastSnapshot = finishedWindow.snapshot }
        if finishesRebuild { next.rebuildPending = false }
        return next
    }
}

/// Records the pair about to be computed, in a shard whose owners keep dying.
struct NoteSuspect: Statement {
    static let name = "note_suspect"
    static let sql = """
        update afterthought.shard_progress set suspect_bot = $3, suspect_user = $4
        where shard = $1 and owner = $2
        returning shard
        """

    var shard: Int16
    var owner: UUID
    var pair: Pair

    func bind(to parameters: inout Parameters) {
        parameters.append(shard)
        parameters.append(owner)
        parameters.append(pair.botName)
        parameters.append(pair.userID)
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int16 { try row.decode(0, as: Int16.self) }
}
