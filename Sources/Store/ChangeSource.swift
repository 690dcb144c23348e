import Bytes
import Model
import Postgres

/// What one scan of some shards found.
package struct ScanResult: Sendable {
    /// The snapshot of the scan and the database's time at it: what the shards are through once the rows are applied.
    package var window: BacklogWindow
    /// New rows in no order; none when `isBacklog`.
    package var rows: [ScannedRow]
    /// Whether there is more than one batch may hold: the rows must be taken by pages.
    package var isBacklog = false
    /// Whether some pair of these shards is in quarantine.
    package var hasQuarantine: Bool
    /// Whether readers asked for pairs of these shards.
    package var hasRefreshes: Bool
    /// Whether bots that these shards merge have changed.
    package var hasBotChanges: Bool
}

/// Shards that share a watermark.
package struct ScanGroup: Sendable {
    package var shards: [Int16]
    /// All that this snapshot sees is applied.
    package var last: Snapshot

    package init(shards: [Int16], last: Snapshot) {
        self.shards = shards
        self.last = last
    }
}

/// Finds out what changed since a shard's watermark, exactly once for each committed row.
///
/// The one implementation compares snapshots, which needs transaction ids that compare: a single primary. A distributed
/// PostgreSQL would bring its own.
package protocol ChangeSource: Sendable {
    /// Reads what is new in groups of shards, all at one snapshot: it becomes the watermark of all, so that they are
    /// one group the next time.
    ///
    /// - Parameters:
    ///   - connection: outside a transaction.
    ///   - groups: shards by watermark.
    ///   - rowsMax: rows of all groups together; a group that does not fit is a backlog.
    /// - Returns: a result for each group, in order.
    /// - Throws: `PostgresError`.
    func scan(_ connection: inout Connection, groups: [ScanGroup], rowsMax: Int) throws -> [ScanResult]

    /// Reads the next page of a shard's open window, in the order of pair and time.
    ///
    /// Fewer rows than `rowsMax` means that the window has no more.
    func page(_ connection: inout Connection, request: PageRequest) throws -> [ScannedRow]

    /// Reads the rows of pairs that are visible in a snapshot, from a time on, in no order.
    func history(_ connection: inout Connection, of pairs: [PairFrom], through window: Snapshot) throws -> [ScannedRow]

    /// Reads the next rows of one pair after a key, in order; fewer than `rowsMax` means that there are no more.
    func historyPage(
        _ connection: inout Connection, of pair: PairFrom, after key: OrderKey, through window: Snapshot, rowsMax: Int
    ) throws -> [ScannedRow]

    var floors: StreamFloors { get }
}

/// Compares the snapshot of the last scan with the one of this scan.
package struct SnapshotDiff: ChangeSource {
    package var floors: StreamFloors

    package init(floors: StreamFloors) { self.floors = floors }

    package func scan(
        _ connection: inout Connection, groups: [ScanGroup], rowsMax: Int
    ) throws -> [ScanResult] {
        try connection.transaction(.readOnlyRepeatableRead) { connection in
            var results: [ScanResult] = []
            var rowsLeft = rowsMax
            for group in groups {
                let result = try scan(&connection, group, rowsMax: rowsLeft)
                rowsLeft -= result.rows.count
                results.append(result)
            }
            return results
        }
    }

    private func scan(_ connection: inout Connection, _ group: ScanGroup, rowsMax: Int) throws -> ScanResult {
        let probe = ScanProbe(shards: group.shards, last: group.last, floors: floors)
        guard let finding = try connection.first(probe) else {
            throw PostgresError(.decoding, "expected one row from \(ScanProbe.name), got none")
        }
        var result = ScanResult(
            window: BacklogWindow(snapshot: finding.snapshot, takenAt: finding.at), rows: [],
            hasQuarantine: finding.hasQuarantine, hasRefreshes: finding.hasRefreshes,
            hasBotChanges: finding.hasBotChanges)
        func take<Table: StreamTable>(_ table: Table.Type, _ connection: inout Connection) throws {
            guard finding.hasNew[Int(Table.stream)], !result.isBacklog else { return }
            let scan = DeltaScan<Table>(
                shards: group.shards, last: group.last, floor: floors[Table.stream], rowsMax: Int64(rowsMax) + 1)
            result.rows += try connection.query(scan)
            if result.rows.count > rowsMax {
                result.isBacklog = true
                result.rows = []
            }
        }
        for table in Streams.all { try take(table, &connection) }
        return result
    }

    package func page(_ connection: inout Connection, request: PageRequest) throws -> [ScannedRow] {
        // Before the first transaction id a cluster gives, everything is new and the pair's index has the order
        // already.
        let isFirst = request.last.maximum <= 3
        var pages: [[ScannedRow]] = []
        func take<Table: StreamTable>(_ table: Table.Type, _ connection: inout Connection) throws {
            pages.append(
                isFirst
                    ? try connection.query(FirstBacklogPage<Table>(request: request))
                    : try connection.query(BacklogPage<Table>(request: request)))
        }
        try connection.transaction(.readOnlyRepeatableRead) { connection in
            for table in Streams.all { try take(table, &connection) }
        }
        return Self.merge(pages, rowsMax: Int(request.rowsMax))
    }

    package func history(
        _ connection: inout Connection, of pairs: [PairFrom], through window: Snapshot
    ) throws -> [ScannedRow] {
        guard !pairs.isEmpty else { return [] }
        var rows: [ScannedRow] = []
        func take<Table: StreamTable>(_ table: Table.Type, _ connection: inout Connection) throws {
            rows += try connection.query(
                HistoryScan<Table>(pairs: pairs, floor: floors[Table.stream], window: window))
        }
        try connection.transaction(.readOnlyRepeatableRead) { connection in
            for table in Streams.events { try take(table, &connection) }
        }
        return rows
    }

    package func historyPage(
        _ connection: inout Connection, of pair: PairFrom, after key: OrderKey, through window: Snapshot, rowsMax: Int
    ) throws -> [ScannedRow] {
        var pages: [[ScannedRow]] = []
        func take<Table: StreamTable>(_ table: Table.Type, _ connection: inout Connection) throws {
            pages.append(
                try connection.query(
                    HistoryPage<Table>(
                        pair: pair, key: key, floor: floors[Table.stream], window: window, rowsMax: Int64(rowsMax))))
        }
        try connection.transaction(.readOnlyRepeatableRead) { connection in
            for table in Streams.events { try take(table, &connection) }
        }
        return Self.merge(pages, rowsMax: rowsMax)
    }

    /// Merges the streams' pages, each of at most `rowsMax` rows in order, into the first `rowsMax` rows of all.
    ///
    /// Each stream was asked for as many rows as the whole page may hold, so the first ones of the merged order are
    /// exact.
    static func merge(_ pages: [[ScannedRow]], rowsMax: Int) -> [ScannedRow] {
        if pages.dropFirst().allSatisfy(\.isEmpty) { return pages.first ?? [] }
        var rows = pages.flatMap { $0 }
        rows.sort { ($0.pair, $0.key) < ($1.pair, $1.key) }
        return Array(rows.prefix(rowsMax))
    }
}
