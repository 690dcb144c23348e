import Bytes
import Model
import Postgres

/// A column of a view, as the cache gives it and as a recomputed row would.
package struct SignalPreview: Sendable {
    /// Both as JSON, drawn at the same moment; nil where the pair has no row.
    package var cached: String?
    package var recomputed: String?
    /// Why the cached row is known to be behind; nil when it is not.
    package var staleReason: String?
    /// Grows when the cached row is written.
    package var generation: Int64?
    /// Engines that have not beaten their naive baselines on this pair.
    package var unvalidated: [String] = []
    package var nullReason: String?
    package var engineVersion: Int32?
    package var configHash: String?
    package var computedAt: Timestamp?
    /// What the column means, from the schema's comment.
    package var meaning: String?

    /// A column of a view of pairs, and the engine that makes it.
    package struct Signal: Sendable {
        var view: String
        var column: String
        var engine: EngineName

        package init(view: String, column: String, engine: EngineName) {
            self.view = view
            self.column = column
            self.engine = engine
        }
    }
}

extension SignalPreview {
    /// Draws a column from the cached row and from another in its place, which is put there and taken back in one
    /// transaction: nobody else sees it.
    ///
    /// - Parameters:
    ///   - connection: of a role that may write the cache.
    ///   - signal: names the view, the column and the engine.
    ///   - pair: the pair.
    ///   - row: recomputed; nil when the pair has no input.
    ///   - identity: of the build that recomputed it.
    /// - Returns: both values.
    /// - Throws: `PostgresError`.
    package static func draw(
        _ connection: inout Connection, _ signal: Signal, of pair: PairInShard, row: StrategicRow?,
        identity: WorkerIdentity
    ) throws -> SignalPreview {
        struct Undo: Error {}
        let query = DrawSignal(signal: signal, pair: pair.pair)
        var preview = SignalPreview()
        do {
            try connection.transaction(.readWrite) { connection in
                if let found = try connection.first(query) { preview = found }
                if let row {
                    _ = try connection.run(
                        SaveStrategicRows(
                            entries: [SaveStrategicRows.Entry(shard: pair.shard, row: row)], generations: [0],
                            identity: identity))
                    preview.recomputed = try connection.first(query)?.cached
                }
                throw Undo()
            }
        } catch is Undo {}
        return preview
    }
}

/// One column of one pair, with what is known about it.
private struct DrawSignal: Statement {
    static let name = "draw_signal"
    static let sql = """
        select
            (select g.value -> $4 from jsonb_each(r.signals) as g where g.value ? $4 limit 1),
            r.stale_reason, r.unvalidated, r.null_reasons ->> $5, c.engine_version, c.config_hash, c.computed_at,
            (
                select col_description(a.attrelid, a.attnum) from pg_attribute as a
                where a.attrelid = to_regclass('afterthought.' || $3) and a.attname = $4
            ),
            c.generation
        from afterthought.read_strategic($1, $2) as r
        left join afterthought.strategic_cache as c on c.user_id = $1 and c.bot_name = $2
        """

    var signal: SignalPreview.Signal
    var pair: Pair

    func bind(to parameters: inout Parameters) {
        parameters.append(pair.userID)
        parameters.append(pair.botName)
        parameters.append(signal.view)
        parameters.append(signal.column)
        parameters.append(signal.engine.rawValue)
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> SignalPreview {
        SignalPreview(
            cached: try row.decode(0, as: JSONText?.self)?.text, staleReason: try row.decode(1, as: String?.self),
            generation: try row.decode(8, as: Int64?.self),
            unvalidated: try row.decode(2, as: [String]?.self) ?? [], nullReason: try row.decode(3, as: String?.self),
            engineVersion: try row.decode(4, as: Int32?.self), configHash: try row.decode(5, as: String?.self),
            computedAt: try row.decode(6, as: Timestamp?.self), meaning: try row.decode(7, as: String?.self))
    }
}
