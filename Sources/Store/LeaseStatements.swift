import Bytes
import Model
import Postgres

/// Another worker that lives.
package struct OtherWorker: Sendable {
    package var owner: UUID
    package var engineVersion: Int32
    package var configuration: String
    /// Whether it started before this one.
    package var isElder: Bool
}

/// Takes up to a number of shards that nobody holds; the order is the shards', locked ones are passed over.
///
/// A shard whose owner's lease ran out counts an unclean takeover. A shard of another version or configuration starts
/// over: its buckets are emptied by the caller in the same transaction.
struct ClaimShards: Statement {
    static let name = "claim_shards"
    static let sql = """
        with free as (
            -- As they are when they are locked; what the statement's snapshot shows may be older by then.
            select shard, engine_version <> $5 or config_hash <> $6 as is_outdated
            from afterthought.shard_progress
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
            rebuild_pending = p.rebuild_pending or free.is_outdated,
            engine_version = $5,
            config_hash = $6
        from free
        where p.shard = free.shard
        returning \(ShardProgress.columns), free.is_outdated
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

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> (progress: ShardProgress, isOutdated: Bool)
    {
        (try ShardProgress(row), try row.decode(17, as: Bool.self))
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

/// Makes sure that shards are still held, until the transaction's end; fewer rows than asked for means that they are
/// not.
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
        where owner = $1 and ($2::smallint[] is null or shard = any($2))
        returning shard
        """

    var owner: UUID
    /// Nil: all.
    var shards: [Int16]?

    func bind(to parameters: inout Parameters) {
        parameters.append(owner)
        parameters.append(shards)
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int16 { try row.decode(0, as: Int16.self) }
}

/// Prolongs the leases of the shards held that have less than half of it left, and tells which shards are held.
///
/// Commits prolong leases too: while cycles go on there is nothing to do here, and no row is written for it.
/// Shards that a commit of this worker has locked are passed over: the commit prolongs them itself, and waiting for one
/// lane while holding what another waits for would be a deadlock.
struct RenewLeases: Statement {
    static let name = "renew_leases"
    static let sql = """
        with renewed as (
            select shard from afterthought.shard_progress
            where owner = $1 and lease_until < now() + make_interval(secs => $2 / 2)
            for no key update skip locked
        ), prolonged as (
            update afterthought.shard_progress as p
            set lease_until = now() + make_interval(secs => $2)
            from renewed
            where p.shard = renewed.shard
        )
        select shard from afterthought.shard_progress where owner = $1
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
        select
            other.owner, other.engine_version, other.configuration,
            (other.started_at, other.owner) < (
                coalesce((select mine.started_at from afterthought.worker_leases as mine where mine.owner = $1), now()),
                $1)
        from afterthought.worker_leases as other
        where other.lease_until >= now() and other.owner <> $1
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
            configuration: try row.decode(2, as: String.self), isElder: try row.decode(3, as: Bool.self))
    }
}

/// Says that this worker is gone.
struct StopHeart: Statement {
    static let name = "stop_heart"
    static let sql = "delete from afterthought.worker_leases where owner = $1"

    var owner: UUID

    func bind(to parameters: inout Parameters) { parameters.append(owner) }
}

/// Marks the states of the version and configuration at hand in shards that come from another one.
///
/// Their share in the buckets went with the others', so they have to be rebuilt like all others.
struct OutdateStates: Statement {
    static let name = "outdate_states"
    static let sql = """
        update afterthought.engine_state set engine_version = 0
        where shard = any($1) and engine_version = $2 and config_hash = $3
        """

    var shards: [Int16]
    var identity: WorkerIdentity

    func bind(to parameters: inout Parameters) {
        parameters.append(shards)
        parameters.append(identity.engineVersion)
        parameters.append(identity.configHash)
    }
}

/// Marks a shard as holding pairs to rebuild, if it still stands as expected.
struct RebuildShard: Statement {
    static let name = "rebuild_shard"
    static let sql = """
        update afterthought.shard_progress set rebuild_pending = true, generation = generation + 1
        where shard = $1 and owner = $2 and generation = $3 and epoch = $4
        returning shard
        """

    var shard: ShardProgress
    var owner: UUID

    func bind(to parameters: inout Parameters) {
        parameters.append(shard.shard)
        parameters.append(owner)
        parameters.append(shard.generation)
        parameters.append(shard.epoch)
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int16 { try row.decode(0, as: Int16.self) }
}

/// Says that this worker still lives, unless it said that it is gone.
struct KeepBeating: Statement {
    static let name = "keep_beating"
    static let sql = """
        update afterthought.worker_leases set lease_until = now() + make_interval(secs => $2) where owner = $1
        """

    var identity: WorkerIdentity

    func bind(to parameters: inout Parameters) {
        parameters.append(identity.owner)
        parameters.append(identity.leaseSeconds)
    }
}
