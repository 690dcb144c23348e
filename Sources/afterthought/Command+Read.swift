import Bytes
import Store

extension Command {
    /// One pair's signals.
    static let read = Command(
        name: "read", summary: "show what is known about a user and a bot",
        details: ["The signals as a reader gets them now, with their freshness and why anything is missing."],
        arguments: [
            Argument(name: "USER", help: "the user's id"), Argument(name: "BOT", help: "the bot's name"),
        ],
        options: [Option.json],
        body: .blocking { invocation in
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
}
