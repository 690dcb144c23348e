import Bytes
import Model
import Postgres
import Store

/// How many shards a worker should hold, and what to do about it.
struct ShardShare: Equatable {
    /// Shards to give back.
    var surplus: Int
    /// Shards to claim if they are free.
    var wanted: Int

    /// An even share each, rounded up, so that no shard is left over.
    init(held: Int, otherWorkers: Int, shards: Int = 64) {
        let share = (shards + otherWorkers) / (otherWorkers + 1)
        surplus = max(0, held - share)
        wanted = max(0, share - held)
    }
}

extension Worker {
    /// Makes sure of the database and of the shards held; cheap when nothing changed.
    func ensureOwnership() async throws {
        let now = ContinuousClock.now
        guard mustReload || progress.isEmpty || now >= nextOwnershipCheck else { return }
        let leases = LeaseStore(identity: identity)
        let mustReload = mustReload || source == nil
        let held = progress
        let schemaVersionMax = failpoints.schemaVersionMax
        let checked = try await scanner.withConnection { connection in
            if mustReload { try Self.checkSchema(&connection, versionMax: schemaVersionMax) }
            return try Self.checkOwnership(&connection, leases: leases, held: held, reload: mustReload)
        }
        if let identity = checked.identity {
            do { try identity.check() } catch {
                if error.mayPass { throw error }
                throw WorkerRefusal.scan(error)
            }
            source = SnapshotDiff(floors: identity.floors)
            notificationKey = identity.notificationKey
            epoch = identity.epoch
        } else if checked.progress.values.contains(where: { $0.epoch != epoch }) {
            // Reconciled meanwhile: the floors are others by now.
            self.mustReload = true
            return try await ensureOwnership()
        }
        let before = progress.count
        progress = checked.progress
        if checked.claimed > 0 {
            log(.claimed(shards: checked.claimed, held: progress.count, otherWorkers: checked.otherWorkers))
        }
        if progress.count < before { log(.lost(shards: before - progress.count)) }
        self.mustReload = false
        nextOwnershipCheck = now + .seconds(configuration.leaseSeconds / 3)
    }

    struct Ownership: Sendable {
        var identity: ClusterIdentity?
        var progress: [Int16: ShardProgress]
        var claimed = 0
        var otherWorkers = 0
    }

    private static func checkOwnership(
        _ connection: inout Connection, leases: LeaseStore, held: [Int16: ShardProgress], reload: Bool
    ) throws -> Ownership {
        var result = Ownership(progress: held)
        if reload {
            guard let identity = try connection.first(LoadClusterIdentityRow()) else {
                throw WorkerRefusal(
                    description: "expected a row in afterthought.cluster_identity, got none",
                    hint: "run `afterthought doctor`")
            }
            // Checked by the caller, before anything is claimed.
            if (try? identity.check()) == nil { return Ownership(identity: identity, progress: [:]) }
            result.identity = identity
        }
        let others = try leases.beat(&connection)
        do { try checkOthers(others, against: leases.identity) } catch {
            try leases.stop(&connection)
            throw error
        }
        result.otherWorkers = others.count
        if reload {
            result.progress = [:]
            for shard in try leases.owned(&connection) { result.progress[shard.shard] = shard }
        } else {
            let renewed = Set(try leases.renew(&connection))
            result.progress = held.filter { renewed.contains($0.key) }
        }
        let share = ShardShare(held: result.progress.count, otherWorkers: others.count)
        if share.surplus > 0 {
            // A shard with an open window is nearer its end here than with somebody else.
            let order = result.progress.values.sorted {
                ($0.window == nil ? 0 : 1, $0.shard) < ($1.window == nil ? 0 : 1, $1.shard)
            }
            let surplus = order.prefix(share.surplus).map(\.shard)
            try leases.release(&connection, surplus)
            for shard in surplus { result.progress[shard] = nil }
        } else if share.wanted > 0 {
            let claimed = try leases.claim(&connection, shardsMax: share.wanted)
            result.claimed = claimed.count
            for shard in claimed { result.progress[shard.shard] = shard }
        }
        return result
    }

    /// Stops before a schema that can't be worked with; one that is only not migrated yet may be, any moment.
    private static func checkSchema(_ connection: inout Connection, versionMax: Int?) throws {
        let known = Migration.all.filter { $0.version <= versionMax ?? .max }
        let status = try Migrator.status(&connection, known)
        guard let problem = status.problem else { return }
        if status.obstacle == problem { throw WorkerRefusal(description: problem.message, hint: problem.hint) }
        throw problem
    }

    private static func checkOthers(_ others: [OtherWorker], against identity: WorkerIdentity) throws {
        for other in others {
            if other.engineVersion > identity.engineVersion {
                throw WorkerRefusal.newerWorker(own: identity.engineVersion, other: other.engineVersion)
            }
            // Only the younger one gives way, or one started by mistake would stop those that work.
            if other.engineVersion == identity.engineVersion, other.isElder,
                other.configuration != identity.configuration
            {
                throw WorkerRefusal.otherConfiguration(own: identity.configuration, other: other.configuration)
            }
        }
    }
}
