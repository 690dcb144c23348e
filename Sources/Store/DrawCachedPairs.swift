import Bytes
import Model
import Postgres

/// A few pairs with a fresh cache row, drawn at random from a few pages: the cost does not grow with the pairs.
///
/// Rows that lie alone on a page come up more often than others; over time all come up.
package struct DrawCachedPairs: Statement {
    package static let name = "draw_cached_pairs"
    /// Pages that are looked at for twenty rows, on average.
    static let pages = 8...64
    package static let sql = """
        select
            c.shard, c.bot_name, c.user_id, c.engine_version, c.config_hash, c.generation,
            case when p.window_snapshot is null then p.last_snapshot end
        from afterthought.strategic_cache as c
            tablesample system (\(CachePages.percent(rows: 20, pages: pages)))
        join afterthought.shard_progress as p on p.shard = c.shard
        where c.stale_reason is null and c.messages_reflected <= $2
        order by random()
        limit $1
        """

    var pairsMax: Int64
    /// Pairs with a longer history are left out.
    var messagesMax: Int64

    package init(pairsMax: Int64, messagesMax: Int64) {
        self.pairsMax = pairsMax
        self.messagesMax = messagesMax
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(pairsMax)
        parameters.append(messagesMax)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> CachedPair {
        try ChooseCachedPairs.decode(row)
    }
}
