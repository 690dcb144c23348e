-- Purpose: group roles with the least rights each part needs; applied by `afterthought migrate --roles`, again at will.
-- Locks: brief ones on the tables' catalog rows.
-- Online: yes. It needs a role that may create roles and owns schema afterthought.
--
-- Grant them to login roles: grant afterthought_writer to my_app;
-- Nobody gets INSERT on a whole input table: a later revoke by column would not undo it, and tx and id are not theirs.

do $$
declare
    role_name text;
begin
    foreach role_name in array array[
        'afterthought_reader', 'afterthought_writer', 'afterthought_worker', 'afterthought_admin'
    ] loop
        if not exists (select from pg_roles where rolname = role_name) then
            execute format('create role %I nologin', role_name);
        end if;
        execute format('grant usage on schema afterthought to %I', role_name);
    end loop;
end
$$;

-- The application's hot path: what readers are shown, how fresh it is, and asking for a refresh.
grant select on
    afterthought.strategic_cache, afterthought.character_cache, afterthought.shard_progress,
    afterthought.schema_migrations
    to afterthought_reader;
grant select, insert on afterthought.refresh_requests to afterthought_reader;

-- The application's writes: the columns that are its own to give.
grant insert (user_id, bot_name, role, content, created_at, conversation_id, external_id, emotion, embedding)
    on afterthought.messages to afterthought_writer;
grant insert (user_id, bot_name, memory_id, score, outcome, retrieved_at)
    on afterthought.memory_retrievals to afterthought_writer;
grant insert (user_id, bot_name, metric, value, recorded_at) on afterthought.metric_points to afterthought_writer;
grant insert (user_id, bot_name, trait, intensity, message_id, activated_at)
    on afterthought.trait_activations to afterthought_writer;
grant insert (user_id, bot_name, topic, propensity, sent_at, answered_at)
    on afterthought.outreach_attempts to afterthought_writer;
-- An answer is noted by its row's id; reading ids back needs the right to select them.
grant update (answered_at) on afterthought.outreach_attempts to afterthought_writer;
grant select (id) on afterthought.messages, afterthought.outreach_attempts to afterthought_writer;

-- The worker: reads the streams, owns what lies between and what goes out.
grant select on
    afterthought.messages, afterthought.memory_retrievals, afterthought.metric_points, afterthought.trait_activations,
    afterthought.outreach_attempts, afterthought.pair_changes, afterthought.cluster_identity,
    afterthought.stream_floors, afterthought.schema_migrations
    to afterthought_worker;
grant insert (user_id, bot_name, reason) on afterthought.pair_changes to afterthought_worker;
grant select, insert, update, delete on
    afterthought.engine_state, afterthought.engine_checkpoints, afterthought.bot_buckets, afterthought.bot_changes,
    afterthought.shard_progress, afterthought.worker_leases, afterthought.quarantine, afterthought.refresh_requests,
    afterthought.strategic_cache, afterthought.character_cache
    to afterthought_worker;

-- People and jobs that import, refresh, reconcile and look at everything.
grant afterthought_reader, afterthought_writer, afterthought_worker to afterthought_admin;
grant select, insert, update, delete on
    afterthought.import_progress, afterthought.cluster_identity, afterthought.stream_floors to afterthought_admin;

-- Views are for readers. Functions stay open to all: they run with their caller's rights.
do $$
declare
    view_name text;
begin
    for view_name in
        select relname from pg_class where relnamespace = 'afterthought'::regnamespace and relkind = 'v'
    loop
        execute format('grant select on afterthought.%I to afterthought_reader', view_name);
    end loop;
end
$$;
