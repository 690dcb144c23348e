extension Command {
    /// Every command, in the order of the overview.
    static let all: [Command] = [
        demo, worker, migrate, importMessages, read, refresh, reconcile, status, doctor, version,
    ]
}
