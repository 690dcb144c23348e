import Bytes

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

    // By bytes, as the database tells users apart: Unicode's equivalence would make one pair of two.

    package static func == (left: Pair, right: Pair) -> Bool {
        UTF8Text.order(left.userID, right.userID) == 0 && UTF8Text.order(left.botName, right.botName) == 0
    }

    package func hash(into hasher: inout Hasher) {
        // Lent for the calls only.
        unsafe botName.utf8.span.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        hasher.combine(UInt8(0xFF))
        unsafe userID.utf8.span.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    }

    /// Orders by bot and then user, byte by byte, as the database's "C" collation does.
    package static func < (left: Pair, right: Pair) -> Bool {
        let bots = UTF8Text.order(left.botName, right.botName)
        return (bots == 0 ? UTF8Text.order(left.userID, right.userID) : bots) < 0
    }
}
