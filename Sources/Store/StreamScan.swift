import Bytes
import Model
import Postgres

// What the scans below have in common: a row is new when its transaction was not visible in the shard's last snapshot
// and is visible now. Ids and timestamps are taken before commit and can't tell that; snapshots can. Only transactions
// that were in progress then and have ended since are looked up one by one, so that fifty idle ones cost nothing.

// The floor is compared with `id + 0`: against `id` alone the planner takes the primary key for an access path, and
// reads the whole table where nothing is new (measured: 156 ms instead of 0.5 ms at 300,000 rows).

/// New rows of a stream in shards that share a watermark, in no order.
struct DeltaScan<Table: StreamTable>: Statement {
    static var name: String { "delta_\(Table.table)" }
    static var sql: String {
        """
        select \(StreamColumns.list(Table.self)), \(Table.eventColumns)
        from afterthought.\(Table.table)
        where shard = any($1) and tx >= pg_snapshot_xmax($2) and id + 0 > $3
        union all
        select \(StreamColumns.list(Table.self)), \(Table.eventColumns)
        from afterthought.\(Table.table)
        where
            shard = any($1)
            and tx = any(array(
                select ended from pg_snapshot_xip($2) as ended
                where pg_visible_in_snapshot(ended, pg_current_snapshot())))
            and id + 0 > $3
        limit $4
        """
    }

    var shards: [Int16]
    var last: Snapshot
    var floor: Int64
    var rowsMax: Int64

    func bind(to parameters: inout Parameters) {
        parameters.append(shards)
        parameters.append(last)
        parameters.append(floor)
        parameters.append(rowsMax)
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> ScannedRow {
        try ScannedRow(row, of: Table.self)
    }
}

/// A page of a shard's backlog in the order of pair and time, all visible in the window's snapshot.
///
/// The materialised part is found by commit order, so that it costs what is new; the sort is by pair, so that each pair
/// is met once.
struct BacklogPage<Table: StreamTable>: Statement {
    static var name: String { "backlog_\(Table.table)" }
    static var sql: String {
        """
        with delta as materialized (
            select \(StreamColumns.list(Table.self)), \(Table.eventColumns)
            from afterthought.\(Table.table)
            where shard = $1 and tx >= pg_snapshot_xmax($2) and id + 0 > $3 and pg_visible_in_snapshot(tx, $4)
            union all
            select \(StreamColumns.list(Table.self)), \(Table.eventColumns)
            from afterthought.\(Table.table)
            where
                shard = $1
                and tx = any(array(
                    select ended from pg_snapshot_xip($2) as ended where pg_visible_in_snapshot(ended, $4)))
                and id + 0 > $3
        )
        select * from delta
        where (bot_name, user_id, effective_at, id) > ($5, $6, $7, $8)
        order by bot_name, user_id, effective_at, id
        limit $9
        """
    }

    var request: PageRequest

    func bind(to parameters: inout Parameters) { request.bind(to: &parameters, stream: Table.stream) }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> ScannedRow {
        try ScannedRow(row, of: Table.self)
    }
}

/// The same page when the shard was never scanned: everything is new, so the index by pair and time gives the order at
/// once.
struct FirstBacklogPage<Table: StreamTable>: Statement {
    static var name: String { "first_\(Table.table)" }
    static var sql: String {
        """
        select \(StreamColumns.list(Table.self)), \(Table.eventColumns)
        from afterthought.\(Table.table)
        where
            shard = $1 and tx >= pg_snapshot_xmax($2) and id + 0 > $3 and pg_visible_in_snapshot(tx, $4)
            and (bot_name, \(Table.userColumn), \(Table.timeColumn), id) > ($5, $6, $7, $8)
        order by bot_name, \(Table.userColumn), \(Table.timeColumn), id
        limit $9
        """
    }

    var request: PageRequest

    func bind(to parameters: inout Parameters) { request.bind(to: &parameters, stream: Table.stream) }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> ScannedRow {
        try ScannedRow(row, of: Table.self)
    }
}

/// A position in a shard's backlog: the last row taken.
package struct BacklogPosition: Equatable, Sendable {
    package var pair: Pair
    package var key: OrderKey

    /// Before every row.
    package static let start = BacklogPosition(pair: Pair(userID: "", botName: ""), key: .start)

    package init(pair: Pair, key: OrderKey) {
        self.pair = pair
        self.key = key
    }

    /// The id that rows of a stream must exceed at exactly the position's pair and time, given that streams come in
    /// order.
    func idBound(for stream: UInt8) -> Int64 {
        if stream == key.stream { return key.id }
        return stream > key.stream ? .min : .max
    }
}

/// What a page of a backlog is asked by.
package struct PageRequest: Sendable {
    package var shard: Int16
    package var last: Snapshot
    package var window: Snapshot
    package var position: BacklogPosition
    package var floors: StreamFloors
    package var rowsMax: Int64

    package init(
        shard: Int16, last: Snapshot, window: Snapshot, position: BacklogPosition, floors: StreamFloors, rowsMax: Int64
    ) {
        self.shard = shard
        self.last = last
        self.window = window
        self.position = position
        self.floors = floors
        self.rowsMax = rowsMax
    }

    func bind(to parameters: inout Parameters, stream: UInt8) {
        parameters.append(shard)
        parameters.append(last)
        parameters.append(floors[stream])
        parameters.append(window)
        parameters.append(position.pair.botName)
        parameters.append(position.pair.userID)
        parameters.append(position.key.effectiveAt)
        parameters.append(position.idBound(for: stream))
        parameters.append(rowsMax)
    }
}

/// All rows of some pairs that are visible in a snapshot, from a time on, in no order.
struct HistoryScan<Table: StreamTable>: Statement {
    static var name: String { "history_\(Table.table)" }
    static var sql: String {
        """
        select \(StreamColumns.list(Table.self)), \(Table.eventColumns)
        from unnest($1::smallint[], $2::text[], $3::text[], $4::timestamptz[])
            as wanted (wanted_shard, wanted_bot, wanted_user, from_at)
        cross join lateral (
            select * from afterthought.\(Table.table)
            where
                shard = wanted_shard and bot_name = wanted_bot and \(Table.userColumn) = wanted_user
                and effective_at >= from_at and (id <= $5 or pg_visible_in_snapshot(tx, $6))
            -- Keeps the planner from turning a few index scans into one scan of the table.
            offset 0
        ) as history
        """
    }

    var pairs: [PairFrom]
    var floor: Int64
    var window: Snapshot

    func bind(to parameters: inout Parameters) {
        parameters.append(pairs.map(\.shard))
        parameters.append(pairs.map(\.pair.botName))
        parameters.append(pairs.map(\.pair.userID))
        parameters.append(pairs.map(\.from))
        parameters.append(floor)
        parameters.append(window)
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> ScannedRow {
        try ScannedRow(row, of: Table.self)
    }
}

/// The next rows of one pair in the order of time: how a history too long for memory is replayed.
struct HistoryPage<Table: StreamTable>: Statement {
    static var name: String { "history_page_\(Table.table)" }
    static var sql: String {
        """
        select \(StreamColumns.list(Table.self)), \(Table.eventColumns)
        from afterthought.\(Table.table)
        where
            shard = $1 and bot_name = $2 and \(Table.userColumn) = $3 and (effective_at, id) > ($4, $5)
            and (id <= $6 or pg_visible_in_snapshot(tx, $7))
        order by effective_at, id
        limit $8
        """
    }

    var pair: PairFrom
    var key: OrderKey
    var floor: Int64
    var window: Snapshot
    var rowsMax: Int64

    func bind(to parameters: inout Parameters) {
        parameters.append(pair.shard)
        parameters.append(pair.pair.botName)
        parameters.append(pair.pair.userID)
        parameters.append(key.effectiveAt)
        parameters.append(BacklogPosition(pair: pair.pair, key: key).idBound(for: Table.stream))
        parameters.append(floor)
        parameters.append(window)
        parameters.append(rowsMax)
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> ScannedRow {
        try ScannedRow(row, of: Table.self)
    }
}

/// A pair and the time from which its history is wanted.
package struct PairFrom: Sendable {
    package var shard: Int16
    package var pair: Pair
    package var from: Timestamp

    package init(shard: Int16, pair: Pair, from: Timestamp) {
        self.shard = shard
        self.pair = pair
        self.from = from
    }
}

/// For each stream the highest id that carries a foreign cluster's transaction id; 0 unless restored from a dump.
package struct StreamFloors: Equatable, Sendable {
    private var floors: [Int64]

    package static let tables: [String] = Streams.all.map { $0.table }

    package init() { floors = Array(repeating: 0, count: Self.tables.count) }

    package subscript(stream: UInt8) -> Int64 {
        get { floors[Int(stream)] }
        set { floors[Int(stream)] = newValue }
    }
}
