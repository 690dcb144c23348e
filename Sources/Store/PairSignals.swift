import Bytes
import Postgres

/// One pair's signals as a reader gets them, from the function `afterthought.read_strategic`.
package struct PairSignals: Sendable {
    /// `fresh`, `stale` or `missing`.
    package var freshness: String
    package var ageSeconds: Double?
    package var reflectsThrough: Timestamp?
    package var messagesReflected: Int64?
    package var staleReason: String?
    /// Engine or column → why it is null.
    package var nullReasons: JSONValue?
    package var unvalidated: [String]
    /// Signal → column → value.
    package var signals: JSONValue
    /// The text made for a prompt.
    package var digest: String?

    /// The whole as one JSON object, as the database gives it.
    package var json: String
}

package struct ReadPairSignals: Statement {
    package static let name = "read_pair_signals"
    package static let sql = """
        select
            r.freshness, r.age_seconds, r.reflects_through, r.messages_reflected, r.stale_reason, r.null_reasons,
            coalesce(r.unvalidated, '{}'), r.signals, afterthought.prompt_digest($1, $2, 600), to_jsonb(r)
        from afterthought.read_strategic($1, $2) as r
        """

    var user: String
    var bot: String

    package init(user: String, bot: String) {
        self.user = user
        self.bot = bot
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(user)
        parameters.append(bot)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> PairSignals {
        let reasons = try row.decode(5, as: JSONText?.self)
        let signals = try row.decode(7, as: JSONText.self)
        return PairSignals(
            freshness: try row.decode(0, as: String.self), ageSeconds: try row.decode(1, as: Double?.self),
            reflectsThrough: try row.decode(2, as: Timestamp?.self),
            messagesReflected: try row.decode(3, as: Int64?.self), staleReason: try row.decode(4, as: String?.self),
            nullReasons: reasons.flatMap { try? JSONValue(parsing: $0.text) },
            unvalidated: try row.decode(6, as: [String].self),
            signals: (try? JSONValue(parsing: signals.text)) ?? .null,
            digest: try row.decode(8, as: String?.self), json: try row.decode(9, as: JSONText.self).text)
    }
}
