import Bytes
import Model
import Postgres

/// What every shard had reached when the database was last asked.
///
/// An older value only makes a row stale sooner. Rows must be read after it was fetched, from the same server: whatever
/// `verified_at` promises is then in them.
struct Watermarks: Sendable {
    struct Shard: Hashable, Sendable {
        var verifiedAt: Timestamp?
        var ttlMicroseconds: Int64
        var engineVersion: Int32
        var configHash: String
    }

    static let shardCount = 64

    /// Boot-time nanoseconds from before the query was sent.
    var sentAt: UInt64
    /// The database's clock while it answered.
    var databaseNow: Timestamp
    /// By shard number.
    var shards: [Shard?]
    /// Engines that were evaluated on the data at hand and do not beat their naive baselines there.
    var unvalidatedEngines: [String] = []
    /// Whether there are rules of writing first, which a read has to look for then.
    var hasRules = true

    /// How long a row may be called fresh, and since when it is complete.
    struct Verdict: Hashable, Sendable {
        /// Boot-time nanoseconds; 0 for a row that is not fresh at all.
        var freshUntil: UInt64
        /// Everything committed before it is reflected; nil when only the row's own time of computation tells.
        var completeThrough: Timestamp?
    }

    /// Judges a row that was read after these were fetched.
    ///
    /// - Parameters:
    ///   - shard: the row's shard.
    ///   - engineVersion: the row's own.
    ///   - configHash: the row's own.
    ///   - staleReason: why the worker marked the row, if it did.
    /// - Returns: never fresh for a row that is quarantined, being rebuilt, never verified, or verified in the future.
    func judge(shard: Int, engineVersion: Int32, configHash: String, staleReason: String?) -> Verdict {
        let notFresh = Verdict(freshUntil: 0, completeThrough: nil)
        guard staleReason == nil, shards.indices.contains(shard), let progress = shards[shard],
            progress.engineVersion == engineVersion, progress.configHash == configHash,
            let verifiedAt = progress.verifiedAt, verifiedAt != .infinity, verifiedAt != .negativeInfinity,
            verifiedAt <= databaseNow.advanced(bySeconds: 1)
        else { return notFresh }
        let left = verifiedAt.microseconds + progress.ttlMicroseconds - databaseNow.microseconds
        let freshUntil = BootTime.advance(sentAt, byMicroseconds: left)
        return Verdict(freshUntil: freshUntil, completeThrough: verifiedAt)
    }
}

/// Arithmetic of the boot-time clock.
enum BootTime {
    /// A reading moved by microseconds, saturating at both ends.
    static func advance(_ nanoseconds: UInt64, byMicroseconds microseconds: Int64) -> UInt64 {
        let (distance, overflow) = microseconds.magnitude.multipliedReportingOverflow(by: 1000)
        if microseconds < 0 { return overflow || distance > nanoseconds ? 0 : nanoseconds - distance }
        let (sum, late) = nanoseconds.addingReportingOverflow(distance)
        return overflow || late ? .max : sum
    }
}

/// Reads all watermarks and the database's clock.
struct ReadWatermarks: Statement {
    static let name = "reader_watermarks"
    static let sql = """
        select shard, now(), verified_at, (extract(epoch from ttl) * 1000000)::bigint, engine_version, config_hash
        from afterthought.shard_progress
        """

    static func decode(
        _ row: borrowing RowReader
    ) throws(PostgresError) -> (shard: Int16, now: Timestamp, progress: Watermarks.Shard) {
        (
            try row.decode(0), try row.decode(1),
            Watermarks.Shard(
                verifiedAt: try row.decode(2), ttlMicroseconds: try row.decode(3), engineVersion: try row.decode(4),
                configHash: try row.decode(5))
        )
    }
}

extension Watermarks {
    /// Puts together what `ReadWatermarks` returned; nil without rows.
    init?(sentAt: UInt64, rows: [ReadWatermarks.Row]) {
        guard let databaseNow = rows.first?.now else { return nil }
        self.sentAt = sentAt
        self.databaseNow = databaseNow
        shards = Array(repeating: nil, count: Watermarks.shardCount)
        for row in rows where shards.indices.contains(Int(row.shard)) { shards[Int(row.shard)] = row.progress }
    }
}

/// Reads which engines do not beat their naive baselines on the data at hand.
struct ReadUnvalidatedEngines: Statement {
    static let name = "reader_unvalidated_engines"
    static let sql = "select afterthought.unvalidated_engines()"

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> [String] { try row.decode(0) }
}
