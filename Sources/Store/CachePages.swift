/// How much of the cache a look at some of its pages takes, as SQL for `tablesample system`.
enum CachePages {
    /// The share of pages, in percent, that gives so many live rows; it does not grow with the cache.
    ///
    /// Reckoned from the size at the time and the server's own count of live rows: a small cache is read whole, and in
    /// one whose pages hold few live rows, more of them are read. Without a count it is the fewest pages.
    ///
    /// - Parameters:
    ///   - rows: about how many live rows are wanted.
    ///   - pages: at least and at most so many pages, if there are.
    /// - Returns: an expression without variables.
    static func percent(rows: Int, pages: ClosedRange<Int>) -> String {
        let table = "'afterthought.strategic_cache'::regclass"
        let size = "greatest(1, pg_relation_size(\(table)) / current_setting('block_size')::integer)"
        let live = "nullif(pg_stat_get_live_tuples(\(table)), 0)"
        return """
            least(100, 100 * greatest(
                            \(pages.lowerBound).0 / \(size),
                            least(\(pages.upperBound).0 / \(size), coalesce(\(rows).0 / \(live), 0))))
            """
    }
}
