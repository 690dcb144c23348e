import Bytes
import Postgres
import Store

extension Command {
    /// A rebuild on demand.
    static let refresh = Command(
        name: "refresh", summary: "have a pair rebuilt from its history by the next cycle",
        arguments: [
            Argument(name: "USER", help: "the user's id"), Argument(name: "BOT", help: "the bot's name"),
        ],
        options: [Option.json],
        body: .blocking { invocation in
            let request = RequestRebuild(userID: invocation.arguments[0], botName: invocation.arguments[1])
            let rows = try DatabaseChoice.withMigrated(invocation) { connection in try connection.run(request) }
            guard rows > 0 else {
                throw CommandFailure(
                    .data, "expected a user and a bot with messages, got: a pair without any",
                    hint: "the user comes first: afterthought refresh USER BOT")
            }
            if invocation.wantsJSON {
                var json = JSONWriter()
                json.beginObject()
                json.key("requested")
                json.value(true)
                json.endObject()
                Terminal.print(json.text)
            } else {
                Terminal.print("requested: the next cycle rebuilds the pair")
            }
            return .ok
        })
}
