/// A user and a bot: the unit that state, cache rows and freshness belong to.
///
/// An empty `userID` stands for what is known of the bot alone (metric points without a user); such a pair has state
/// but never a cache row.
package struct Pair: Hashable, Comparable, Sendable {
    package var botName: String
    package var userID: String

    package init(userID: String, botName: String) {
        self.botName = botName
        self.userID = userID
    }

    /// Whether this is a bot's own pseudo pair, without a user.
    package var isBotOnly: Bool { userID.isEmpty }

}

/// Names are told apart and ordered byte by byte, as the database's "C" collation does: Unicode's equivalence, by which
/// Swift compares strings, would make one pair of two whose names differ in composition only.
extension Pair {
    package static func == (left: Pair, right: Pair) -> Bool {
        left.botName.utf8.elementsEqual(right.botName.utf8) && left.userID.utf8.elementsEqual(right.userID.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        for name in [botName, userID] {
            var name = name
            name.withUTF8 { unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
            hasher.combine(0xFF as UInt8)
        }
    }

    package static func < (left: Pair, right: Pair) -> Bool {
        if !left.botName.utf8.elementsEqual(right.botName.utf8) {
            return left.botName.utf8.lexicographicallyPrecedes(right.botName.utf8)
        }
        return left.userID.utf8.lexicographicallyPrecedes(right.userID.utf8)
    }
}
