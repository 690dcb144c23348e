import Bytes
import Model

/// Which rows a worker's notification is about: those of a shard that changed in one of its commits.
///
/// It only makes answers newer sooner; freshness holds without it.
struct Invalidation: Hashable, Sendable {
    static let channel = "afterthought_cache"

    var shard: Int16
    /// Keyed hashes of the pairs; nil: the whole shard.
    var pairs: Set<UInt64>?

    /// Reads `{"shard":n,"generation":n,"pairs":["hex",…]}`; without readable pairs the whole shard is meant.
    ///
    /// - Parameter payload: what was sent with the notification; the result is nil for what is not of this kind.
    init?(payload: String) {
        guard let json = try? JSONValue(parsing: payload), let shard = json["shard"]?.int64,
            let number = Int16(exactly: shard)
        else { return nil }
        self.shard = number
        guard let listed = json["pairs"]?.array else { return }
        let hashes = listed.compactMap { $0.string.flatMap(PairHash.parse) }
        pairs = hashes.count == listed.count ? Set(hashes) : nil
    }

    /// Whether a row may have changed.
    func concerns(_ row: StoredRow, _ hash: PairHash?) -> Bool {
        guard row.content.shard == shard else { return false }
        guard let pairs, let hash else { return true }
        return pairs.contains(hash.hash(row.pair))
    }
}
