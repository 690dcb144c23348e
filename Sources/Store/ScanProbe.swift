import Bytes
import Model
import Postgres

/// Looks whether there is anything to do in shards that share a watermark: one statement, so that an idle cycle costs
/// little.
struct ScanProbe: Statement {
    static let name = "scan_probe"
    static let sql: String = {
        let streams = StreamFloors.tables.enumerated().map { stream, table in
            """
            exists (
                select from afterthought.\(table)
                where shard = any($1) and tx >= pg_snapshot_xmax($2) and id + 0 > $\(stream + 3))
            or exists (
                select from afterthought.\(table)
                where shard = any($1) and tx = any((select ids from ended)::xid8[]) and id + 0 > $\(stream + 3))
            """
        }
        return """
            with ended as materialized (
                select array(
                    select xip from pg_snapshot_xip($2) as xip
                    where pg_visible_in_snapshot(xip, pg_current_snapshot())) as ids
            )
            select
                pg_current_snapshot(),
                now(),
                array[
                \(streams.joined(separator: ",\n"))
                ],
                exists (select from afterthought.quarantine where shard = any($1)),
                exists (select from afterthought.refresh_requests where shard = any($1)),
                exists (select from afterthought.bot_changes where shard = any($1))
            """
    }()

    var shards: [Int16]
    var last: Snapshot
    var floors: StreamFloors

    func bind(to parameters: inout Parameters) {
        parameters.append(shards)
        parameters.append(last)
        for stream in StreamFloors.tables.indices { parameters.append(floors[UInt8(stream)]) }
    }

    /// What the probe found.
    struct Finding: Sendable {
        var snapshot: Snapshot
        var at: Timestamp
        /// For each stream whether it has new rows.
        var hasNew: [Bool]
        var hasQuarantine: Bool
        var hasRefreshes: Bool
        var hasBotChanges: Bool
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Finding {
        Finding(
            snapshot: try row.decode(0, as: Snapshot.self), at: try row.decode(1, as: Timestamp.self),
            hasNew: try row.decode(2, as: [Bool].self), hasQuarantine: try row.decode(3, as: Bool.self),
            hasRefreshes: try row.decode(4, as: Bool.self), hasBotChanges: try row.decode(5, as: Bool.self))
    }
}
