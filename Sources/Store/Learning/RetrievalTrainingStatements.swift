import Bytes
import Postgres

/// Counts the pairs of the seven days before a moment that no training has used: those that committed late too.
package struct CountNewTrainingPairs: Statement {
    package static let name = "count_new_training_pairs"
    package static let sql = """
        select count(*)
        from afterthought.embedding_training_pairs
        where consumed_run_id is null and created_at > $1::timestamptz - interval '7 days' and created_at <= $1
        """

    var at: Timestamp

    package init(at: Timestamp) { self.at = at }

    package func bind(to parameters: inout Parameters) { parameters.append(at) }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int { try row.decode(0) }
}

/// Ends trainings that no attempt will go on with, and gives their pairs back.
package struct GiveUpRetrievalTrainings: Statement {
    package static let name = "give_up_retrieval_trainings"
    package static let sql = """
        with given_up as (
            update afterthought.training_runs
            set status = 'failed', finished_at = now(), metrics = '{"reason": "not_finished"}'
            where kind = 'rag_training' and status = 'running'
            returning id
        )
        update afterthought.embedding_training_pairs
        set consumed_run_id = null
        where consumed_run_id in (select id from given_up)
        """

    package init() {}
}

/// Records a training; no row if one of that moment is recorded.
package struct BeginRetrievalTraining: Statement {
    package static let name = "begin_retrieval_training"
    package static let sql = """
        insert into afterthought.training_runs (kind, subject, due_at, status, samples, metrics, finished_at)
        values (
            'rag_training', 'retrieval', $1, $2::text, $3, $4::text::jsonb,
            case when $2::text <> 'running' then now() end)
        on conflict on constraint training_runs_are_one_a_moment do nothing
        returning id
        """

    var at: Timestamp
    /// `running`, or `skipped` with the reason in the metrics.
    var status: String
    var samples: Int
    var metrics: JSONValue

    package init(at: Timestamp, status: String, samples: Int, metrics: JSONValue) {
        self.at = at
        self.status = status
        self.samples = samples
        self.metrics = metrics
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(at)
        parameters.append(status)
        parameters.append(samples)
        parameters.append(metrics.text)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int64 { try row.decode(0) }
}

/// Marks the oldest new pairs of the seven days before a moment as a training's.
package struct ConsumeTrainingPairs: Statement {
    package static let name = "consume_training_pairs"
    package static let sql = """
        with chosen as (
            select id
            from afterthought.embedding_training_pairs
            where consumed_run_id is null and created_at > $2::timestamptz - interval '7 days' and created_at <= $2
            order by created_at, id
            limit $3
            for update
        ), consumed as (
            update afterthought.embedding_training_pairs as p
            set consumed_run_id = $1
            from chosen
            where p.id = chosen.id
            returning p.id
        )
        update afterthought.training_runs
        set samples = (select count(*) from consumed)
        where id = $1
        """

    var run: Int64
    var at: Timestamp
    var pairsMax: Int

    package init(run: Int64, at: Timestamp, pairsMax: Int) {
        self.run = run
        self.at = at
        self.pairsMax = pairsMax
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(run)
        parameters.append(at)
        parameters.append(pairsMax)
    }
}

/// How a training stands.
package struct RetrievalTrainingStatus: Statement {
    package static let name = "retrieval_training_status"
    package static let sql = "select status from afterthought.training_runs where id = $1"

    var run: Int64

    package init(run: Int64) { self.run = run }

    package func bind(to parameters: inout Parameters) { parameters.append(run) }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> String { try row.decode(0) }
}

/// A page of a training's pairs, by number.
package struct LoadTrainingPairs: Statement {
    package static let name = "load_training_pairs"
    package static let sql = """
        select id, query_text, document_text, document_group::text, relevance, query_embedding, document_embedding
        from afterthought.embedding_training_pairs
        where consumed_run_id = $1 and id > $2
        order by id
        limit $3
        """

    /// One pair.
    package struct Row: Sendable {
        package var id: Int64
        package var query: String
        package var document: String
        package var group: String?
        package var relevance: Double
        /// Nil: to be computed; a nil inside is a number that is missing.
        package var queryEmbedding: [Float?]?
        package var documentEmbedding: [Float?]?
    }

    var run: Int64
    var after: Int64
    var rowsMax: Int

    package init(run: Int64, after: Int64, rowsMax: Int) {
        self.run = run
        self.after = after
        self.rowsMax = rowsMax
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(run)
        parameters.append(after)
        parameters.append(rowsMax)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Row {
        Row(
            id: try row.decode(0), query: try row.decode(1), document: try row.decode(2), group: try row.decode(3),
            relevance: try row.decode(4), queryEmbedding: try row.decode(5), documentEmbedding: try row.decode(6))
    }
}

/// Records how a training ended; changes no row if it is not running any more.
package struct FinishRetrievalTraining: Statement {
    package static let name = "finish_retrieval_training"
    package static let sql = """
        update afterthought.training_runs
        set
            status = $2,
            metrics = $3::text::jsonb,
            finished_at = now(),
            parent_id = (
                select training_run_id from afterthought.retrieval_adapters where version = $4)
        where id = $1 and status = 'running'
        """

    var run: Int64
    var status: String
    var metrics: JSONValue
    /// The adapter that was in use until then.
    var replaced: Int64?

    package init(run: Int64, status: String, metrics: JSONValue, replaced: Int64?) {
        self.run = run
        self.status = status
        self.metrics = metrics
        self.replaced = replaced
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(run)
        parameters.append(status)
        parameters.append(metrics.text)
        parameters.append(replaced)
    }
}
