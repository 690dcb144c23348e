import Bytes
import Jobs
import Postgres
import Store
import Support
import Testing
import Worker

@Suite("Job: cache cleanup", .database)
struct CacheCleanupJobTests {
    private static let request = JobBench.Request(CacheCleanupJob(batchPairsMax: 3))

    private static func counts(_ connection: inout Connection) throws -> String {
        try connection.lines(
            """
            select (select count(*) from afterthought.strategic_cache),
                (select count(*) from afterthought.engine_checkpoints),
                (select count(*) from afterthought.engine_state)
            """)[0]
    }

    @Test("C2: pairs that were cleaned and speak again, also late, come back as from scratch")
    func theyComeBackRight() async throws {
        let database = TestDatabase.current
        let options = try database.options
        let rows = SampleRows.ofPairs(12)
        let pairs = Set(rows.map(\.pair)).sorted()
        // Held back: of each pair the last message, of every second one also a message from the middle of its last
        // session, which then comes late.
        var held: [SampleRows.Row] = []
        for (index, pair) in pairs.enumerated() {
            let own = rows.filter { $0.pair == pair }.sorted { $0.createdAt < $1.createdAt }
            held.append(own[own.count - 1])
            if index % 2 == 0, own.count > 3 { held.append(own[own.count - 3]) }
        }
        let late = held
        let heldIDs = Set(held.map(\.messageID))
        let first = rows.filter { !heldIDs.contains($0.messageID) }
        let before = try await onOwnThread {
            var connection = try Connection(options)
            try SampleRows.insert(first, into: &connection)
            return try Self.counts(&connection)
        }
        #expect(before == "0 0 0")
        try await Workbench.runOnce(options)
        try await onOwnThread {
            var connection = try Connection(options)
            let made = try Self.counts(&connection)
            #expect(made.hasPrefix("12 ") && made.hasSuffix(" 12") && made != "12 0 12", "\(made)")
            let report = try JobBench.run(Self.request, &connection)
            #expect(report.state == "completed" && report.tally.recordsProcessed == 12, "\(report)")
            #expect(try Self.counts(&connection) == "0 0 12")
            try SampleRows.insert(late, into: &connection)
        }
        try await Workbench.runOnce(options)
        let cleaned = try await onOwnThread {
            var connection = try Connection(options)
            let found = try Workbench.cache(&connection) + Workbench.buckets(&connection)
            try Workbench.startOver(&connection)
            return found
        }
        try await Workbench.runOnce(options)
        let scratch = try await onOwnThread {
            var connection = try Connection(options)
            return try Workbench.cache(&connection) + Workbench.buckets(&connection)
        }
        #expect(cleaned.count > 12 && cleaned == scratch)
    }

    /// Pairs as a worker leaves them: some idle, some not, one idle that is stale, one with a checkpoint alone.
    static func prepare(_ connection: inout Connection) throws {
        try connection.execute(
            """
            with pairs as (
                select 'u' || n as user_id, 'elena' as bot_name, n from generate_series(1, 40) as n
            ), states as (
                insert into afterthought.engine_state (
                    shard, bot_name, user_id, engine_version, config_hash, rows_applied, last_at, last_id, last_stream,
                    state)
                select afterthought.shard_of(user_id, bot_name), bot_name, user_id, 1, '', 1,
                    timestamptz '2026-02-01 00:00:00+00' - make_interval(days => 5 * n), 1, 0, ''
                from pairs
            ), checkpoints as (
                insert into afterthought.engine_checkpoints (
                    shard, bot_name, user_id, engine_version, config_hash, rows_applied, through_at, through_id,
                    through_stream, state)
                select afterthought.shard_of(user_id, bot_name), bot_name, user_id, 1, '', 1, '2025-01-01', 1, 0, ''
                from pairs where n % 2 = 0 or n = 31
            )
            insert into afterthought.strategic_cache (
                computed_at, generation, messages_reflected, engine_version, shard, bot_name, user_id, config_hash,
                stale_reason, null_reasons, unvalidated)
            select now(), 1, 1, 1, afterthought.shard_of(user_id, bot_name), bot_name, user_id, '',
                case n when 33 then 'quarantined' end, '{}', '{}'
            from pairs where n <> 31;
            """)
    }

    private static func state(_ connection: inout Connection) throws -> [String] {
        try connection.lines(
            """
            select 'row', user_id from afterthought.strategic_cache
            union all select 'checkpoint', user_id from afterthought.engine_checkpoints
            union all select 'state', user_id from afterthought.engine_state
            order by 1, 2
            """)
    }

    private static let dated = JobBench.Request(CacheCleanupJob(batchPairsMax: 2), dueAt: "2026-02-01 00:00:00+00")

    @Test func onlyPairsIdleForLongerThanTheRetentionLoseTheirRows() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepare(&connection)
        let report = try JobBench.run(Self.dated, &connection)
        #expect(report.state == "completed", "\(report)")
        // Idle for 95 to 200 days: 22 pairs. One has no row, another's is stale and stays to be seen.
        #expect(report.tally.recordsProcessed == 20)
        #expect(
            try connection.lines(
                """
                select count(*), count(*) filter (where substr(user_id, 2)::integer > 18), min(stale_reason)
                from afterthought.strategic_cache
                """) == ["19 1 quarantined"])
        #expect(
            try connection.lines(
                """
                select count(*), max(substr(user_id, 2)::integer) from afterthought.engine_checkpoints
                """) == ["9 18"])
        #expect(try connection.lines("select count(*) from afterthought.engine_state") == ["40"])
        #expect(try JobBench.run(Self.dated, &connection).tally.usersProcessed == 0)
    }

    @Test func theRetentionIsASetting() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepare(&connection)
        try connection.execute("update afterthought.job_settings set value = '199' where name = 'CACHE_RETENTION_DAYS'")
        #expect(try JobBench.run(Self.dated, &connection).tally.recordsProcessed == 1)
    }

    @Test func aWorkerThatCommitsMeanwhileIsWaitedFor() async throws {
        let database = TestDatabase.current
        let options = try database.options
        try await onOwnThread {
            var connection = try Connection(options)
            try Self.prepare(&connection)
            var worker = try Connection(options)
            // A worker brings the state of an idle pair up to date, and has not committed yet.
            try worker.execute(
                """
                begin;
                update afterthought.shard_progress set generation = generation + 1
                where shard = afterthought.shard_of('u40', 'elena');
                update afterthought.engine_state set last_at = '2026-02-01 00:00:00+00' where user_id = 'u40';
                update afterthought.strategic_cache set messages_reflected = 2 where user_id = 'u40';
                """)
            try connection.execute("set lock_timeout = '200ms'")
            let report = try JobBench.run(Self.dated, &connection)
            #expect(report.state == "waiting", "\(report)")
            try worker.execute("commit")
            try connection.execute("set lock_timeout = 0; update afterthought.jobs set run_at = now()")
            let again = try JobBench.run(Self.dated, &connection)
            #expect(again.state == "completed", "\(again)")
            #expect(
                try connection.lines(
                    "select messages_reflected from afterthought.strategic_cache where user_id in ('u40', 'u39')")
                    == ["2"])
        }
    }

    @Test func aKillAtAnyStatementChangesNothing() throws {
        let places = try JobBench.cutEverywhere(Self.dated, prepare: Self.prepare, state: Self.state)
        #expect(places > 20, "\(places)")
    }
}

@Suite("Statements of learning", .database)
struct LearningStatementsTests {
    @Test func everyStatementFitsTheSchema() throws {
        var connection = try TestDatabase.current.connect()
        _ = try connection.describe(NextExperiment.self)
        _ = try connection.describe(LockExperiment.self)
        _ = try connection.describe(ExperimentArms.self)
        _ = try connection.describe(ExperimentMetrics.self)
        _ = try connection.describe(ExperimentMoments.self)
        _ = try connection.describe(EarlierLooks.self)
        _ = try connection.describe(SaveExperimentResults.self)
        _ = try connection.describe(ConcludeExperiment.self)
        _ = try connection.describe(NextPromptAgent.self)
        _ = try connection.describe(ApprovedExamples.self)
        _ = try connection.describe(LastTrainingInput.self)
        _ = try connection.describe(SavePromptRun.self)
        _ = try connection.describe(NextUnevaluatedVariant.self)
        _ = try connection.describe(ExamplesByID.self)
        _ = try connection.describe(NotePromptRefusal.self)
        _ = try connection.describe(SavePromptEvaluation.self)
        _ = try connection.describe(ArchiveFeedback.self)
        _ = try connection.describe(SaveLearningReport.self)
        _ = try connection.describe(NextShardWithIdlePairs.self)
        _ = try connection.describe(LockShard.self)
        _ = try connection.describe(DropIdlePairs.self)
    }

    @Test func everyTableAndColumnOfLearningIsDescribed() throws {
        var connection = try TestDatabase.current.connect()
        let missing = try connection.lines(
            """
            select c.relname, a.attname
            from pg_class as c
            join pg_attribute as a on a.attrelid = c.oid and a.attnum >= 0 and not a.attisdropped
            where c.relnamespace = 'afterthought'::regnamespace and c.relkind in ('r', 'v')
                and c.relname in (
                    'agents', 'agent_executions', 'agent_feedback', 'agent_feedback_archive', 'all_agent_feedback',
                    'learning_examples', 'learning_experiments', 'experiment_arms', 'experiment_metrics',
                    'experiment_assignments', 'experiment_outcomes', 'experiment_results', 'training_runs',
                    'embedding_training_pairs', 'prompt_variants', 'learning_reports')
                and (col_description(c.oid, a.attnum) is null or obj_description(c.oid, 'pg_class') is null)
            """)
        #expect(missing.isEmpty, "\(missing)")
    }
}
