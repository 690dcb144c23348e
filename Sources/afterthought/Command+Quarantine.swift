import Bytes
import Postgres
import Store

extension Command {
    /// Pairs that could not be processed.
    static let quarantine = Command(
        name: "quarantine", summary: "show the pairs that could not be processed, or have them tried again",
        details: [
            "`quarantine` or `quarantine list` shows who is in quarantine, since when, why, and when it is tried next. "
                + "`quarantine retry USER BOT` has one pair tried again by the next cycle, `quarantine retry --all` "
                + "every one.",
            "Pairs are tried again by themselves, after 30 seconds first and a day at most; meanwhile their rows read "
                + "as stale, and all other pairs move on.",
        ],
        arguments: [
            Argument(name: "ACTION", help: "list (unless given) or retry", isRequired: false),
            Argument(name: "USER", help: "of one user", isRequired: false),
            Argument(name: "BOT", help: "of one bot", isRequired: false),
        ],
        options: [
            Option(name: "all", help: "retry all pairs"),
            Option(name: "limit", value: "N", help: "rows at most (default 100)", check: .integer(1...100_000)),
            Option.json,
        ],
        examples: ["quarantine", "quarantine retry u42 elena", "quarantine retry --all"],
        body: .blocking { invocation in
            let words = invocation.arguments
            let action = words.first ?? "list"
            guard ["list", "retry"].contains(action) else {
                throw CommandFailure(
                    .usage, "expected list or retry, got: `\(action)`", hint: "see `afterthought help quarantine`")
            }
            let user = words.count > 1 ? words[1] : nil
            let bot = words.count > 2 ? words[2] : nil
            if action == "retry" { return try retryPairs(invocation, user: user, bot: bot) }
            let limit = Int64(invocation.integer("limit") ?? 100)
            let rows = try DatabaseChoice.withMigrated(invocation) { connection in
                try connection.query(ListQuarantine(user: user, bot: bot, rowsMax: limit))
            }
            Terminal.print(invocation.wantsJSON ? JSONValue.array(rows).text : quarantineText(rows))
            return .ok
        })

    private static func retryPairs(_ invocation: Invocation, user: String?, bot: String?) throws -> ExitCode {
        guard (user != nil) != invocation.isSet("all") else {
            throw CommandFailure(
                .usage, "expected a user or `--all`, got: \(user == nil ? "neither" : "both")",
                hint: "`afterthought quarantine` lists the pairs")
        }
        let request = RetryQuarantine(user: user, bot: bot)
        let count = try DatabaseChoice.withMigrated(invocation) { connection in try connection.run(request) }
        guard count > 0 || user == nil else {
            throw CommandFailure(
                .data, "expected a pair in quarantine, got: one that is not",
                hint: "`afterthought quarantine` lists the pairs; the user comes first")
        }
        Terminal.print(
            invocation.wantsJSON
                ? JSONValue.object([JSONMember(key: "retried", value: .number(JSONNumber(Int64(count))))]).text
                : count == 0
                    ? "nobody is in quarantine" : "\(grouped(count)) to be tried again by the next cycle")
        return .ok
    }

    static func quarantineText(_ rows: [JSONValue]) -> String {
        if rows.isEmpty { return "nobody is in quarantine" }
        var table = TextTable([
            ("user", .left), ("bot", .left), ("since", .left), ("attempts", .right), ("next", .left), ("reason", .left),
            ("error", .left),
        ])
        for row in rows {
            table.add(
                row["user_id"]?.string ?? "", row["bot_name"]?.string ?? "", row.minute("since") ?? "",
                "\(row["attempts"]?.int64 ?? 0)", row.minute("next_attempt_at") ?? "",
                row["reason"]?.string ?? "", row["error"]?.string ?? "")
        }
        return table.text(columnsMax: 160)
    }
}
