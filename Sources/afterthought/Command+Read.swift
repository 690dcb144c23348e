import Bytes
import Postgres
import Store

extension Command {
    /// One pair's signals.
    static let read = Command(
        name: "read", summary: "show what is known about a user and a bot",
        details: ["The signals as a reader gets them now, with their freshness and why anything is missing."],
        arguments: [
            Argument(name: "USER", help: "the user's id"), Argument(name: "BOT", help: "the bot's name"),
        ],
        options: [
            Option(name: "digest", help: "print only the short text that is made for a prompt"),
            Option(
                name: "characters", value: "N", help: "how long that text may be, in code points (default 600)",
                check: .integer(0...100_000)),
            Option.json,
        ],
        examples: ["read u42 elena", "read u42 elena --digest --characters 300"],
        body: .blocking { invocation in
            if invocation.isSet("digest") { return try printDigest(invocation) }
            let wanted = ReadPairSignals(user: invocation.arguments[0], bot: invocation.arguments[1])
            guard let pair = try DatabaseChoice.withMigrated(invocation, { try $0.first(wanted) }) else {
                preconditionFailure("expected one row from read_strategic, got: none")
            }
            Terminal.print(invocation.wantsJSON ? pair.json : SignalTable.text(pair))
            guard pair.freshness == "missing" else { return .ok }
            throw CommandFailure(
                .data, "expected a user and a bot with processed messages, got: a pair without a row",
                hint: "the user comes first: afterthought read USER BOT; `afterthought status` tells how far the "
                    + "worker is")
        })

    private static func printDigest(_ invocation: Invocation) throws -> ExitCode {
        let wanted = ReadDigest(
            user: invocation.arguments[0], bot: invocation.arguments[1],
            charactersMax: Int32(invocation.integer("characters") ?? 600))
        let digest = try DatabaseChoice.withMigrated(invocation) { try $0.first(wanted) }
        guard invocation.wantsJSON else {
            Terminal.print(TextWidth.harmless(digest ?? ""))
            return .ok
        }
        var json = JSONWriter()
        json.beginObject()
        json.key("digest")
        json.value(digest ?? "")
        json.endObject()
        Terminal.print(json.text)
        return .ok
    }
}

/// The short text for a prompt; empty when nothing is known.
private struct ReadDigest: Statement {
    static let name = "read_digest"
    static let sql = "select coalesce(afterthought.prompt_digest($1, $2, $3), '')"

    var user: String
    var bot: String
    var charactersMax: Int32

    func bind(to parameters: inout Parameters) {
        parameters.append(user)
        parameters.append(bot)
        parameters.append(charactersMax)
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> String {
        try row.decode(0, as: String.self)
    }
}
