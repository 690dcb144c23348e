extension Command {
    /// The background worker.
    static let worker = Command(
        name: "worker", summary: "process new messages until stopped",
        details: ["SIGTERM and Ctrl-C stop it within seconds, with nothing half done."],
        options: [
            Option(name: "once", help: "run until everything committed so far is reflected, then stop"), Option.json,
        ],
        body: notBuilt("worker"))
}
