import Bytes
import Engines
import Jobs
import Learning
import Postgres
import Store
import Support
import Testing
import Worker

@Suite("Training of retrieval adapters", .database)
struct RetrievalTrainingJobTests {
    private static let job = RetrievalTrainingJob { TextAnalyzer.shippedWithoutModels(dimensions: $0) }
    private static let dueAt = "2030-05-10 03:00:00+00"

    private static func request(_ dueAt: String = dueAt) -> JobBench.Request {
        JobBench.Request(job, dueAt: dueAt)
    }

    /// Adds queries of eight numbers in groups of four, each with a document that is the query with its numbers moved
    /// on by some places, or that has nothing to do with it.
    private static func addPairs(
        _ connection: inout Connection, _ numbers: ClosedRange<Int>, shift: Int? = 1, at: String = "2030-05-09"
    ) throws {
        let seed = shift == nil ? "'other ' || i" : "i::text"
        try connection.execute(
            """
            insert into afterthought.embedding_training_pairs (
                query_text, document_text, document_group, query_embedding, document_embedding, created_at)
            select 'query ' || i, 'document ' || i, 'group ' || i / 4,
                array(select public.digit(i::text, j) from generate_series(0, 7) as j order by j),
                array(select public.digit(\(seed), (j + \(shift ?? 0)) % 8) from generate_series(0, 7) as j order by j),
                '\(at)'
            from generate_series(\(numbers.lowerBound), \(numbers.upperBound)) as i
            """)
    }

    private static func prepare(_ connection: inout Connection) throws {
        try connection.execute(
            """
            create function public.digit(i text, j integer) returns real
                return ('x' || substr(md5(i || '-' || j), 1, 8))::bit(32)::integer / 2147483648.0;
            update afterthought.job_settings set value = '8' where name = 'RAG_TRAINING_DIMENSIONS';
            update afterthought.job_settings set value = '80' where name = 'RAG_TRAINING_MIN_SAMPLES';
            """)
    }

    private static func runs(_ connection: inout Connection) throws -> [String] {
        try connection.lines(
            """
            select status, samples, coalesce(metrics ->> 'verdict', metrics ->> 'reason'), metrics ->> 'rejected',
                finished_at is not null
            from afterthought.training_runs where kind = 'rag_training' order by id
            """)
    }

    @Test("cut off at any statement, one training, one adapter, and each pair used once")
    func cutEverywhere() throws {
        let places = try JobBench.cutEverywhere(
            Self.request(),
            prepare: { connection in
                try Self.prepare(&connection)
                try Self.addPairs(&connection, 0...99)
            },
            state: { connection in
                try Self.runs(&connection)
                    + connection.lines(
                        """
                        select dimensions, md5(matrix::text), trained_at, retired_at is null, metrics
                        from afterthought.retrieval_adapters
                        """)
                    + connection.lines(
                        """
                        select count(*), count(consumed_run_id), count(distinct consumed_run_id)
                        from afterthought.embedding_training_pairs
                        """)
                    + connection.lines(
                        "select state, tally - 'metadata', tally #>> '{metadata,verdict}' from afterthought.jobs")
            })
        #expect(places >= 14)
    }

    @Test("a planted map is promoted; its adapter is applied in SQL, replaced and reverted")
    func promoteAndRevert() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepare(&connection)
        let query = "array[3, 1, 4, 1, 5, 9, 2, 6]::real[]"
        let unit = try connection.lines("select afterthought.apply_adapter(array[3, 4]::real[])")
        #expect(unit == ["{0.6,0.8}"])
        #expect(try connection.lines("select afterthought.revert_adapter()") == ["null"])

        try Self.addPairs(&connection, 0...99)
        #expect(try JobBench.run(Self.request(), &connection).tally.successfulUpdates == 1)
        let first = try #require(try connection.first(CurrentRetrievalAdapter()))
        let adapter = try #require(LinearAdapter(width: first.dimensions, matrix: first.matrix))
        let expected = adapter.apply([3, 1, 4, 1, 5, 9, 2, 6])
        // The first number of the map is the second of the query, as documents have it.
        #expect(expected[4] > 0.5)
        let differences = try connection.lines(
            """
            select max(abs(a - b)) < 1e-6, count(*)
            from unnest(afterthought.apply_adapter(\(query)), array\(expected)::real[]) as u (a, b)
            """)
        #expect(differences == ["t 8"])
        let wrong = #expect(throws: PostgresError.self) {
            _ = try connection.lines("select afterthought.apply_adapter(array[1, 2]::real[])")
        }
        #expect(wrong?.message == "expected an embedding of 8 numbers, got: 2" && wrong?.sqlState == "22023")
        #expect(
            try connection.lines("select afterthought.apply_adapter(array[0, 0, 0, 0, 0, 0, 0, 'nan']::real[])")
                == ["null"])

        try Self.addPairs(&connection, 100...199, shift: 3, at: "2030-05-10 12:00+00")
        #expect(try JobBench.run(Self.request("2030-05-11 03:00:00+00"), &connection).tally.successfulUpdates == 1)
        let second = try #require(try connection.first(CurrentRetrievalAdapter()))
        #expect(second.version > first.version)
        #expect(try connection.lines("select afterthought.revert_adapter()") == ["\(first.version)"])
        #expect(try connection.first(CurrentRetrievalAdapter())?.matrix == first.matrix)
        #expect(try connection.lines("select afterthought.revert_adapter()") == ["null"])
        #expect(try connection.first(CurrentRetrievalAdapter()) == nil)
        #expect(
            try connection.lines("select status, parent_id is null from afterthought.training_runs order by id")
                == ["reverted t", "reverted f"])
    }

    @Test("too few new pairs of seven days: a skipped run, and the pairs wait")
    func skips() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepare(&connection)
        try Self.addPairs(&connection, 0...78)
        try Self.addPairs(&connection, 100...119, at: "2030-05-03 02:59+00")
        try Self.addPairs(&connection, 200...219, at: "2030-05-10 03:01+00")
        let report = try JobBench.run(Self.request(), &connection)
        #expect(report.state == "completed")
        #expect(
            report.tally.metadata.first { $0.key == "skipped" }?.value.string
                == "expected 80 new pairs of the last seven days, got: 79")
        #expect(try Self.runs(&connection) == ["skipped 0 too_few_pairs null t"])
        #expect(
            try connection.lines("select count(consumed_run_id) from afterthought.embedding_training_pairs") == ["0"])
        try connection.execute(
            "update afterthought.job_settings set value = '79' where name = 'RAG_TRAINING_MIN_SAMPLES'")
        _ = try JobBench.run(Self.request("2030-05-10 03:00:01+00"), &connection)
        #expect(try Self.runs(&connection).last == "promoted 79 promoted {} t")
    }

    @Test("pairs without a relation promote nothing; unusable ones are counted with their reasons")
    func notPromoted() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepare(&connection)
        try Self.addPairs(&connection, 0...99, shift: nil)
        try connection.execute(
            """
            update afterthought.embedding_training_pairs set query_embedding[2] = 'nan' where query_text = 'query 7';
            update afterthought.embedding_training_pairs set document_embedding[3] = null where query_text = 'query 8';
            update afterthought.embedding_training_pairs set query_embedding = array[1, 2] where query_text = 'query 9';
            update afterthought.embedding_training_pairs set query_embedding = null where query_text = 'query 10';
            """)
        let report = try JobBench.run(Self.request(), &connection)
        #expect(report.tally.recordsProcessed == 100 && report.tally.successfulUpdates == 0)
        #expect(
            try Self.runs(&connection)
                == [#"not_promoted 100 no_gain {"not_finite": 2, "wrong_width": 1, "no_embedding": 1} t"#])
        #expect(try connection.lines("select count(*) from afterthought.retrieval_adapters") == ["0"])
    }

    @Test("a pair that commits late is a new one for the next run")
    func lateCommit() throws {
        var connection = try TestDatabase.current.connect()
        var late = try TestDatabase.current.connect()
        try Self.prepare(&connection)
        try late.execute("begin")
        try Self.addPairs(&late, 0...79)
        try Self.addPairs(&connection, 100...199)
        _ = try JobBench.run(Self.request(), &connection)
        try late.execute("commit")
        _ = try JobBench.run(Self.request("2030-05-11 03:00:00+00"), &connection)
        #expect(try Self.runs(&connection).map { $0.split(separator: " ")[1] } == ["100", "80"])
        #expect(
            try connection.lines(
                "select count(*) from afterthought.embedding_training_pairs where consumed_run_id is null") == ["0"])
    }

    @Test("a training that nobody finished is recorded as failed, and its pairs are used by the next")
    func givenUp() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepare(&connection)
        try Self.addPairs(&connection, 0...99)
        try connection.execute(
            """
            insert into afterthought.training_runs (kind, subject, due_at, status, samples)
            values ('rag_training', 'retrieval', '2030-05-09 03:00+00', 'running', 100);
            update afterthought.embedding_training_pairs
            set consumed_run_id = (select id from afterthought.training_runs);
            """)
        _ = try JobBench.run(Self.request(), &connection)
        #expect(
            try Self.runs(&connection) == ["failed 100 not_finished null t", "promoted 100 promoted {} t"])
    }

    @Test("embeddings are computed where none came; of another script there is none")
    func computed() throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute(
            """
            update afterthought.job_settings set value = '64' where name = 'RAG_TRAINING_DIMENSIONS';
            update afterthought.job_settings set value = '1' where name = 'RAG_TRAINING_MIN_SAMPLES';
            select afterthought.record_training_pair(
                'where is the boat', 'The boat lies in the harbour.', created_at => '2030-05-09');
            select afterthought.record_training_pair('где лодка', 'Лодка в гавани.', created_at => '2030-05-09');
            """)
        _ = try JobBench.run(Self.request(), &connection)
        #expect(try Self.runs(&connection) == [#"not_promoted 2 too_few_groups {"no_embedding": 1} t"#])
    }

    @Test("the worker's role is enough to train, the application's to use it, and only the administrator goes back")
    func roles() throws {
        var connection = try TestDatabase.current.connect()
        // Roles belong to the whole cluster, which other tests share: a lock keeps two of them from making the same.
        try connection.execute("begin; select pg_advisory_xact_lock(4711)")
        try connection.execute(Migration.rolesSQL)
        try connection.execute("commit")
        try Self.prepare(&connection)
        try Self.addPairs(&connection, 0...99)
        try connection.execute("set role afterthought_worker")
        #expect(try JobBench.run(Self.request(), &connection).tally.successfulUpdates == 1)
        try connection.execute("set role afterthought_app")
        let applied = "select cardinality(afterthought.apply_adapter(array[1, 2, 3, 4, 5, 6, 7, 8]::real[]))"
        #expect(try connection.lines(applied) == ["8"])
        try connection.execute("select afterthought.record_training_pair('q', 'd', query_embedding => array[1, 2])")
        let back = "select afterthought.revert_adapter()"
        let refused = #expect(throws: PostgresError.self) { _ = try connection.lines(back) }
        #expect(refused?.sqlState == "42501")
        try connection.execute("set role afterthought_admin")
        #expect(try connection.lines(back) == ["null"])
        try connection.execute("reset role")
        #expect(try connection.first(CurrentRetrievalAdapter()) == nil)
    }

    @Test("every statement fits the schema, and says the types of its parameters")
    func statements() throws {
        var connection = try TestDatabase.current.connect()
        let window = try connection.describe(CountNewTrainingPairs.self)
        #expect(window.parameterTypes == [.timestamptz])
        _ = try connection.describe(GiveUpRetrievalTrainings.self)
        _ = try connection.describe(BeginRetrievalTraining.self)
        _ = try connection.describe(ConsumeTrainingPairs.self)
        _ = try connection.describe(RetrievalTrainingStatus.self)
        _ = try connection.describe(LoadTrainingPairs.self)
        _ = try connection.describe(FinishRetrievalTraining.self)
        _ = try connection.describe(CurrentRetrievalAdapter.self)
        _ = try connection.describe(RetireRetrievalAdapter.self)
        _ = try connection.describe(PromoteRetrievalAdapter.self)
    }

    @Test("it runs at three every night")
    func schedule() throws {
        var connection = try TestDatabase.current.connect()
        #expect(
            try connection.lines(
                "select cron, timeout_seconds from afterthought.job_schedules where job = 'rag_training'")
                == ["0 3 * * * 7200"])
        #expect(
            try connection.lines("select value from afterthought.job_settings where name = 'RAG_TRAINING_MIN_SAMPLES'")
                == ["1000"])
    }
}
