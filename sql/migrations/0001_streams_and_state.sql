-- Purpose: the input streams, the state between, and the cache rows.
-- Locks: none on existing tables (everything here is new).
-- Online: yes.

create function afterthought.shard_of(user_id text, bot_name text) returns smallint
    language sql immutable parallel safe
    return (hashtextextended(coalesce(bot_name, ''), hashtextextended(coalesce(user_id, ''), 0)) & 63)::smallint;
comment on function afterthought.shard_of is
    'The shard 0…63 that a pair belongs to; a null user or bot counts as empty.';

-- timestamptz + interval is only stable, because days depend on the zone; five minutes do not.
create function afterthought.effective_time(happened_at timestamptz, received_at timestamptz) returns timestamptz
    language sql immutable parallel safe
    return least(happened_at, received_at + interval '5 minutes');
comment on function afterthought.effective_time is
    'The time a row is ordered by: its own clock, but at most five minutes after the database received it.';

create domain afterthought.identifier as text collate "C"
    constraint identifier_is_short check (octet_length(value) <= 256);

-- Streams ------------------------------------------------------------------------------------------------------------

create table afterthought.messages (
    id bigint generated always as identity,
    tx xid8 not null default pg_current_xact_id(),
    received_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    effective_at timestamptz not null generated always as (afterthought.effective_time(created_at, received_at)) stored,
    shard smallint not null generated always as (afterthought.shard_of(user_id, bot_name)) stored,
    user_id afterthought.identifier not null,
    bot_name afterthought.identifier not null,
    role text not null,
    conversation_id afterthought.identifier,
    external_id afterthought.identifier,
    content text not null,
    emotion jsonb,
    embedding real[],
    constraint messages_pkey primary key (id),
    constraint messages_user_is_named check (user_id <> ''),
    constraint messages_role_is_known check (role in ('user', 'assistant', 'system', 'bot')),
    constraint messages_content_is_bounded check (octet_length(content) <= 65536),
    constraint messages_time_is_finite check (isfinite(created_at) and isfinite(received_at)),
    constraint messages_emotion_is_an_object check (jsonb_typeof(emotion) = 'object'),
    constraint messages_embedding_is_bounded check (cardinality(embedding) between 1 and 4096)
);
create index messages_by_commit on afterthought.messages (shard, tx, id);
create index messages_by_pair on afterthought.messages (shard, bot_name, user_id, effective_at, id);
create unique index messages_by_external_id on afterthought.messages (bot_name, user_id, external_id)
    where external_id is not null;
comment on table afterthought.messages is 'Message history: append-only, one row a message.';

create table afterthought.memory_retrievals (
    id bigint generated always as identity,
    tx xid8 not null default pg_current_xact_id(),
    received_at timestamptz not null default now(),
    retrieved_at timestamptz not null default now(),
    effective_at timestamptz not null
        generated always as (afterthought.effective_time(retrieved_at, received_at)) stored,
    shard smallint not null generated always as (afterthought.shard_of(user_id, bot_name)) stored,
    user_id afterthought.identifier not null,
    bot_name afterthought.identifier not null,
    memory_id afterthought.identifier not null,
    score double precision,
    outcome text,
    constraint memory_retrievals_pkey primary key (id),
    constraint memory_retrievals_user_is_named check (user_id <> ''),
    constraint memory_retrievals_outcome_is_known check (outcome in ('recalled', 'missed')),
    constraint memory_retrievals_time_is_finite check (isfinite(retrieved_at) and isfinite(received_at))
);
create index memory_retrievals_by_commit on afterthought.memory_retrievals (shard, tx, id);
create index memory_retrievals_by_pair
    on afterthought.memory_retrievals (shard, bot_name, user_id, effective_at, id);
comment on table afterthought.memory_retrievals is 'The vector store''s access log: append-only, one row a lookup.';

create table afterthought.metric_points (
    id bigint generated always as identity,
    tx xid8 not null default pg_current_xact_id(),
    received_at timestamptz not null default now(),
    recorded_at timestamptz not null default now(),
    effective_at timestamptz not null
        generated always as (afterthought.effective_time(recorded_at, received_at)) stored,
    shard smallint not null generated always as (afterthought.shard_of(user_id, bot_name)) stored,
    user_id afterthought.identifier,
    bot_name afterthought.identifier not null,
    metric afterthought.identifier not null,
    value double precision not null,
    constraint metric_points_pkey primary key (id),
    constraint metric_points_metric_is_named check (metric <> ''),
    constraint metric_points_time_is_finite check (isfinite(recorded_at) and isfinite(received_at))
);
create index metric_points_by_commit on afterthought.metric_points (shard, tx, id);
create index metric_points_by_pair
    on afterthought.metric_points (shard, bot_name, (coalesce(user_id, '')), effective_at, id);
comment on table afterthought.metric_points is
    'Time-series metrics (engagement, satisfaction, coherence, personality_consistency, any); the user may be null.';

create table afterthought.trait_activations (
    id bigint generated always as identity,
    tx xid8 not null default pg_current_xact_id(),
    received_at timestamptz not null default now(),
    activated_at timestamptz not null default now(),
    effective_at timestamptz not null
        generated always as (afterthought.effective_time(activated_at, received_at)) stored,
    shard smallint not null generated always as (afterthought.shard_of(user_id, bot_name)) stored,
    user_id afterthought.identifier not null,
    bot_name afterthought.identifier not null,
    trait afterthought.identifier not null,
    intensity double precision not null,
    message_id bigint,
    constraint trait_activations_pkey primary key (id),
    constraint trait_activations_user_is_named check (user_id <> ''),
    constraint trait_activations_trait_is_named check (trait <> ''),
    constraint trait_activations_intensity_is_a_share check (intensity between 0 and 1),
    constraint trait_activations_time_is_finite check (isfinite(activated_at) and isfinite(received_at))
);
create index trait_activations_by_commit on afterthought.trait_activations (shard, tx, id);
create index trait_activations_by_pair
    on afterthought.trait_activations (shard, bot_name, user_id, effective_at, id);
comment on table afterthought.trait_activations is 'Character state: which trait a bot showed to a user, and how much.';

create table afterthought.outreach_attempts (
    id bigint generated always as identity,
    tx xid8 not null default pg_current_xact_id(),
    received_at timestamptz not null default now(),
    sent_at timestamptz not null default now(),
    answered_at timestamptz,
    effective_at timestamptz not null generated always as (afterthought.effective_time(sent_at, received_at)) stored,
    shard smallint not null generated always as (afterthought.shard_of(user_id, bot_name)) stored,
    user_id afterthought.identifier not null,
    bot_name afterthought.identifier not null,
    topic afterthought.identifier,
    propensity double precision,
    constraint outreach_attempts_pkey primary key (id),
    constraint outreach_attempts_user_is_named check (user_id <> ''),
    constraint outreach_attempts_propensity_is_a_share check (propensity between 0 and 1),
    constraint outreach_attempts_time_is_finite check (isfinite(sent_at) and isfinite(received_at)),
    constraint outreach_attempts_answer_is_finite check (isfinite(answered_at))
);
create index outreach_attempts_by_commit on afterthought.outreach_attempts (shard, tx, id);
create index outreach_attempts_by_pair
    on afterthought.outreach_attempts (shard, bot_name, user_id, effective_at, id);
comment on table afterthought.outreach_attempts is
    'Proactive messages and their outcome; setting answered_at later rebuilds the pair.';

-- A stream of its own: whatever can't be folded in (an edit, a deletion, a request) asks for the pair to be rebuilt
-- from its history. It is scanned like the others, so a rebuild is neither lost nor done twice.
create table afterthought.pair_changes (
    id bigint generated always as identity,
    tx xid8 not null default pg_current_xact_id(),
    requested_at timestamptz not null default now(),
    shard smallint not null generated always as (afterthought.shard_of(user_id, bot_name)) stored,
    user_id afterthought.identifier not null,
    bot_name afterthought.identifier not null,
    reason text not null,
    constraint pair_changes_pkey primary key (id),
    constraint pair_changes_reason_is_known
        check (reason in ('edited', 'deleted', 'truncated', 'requested', 'retried', 'reconciled'))
);
create index pair_changes_by_commit on afterthought.pair_changes (shard, tx, id);
comment on table afterthought.pair_changes is
    'Pairs whose history changed other than by new rows: each row makes the worker rebuild the pair.';

-- Security definer: whoever may edit a stream need not be granted anything on pair_changes.
create function afterthought.note_edited_pairs() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    insert into afterthought.pair_changes (user_id, bot_name, reason)
    select distinct coalesce(user_id, ''), bot_name, 'edited' from old_rows
    union
    select distinct coalesce(user_id, ''), bot_name, 'edited' from new_rows;
    return null;
end
$$;

create function afterthought.note_deleted_pairs() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    insert into afterthought.pair_changes (user_id, bot_name, reason)
    select distinct coalesce(user_id, ''), bot_name, 'deleted' from old_rows;
    return null;
end
$$;

create function afterthought.note_truncated_pairs() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    insert into afterthought.pair_changes (user_id, bot_name, reason)
    select user_id, bot_name, 'truncated' from afterthought.engine_state;
    return null;
end
$$;

do $$
declare
    stream text;
begin
    foreach stream in array array[
        'messages', 'memory_retrievals', 'metric_points', 'trait_activations', 'outreach_attempts'
    ] loop
        execute format(
            'create trigger note_edits after update on afterthought.%I '
            'referencing old table as old_rows new table as new_rows '
            'for each statement execute function afterthought.note_edited_pairs()', stream);
        execute format(
            'create trigger note_deletions after delete on afterthought.%I '
            'referencing old table as old_rows '
            'for each statement execute function afterthought.note_deleted_pairs()', stream);
        execute format(
            'create trigger note_truncation after truncate on afterthought.%I '
            'for each statement execute function afterthought.note_truncated_pairs()', stream);
    end loop;
end
$$;

-- State between ------------------------------------------------------------------------------------------------------

create table afterthought.engine_state (
    shard smallint not null,
    bot_name afterthought.identifier not null,
    user_id afterthought.identifier not null,
    engine_version integer not null,
    config_hash text not null,
    rows_applied bigint not null,
    last_at timestamptz not null,
    last_id bigint not null,
    last_stream smallint not null,
    rebuilt_snapshot pg_snapshot,
    state bytea not null,
    constraint engine_state_pkey primary key (shard, bot_name, user_id)
) with (fillfactor = 80, toast_tuple_target = 8160);
-- Already compact: compressing it again costs time and gains nothing.
alter table afterthought.engine_state alter column state set storage external;
comment on table afterthought.engine_state is 'One compact blob a pair: the fold over its rows so far.';
comment on column afterthought.engine_state.rebuilt_snapshot is
    'Set by a rebuild: rows visible in this snapshot are already in the state.';

create table afterthought.engine_checkpoints (
    shard smallint not null,
    bot_name afterthought.identifier not null,
    user_id afterthought.identifier not null,
    engine_version integer not null,
    config_hash text not null,
    rows_applied bigint not null,
    through_at timestamptz not null,
    through_id bigint not null,
    through_stream smallint not null,
    state bytea not null,
    constraint engine_checkpoints_pkey primary key (shard, bot_name, user_id)
) with (fillfactor = 80, toast_tuple_target = 8160);
alter table afterthought.engine_checkpoints alter column state set storage external;
comment on table afterthought.engine_checkpoints is
    'The state of a pair before its running session: rows that come late within the session are replayed from here.';

create table afterthought.bot_buckets (
    bot_name afterthought.identifier not null,
    shard smallint not null,
    hour bigint not null,
    sums jsonb not null,
    constraint bot_buckets_pkey primary key (bot_name, shard, hour)
) with (fillfactor = 70);
comment on table afterthought.bot_buckets is
    'Integer sums of a bot''s pairs in a shard, by hour since the epoch (the smallest bigint: over all time).';

-- Inserted by the shards that change a bot's buckets, consumed by the shard that the bot itself hashes to.
create table afterthought.bot_changes (
    id bigint generated always as identity,
    shard smallint not null generated always as (afterthought.shard_of(null, bot_name)) stored,
    bot_name afterthought.identifier not null,
    constraint bot_changes_pkey primary key (shard, id)
);

create table afterthought.shard_progress (
    shard smallint not null,
    last_snapshot pg_snapshot not null,
    window_snapshot pg_snapshot,
    window_at timestamptz,
    position_bot text collate "C",
    position_user text collate "C",
    position_at timestamptz,
    position_stream smallint,
    position_id bigint,
    generation bigint not null default 0,
    epoch integer not null,
    verified_at timestamptz,
    ttl interval not null default '5 minutes',
    engine_version integer not null default 0,
    config_hash text not null default '',
    rebuild_pending boolean not null default false,
    owner uuid,
    lease_until timestamptz,
    unclean_takeovers integer not null default 0,
    suspect_bot text collate "C",
    suspect_user text collate "C",
    constraint shard_progress_pkey primary key (shard),
    constraint shard_progress_shard_is_known check (shard between 0 and 63)
) with (fillfactor = 20);
comment on table afterthought.shard_progress is
    'How far each shard has come: the watermark is a snapshot, verified_at the moment before which all is reflected.';

create table afterthought.cluster_identity (
    only_row boolean not null default true,
    system_identifier bigint not null,
    epoch integer not null,
    notification_key bytea not null,
    constraint cluster_identity_pkey primary key (only_row),
    constraint cluster_identity_has_one_row check (only_row)
);
comment on table afterthought.cluster_identity is
    'The cluster whose transaction ids the progress refers to; a dump restored elsewhere does not match.';

insert into afterthought.cluster_identity (system_identifier, epoch, notification_key)
select system_identifier, 1, decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')
from pg_control_system();

-- Transaction id 3 is the first a cluster gives: everything is new.
insert into afterthought.shard_progress (shard, last_snapshot, epoch)
select shard, '3:3:', 1 from generate_series(0, 63) as shard;

create table afterthought.stream_floors (
    stream text not null,
    floor_id bigint not null,
    constraint stream_floors_pkey primary key (stream)
);
comment on table afterthought.stream_floors is
    'After a restore into another cluster: rows up to floor_id carry foreign transaction ids and are read by id alone.';
insert into afterthought.stream_floors (stream, floor_id)
values
    ('messages', 0), ('memory_retrievals', 0), ('metric_points', 0), ('trait_activations', 0),
    ('outreach_attempts', 0), ('pair_changes', 0);

create table afterthought.worker_leases (
    owner uuid not null,
    configuration text not null,
    engine_version integer not null,
    config_hash text not null,
    started_at timestamptz not null default now(),
    lease_until timestamptz not null,
    constraint worker_leases_pkey primary key (owner)
);

create table afterthought.quarantine (
    shard smallint not null,
    bot_name afterthought.identifier not null,
    user_id afterthought.identifier not null,
    reason text not null,
    error text not null,
    attempts integer not null,
    first_failed_at timestamptz not null default now(),
    last_failed_at timestamptz not null default now(),
    next_attempt_at timestamptz not null,
    constraint quarantine_pkey primary key (shard, bot_name, user_id)
);
comment on table afterthought.quarantine is
    'Pairs that could not be processed: isolated, retried with backoff, rebuilt from history when they can be.';

create table afterthought.refresh_requests (
    bot_name afterthought.identifier not null,
    user_id afterthought.identifier not null,
    shard smallint not null generated always as (afterthought.shard_of(user_id, bot_name)) stored,
    requested_at timestamptz not null default now(),
    constraint refresh_requests_pkey primary key (bot_name, user_id)
);
comment on table afterthought.refresh_requests is
    'Readers that met a stale row ask here for its shard to be done first.';

-- What goes out -------------------------------------------------------------------------------------------------------

create table afterthought.strategic_cache (
    computed_at timestamptz not null,
    generation bigint not null,
    reflects_through timestamptz,
    messages_reflected bigint not null,
    memory_first_seen_mean timestamptz,
    memory_event_first timestamptz,
    memory_event_last timestamptz,
    memory_event_fast double precision,
    memory_event_slow double precision,
    topic_drift double precision,
    recall_simulation_score double precision,
    average_topic_duration_minutes double precision,
    context_switch_frequency double precision,
    switch_logit double precision,
    switch_gap_weight double precision,
    last_message_at timestamptz,
    emotional_engagement double precision,
    optimal_response_length bigint,
    receptivity_intercept double precision,
    receptivity_recency_weight double precision,
    last_user_message_at timestamptz,
    proactive_success_rate double precision,
    last_outreach_at timestamptz,
    outreach_fatigue double precision,
    engine_version integer not null,
    shard smallint not null,
    bot_name afterthought.identifier not null,
    user_id afterthought.identifier not null,
    config_hash text not null,
    stale_reason text,
    null_reasons jsonb not null,
    unvalidated text[] not null,
    memory_candidates jsonb,
    forgetting_curve jsonb,
    recent_topics jsonb,
    topic_transition_graph jsonb,
    communication_style text,
    style_features jsonb,
    preferred_depth text,
    dominant_traits jsonb,
    user_response_patterns jsonb,
    adaptation_suggestions jsonb,
    trait_history jsonb,
    optimal_timing_hours jsonb,
    receptivity_hour_logits double precision[],
    suggested_topics jsonb,
    constraint strategic_cache_pkey primary key (bot_name, user_id)
) with (fillfactor = 70, toast_tuple_target = 8160);
comment on table afterthought.strategic_cache is
    'One row a pair with all its signals; anchors only, so that time alone makes no row wrong. Read it by the views.';

create table afterthought.character_cache (
    bot_name afterthought.identifier not null,
    time_window_hours integer not null,
    computed_at timestamptz not null,
    generation bigint not null,
    engine_version integer not null,
    config_hash text not null,
    hours jsonb not null,
    personality_consistency_index double precision,
    quality_trend text,
    trend_through timestamptz,
    recent_anomalies jsonb,
    behavior jsonb,
    merged_through timestamptz,
    sources jsonb not null,
    null_reasons jsonb not null,
    unvalidated text[] not null,
    constraint character_cache_pkey primary key (bot_name, time_window_hours)
);
comment on table afterthought.character_cache is 'One row a bot, merged from the buckets of all shards.';
comment on column afterthought.character_cache.merged_through is
    'The least verified_at of all shards when the row was merged: how fresh it is while bot_changes holds newer ones.';
