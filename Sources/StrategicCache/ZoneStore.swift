import Bytes
import Model
import Postgres

/// What the clocks of zones show, for the zones that rules of this process's pairs name: few, and renewed in the
/// background.
final class ZoneStore: @unchecked Sendable {
    // Unchecked because the dictionary is only touched under the lock.

    /// There are about 600 zones; beyond this many, hours count as quiet.
    static let zonesMax = 1024
    /// Far less than the weeks that are known ahead.
    static let renewalNanoseconds: UInt64 = 3_600_000_000_000

    private let lock = Lock()
    private var zones: [String: ZoneOffsets] = [:]
    private var renewedAt: UInt64 = 0

    /// What is known of a zone.
    func find(_ zone: String) -> ZoneOffsets? { lock.withLock { zones[zone] } }

    /// Takes what the database said of zones.
    func store(_ found: [String: ZoneOffsets]) {
        lock.withLock {
            for (zone, offsets) in found where zones[zone] != nil || zones.count < ZoneStore.zonesMax {
                zones[zone] = offsets
            }
        }
    }

    /// The zones to read again at a reading of the clock; none before an hour has passed.
    func due(at now: UInt64) -> [String] {
        lock.withLock {
            if renewedAt == 0 { renewedAt = now }
            return now < renewedAt + ZoneStore.renewalNanoseconds ? [] : Array(zones.keys)
        }
    }

    /// Notes that the zones that were due were read.
    func noteRenewal(at now: UInt64) { lock.withLock { renewedAt = now } }
}

/// Reads when the clocks of zones change from two days before a moment to two weeks after it.
struct ReadZones: Statement {
    static let name = "reader_zones"
    // No zone changes its clock but at a quarter of an hour.
    static let sql = """
        select zone, quarter, shift, coalesce($2, now()) + interval '14 days'
        from (
            select zone, quarter, shift, lag(shift) over (partition by zone order by quarter) as before
            from unnest($1::text[]) as zone
            cross join generate_series(
                date_trunc('hour', coalesce($2, now())) - interval '2 days',
                coalesce($2, now()) + interval '14 days', interval '15 minutes'
            ) as quarter
            cross join lateral (
                select extract(epoch from (quarter at time zone zone) - (quarter at time zone 'UTC'))::integer as shift
            ) as clock
        ) as clocks
        where shift is distinct from before
        order by zone, quarter
        """

    var zones: [String]
    /// Nil stands for now.
    var at: Timestamp?

    func bind(to parameters: inout Parameters) {
        parameters.append(zones)
        parameters.append(at)
    }

    static func decode(
        _ row: borrowing RowReader
    ) throws(PostgresError) -> (zone: String, change: ZoneOffsets.Change, through: Timestamp) {
        (
            try row.decode(0),
            ZoneOffsets.Change(from: try row.decode(1), offsetSeconds: Int(try row.decode(2, as: Int32.self))),
            try row.decode(3)
        )
    }

    /// Each zone's changes together.
    static func grouped(_ rows: [Row]) -> [String: ZoneOffsets] {
        var found: [String: ZoneOffsets] = [:]
        for row in rows {
            found[row.zone, default: ZoneOffsets(changes: [], through: row.through)].changes.append(row.change)
        }
        return found
    }
}

/// Reads which rules of writing first were set within the last minute.
struct ReadRuleChanges: Statement {
    static let name = "reader_rule_changes"
    static let rowsMax = 1000
    static let sql = """
        select user_id, bot_name, changed_at
        from afterthought.outreach_rules
        where changed_at > now() - interval '1 minute'
        order by changed_at desc
        limit 1000
        """

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> (about: Pair, at: Timestamp) {
        let user = try row.decode(0, as: String.self)
        return (Pair(userID: user, botName: try row.decode(1, as: String.self)), try row.decode(2))
    }
}

/// Whose rows a change of rules makes outdated.
struct RuleChanges: Sendable {
    /// A transaction that set a rule may take so long to become visible after it noted the time.
    static let commitSeconds = 1.0

    private var changedAt: [Pair: Timestamp] = [:]
    private var isOverflowing = false

    init(_ rows: [ReadRuleChanges.Row]) {
        isOverflowing = rows.count >= ReadRuleChanges.rowsMax
        for row in rows { changedAt[row.about] = max(row.at, changedAt[row.about] ?? row.at) }
    }

    var isEmpty: Bool { changedAt.isEmpty }

    /// Whether a row that was read at a moment of the database may have been read under older rules.
    func outdates(_ pair: Pair, readAt moment: Timestamp) -> Bool {
        if isOverflowing { return true }
        let scopes = [
            pair, Pair(userID: pair.userID, botName: ""), Pair(userID: "", botName: pair.botName),
            Pair(userID: "", botName: ""),
        ]
        return scopes.contains { scope in
            changedAt[scope].map { moment <= $0.advanced(bySeconds: Self.commitSeconds) } ?? false
        }
    }
}
