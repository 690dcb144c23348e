import Bytes
import Postgres

/// Begins a run, or goes on with it in another attempt; closes runs that did not come to their end.
///
/// Its row says whether the run ended already: then nothing is left to do.
package struct BeginClusteringRun: Statement {
    package static let name = "begin_clustering_run"
    package static let sql = """
        with lost as (
            update afterthought.clustering_runs
            set status = 'failed', finished_at = now(), error_message = 'the worker was lost, and its job given up'
            where status = 'running' and run_id <> $1
        )
        insert into afterthought.clustering_runs as r (run_id, status, trigger_reason, attempt, started_at)
        values (
            $1, 'running', coalesce((select j.reason from afterthought.jobs as j where j.id = $1), 'by hand'), $2,
            now())
        on conflict (run_id) do update set
            attempt = excluded.attempt,
            status = case when r.status = 'failed' then 'running' else r.status end,
            finished_at = case when r.status = 'failed' then null else r.finished_at end,
            error_message = case when r.status = 'failed' then null else r.error_message end
        returning r.status
        """

    var run: Int64
    var attempt: Int32

    package init(run: Int64, attempt: Int32) {
        self.run = run
        self.attempt = attempt
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(run)
        parameters.append(attempt)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> String { try row.decode(0) }
}

/// Adds to what a run has done.
package struct NoteClusteringProgress: Statement {
    package static let name = "note_clustering_progress"
    package static let sql = """
        update afterthought.clustering_runs
        set
            progress = $2, messages_processed = messages_processed + $3,
            conversations_assigned = conversations_assigned + $4
        where run_id = $1
        """

    var run: Int64
    var progress: Double
    var messages: Int64
    var assigned: Int64

    package init(run: Int64, progress: Double, messages: Int64 = 0, assigned: Int64 = 0) {
        self.run = run
        self.progress = progress
        self.messages = messages
        self.assigned = assigned
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(run)
        parameters.append(progress)
        parameters.append(messages)
        parameters.append(assigned)
    }
}

/// Ends a run that came to its end.
package struct FinishClusteringRun: Statement {
    package static let name = "finish_clustering_run"
    package static let sql = """
        with state as (
            update afterthought.clustering_state set last_run_at = now()
        )
        update afterthought.clustering_runs
        set
            status = $2, kind = $3, conversations = $4, clusters = $5, silhouette = $6, error_message = $7,
            progress = 1, finished_at = now()
        where run_id = $1
        """

    var run: Int64
    var status: String
    var kind: String?
    var conversations: Int32
    var clusters: Int32?
    var silhouette: Double?
    /// Why nothing was clustered.
    var message: String?

    package init(
        run: Int64, status: String, kind: String?, conversations: Int32, clusters: Int32? = nil,
        silhouette: Double? = nil, message: String? = nil
    ) {
        self.run = run
        self.status = status
        self.kind = kind
        self.conversations = conversations
        self.clusters = clusters
        self.silhouette = silhouette
        self.message = message
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(run)
        parameters.append(status)
        parameters.append(kind)
        parameters.append(conversations)
        parameters.append(clusters)
        parameters.append(silhouette)
        parameters.append(message)
    }
}

/// Why clustering should run now; null: it need not.
package struct ClusteringTrigger: Statement {
    package static let name = "clustering_trigger"
    package static let sql = "select afterthought.clustering_trigger()"

    package init() {}

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> String? {
        try row.decode(0, as: String?.self)
    }
}

/// Where clustering stands, as a JSON object.
package struct ClusteringStatus: Statement {
    package static let name = "clustering_status"
    package static let sql = "select afterthought.clustering_status()"

    package init() {}

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> JSONText { try row.decode(0) }
}
