import Bytes
import Model
import Postgres

/// A bot's row as it was read.
struct StoredCharacter: Sendable {
    var databaseNow: Timestamp
    var completeThrough: Timestamp
    var expiresAt: Timestamp
    var hours: String
    var timeWindowHours: Int32
    var personalityConsistencyIndex: Double?
    var qualityTrend: String?
    var trendThrough: Timestamp?
    var recentAnomalies: String?
    var sources: String
    var nullReasons: String
    var unvalidated: [String]
    var computedAt: Timestamp
    /// Boot-time nanoseconds from before the query was sent; set by the reader.
    var readAt: UInt64 = 0

    /// Boot-time nanoseconds until which it may be called fresh; 0: not fresh at all.
    var freshUntil: UInt64 {
        if expiresAt == .negativeInfinity { return 0 }
        return BootTime.advance(readAt, byMicroseconds: expiresAt.microseconds - databaseNow.microseconds)
    }

    /// The database's time at a reading of the boot-time clock.
    func moment(at now: UInt64) -> Timestamp {
        Timestamp(microseconds: databaseNow.microseconds + Int64((now > readAt ? now - readAt : 0) / 1000))
    }
}

/// Reads the rows of bots, with their freshness over all shards.
struct ReadCharacters: Statement {
    static let name = "reader_characters"
    static let sql = """
        select
            bot_name, now(), complete_through, expires_at, hours, time_window_hours, personality_consistency_index,
            quality_trend, trend_through, recent_anomalies, sources, null_reasons, unvalidated,
            computed_at
        from afterthought.strategic_character_rows
        where bot_name = any($1) and time_window_hours = 168
        """

    var bots: [String]

    func bind(to parameters: inout Parameters) { parameters.append(bots) }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> (bot: String, row: StoredCharacter) {
        let anomalies: JSONText? = try row.decode(9)
        return (
            try row.decode(0),
            StoredCharacter(
                databaseNow: try row.decode(1), completeThrough: try row.decode(2), expiresAt: try row.decode(3),
                hours: try row.decode(4, as: JSONText.self).text, timeWindowHours: try row.decode(5),
                personalityConsistencyIndex: try row.decode(6), qualityTrend: try row.decode(7),
                trendThrough: try row.decode(8), recentAnomalies: anomalies?.text,
                sources: try row.decode(10, as: JSONText.self).text,
                nullReasons: try row.decode(11, as: JSONText.self).text, unvalidated: try row.decode(12),
                computedAt: try row.decode(13))
        )
    }
}

/// The rows of the bots that this process reads: few, and renewed in the background.
final class CharacterStore: @unchecked Sendable {
    // Unchecked because the dictionary is only touched under the lock.

    /// Bots beyond this many get no row.
    static let botsMax = 256

    private let lock = Lock()
    /// Nil for a bot that is read but has no row (yet).
    private var rows: [String: StoredCharacter?] = [:]

    /// The bots that were asked for.
    var bots: [String] { lock.withLock { Array(rows.keys) } }

    /// The bot's row, if one was read.
    func find(_ bot: String) -> StoredCharacter? { lock.withLock { rows[bot] ?? nil } }

    /// Notes that a bot is read here.
    ///
    /// - Returns: whether it was not known before, so that its row should be read now.
    func note(_ bot: String) -> Bool {
        lock.withLock {
            if rows[bot] != nil || rows.count >= CharacterStore.botsMax { return false }
            rows[bot] = .some(nil)
            return true
        }
    }

    /// Takes what the database said of bots: rows, or that there is none.
    func store(_ found: [ReadCharacters.Row], of bots: [String], readAt: UInt64) {
        lock.withLock {
            for bot in bots where rows[bot] != nil { rows[bot] = .some(nil) }
            for (bot, row) in found where rows[bot] != nil {
                var row = row
                row.readAt = readAt
                rows[bot] = row
            }
        }
    }
}
