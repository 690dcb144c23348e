import Bytes
import Model
import Postgres

/// A bucket of a bot in a shard, as it is stored.
package struct StoredBucket: Sendable {
    package var shard: Int16
    package var botName: String
    /// Hours since the Unix epoch, or `BotContributions.longRun`.
    package var hour: Int64
    package var sums: BucketSums

    package init(shard: Int16, botName: String, hour: Int64, sums: BucketSums = BucketSums()) {
        self.shard = shard
        self.botName = botName
        self.hour = hour
        self.sums = sums
    }

    /// Reads a row of shard, bot, hour and sums.
    init(_ row: borrowing RowReader) throws(PostgresError) {
        shard = try row.decode(0, as: Int16.self)
        botName = try row.decode(1, as: String.self)
        hour = try row.decode(2, as: Int64.self)
        let read = row.withBytes(3) { cell in
            // The first byte of binary jsonb is its version.
            cell.count > 1 ? try? BucketSums(json: cell.extracting(droppingFirst: 1)) : nil
        }
        guard let sums = read ?? nil else {
            throw PostgresError(.decoding, "expected sums in afterthought.bot_buckets, got: something else")
        }
        self.sums = sums
    }
}

/// The buckets that a batch is about to change.
struct LoadBuckets: Statement {
    static let name = "load_buckets"
    static let sql = """
        select b.shard, b.bot_name, b.hour, b.sums
        from unnest($1::smallint[], $2::text[], $3::bigint[]) as wanted (shard, bot_name, hour)
        join afterthought.bot_buckets as b using (shard, bot_name, hour)
        """

    var keys: [StoredBucket]

    func bind(to parameters: inout Parameters) {
        parameters.append(keys.map(\.shard))
        parameters.append(keys.map(\.botName))
        parameters.append(keys.map(\.hour))
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> StoredBucket {
        try StoredBucket(row)
    }
}

/// Stores buckets as they are now; empty ones go.
///
/// The shard's fence makes sure that nobody else wrote them meanwhile.
struct SaveBuckets: Statement {
    static let name = "save_buckets"
    static let sql = """
        with new as (
            select * from unnest($1::smallint[], $2::text[], $3::bigint[], $4::jsonb[])
                as n (shard, bot_name, hour, sums)
        ), emptied as (
            delete from afterthought.bot_buckets as b using new as n
            where n.sums = '{}' and b.shard = n.shard and b.bot_name = n.bot_name and b.hour = n.hour
        ), changed as (
            insert into afterthought.bot_changes (bot_name) select distinct bot_name from new
        )
        insert into afterthought.bot_buckets (shard, bot_name, hour, sums)
        select shard, bot_name, hour, sums from new where sums <> '{}'
        on conflict (bot_name, shard, hour) do update set sums = excluded.sums
        """

    var buckets: [StoredBucket]

    func bind(to parameters: inout Parameters) {
        parameters.append(buckets.map(\.shard))
        parameters.append(buckets.map(\.botName))
        parameters.append(buckets.map(\.hour))
        parameters.append(buckets.map { JSONText($0.sums.json) })
    }
}

/// Notes that bots changed, without a bucket to store.
struct NoteBotChanges: Statement {
    static let name = "note_bot_changes"
    static let sql = "insert into afterthought.bot_changes (bot_name) select distinct unnest($1::text[])"

    var botNames: [String]

    func bind(to parameters: inout Parameters) { parameters.append(botNames) }
}

/// Bots of the given shards that wait to be merged, with the changes seen, by name.
struct ChangedBots: Statement {
    static let name = "changed_bots"
    static let sql = """
        select bot_name, array_agg(id) from afterthought.bot_changes
        where shard = any($1) and ($3::text is null or bot_name > $3)
        group by bot_name
        order by bot_name
        limit $2
        """

    var shards: [Int16]
    var botsMax: Int64
    var after: String?

    func bind(to parameters: inout Parameters) {
        parameters.append(shards)
        parameters.append(botsMax)
        parameters.append(after)
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> (botName: String, changes: [Int64]) {
        (try row.decode(0, as: String.self), try row.decode(1, as: [Int64].self))
    }
}

/// The buckets of some bots that their rows are made of: the newest hours in all shards, and the long run.
///
/// A bot's newest hour is looked up shard by shard, by the end of an index each: how much older history there is makes
/// no difference.
struct BucketsOfBots: Statement {
    static let name = "buckets_of_bots"
    static let sql = """
        with shards as materialized (
            select shard::smallint from generate_series(0, 63) as shard
        ), newest as materialized (
            select bot.bot_name, max(last.hour) as hour
            from unnest($1::text[]) as bot (bot_name)
            cross join shards
            cross join lateral (
                select b.hour from afterthought.bot_buckets as b
                where b.bot_name = bot.bot_name and b.shard = shards.shard
                order by b.hour desc
                limit 1
            ) as last
            group by bot.bot_name
        )
        select b.shard, b.bot_name, b.hour, b.sums
        from newest
        cross join shards
        cross join lateral (
            select * from afterthought.bot_buckets as b
            where
                b.bot_name = newest.bot_name and b.shard = shards.shard
                and b.hour > greatest(newest.hour, \(-Int64.max) + \(Limits.bucketHoursMax)) - \(Limits.bucketHoursMax)
            union all
            select * from afterthought.bot_buckets as b
            where b.bot_name = newest.bot_name and b.shard = shards.shard and b.hour = $2
        ) as b
        """

    var botNames: [String]

    func bind(to parameters: inout Parameters) {
        parameters.append(botNames)
        parameters.append(BotContributions.longRun)
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> StoredBucket {
        try StoredBucket(row)
    }
}

/// The moment before which every shard's input is applied; nil while a shard was never worked off.
struct LeastVerified: Statement {
    static let name = "least_verified"
    static let sql = """
        select case when count(verified_at) = count(*) then min(verified_at) end from afterthought.shard_progress
        """

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Timestamp? {
        try row.decode(0, as: Timestamp?.self)
    }
}

/// Upserts bots' rows and consumes the changes they answer, in one statement: a change that came later stays.
struct SaveCharacterRows: Statement {
    static let name = "save_character_rows"
    static let sql = """
        with consumed as (
            delete from afterthought.bot_changes where shard = any($1) and id = any($2)
        ), gone as (
            delete from afterthought.character_cache where bot_name = any($3)
        )
        insert into afterthought.character_cache as old (
            bot_name, time_window_hours, computed_at, generation, engine_version, config_hash, hours,
            personality_consistency_index, quality_trend, trend_through, recent_anomalies, behavior, merged_through,
            sources, null_reasons, unvalidated)
        select
            bot_name, time_window_hours, now(), 1, $4, $5, coalesce(hours, '[]'), consistency, trend, trend_through,
            anomalies, behavior, $6, sources, null_reasons, '{}'
        from unnest(
            $7::text[], $8::bigint[], $9::jsonb[], $10::float8[], $11::text[], $12::timestamptz[], $13::jsonb[],
            $14::jsonb[], $15::jsonb[], $16::jsonb[])
            as new (
                bot_name, time_window_hours, hours, consistency, trend, trend_through, anomalies, behavior, sources,
                null_reasons)
        on conflict (bot_name, time_window_hours) do update
        set
            computed_at = excluded.computed_at,
            generation = old.generation + 1,
            engine_version = excluded.engine_version,
            config_hash = excluded.config_hash,
            hours = excluded.hours,
            personality_consistency_index = excluded.personality_consistency_index,
            quality_trend = excluded.quality_trend,
            trend_through = excluded.trend_through,
            recent_anomalies = excluded.recent_anomalies,
            behavior = excluded.behavior,
            merged_through = excluded.merged_through,
            sources = excluded.sources,
            null_reasons = excluded.null_reasons,
            unvalidated = excluded.unvalidated
        """

    var shards: [Int16]
    var changes: [Int64]
    var rows: [CharacterRow]
    /// Bots without a bucket left.
    var gone: [String]
    var identity: WorkerIdentity
    var verifiedAt: Timestamp?

    func bind(to parameters: inout Parameters) {
        parameters.append(shards)
        parameters.append(changes)
        parameters.append(gone)
        parameters.append(identity.engineVersion)
        parameters.append(identity.configHash)
        parameters.append(verifiedAt)
        parameters.append(rows.map(\.botName))
        parameters.append(rows.map(\.timeWindowHours))
        parameters.append(rows.map { $0.hours.map { JSONText($0) } })
        parameters.append(rows.map(\.personalityConsistencyIndex))
        parameters.append(rows.map(\.qualityTrend))
        parameters.append(rows.map(\.trendThrough))
        parameters.append(rows.map { $0.recentAnomalies.map { JSONText($0) } })
        parameters.append(rows.map { $0.behavior.map { JSONText($0) } })
        parameters.append(rows.map { JSONText(Self.sources($0)) })
        parameters.append(rows.map { JSONText($0.nullReasons) })
    }

    private static func sources(_ row: CharacterRow) -> String {
        var json = JSONWriter()
        json.beginObject()
        for (name, source) in [
            ("engagement", row.engagementSource), ("satisfaction", row.satisfactionSource),
            ("coherence", row.coherenceSource),
        ] {
            guard let source else { continue }
            json.key(name)
            json.value(source.rawValue)
        }
        json.endObject()
        return json.text
    }
}
