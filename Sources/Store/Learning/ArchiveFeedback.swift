import Bytes
import Postgres

/// Moves feedback from before a moment to the archive, oldest first; returns no row, but counts those moved.
package struct ArchiveFeedback: Statement {
    package static let name = "archive_feedback"
    // Deleting and inserting are one statement: a row is in one of the two tables, whatever happens.
    package static let sql = """
        with old as (
            delete from afterthought.agent_feedback
            where id in (
                select id from afterthought.agent_feedback
                where created_at < $1::timestamptz - make_interval(days => $2::integer)
                order by created_at, id
                limit $3)
            returning *
        )
        insert into afterthought.agent_feedback_archive (
            id, received_at, created_at, execution_id, agent_id, user_id, score, comment, correction, archived_at)
        select id, received_at, created_at, execution_id, agent_id, user_id, score, comment, correction, $1
        from old
        """

    var at: Timestamp
    var retentionDays: Int64
    var rowsMax: Int64

    package init(at: Timestamp, retentionDays: Int64, rowsMax: Int64) {
        self.at = at
        self.retentionDays = retentionDays
        self.rowsMax = rowsMax
    }

    package func bind(to parameters: inout Parameters) { parameters.append(all: at, retentionDays, rowsMax) }
}
