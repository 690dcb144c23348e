extension Command {
    /// Every command, in the order of the overview.
    static let all: [Command] = [
        demo, worker, migrate, importMessages, read, refresh, reconcile, status, doctor, version,
    ]

    /// A command that is declared here and whose work has not landed yet; it does nothing and says so.
    static func notBuilt(_ name: String) -> Body {
        .blocking { _ in
            throw CommandFailure(.internalError, "`\(name)` is not built yet", hint: "nothing was done")
        }
    }
}
