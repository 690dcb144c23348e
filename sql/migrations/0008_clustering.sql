-- Purpose: conversation vectors, clusters of conversations and their history, and messages analysed on demand.
-- Locks: none on existing tables (everything here is new).
-- Online: yes.

-- What clustering knows so far: one row.
create table afterthought.clustering_state (
    only_row boolean not null default true,
    epoch integer not null,
    last_snapshot pg_snapshot not null default '3:3:',
    window_snapshot pg_snapshot,
    position_shard smallint not null default 0,
    position_tx xid8 not null default '0',
    position_id bigint not null default 0,
    generation bigint not null default 0,
    current_run bigint,
    full_run_at timestamptz,
    last_run_at timestamptz,
    changed_conversations bigint not null default 0,
    next_cluster_id bigint not null default 1,
    constraint clustering_state_pkey primary key (only_row),
    constraint clustering_state_has_one_row check (only_row)
) with (fillfactor = 50);
comment on table afterthought.clustering_state is
    'How far clustering has come. Messages that last_snapshot sees, and of those that window_snapshot sees the ones up '
    'to the position, are in conversation_vectors. Readers get the clusters of current_run: a new set appears with one '
    'commit.';
comment on column afterthought.clustering_state.generation is 'Grows with every change of conversation_vectors.';
comment on column afterthought.clustering_state.changed_conversations is
    'Conversations with new messages since the last full run.';
insert into afterthought.clustering_state (epoch) select epoch from afterthought.cluster_identity;

create table afterthought.conversation_vectors (
    bot_name afterthought.identifier not null,
    user_id afterthought.identifier not null,
    conversation_id afterthought.identifier not null,
    is_session boolean not null,
    space smallint not null,
    vector_version integer not null,
    messages bigint not null,
    weight bigint not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    sums bytea not null,
    terms jsonb not null,
    constraint conversation_vectors_pkey primary key (bot_name, user_id, conversation_id),
    constraint conversation_vectors_terms_are_counted check (jsonb_typeof(terms) = 'object'),
    constraint conversation_vectors_sums_have_256_numbers check (octet_length(sums) = 1024)
) with (fillfactor = 85);
-- Numbers of 32 bits that differ in all of them: nothing to compress.
alter table afterthought.conversation_vectors alter column sums set storage external;
create index conversation_vectors_by_time on afterthought.conversation_vectors (last_at desc);
create index conversation_vectors_by_version on afterthought.conversation_vectors (vector_version);
comment on table afterthought.conversation_vectors is
    'What each conversation is about: the weighted sum of its messages'' embeddings (256 integers of four bytes, little'
    ' endian) and its commonest terms, with how many messages had them. Messages without a conversation id are cut by '
    '30 minutes of silence.';
comment on column afterthought.conversation_vectors.vector_version is
    'Of the embeddings and the fold; 0: the history changed, to be made anew from the messages by the job reembed.';

create table afterthought.clustering_runs (
    run_id bigint not null,
    status text not null,
    kind text,
    trigger_reason text not null,
    attempt integer not null,
    started_at timestamptz not null,
    finished_at timestamptz,
    progress double precision not null default 0,
    messages_processed bigint not null default 0,
    conversations_assigned bigint not null default 0,
    conversations integer,
    clusters integer,
    silhouette double precision,
    error_message text,
    constraint clustering_runs_pkey primary key (run_id),
    constraint clustering_runs_status_is_known check (status in ('running', 'completed', 'skipped', 'failed')),
    constraint clustering_runs_kind_is_known check (kind in ('full', 'assignment')),
    constraint clustering_runs_progress_is_a_share check (progress between 0 and 1),
    constraint clustering_runs_end_is_known check ((status = 'running') = (finished_at is null))
) with (fillfactor = 70);
create index clustering_runs_by_time on afterthought.clustering_runs (started_at desc);
comment on table afterthought.clustering_runs is
    'Every clustering run, by the number of its job: what it came to, also when it was skipped or failed.';

create table afterthought.conversation_clusters (
    run_id bigint not null,
    cluster_id bigint not null,
    label text not null,
    keywords jsonb not null,
    size integer not null,
    silhouette double precision not null,
    space smallint not null,
    vector_version integer not null,
    since_run bigint not null,
    centroid bytea not null,
    constraint conversation_clusters_pkey primary key (run_id, cluster_id),
    constraint conversation_clusters_centroid_has_256_numbers check (octet_length(centroid) = 512)
);
comment on table afterthought.conversation_clusters is
    'Clusters of conversations, a set for each full run; current_clusters has the set that holds.';

create table afterthought.cluster_members (
    run_id bigint not null,
    bot_name afterthought.identifier not null,
    user_id afterthought.identifier not null,
    conversation_id afterthought.identifier not null,
    cluster_id bigint not null,
    similarity real not null,
    was_assigned boolean not null,
    constraint cluster_members_pkey primary key (run_id, bot_name, user_id, conversation_id)
);
create index cluster_members_by_cluster on afterthought.cluster_members (run_id, cluster_id);
create index cluster_members_by_user on afterthought.cluster_members (user_id);
comment on table afterthought.cluster_members is
    'The cluster of each conversation, by set; current_cluster_members has the set that holds.';

create table afterthought.cluster_changes (
    run_id bigint not null,
    "position" integer not null,
    kind text not null,
    cluster_id bigint not null,
    other_cluster_id bigint,
    conversations integer not null,
    constraint cluster_changes_pkey primary key (run_id, "position"),
    constraint cluster_changes_kind_is_known check (kind in ('new', 'split', 'merged', 'gone')),
    constraint cluster_changes_other_is_named check ((kind in ('split', 'merged')) = (other_cluster_id is not null))
);
comment on table afterthought.cluster_changes is
    'What became of clusters from one full run to the next: new; split off from another; merged into another; gone. A '
    'cluster that is not named here goes on under its id.';

create table afterthought.message_analysis (
    message_id bigint not null,
    bot_name afterthought.identifier not null,
    user_id afterthought.identifier not null,
    conversation_id afterthought.identifier,
    concepts jsonb not null,
    emotion jsonb not null,
    dominant_emotion text not null,
    valence double precision not null,
    arousal double precision not null,
    switch_probability double precision,
    is_switch boolean,
    topic text,
    cluster_id bigint,
    null_reason text,
    engine_version integer not null,
    config_hash text not null,
    analyzed_at timestamptz not null default now(),
    constraint message_analysis_pkey primary key (message_id),
    constraint message_analysis_switch_is_a_share check (switch_probability between 0 and 1),
    constraint message_analysis_says_why check ((switch_probability is null) = (null_reason is not null))
);
create index message_analysis_by_user on afterthought.message_analysis (user_id, bot_name);
comment on table afterthought.message_analysis is
    'Messages that somebody asked about: their concepts, emotion, and the probability that they changed the topic.';

-- What people and programs read ---------------------------------------------------------------------------------------

create view afterthought.current_clusters as
select
    c.cluster_id, c.label, c.keywords, m.conversations, c.size as conversations_at_run, c.silhouette, c.since_run,
    c.run_id, s.full_run_at as computed_at
from afterthought.clustering_state as s
join afterthought.conversation_clusters as c on c.run_id = s.current_run
cross join lateral (
    select count(*) as conversations
    from afterthought.cluster_members as m
    where m.run_id = c.run_id and m.cluster_id = c.cluster_id
) as m;
comment on view afterthought.current_clusters is 'The clusters of conversations that hold now.';

create view afterthought.current_cluster_members as
select m.cluster_id, m.user_id, m.bot_name, m.conversation_id, m.similarity, m.was_assigned, m.run_id
from afterthought.clustering_state as s
join afterthought.cluster_members as m on m.run_id = s.current_run;
comment on view afterthought.current_cluster_members is 'The conversations of the clusters that hold now.';

do $$
declare
    entry record;
begin
    for entry in
        select * from (values
            ('current_clusters', 'cluster_id', 'Stays the same for as long as the cluster goes on.'),
            ('current_clusters', 'label', 'Its three best keywords.'),
            ('current_clusters', 'keywords', 'Words that tell it from the others, best first: [{term, weight}].'),
            ('current_clusters', 'conversations', 'Its conversations now.'),
            ('current_clusters', 'conversations_at_run', 'Its conversations when it was computed.'),
            ('current_clusters', 'silhouette', 'How well it is set apart from the others: -1…1.'),
            ('current_clusters', 'since_run', 'The run that found it first.'),
            ('current_clusters', 'run_id', 'The run that computed this set.'),
            ('current_clusters', 'computed_at', 'When this set was computed.'),
            ('current_cluster_members', 'cluster_id', 'The cluster.'),
            ('current_cluster_members', 'user_id', 'The conversation''s user.'),
            ('current_cluster_members', 'bot_name', 'The conversation''s bot.'),
            ('current_cluster_members', 'conversation_id',
                'The conversation; "session:" and the number of its first message where messages have no such id.'),
            ('current_cluster_members', 'similarity', 'Cosine to the middle of the cluster: -1…1.'),
            ('current_cluster_members', 'was_assigned',
                'Whether it came after the clusters were computed, and joined the nearest.'),
            ('current_cluster_members', 'run_id', 'The run that computed this set.')
        ) as c (relation, name, comment)
    loop
        execute format('comment on column afterthought.%I.%I is %L', entry.relation, entry.name, entry.comment);
    end loop;
end
$$;

-- Counts at most as many as are asked for, so that it costs the same however many messages there are. While a run works
-- through a window, shards that it is done with begin where the window ends.
create function afterthought.clustering_backlog(messages_max bigint) returns bigint
    language sql stable
begin atomic
    with state as materialized (
        select
            s.last_snapshot, s.window_snapshot, s.position_shard, s.position_tx, s.position_id,
            -- The first time, and after a restore, everything is new.
            case when s.last_snapshot::text = '3:3:' then 0 else f.floor_id end as floor_id,
            -- Transactions that were in progress then and have ended since; few, so they are looked up one by one.
            array(
                select ended from pg_snapshot_xip(s.last_snapshot) as ended
                where pg_visible_in_snapshot(ended, pg_current_snapshot())) as ended
        from afterthought.clustering_state as s
        join afterthought.stream_floors as f on f.stream = 'messages'
    )
    select count(*)
    from (
        select m.id
        from state as s
        cross join generate_series(0, 63) as part
        cross join lateral (
            (
                select n.id from afterthought.messages as n
                where n.shard = part::smallint
                    and n.tx >= case
                        when s.window_snapshot is null or part > s.position_shard
                            then pg_snapshot_xmax(s.last_snapshot)
                        when part < s.position_shard then pg_snapshot_xmax(s.window_snapshot)
                        when s.position_tx >= pg_snapshot_xmax(s.last_snapshot) then s.position_tx
                        else pg_snapshot_xmax(s.last_snapshot) end
                    and (
                        s.window_snapshot is null or part <> s.position_shard
                        or (n.tx, n.id) > (s.position_tx, s.position_id))
                    and n.id + 0 > s.floor_id
                order by n.tx, n.id
                limit messages_max
            )
            union all
            (
                -- Joined one by one: as `tx = any (…)` the planner would read the whole shard for the order's sake.
                select n.id
                from unnest(s.ended) as ended
                cross join lateral (
                    select q.id from afterthought.messages as q
                    where q.shard = part::smallint and q.tx = ended and q.id + 0 > s.floor_id
                    order by q.id
                    limit messages_max
                ) as n
                where s.window_snapshot is null or part > s.position_shard
                limit messages_max
            )
        ) as m
        limit messages_max
    ) as unprocessed;
end;
comment on function afterthought.clustering_backlog is
    'How many messages are not in any conversation vector yet, counted up to a limit.';

create function afterthought.clustering_setting(setting text) returns text
    language sql stable
    return (select value from afterthought.job_settings where name = setting);
comment on function afterthought.clustering_setting is 'A setting''s value.';

create function afterthought.clustering_trigger() returns text
    language sql stable
begin atomic
    -- Materialised, because the backlog is looked at more than once.
    with t as materialized (
        select
            afterthought.clustering_setting('BACKGROUND_CLUSTERING_ENABLED')::boolean as enabled,
            afterthought.clustering_setting('CLUSTERING_MESSAGE_THRESHOLD')::bigint as threshold,
            afterthought.clustering_setting('CLUSTERING_TIME_THRESHOLD_MINUTES')::double precision as minutes,
            afterthought.clustering_backlog(
                greatest(afterthought.clustering_setting('CLUSTERING_MESSAGE_THRESHOLD')::bigint, 2)) as backlog,
            (select last_run_at from afterthought.clustering_state) as last_run,
            (select s.epoch <> c.epoch from afterthought.clustering_state as s, afterthought.cluster_identity as c)
                as is_restored
    )
    select case
        when not t.enabled then null
        when t.is_restored then 'the database was restored from a dump'
        when t.last_run is null and t.backlog >= 2 then 'no run yet, and 2 messages or more'
        when t.last_run is null then null
        when t.backlog >= t.threshold then 'at least ' || t.threshold || ' unprocessed messages'
        when t.backlog > 0 and t.last_run <= now() - make_interval(secs => t.minutes * 60)
            then 'unprocessed messages, and ' || t.minutes || ' minutes since the last run'
        end
    from t;
end;
comment on function afterthought.clustering_trigger is 'Why clustering should run now; null: it need not.';

create function afterthought.clustering_status() returns jsonb
    language sql stable
begin atomic
    select jsonb_build_object(
        'enabled', afterthought.clustering_setting('BACKGROUND_CLUSTERING_ENABLED')::boolean,
        'clustering_in_progress', exists (
            select from afterthought.jobs as j where j.job = 'clustering' and j.state = 'running'),
        'unprocessed_messages', afterthought.clustering_backlog(10000),
        'minutes_since_last_clustering', (
            select round((extract(epoch from now() - s.last_run_at) / 60)::numeric, 2)
            from afterthought.clustering_state as s),
        'should_trigger_clustering', afterthought.clustering_trigger() is not null,
        'trigger_reason', afterthought.clustering_trigger(),
        'configuration', (
            select jsonb_object_agg(
                q.name, case when q.kind = 'text' then to_jsonb(q.value) else q.value::jsonb end)
            from afterthought.job_settings as q
            where q.job = 'clustering'),
        'latest_clustering_run', (
            select to_jsonb(r) from afterthought.clustering_runs as r order by r.started_at desc, r.run_id desc limit 1
        ));
end;
comment on function afterthought.clustering_status is
    'Where clustering stands. unprocessed_messages is counted up to 10,000; minutes_since_last_clustering is null '
    'before the first run.';

insert into afterthought.job_schedules (job, queue, cron, timeout_seconds, summary)
values
    ('clustering', 'learning', null, 3600, 'finds what conversations are about, as soon as there is enough new'),
    ('reembed', 'reembed', null, 21600, 'makes conversation vectors anew that are of another version or history');
insert into afterthought.job_settings (name, job, kind, value, default_value, minimum, maximum, description)
values
    ('BACKGROUND_CLUSTERING_ENABLED', 'clustering', 'boolean', 'true', 'true', null, null,
        'whether conversations are clustered without being asked'),
    ('CLUSTERING_MESSAGE_THRESHOLD', 'clustering', 'integer', '3', '3', 1, 1000000,
        'so many unprocessed messages start a run'),
    ('CLUSTERING_TIME_THRESHOLD_MINUTES', 'clustering', 'number', '30', '30', 0, 525600,
        'after so many minutes since the last run any unprocessed message starts one'),
    ('CLUSTERING_CONVERSATIONS_MAX', 'clustering', 'integer', '20000', '20000', 2, 50000,
        'the newest so many conversations are clustered; memory grows by about 3 kB for each'),
    ('CLUSTERING_FULL_RUN_SHARE', 'clustering', 'number', '0.02', '0.02', 0, 1,
        'of more than 2,000 conversations, clusters are computed anew when this share has changed, or after the time '
        'threshold; new ones join the nearest cluster until then');
