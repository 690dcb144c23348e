import Model
import Postgres

/// Who holds which shards.
package struct LeaseStore: Sendable {
    package var identity: WorkerIdentity

    package init(identity: WorkerIdentity) { self.identity = identity }

    /// Says that this worker lives, and returns the others that do.
    package func beat(_ connection: inout Connection) throws -> [OtherWorker] {
        try connection.query(BeatHeart(identity: identity))
    }

    /// Prolongs everything that `beat` and `claim` began; brings back nothing that was given up meanwhile.
    package func keep(_ connection: inout Connection) throws {
        _ = try connection.run(KeepBeating(identity: identity))
        _ = try connection.query(RenewLeases(identity: identity))
    }

    /// Prolongs the leases of all shards held, and returns those.
    package func renew(_ connection: inout Connection) throws -> [Int16] {
        try connection.query(RenewLeases(identity: identity))
    }

    /// The shards held, as they stand.
    package func owned(_ connection: inout Connection) throws -> [ShardProgress] {
        try connection.query(LoadOwned(owner: identity.owner))
    }

    /// Takes up to a number of shards that nobody holds.
    ///
    /// The buckets of shards whose states are of another version or configuration are emptied with the same commit:
    /// they are filled again as their pairs are rebuilt.
    package func claim(_ connection: inout Connection, shardsMax: Int) throws -> [ShardProgress] {
        try connection.transaction(.readWrite) { connection in
            let claimed = try connection.query(ClaimShards(identity: identity, shardsMax: Int64(shardsMax)))
            let outdated = claimed.filter(\.isOutdated).map(\.progress.shard)
            if !outdated.isEmpty {
                _ = try connection.run(OutdateStates(shards: outdated, identity: identity))
                let bots = try connection.query(EmptyBuckets(shards: outdated))
                if !bots.isEmpty { _ = try connection.run(NoteBotChanges(botNames: bots)) }
            }
            return claimed.map(\.progress)
        }
    }

    /// Gives shards back.
    ///
    /// - Parameters:
    ///   - connection: the worker's.
    ///   - shards: nil for all that this worker holds, whether it knows of them or not.
    /// - Throws: `PostgresError`.
    package func release(_ connection: inout Connection, _ shards: [Int16]?) throws {
        _ = try connection.query(ReleaseShards(owner: identity.owner, shards: shards))
    }

    /// Says that this worker is gone.
    package func stop(_ connection: inout Connection) throws {
        _ = try connection.run(StopHeart(owner: identity.owner))
    }
}
