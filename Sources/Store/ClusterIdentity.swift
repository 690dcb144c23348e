import Bytes
import Model
import Postgres

/// What tells whether stored transaction ids mean anything in this cluster.
package struct ClusterIdentity: Sendable {
    /// The cluster that the progress was written in.
    package var storedSystemIdentifier: Int64
    /// The cluster connected to.
    package var systemIdentifier: Int64
    package var epoch: Int32
    package var isInRecovery: Bool
    package var isReadOnly: Bool
    package var current: Snapshot
    /// The highest `pg_snapshot_xmax` among the shards' watermarks.
    package var highestWatermark: UInt64
    /// The highest transaction id of any row above the floors; 0 without rows.
    package var highestRow: UInt64
    package var floors: StreamFloors
    /// Keys the pair hashes in notifications.
    package var notificationKey: [UInt8]
}

/// Why a worker must not scan this database.
package enum ScanRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    case standby
    case readOnly
    case foreignCluster(stored: Int64, found: Int64)
    case transactionFromTheFuture(row: UInt64, next: UInt64)

    package var description: String {
        switch self {
        case .standby:
            "expected a primary server, got: a standby in recovery"
        case .readOnly:
            "expected a database that can be written, got: read-only transactions"
        case .foreignCluster(let stored, let found):
            "expected the cluster with system identifier \(UInt64(bitPattern: stored)), got: "
                + "\(UInt64(bitPattern: found)); this database was restored or copied from another cluster"
        case .transactionFromTheFuture(let row, let next):
            "expected transaction ids below \(next), got: \(row); rows were restored from another cluster"
        }
    }

    /// Whether it may pass without anybody's doing: a failover under way, say.
    package var mayPass: Bool { self == .standby || self == .readOnly }

    /// What to do next.
    package var hint: String {
        switch self {
        case .standby: "point the worker at the primary; readers may use the standby"
        case .readOnly: "check default_transaction_read_only, or whether the server is out of disk"
        case .foreignCluster, .transactionFromTheFuture:
            "run `afterthought reconcile` once: it rebuilds every pair from its history and loses nothing"
        }
    }
}

extension ClusterIdentity {
    /// Throws if a worker must not scan this database.
    package func check() throws(ScanRefusal) {
        if isInRecovery { throw .standby }
        if isReadOnly { throw .readOnly }
        if storedSystemIdentifier != systemIdentifier {
            throw .foreignCluster(stored: storedSystemIdentifier, found: systemIdentifier)
        }
        let highest = max(highestWatermark == 0 ? 0 : highestWatermark - 1, highestRow)
        if highest >= current.maximum {
            throw .transactionFromTheFuture(row: highest, next: current.maximum)
        }
    }
}

package struct LoadClusterIdentityRow: Statement {
    package static let name = "load_cluster_identity"

    package init() {}

    package static var sql: String {
        let highest = StreamFloors.tables.map { table in
            // One probe of the index (shard, tx, id) a shard.
            """
            select max(newest.tx) as tx
            from generate_series(0, 63) as s (shard)
            cross join lateral (
                select t.tx from afterthought.\(table) as t
                where t.shard = s.shard::smallint
                    and t.id > (select floor_id from afterthought.stream_floors where stream = '\(table)')
                order by t.tx desc limit 1
            ) as newest
            """
        }
        return """
            select
                i.system_identifier, c.system_identifier, i.epoch, pg_is_in_recovery(),
                current_setting('transaction_read_only')::bool, pg_current_snapshot(),
                (select max(pg_snapshot_xmax(last_snapshot)) from afterthought.shard_progress),
                (select max(tx) from (\(highest.joined(separator: "\nunion all\n"))) as streams),
                (select array_agg(floor_id order by ordinality)
                    from unnest($1::text[]) with ordinality as wanted (stream, ordinality)
                    join afterthought.stream_floors using (stream)),
                i.notification_key
            from afterthought.cluster_identity as i, pg_control_system() as c
            """
    }

    package func bind(to parameters: inout Parameters) { parameters.append(StreamFloors.tables) }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> ClusterIdentity {
        var floors = StreamFloors()
        for (stream, floor) in try row.decode(8, as: [Int64].self).enumerated() { floors[UInt8(stream)] = floor }
        return ClusterIdentity(
            storedSystemIdentifier: try row.decode(0, as: Int64.self),
            systemIdentifier: try row.decode(1, as: Int64.self), epoch: try row.decode(2, as: Int32.self),
            isInRecovery: try row.decode(3, as: Bool.self), isReadOnly: try row.decode(4, as: Bool.self),
            current: try row.decode(5, as: Snapshot.self),
            highestWatermark: try row.decode(6, as: TransactionID?.self)?.value ?? 0,
            highestRow: try row.decode(7, as: TransactionID?.self)?.value ?? 0, floors: floors,
            notificationKey: try row.decode(9, as: [UInt8].self))
    }
}
