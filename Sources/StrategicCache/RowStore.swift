import Bytes
import Model

/// The rows read last: answers reads while they are fresh, and stands in when the database does not answer.
///
/// Bounded, and cut into slices with a lock each so that threads do not queue. Each slice evicts by the CLOCK rule: a
/// row that was asked for since the hand last passed gets another round (Corbató, 1968).
///
/// Complexity: O(1) for `find`; amortised O(1) for `store`.
final class RowStore: Sendable {
    private static let sliceCount = 64
    private let slices: [Slice]

    /// Makes an empty store.
    ///
    /// - Parameter entriesMax: rows that it holds at most; rounded up to a multiple of 64.
    init(entriesMax: Int) {
        let capacity = max((entriesMax + RowStore.sliceCount - 1) / RowStore.sliceCount, 1)
        slices = (0..<RowStore.sliceCount).map { _ in Slice(capacity: capacity) }
    }

    /// The row that was stored for a pair last.
    func find(user: String, bot: String) -> StoredRow? {
        let key = Key(user: user, bot: bot)
        return slice(key).find(key)
    }

    /// Stores a row in place of the pair's older one.
    func store(_ row: StoredRow) {
        let key = Key(user: row.pair.userID, bot: row.pair.botName)
        slice(key).store(row, key)
    }

    /// Forgets a pair that the database has no row of.
    func remove(_ pair: Pair) {
        let key = Key(user: pair.userID, bot: pair.botName)
        slice(key).remove(key)
    }

    /// Ends the freshness of rows, so that the next read asks the database; they still stand in when it does not
    /// answer.
    func expire(where condition: (StoredRow) -> Bool) {
        for slice in slices { slice.expire(where: condition) }
    }

    /// How many rows are stored.
    var count: Int { slices.reduce(0) { $0 + $1.count } }

    private func slice(_ key: Key) -> Slice { slices[Int(truncatingIfNeeded: key.hash >> 58)] }
}

/// A pair with its hash, so that it is hashed once a lookup.
private struct Key: Hashable {
    let hash: UInt64
    let user: String
    let bot: String

    @inline(__always)
    init(user: String, bot: String) {
        // Per-process seeded: nobody can choose users that collide.
        var hasher = Hasher()
        hasher.combine(bot)
        hasher.combine(user)
        hash = UInt64(bitPattern: Int64(hasher.finalize()))
        self.user = user
        self.bot = bot
    }

    static func == (left: Key, right: Key) -> Bool {
        // By bytes: Unicode's equivalence would serve one user another one's row.
        left.hash == right.hash && UTF8Text.order(left.user, right.user) == 0
            && UTF8Text.order(left.bot, right.bot) == 0
    }

    func hash(into hasher: inout Hasher) { hasher.combine(hash) }
}

/// One part of the store.
private final class Slice: @unchecked Sendable {
    // Unchecked because the content is only touched under the lock.
    private let lock = Lock()
    private var content: SliceContent

    init(capacity: Int) { content = SliceContent(capacity: capacity) }

    var count: Int { lock.withLock { content.entries.count } }

    func find(_ key: Key) -> StoredRow? { lock.withLock { content.find(key) } }

    func store(_ row: StoredRow, _ key: Key) { lock.withLock { content.store(row, key) } }

    func remove(_ key: Key) { lock.withLock { content.remove(key) } }

    func expire(where condition: (StoredRow) -> Bool) { lock.withLock { content.expire(where: condition) } }
}

/// The rows of a slice; a struct, so that each call is checked for exclusive access once and not at every member.
private struct SliceContent {
    struct Entry {
        var key: Key
        var row: StoredRow
        var wasAsked: Bool
    }

    let capacity: Int
    var places: [Key: Int] = [:]
    var entries: [Entry] = []
    var hand = 0

    init(capacity: Int) { self.capacity = capacity }

    mutating func find(_ key: Key) -> StoredRow? {
        guard let place = places[key] else { return nil }
        entries[place].wasAsked = true
        return entries[place].row
    }

    mutating func store(_ row: StoredRow, _ key: Key) {
        if let place = places[key] {
            // Two reads may overlap: the one that asked the database later wins.
            if entries[place].row.readAt <= row.readAt { entries[place].row = row }
            return
        }
        if entries.count < capacity {
            places[key] = entries.count
            entries.append(Entry(key: key, row: row, wasAsked: false))
            return
        }
        while entries[hand].wasAsked {
            entries[hand].wasAsked = false
            hand = (hand + 1) % capacity
        }
        places[entries[hand].key] = nil
        places[key] = hand
        entries[hand] = Entry(key: key, row: row, wasAsked: false)
        hand = (hand + 1) % capacity
    }

    mutating func remove(_ key: Key) {
        guard let place = places.removeValue(forKey: key) else { return }
        let last = entries.count - 1
        if place != last {
            entries[place] = entries[last]
            places[entries[place].key] = place
        }
        entries.removeLast()
        if hand >= entries.count { hand = 0 }
    }

    mutating func expire(where condition: (StoredRow) -> Bool) {
        for place in entries.indices where condition(entries[place].row) {
            let old = entries[place].row
            entries[place].row = StoredRow(
                pair: old.pair, content: old.content, readAt: old.readAt,
                verdict: Watermarks.Verdict(freshUntil: 0, completeThrough: old.completeThrough))
        }
    }
}
