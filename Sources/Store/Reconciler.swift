import Bytes
import Model
import Postgres

/// What reconciling did.
package struct ReconcileReport: Sendable {
    package var epoch: Int32
    package var systemIdentifier: Int64
    /// Pairs that will be rebuilt from their history.
    package var pairs: Int
    /// The highest id of each stream that is read by id alone from now on.
    package var floors: [(stream: String, floor: Int64)]
}

/// Makes a database usable again whose transaction ids belong to another cluster: one restored from a dump.
///
/// In one transaction that holds off writers for a moment: everything there is gets a floor (rows up to it are history
/// whatever their transaction id says), the watermarks start at the present snapshot, and every pair with input is
/// asked to be rebuilt. Nothing is lost, because a rebuild reads all rows up to the floor; nothing is applied twice,
/// because scans leave them out.
package enum Reconciler {
    /// Reconciles whatever the state is; the worker says when it is needed.
    ///
    /// - Parameters:
    ///   - connection: a session of the schema's owner.
    ///   - lockTimeoutMilliseconds: how long to wait for transactions that write, while others wait behind.
    /// - Returns: what was done.
    /// - Throws: `ScanRefusal` on a standby, `PostgresError` otherwise.
    package static func reconcile(
        _ connection: inout Connection, lockTimeoutMilliseconds: Int = 10_000
    ) throws -> ReconcileReport {
        if let identity = try connection.first(LoadClusterIdentityRow()) {
            if identity.isInRecovery { throw ScanRefusal.standby }
            if identity.isReadOnly { throw ScanRefusal.readOnly }
        }
        return try connection.transaction(.readWrite) { connection in
            try holdOffWriters(&connection, lockTimeoutMilliseconds: lockTimeoutMilliseconds)
            // Taken before this transaction gets an id, so that its own requests lie after it.
            guard let now = try connection.first(TakeSnapshot()) else {
                throw PostgresError(.decoding, "expected a snapshot, got no row")
            }
            for table in StreamFloors.tables {
                try connection.execute(
                    """
                    update afterthought.stream_floors
                    set floor_id = greatest(floor_id, (select coalesce(max(id), 0) from afterthought.\(table)))
                    where stream = '\(table)'
                    """)
            }
            guard let epoch = try connection.first(StartEpoch(snapshot: now)) else {
                throw PostgresError(.decoding, "expected a row in cluster_identity, got none")
            }
            try connection.execute(askForRebuilds)
            return try report(&connection, epoch: epoch)
        }
    }

    /// Waits for the writers under way, for a time: those that come meanwhile wait behind this, and a prepared
    /// transaction that somebody forgot would stop them all.
    private static func holdOffWriters(_ connection: inout Connection, lockTimeoutMilliseconds: Int) throws {
        try connection.execute("set local lock_timeout = \(lockTimeoutMilliseconds)")
        do throws(PostgresError) {
            for table in StreamFloors.tables {
                try connection.execute("lock table afterthought.\(table) in share mode")
            }
        } catch {
            guard error.isLockTimeout else { throw error }
            var explained = error
            explained.hint =
                "a transaction that has written messages is still open: see pg_stat_activity and pg_prepared_xacts, "
                + "end it, and reconcile again"
            throw explained
        }
        try connection.execute("set local lock_timeout = 0")
    }

    /// Pairs of all streams, and those that have state only: their input may be gone.
    private static let askForRebuilds = """
        insert into afterthought.pair_changes (user_id, bot_name, reason)
        select user_id, bot_name, 'reconciled' from (
            select user_id, bot_name from afterthought.messages
            union select user_id, bot_name from afterthought.memory_retrievals
            union select coalesce(user_id, ''), bot_name from afterthought.metric_points
            union select user_id, bot_name from afterthought.trait_activations
            union select user_id, bot_name from afterthought.outreach_attempts
            union select user_id, bot_name from afterthought.engine_state
        ) as pairs;
        update afterthought.strategic_cache set stale_reason = 'rebuilding'
        where stale_reason is distinct from 'rebuilding';
        """

    private static func report(
        _ connection: inout Connection, epoch: (epoch: Int32, systemIdentifier: Int64)
    ) throws -> ReconcileReport {
        let pairs = try connection.textRows(
            "select count(*) from afterthought.pair_changes where tx = pg_current_xact_id()")
        let floors = try connection.textRows("select stream, floor_id from afterthought.stream_floors order by stream")
        return ReconcileReport(
            epoch: epoch.epoch, systemIdentifier: epoch.systemIdentifier, pairs: Int(pairs[0][0] ?? "") ?? 0,
            floors: floors.map { ($0[0] ?? "", Int64($0[1] ?? "") ?? 0) })
    }
}

/// The present snapshot with the database's time.
struct TakeSnapshot: Statement {
    static let name = "take_snapshot"
    static let sql = "select pg_current_snapshot(), now()"

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Snapshot {
        try row.decode(0, as: Snapshot.self)
    }
}

/// Starts a new epoch: this cluster, this snapshot, nobody's leases, no window.
struct StartEpoch: Statement {
    static let name = "start_epoch"
    static let sql = """
        with identity as (
            update afterthought.cluster_identity as i
            set epoch = i.epoch + 1, system_identifier = c.system_identifier
            from pg_control_system() as c
            returning i.epoch, i.system_identifier
        ), progress as (
            update afterthought.shard_progress as p
            set
                epoch = identity.epoch,
                generation = p.generation + 1,
                last_snapshot = $1,
                window_snapshot = null,
                window_at = null,
                verified_at = null,
                owner = null,
                lease_until = null,
                unclean_takeovers = 0,
                suspect_bot = null,
                suspect_user = null
            from identity
        ), marks as (
            -- Marks of foreign snapshots would hide rows of this cluster.
            update afterthought.engine_state set rebuilt_snapshot = null where rebuilt_snapshot is not null
        ), workers as (
            delete from afterthought.worker_leases
        )
        select epoch, system_identifier from identity
        """

    var snapshot: Snapshot

    func bind(to parameters: inout Parameters) { parameters.append(snapshot) }

    static func decode(
        _ row: borrowing RowReader
    ) throws(PostgresError) -> (epoch: Int32, systemIdentifier: Int64) {
        (try row.decode(0, as: Int32.self), try row.decode(1, as: Int64.self))
    }
}
