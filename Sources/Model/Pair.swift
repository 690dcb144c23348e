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

    /// Orders by bot and then user, byte by byte, as the database's "C" collation does.
    package static func < (left: Pair, right: Pair) -> Bool {
        if left.botName != right.botName {
            return left.botName.utf8.lexicographicallyPrecedes(right.botName.utf8)
        }
        return left.userID.utf8.lexicographicallyPrecedes(right.userID.utf8)
    }
}
