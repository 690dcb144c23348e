extension Command {
    /// Every command, in the order of the overview.
    static let all: [Command] = [
        demo, worker, migrate, importMessages, read, explain, compare, eval, refresh, reconcile, status, schedule, jobs,
        run, retry, clustering, analyze, quarantine, erase, export, config, doctor, version,
    ]
}
