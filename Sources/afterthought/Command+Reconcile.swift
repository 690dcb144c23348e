extension Command {
    /// The repair after a restore.
    static let reconcile = Command(
        name: "reconcile", summary: "repair the progress after a restore into another cluster",
        details: [
            "A restored database carries transaction ids of another cluster. This records up to which row ids that is "
                + "so, and has every pair rebuilt from its history. Workers must be stopped."
        ],
        options: [Option.json], body: notBuilt("reconcile"))
}
