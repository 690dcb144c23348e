import Bytes
import Postgres
import Store

/// Deletes personality insights and interactions that are older than they are kept, applied or not.
///
/// Profiles and their history stay. What it deletes is past the window in which it could still be applied.
package struct InsightCleanupJob: Job {
    package let name = "insight_cleanup"

    /// Rows that one step deletes of each kind.
    private let rowsMax: Int

    package init(rowsMax: Int = 10_000) {
        precondition(rowsMax > 0, "expected at least 1 row a step, got: \(rowsMax)")
        self.rowsMax = rowsMax
    }

    package func run(_ run: inout JobRun, _ connection: inout Connection) throws {
        let before = run.dueAt.advanced(bySeconds: -86_400 * run.settings.number("INSIGHT_RETENTION_DAYS"))
        var isDone = false
        while !isDone {
            isDone = try run.commit(&connection) { run, connection in
                let insights = try connection.run(DeleteOldInsights<ChatInsights>(before: before, rowsMax: rowsMax))
                let interactions = try connection.run(DeleteOldInsights<Interactions>(before: before, rowsMax: rowsMax))
                run.tally.recordsProcessed += insights + interactions
                return max(insights, interactions) < rowsMax
            }
        }
    }
}
