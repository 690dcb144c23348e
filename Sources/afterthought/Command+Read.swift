extension Command {
    /// One pair's signals.
    static let read = Command(
        name: "read", summary: "show what is known about a user and a bot",
        arguments: [
            Argument(name: "USER", help: "the user's id"), Argument(name: "BOT", help: "the bot's name"),
        ],
        options: [Option.json], body: notBuilt("read"))
}
