import Postgres
import Support

@testable import Store

/// A user with something in every table that can hold anything of one.
enum UserFixture {
    static let bot = "elena"
    /// In all that the user said or was said to: nothing of it may be left.
    static let marker = "zyxwmarker"

    /// Fills every table.
    ///
    /// - Parameters:
    ///   - connection: of the schema's owner.
    ///   - user: any id.
    ///   - marker: what contents, labels and arguments contain.
    /// - Throws: `PostgresError` when a table has changed.
    static func fill(_ connection: inout Connection, user: String, marker: String = marker) throws {
        try connection.execute("begin")
        _ = try connection.query(
            sql: "select set_config('t.u', $1, true), set_config('t.m', $2, true)",
            bind: { $0.append(all: user, marker) }, decode: { _ in })
        for sql in [streams, states, learning, people, clusters, queues] { try connection.execute(sql) }
        try connection.execute("commit")
    }

    private static let u = "current_setting('t.u')"
    private static let m = "current_setting('t.m')"
    private static let shard = "afterthought.shard_of(\(u), '\(bot)')"

    private static let streams = """
        insert into afterthought.messages (user_id, bot_name, role, content, conversation_id)
        select \(u), '\(bot)', r, \(m) || ' about sailing', 'c-' || \(m)
        from unnest(array['user', 'assistant', 'user']) as r;
        insert into afterthought.memory_retrievals (user_id, bot_name, memory_id) values (\(u), '\(bot)', \(m));
        insert into afterthought.metric_points (user_id, bot_name, metric, value)
        values (\(u), '\(bot)', 'engagement', 0.5);
        insert into afterthought.trait_activations (user_id, bot_name, trait, intensity)
        values (\(u), '\(bot)', 'warmth', 0.5);
        insert into afterthought.outreach_attempts (user_id, bot_name, topic) values (\(u), '\(bot)', \(m));
        insert into afterthought.pair_changes (user_id, bot_name, reason) values (\(u), '\(bot)', 'requested');
        """

    private static let states = """
        insert into afterthought.engine_state (
            shard, bot_name, user_id, engine_version, config_hash, rows_applied, last_at, last_id, last_stream, state)
        values (\(shard), '\(bot)', \(u), 0, 'old', 1, now(), 1, 0, convert_to(\(m), 'UTF8'));
        insert into afterthought.engine_checkpoints (
            shard, bot_name, user_id, engine_version, config_hash, rows_applied, through_at, through_id,
            through_stream, state)
        values (\(shard), '\(bot)', \(u), 0, 'old', 1, now(), 1, 0, convert_to(\(m), 'UTF8'));
        insert into afterthought.strategic_cache (
            computed_at, generation, messages_reflected, engine_version, shard, bot_name, user_id, config_hash,
            null_reasons, unvalidated, recent_topics)
        values (
            now(), 1, 1, 0, \(shard), '\(bot)', \(u), 'old', '{}', '{}',
            jsonb_build_array(jsonb_build_object('topic', \(m))));
        insert into afterthought.quarantine (shard, bot_name, user_id, reason, error, attempts, next_attempt_at)
        values (\(shard), '\(bot)', \(u), 'test', 'fails', 1, now());
        insert into afterthought.refresh_requests (bot_name, user_id) values ('\(bot)', \(u));
        update afterthought.shard_progress
        set window_snapshot = pg_current_snapshot(), window_at = now(), position_bot = '\(bot)',
            position_user = \(u), position_at = now(), position_stream = 0, position_id = 1,
            suspect_bot = '\(bot)', suspect_user = \(u)
        where shard = \(shard);
        """

    private static let learning = """
        insert into afterthought.agents (agent_id, prompt) values ('a', 'Be kind.') on conflict do nothing;
        insert into afterthought.agent_executions (agent_id, user_id, input, output) values ('a', \(u), \(m), \(m));
        insert into afterthought.agent_feedback (agent_id, user_id, score, comment) values ('a', \(u), 1, \(m));
        insert into afterthought.agent_feedback_archive (
            id, received_at, created_at, agent_id, user_id, comment, archived_at)
        values ((random() * 1e12)::bigint, now(), now(), 'a', \(u), \(m), now());
        with example as (
            insert into afterthought.learning_examples (agent_id, user_id, input, expected_output)
            values ('a', \(u), \(m), \(m)) returning id
        ), run as (
            insert into afterthought.training_runs (kind, subject, due_at, status, samples)
            values ('prompt_optimization', md5(\(u)), now(), 'for_review', 1) returning id
        )
        insert into afterthought.prompt_variants (
            training_run_id, agent_id, kind, prompt, base_prompt, shown_examples, held_out_examples)
        select run.id, 'a', 'few_shot', 'Such as: ' || \(m), 'Be kind.', array[example.id], '{}' from example, run;
        insert into afterthought.embedding_training_pairs (query_text, document_text, user_id)
        values (\(m), \(m), \(u));
        insert into afterthought.learning_experiments (experiment_id, control_arm) values ('e', 'a')
        on conflict do nothing;
        insert into afterthought.experiment_arms (experiment_id, arm) values ('e', 'a') on conflict do nothing;
        insert into afterthought.experiment_metrics (experiment_id, metric, aggregate) values ('e', 'm', 'any')
        on conflict do nothing;
        insert into afterthought.experiment_assignments (experiment_id, unit_id, arm) values ('e', \(u), 'a');
        insert into afterthought.experiment_outcomes (experiment_id, unit_id, metric, value) values ('e', \(u), 'm', 1);
        """

    private static let people = """
        insert into afterthought.preference_signals (user_id, query) values (\(u), \(m));
        insert into afterthought.user_preferences (
            user_id, style_preferences, brand_preferences, intents, price_ranges, interaction_share, confidence,
            signals_reflected, effective_signals, first_signal_at, last_signal_at, null_reasons, aggregated_at)
        values (
            \(u), jsonb_build_array(jsonb_build_object('style', \(m))), '[]', '[]', '[]', 0, 0, 1, 1, now(), now(),
            '{}', now());
        insert into afterthought.chat_personality_insights (user_id, adjustments, conversation_id)
        values (\(u), '{"openness": 1}', 'c-' || \(m));
        insert into afterthought.entertainment_interactions (user_id, kind, adjustments, content_id)
        values (\(u), 'liked', '{"openness": 1}', \(m));
        insert into afterthought.user_personality_profiles (user_id, created_at, updated_at)
        values (\(u), now(), now());
        insert into afterthought.personality_history (
            user_id, changed_at, openness, conscientiousness, extraversion, agreeableness, neuroticism, trait_changes,
            insights_applied)
        values (\(u), now(), 50, 50, 50, 50, 50, '{}', 1);
        insert into afterthought.user_update_failures (job, user_id, failed_at, attempts, error)
        values ('personality_update', \(u), now(), 1, 'fails');
        insert into afterthought.personality_update_requests (user_id, job_id) values (\(u), 1);
        insert into afterthought.outreach_rules (user_id, bot_name, do_not_contact)
        values (\(u), '\(bot)', true), (\(u), '', true);
        """

    private static let clusters = """
        insert into afterthought.conversation_vectors (
            bot_name, user_id, conversation_id, is_session, space, vector_version, messages, weight, first_at, last_at,
            sums, terms)
        values (
            '\(bot)', \(u), 'c-' || \(m), false, 0, 1, 3, 3, now(), now(), decode(repeat('00', 1024), 'hex'),
            jsonb_build_object(\(m), 3, 'sailing', 2));
        insert into afterthought.conversation_clusters (
            run_id, cluster_id, label, keywords, size, silhouette, space, vector_version, since_run, centroid)
        values (
            7, 1, \(m) || ', sailing', '[]', 2, 0.5, 0, 1, 7, decode(repeat('00', 512), 'hex'))
        on conflict do nothing;
        update afterthought.conversation_clusters
        set keywords = keywords || jsonb_build_array(
            jsonb_build_object('term', \(m), 'weight', 2), jsonb_build_object('term', 'sailing', 'weight', 1))
        where run_id = 7 and cluster_id = 1;
        insert into afterthought.cluster_members (
            run_id, bot_name, user_id, conversation_id, cluster_id, similarity, was_assigned)
        values (7, '\(bot)', \(u), 'c-' || \(m), 1, 0.9, false);
        update afterthought.clustering_state set current_run = 7, full_run_at = now();
        insert into afterthought.message_analysis (
            message_id, bot_name, user_id, concepts, emotion, dominant_emotion, valence, arousal, null_reason,
            engine_version, config_hash)
        select max(id), '\(bot)', \(u), jsonb_build_array(\(m)), '{}', 'neutral', 0, 0, 'none', 1, ''
        from afterthought.messages where user_id = \(u);
        """

    /// A job for the user, one that has come to the user, and the history of both.
    private static let queues = """
        insert into afterthought.jobs (job, queue, unique_key, reason, arguments, attempts_max, timeout_seconds)
        values (
            'personality_update', 'learning', 'personality_update ' || md5(\(u)), 'by hand',
            jsonb_build_object('user_id', \(u)), 5, 60);
        insert into afterthought.jobs (
            job, queue, unique_key, reason, attempts_max, timeout_seconds, progress, tally)
        values (
            'preference_aggregation', 'learning', 'preference_aggregation of ' || md5(\(u)), 'schedule', 5, 60,
            jsonb_build_object('after', \(u)), jsonb_build_object(\(u), 1));
        insert into afterthought.system_tasks (name, executed_at, duration_seconds, status, metadata, job_id, attempt)
        select 'personality_update', now(), 1, 'completed',
            jsonb_build_object('arguments', jsonb_build_object('user_id', \(u)), 'trait_changes', \(m)), max(id), 1
        from afterthought.jobs;
        """

    /// Every row of every table of the schema, as COPY writes it.
    static func dump(_ connection: inout Connection) throws -> [String: String] {
        let tables = try connection.textRows(
            """
            select relname from pg_class
            where relnamespace = 'afterthought'::regnamespace and relkind = 'r' order by 1
            """
        ).map { $0[0] ?? "" }
        var dump: [String: String] = [:]
        for table in tables {
            var bytes: [UInt8] = []
            _ = try connection.copyOut("copy afterthought.\(table) to stdout") { line in
                for index in line.indices { bytes.append(line[index]) }
            }
            dump[table] = String(decoding: bytes, as: UTF8.self)
        }
        return dump
    }

    /// Tables with a text in them, whether as it is or as the bytes of a blob.
    static func tables(_ dump: [String: String], with text: String) -> [String] {
        let blob = text.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        return dump.filter { $0.value.contains(text) || $0.value.contains(blob) }.keys.sorted()
    }
}
