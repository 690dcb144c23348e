extension Command {
    /// The whole way once, on the embedded sample.
    static let demo = Command(
        name: "demo", summary: "run everything once on real conversations, in a private database",
        details: [
            "Starts a private PostgreSQL server, migrates it, imports 5,210 messages of real conversations, runs until "
                + "caught up and prints what came of it. A second run changes nothing."
        ],
        options: [Option.json], body: notBuilt("demo"))
}
