import Postgres
import Store

/// `learning_cleanup`: moves feedback older than `FEEDBACK_RETENTION_DAYS` to the archive, in batches.
package struct LearningCleanupJob: Job {
    package let name = "learning_cleanup"
    /// Rows of a batch.
    package static let batchRowsMax = 1_000
    private let batchRowsMax: Int

    package init(batchRowsMax: Int = LearningCleanupJob.batchRowsMax) { self.batchRowsMax = batchRowsMax }

    package func run(_ run: inout JobRun, _ connection: inout Connection) throws {
        let archive = ArchiveFeedback(
            at: run.dueAt, retentionDays: Int64(run.settings.integer("FEEDBACK_RETENTION_DAYS")),
            rowsMax: Int64(batchRowsMax))
        while true {
            let moved = try run.commit(&connection) { run, connection in
                let moved = try connection.run(archive)
                run.tally.recordsProcessed += moved
                return moved
            }
            // Fewer may also have been moved because somebody deleted some meanwhile: only none is the end.
            if moved == 0 { return }
        }
    }
}
