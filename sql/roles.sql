-- Purpose: roles for the application, a user's own interface, the reader, the worker and the administrator, each with
--          no more than it needs.
-- Locks: brief ones on catalog rows.
-- Online: yes. `afterthought migrate --roles` applies it, as a role that owns the schema and may create roles; so does
--     psql --single-transaction -v ON_ERROR_STOP=1 -f sql/roles.sql
-- It can be repeated, and should be after every migration.
-- The roles can't log in: grant them to users that can. No password is set here.

do $$
declare
    role_name text;
begin
    foreach role_name in array array[
        'afterthought_app', 'afterthought_interface', 'afterthought_reader', 'afterthought_worker',
        'afterthought_admin', 'afterthought_monitor'
    ] loop
        begin
            execute format('create role %I nologin', role_name);
        exception when duplicate_object or unique_violation then
            -- Roles belong to the whole cluster: another database, or somebody at this moment, has made it.
        end;
    end loop;
end
$$;

revoke all on schema afterthought from public;
grant usage on schema afterthought
    to afterthought_app, afterthought_interface, afterthought_reader, afterthought_worker, afterthought_admin,
        afterthought_monitor;

-- Migrations close these to the public, but a dump that was restored without its privileges opens them again.
do $$
declare
    closed regprocedure;
begin
    for closed in
        select p.oid::regprocedure
        from pg_proc as p
        where p.pronamespace = 'afterthought'::regnamespace and (p.prosecdef or p.proname in (
            'apply_bot_isolation', 'bots_of_user', 'disable_bot_isolation', 'enable_bot_isolation', 'revert_adapter'))
    loop
        execute format('revoke execute on function %s from public', closed);
    end loop;
end
$$;

-- The application: inserts by column list. A grant on a whole table could not be narrowed afterwards, and whoever sets
-- tx or id himself could hide a row from the worker for ever.
grant insert (
    user_id, bot_name, role, content, conversation_id, external_id, created_at, emotion, embedding
) on afterthought.messages to afterthought_app;
grant insert (user_id, bot_name, memory_id, score, outcome, retrieved_at)
    on afterthought.memory_retrievals to afterthought_app;
grant insert (user_id, bot_name, metric, value, recorded_at) on afterthought.metric_points to afterthought_app;
grant insert (user_id, bot_name, trait, intensity, message_id, activated_at)
    on afterthought.trait_activations to afterthought_app;
grant insert (user_id, bot_name, topic, propensity, sent_at, answered_at)
    on afterthought.outreach_attempts to afterthought_app;
grant insert (
    agent_id, executed_at, user_id, conversation_id, prompt_variant_id, succeeded, input, output, latency_ms, tokens_in,
    tokens_out, cost_usd
) on afterthought.agent_executions to afterthought_app;
grant insert (agent_id, created_at, execution_id, user_id, score, comment, correction)
    on afterthought.agent_feedback to afterthought_app;
grant insert (agent_id, user_id, input, expected_output, source, quality)
    on afterthought.learning_examples to afterthought_app;
grant insert (experiment_id, unit_id, arm, assigned_at, covariates)
    on afterthought.experiment_assignments to afterthought_app;
grant insert (experiment_id, unit_id, metric, value, observed_at, external_id)
    on afterthought.experiment_outcomes to afterthought_app;
grant insert (
    query_text, document_text, relevance, document_group, source, user_id, created_at, query_embedding,
    document_embedding
) on afterthought.embedding_training_pairs to afterthought_app;
grant select on afterthought.retrieval_adapter_current to afterthought_app, afterthought_reader;
grant execute on function
    afterthought.record_agent, afterthought.record_execution, afterthought.record_feedback,
    afterthought.record_example, afterthought.record_training_pair, afterthought.record_experiment_exposure,
    afterthought.record_experiment_observation
to afterthought_app;
grant execute on function
    afterthought.record_message, afterthought.record_recall, afterthought.record_metric, afterthought.record_trait,
    afterthought.record_outreach, afterthought.record_outreach_answer, afterthought.set_outreach_rule
to afterthought_app;
grant insert (
    user_id, conversation_id, query, intent, style_keywords, price_mentions, brand_mentions, rating_mentions,
    user_interaction, created_at
) on afterthought.preference_signals to afterthought_app;
grant insert (user_id, conversation_id, message_id, external_id, adjustments, recorded_at)
    on afterthought.chat_personality_insights to afterthought_app;
grant insert (user_id, content_id, kind, external_id, adjustments, recorded_at)
    on afterthought.entertainment_interactions to afterthought_app;
grant execute on function
    afterthought.record_preference_signal, afterthought.record_personality_insight, afterthought.record_entertainment
to afterthought_app;

-- A user's own interface: that user's profile, and to start that user's update; afterthought.user_id says who it is.
grant execute on function afterthought.start_own_personality_update, afterthought.own_user_id
to afterthought_interface;
grant select on afterthought.own_personality_profile, afterthought.personality_update_requests
to afterthought_interface;

-- The reader: views, the rows behind them, and what the reader library needs to judge and to hear of them.
grant select on
    afterthought.strategic_rows, afterthought.strategic_character_rows, afterthought.strategic_memory_health,
    afterthought.strategic_character_performance, afterthought.strategic_personality_profiles,
    afterthought.strategic_conversation_patterns, afterthought.strategic_memory_behavior,
    afterthought.strategic_engagement_opportunities, afterthought.strategic_cache, afterthought.character_cache,
    afterthought.signal_quality, afterthought.signal_quality_latest, afterthought.outreach_rules
to afterthought_reader;
grant select on
    afterthought.user_preferences, afterthought.user_personality_profiles, afterthought.personality_history,
    afterthought.current_clusters, afterthought.current_cluster_members, afterthought.clustering_runs,
    afterthought.cluster_changes, afterthought.message_analysis
to afterthought_reader;
grant select (shard, verified_at, ttl, engine_version, config_hash, generation)
    on afterthought.shard_progress to afterthought_reader;
grant select (only_row, notification_key) on afterthought.cluster_identity to afterthought_reader;
grant insert (bot_name, user_id) on afterthought.refresh_requests to afterthought_reader;
grant execute on function afterthought.request_refresh to afterthought_reader;

-- The worker: reads the streams, owns what lies between and what goes out. It writes no message.
grant select on all tables in schema afterthought to afterthought_worker;
-- With the key anybody's id could be tried against the receipts.
revoke all on afterthought.erasure_key from afterthought_worker;
grant insert, update, delete on
    afterthought.engine_state, afterthought.engine_checkpoints, afterthought.bot_buckets, afterthought.bot_changes,
    afterthought.worker_leases, afterthought.quarantine, afterthought.refresh_requests, afterthought.strategic_cache,
    afterthought.character_cache
to afterthought_worker;
grant update on afterthought.shard_progress to afterthought_worker;
grant insert (user_id, bot_name, reason) on afterthought.pair_changes to afterthought_worker;
grant insert on afterthought.signal_quality to afterthought_worker;
grant insert, update, delete on afterthought.jobs, afterthought.job_ticks, afterthought.system_tasks
to afterthought_worker;
grant update on afterthought.job_schedules, afterthought.job_settings to afterthought_worker;
grant update (aggregated_at), delete on afterthought.preference_signals to afterthought_worker;
grant update (settled_at, rejection), delete
    on afterthought.chat_personality_insights, afterthought.entertainment_interactions to afterthought_worker;
grant insert, update, delete on
    afterthought.user_preferences, afterthought.user_personality_profiles, afterthought.user_update_failures
to afterthought_worker;
grant insert on afterthought.personality_history to afterthought_worker;
grant insert, update, delete on
    afterthought.conversation_vectors, afterthought.clustering_runs, afterthought.conversation_clusters,
    afterthought.cluster_members, afterthought.cluster_changes, afterthought.message_analysis
to afterthought_worker;
grant update on afterthought.clustering_state to afterthought_worker;
grant insert, update, delete on
    afterthought.experiment_results, afterthought.training_runs, afterthought.prompt_variants,
    afterthought.learning_reports
to afterthought_worker;
grant insert, update on afterthought.language_model_ledger to afterthought_worker;
grant execute on function afterthought.prune_aged_rows to afterthought_worker;
grant insert on afterthought.agent_feedback_archive to afterthought_worker;
grant delete on afterthought.agent_feedback to afterthought_worker;
grant update (status, concluded_at, conclusion, winner_arm) on afterthought.learning_experiments to afterthought_worker;
grant update (consumed_run_id) on afterthought.embedding_training_pairs to afterthought_worker;
grant insert, update on afterthought.retrieval_adapters to afterthought_worker;
-- Of the audit it can write new rows and complete them, not take any back.
grant insert (action, subject, user_hash, address), update (status, finished_at)
    on afterthought.operations_audit to afterthought_worker;

-- The administrator: all of that, imports, reconciling, and deleting what has to go. Even here tx and id of the streams
-- are nobody's to write.
do $$
begin
    grant afterthought_app, afterthought_reader, afterthought_worker to afterthought_admin;
exception when unique_violation then
    -- Memberships belong to the whole cluster as well.
end
$$;
grant delete on
    afterthought.messages, afterthought.memory_retrievals, afterthought.metric_points, afterthought.trait_activations,
    afterthought.outreach_attempts, afterthought.pair_changes, afterthought.outreach_rules
to afterthought_admin;
grant insert, update, delete on
    afterthought.import_progress, afterthought.cluster_identity, afterthought.stream_floors,
    afterthought.shard_progress, afterthought.job_schedules, afterthought.job_settings, afterthought.job_queues
to afterthought_admin;
-- Erasing a user.
grant delete on
    afterthought.personality_history, afterthought.personality_update_requests, afterthought.operations_audit
to afterthought_admin;
grant insert, update on afterthought.erased_users to afterthought_admin;
grant update on afterthought.erasure_bounds to afterthought_admin;
grant insert on afterthought.erasures to afterthought_admin;
grant insert, update, delete on afterthought.entertainment_weights to afterthought_admin;
grant insert, update, delete on
    afterthought.agents, afterthought.agent_executions, afterthought.agent_feedback,
    afterthought.agent_feedback_archive, afterthought.learning_examples, afterthought.learning_experiments,
    afterthought.experiment_arms, afterthought.experiment_metrics, afterthought.experiment_assignments,
    afterthought.experiment_outcomes, afterthought.embedding_training_pairs
to afterthought_admin;
grant execute on all functions in schema afterthought to afterthought_admin;

-- The monitor, such as Grafana: what ran and how well, by column; no message, no user, no bot, no error text and no
-- arguments, which may name a user.
grant select (
    job, queue, cron, time_zone, catch_up, timeout_seconds, attempts_max, next_at, paused_at, state, running_id,
    waiting_id, waiting_until, last_executed_at, last_duration_seconds, last_status, summary
) on afterthought.job_overview to afterthought_monitor;
grant select (
    id, name, executed_at, duration_seconds, users_processed, successful_updates, failed_updates, records_processed,
    status, job_id, attempt
) on afterthought.system_tasks to afterthought_monitor;
grant select (shard, reason, attempts, first_failed_at, last_failed_at, next_attempt_at)
    on afterthought.quarantine to afterthought_monitor;
grant select on afterthought.signal_quality_latest to afterthought_monitor;
