import Bytes
import Model
import Postgres

/// A column of a bot's performance, as the cache gives it and as a recomputed row would.
package struct CharacterPreview: Sendable {
    /// Both as JSON, drawn at the same moment.
    package var cached: String?
    package var recomputed: String?
    package var nullReason: String?
    package var isValidated: Bool
    package var engineVersion: Int32
    package var configHash: String
    package var computedAt: Timestamp
    /// Grows when the cached row is written.
    package var generation: Int64
    package var trendThrough: Timestamp?
    /// Score → given or behavioural, as JSON.
    package var sources: String
    /// Whether buckets changed since the row was merged.
    package var isWaiting: Bool
    /// Pairs of the bot that have a row.
    package var pairs: Int64
    /// What the column means, from the schema's comment.
    package var meaning: String?
}

extension CharacterPreview {
    /// Draws a column from the cached row and from another in its place, which is put there and taken back in one
    /// transaction: nobody else sees it.
    ///
    /// - Parameters:
    ///   - connection: of a role that may write the cache.
    ///   - column: of the view of bots.
    ///   - bot: whose.
    ///   - identity: of the build that recomputes it.
    ///   - recompute: the row that the bot's buckets give; nil when it has none.
    /// - Returns: both values, and the buckets in between; nil for a bot without a row.
    /// - Throws: `PostgresError`.
    package static func draw(
        _ connection: inout Connection, _ column: String, of bot: String, identity: WorkerIdentity,
        recompute: (BotContributions) -> CharacterRow?
    ) throws -> (preview: CharacterPreview, buckets: BotContributions)? {
        struct Undo: Error {}
        let query = DrawCharacter(column: column, bot: bot)
        var found: (preview: CharacterPreview, buckets: BotContributions)?
        do {
            // One snapshot for the row and for the buckets it came from.
            try connection.transaction(.repeatableRead) { connection in
                guard var preview = try connection.first(query) else { throw Undo() }
                var sums: [Pair: BotContributions] = [:]
                try connection.stream(BucketsOfBots(botNames: [bot])) { row in
                    let bucket = try BucketsOfBots.decode(row)
                    sums[Pair(userID: "", botName: bucket.botName), default: BotContributions()]
                        .add(bucket.sums, at: bucket.hour)
                }
                let buckets = sums[Pair(userID: "", botName: bot)] ?? BotContributions()
                if let row = recompute(buckets) {
                    _ = try connection.run(
                        SaveCharacterRows(
                            shards: [], changes: [], rows: [row], gone: [], identity: identity, verifiedAt: nil))
                    preview.recomputed = try connection.first(query)?.cached
                }
                found = (preview, buckets)
                throw Undo()
            }
        } catch is Undo {}
        return found
    }
}

/// One column of one bot, with what is known about it.
struct DrawCharacter: Statement {
    static let name = "draw_character"
    static let sql = """
        select
            nullif(to_jsonb(v) -> $2, 'null'), v.null_reasons ->> $2, v.validated, c.engine_version, c.config_hash,
            c.computed_at, c.generation, v.trend_through, v.sources,
            exists (select from afterthought.bot_changes as w where w.bot_name = $1),
            (select count(*) from afterthought.strategic_cache as p where p.bot_name = $1),
            (
                select col_description(a.attrelid, a.attnum) from pg_attribute as a
                where a.attrelid = 'afterthought.strategic_character_performance'::regclass and a.attname = $2
            )
        from afterthought.strategic_character_performance as v
        join afterthought.character_cache as c using (bot_name, time_window_hours)
        where v.bot_name = $1 and v.time_window_hours = 168
        """

    var column: String
    var bot: String

    func bind(to parameters: inout Parameters) {
        parameters.append(bot)
        parameters.append(column)
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> CharacterPreview {
        CharacterPreview(
            cached: try row.decode(0, as: JSONText?.self)?.text, nullReason: try row.decode(1, as: String?.self),
            isValidated: try row.decode(2), engineVersion: try row.decode(3), configHash: try row.decode(4),
            computedAt: try row.decode(5), generation: try row.decode(6), trendThrough: try row.decode(7),
            sources: try row.decode(8, as: JSONText.self).text, isWaiting: try row.decode(9),
            pairs: try row.decode(10), meaning: try row.decode(11))
    }
}
