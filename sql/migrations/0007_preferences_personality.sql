-- Purpose: preferences and personality: signals, insights and interactions that applications record, and what the jobs
--          preference_aggregation, personality_update and insight_cleanup make of them.
-- Locks: row locks on job_schedules and job_settings; a share lock on messages while a small index on it is made, which
--        reads the table once.
-- Online: reading goes on; writers of messages wait while the index is made.

-- What comes in -----------------------------------------------------------------------------------------------------
-- Consumed by jobs, not by the strategic worker: each row bears the mark of the job that took it in, set in the same
-- transaction as what was made of it. So a row that a long transaction commits late is still to be seen as new, and
-- counts need no counter.

create table afterthought.preference_signals (
    id bigint generated always as identity,
    tx xid8 not null default pg_current_xact_id(),
    received_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    effective_at timestamptz not null generated always as (afterthought.effective_time(created_at, received_at)) stored,
    shard smallint not null generated always as (afterthought.shard_of(user_id, null)) stored,
    user_id afterthought.identifier not null,
    conversation_id afterthought.identifier,
    query text,
    intent text,
    style_keywords text[] not null default '{}',
    price_mentions text[] not null default '{}',
    brand_mentions text[] not null default '{}',
    rating_mentions text[] not null default '{}',
    user_interaction jsonb,
    aggregated_at timestamptz,
    constraint preference_signals_pkey primary key (id),
    constraint preference_signals_user_is_named check (user_id <> ''),
    constraint preference_signals_query_is_bounded check (octet_length(query) <= 65536),
    constraint preference_signals_intent_is_bounded check (octet_length(intent) <= 256),
    constraint preference_signals_lists_are_bounded check (
        cardinality(style_keywords) <= 64 and cardinality(price_mentions) <= 64
        and cardinality(brand_mentions) <= 64 and cardinality(rating_mentions) <= 64
        and octet_length(array_to_string(
            style_keywords || price_mentions || brand_mentions || rating_mentions, '')) <= 16384),
    constraint preference_signals_lists_are_flat check (
        coalesce(array_ndims(style_keywords), 1) = 1 and coalesce(array_ndims(price_mentions), 1) = 1
        and coalesce(array_ndims(brand_mentions), 1) = 1 and coalesce(array_ndims(rating_mentions), 1) = 1),
    constraint preference_signals_interaction_is_an_object check (jsonb_typeof(user_interaction) = 'object'),
    constraint preference_signals_interaction_is_bounded check (octet_length(user_interaction::text) <= 16384),
    constraint preference_signals_time_is_finite check (isfinite(created_at) and isfinite(received_at))
);
create index preference_signals_by_user on afterthought.preference_signals (user_id, effective_at, id);
create index preference_signals_waiting on afterthought.preference_signals (user_id) include (received_at)
    where aggregated_at is null;
-- So that a look every few seconds costs what came lately, not what waits.
create index preference_signals_lately on afterthought.preference_signals (received_at) include (user_id)
    where aggregated_at is null;
comment on table afterthought.preference_signals is
    'Shopping preferences as they show: one row a query that told any. Of each user the newest 100 are kept.';
comment on column afterthought.preference_signals.user_id is 'Whose preferences.';
comment on column afterthought.preference_signals.conversation_id is
    'Where it was said; kept for tracing. What triggers counts as a conversation is one row, whatever stands here.';
comment on column afterthought.preference_signals.query is 'What the user asked; kept for tracing, never interpreted.';
comment on column afterthought.preference_signals.intent is 'What the user was after, such as buy or compare.';
comment on column afterthought.preference_signals.style_keywords is 'Words of style; each counts once a signal.';
comment on column afterthought.preference_signals.price_mentions is
    'What was said of prices, as text: "under $500", "€80–120", "1.5k"; what is no price is passed over.';
comment on column afterthought.preference_signals.brand_mentions is 'Brands; each counts once a signal.';
comment on column afterthought.preference_signals.rating_mentions is
    'What was said of ratings, as text: "4+ stars", "8/10"; what is no rating is passed over.';
comment on column afterthought.preference_signals.user_interaction is
    'What the user did with the answer, as an object; only whether there was anything counts.';
comment on column afterthought.preference_signals.aggregated_at is
    'When the row first went into user_preferences; null: it still counts towards the next time.';

create table afterthought.chat_personality_insights (
    id bigint generated always as identity,
    tx xid8 not null default pg_current_xact_id(),
    received_at timestamptz not null default now(),
    recorded_at timestamptz not null default now(),
    effective_at timestamptz not null
        generated always as (afterthought.effective_time(recorded_at, received_at)) stored,
    shard smallint not null generated always as (afterthought.shard_of(user_id, null)) stored,
    user_id afterthought.identifier not null,
    conversation_id afterthought.identifier,
    message_id bigint,
    external_id afterthought.identifier,
    adjustments jsonb not null,
    settled_at timestamptz,
    rejection text,
    constraint chat_personality_insights_pkey primary key (id),
    constraint chat_personality_insights_user_is_named check (user_id <> ''),
    constraint chat_personality_insights_adjustments_are_bounded check (octet_length(adjustments::text) <= 8192),
    constraint chat_personality_insights_rejection_is_settled check (rejection is null or settled_at is not null),
    constraint chat_personality_insights_time_is_finite check (isfinite(recorded_at) and isfinite(received_at))
);
create unique index chat_personality_insights_by_external_id
    on afterthought.chat_personality_insights (user_id, external_id) where external_id is not null;
create index chat_personality_insights_open on afterthought.chat_personality_insights (user_id, effective_at)
    where settled_at is null;
create index chat_personality_insights_by_time on afterthought.chat_personality_insights (effective_at);
comment on table afterthought.chat_personality_insights is
    'What a conversation told of a user''s Big Five: each row moves the profile once, or is rejected with a reason.';
comment on column afterthought.chat_personality_insights.external_id is
    'The application''s own number: recorded twice, it counts once.';
comment on column afterthought.chat_personality_insights.adjustments is
    '{trait: points} of openness, conscientiousness, extraversion, agreeableness, neuroticism; -100…100.';
comment on column afterthought.chat_personality_insights.settled_at is
    'When it was applied or rejected; null: not yet.';
comment on column afterthought.chat_personality_insights.rejection is 'Why it was not applied.';

create table afterthought.entertainment_weights (
    kind afterthought.identifier not null,
    weight numeric(6, 4) not null,
    description text not null,
    constraint entertainment_weights_pkey primary key (kind),
    constraint entertainment_weights_weight_is_bounded check (weight between -10 and 10)
);
comment on table afterthought.entertainment_weights is
    'How much an interaction counts: its adjustments times this weight; an insight from a chat counts 1. Change it '
    'freely: it holds for what is not applied yet.';
insert into afterthought.entertainment_weights (kind, weight, description)
values
    ('viewed', 0.2, 'began it; says little'),
    ('completed', 0.5, 'watched, read or played it to the end'),
    ('liked', 1, 'said that it was good'),
    ('saved', 0.5, 'kept it for later'),
    ('shared', 1, 'passed it on'),
    ('repeated', 0.7, 'came back to it'),
    ('skipped', -0.2, 'left it at the beginning'),
    ('disliked', -0.5, 'said that it was bad; a dislike tells less than a like');

create table afterthought.entertainment_interactions (
    id bigint generated always as identity,
    tx xid8 not null default pg_current_xact_id(),
    received_at timestamptz not null default now(),
    recorded_at timestamptz not null default now(),
    effective_at timestamptz not null
        generated always as (afterthought.effective_time(recorded_at, received_at)) stored,
    shard smallint not null generated always as (afterthought.shard_of(user_id, null)) stored,
    user_id afterthought.identifier not null,
    content_id afterthought.identifier,
    kind afterthought.identifier not null,
    external_id afterthought.identifier,
    adjustments jsonb not null,
    settled_at timestamptz,
    rejection text,
    constraint entertainment_interactions_pkey primary key (id),
    constraint entertainment_interactions_user_is_named check (user_id <> ''),
    constraint entertainment_interactions_adjustments_are_bounded check (octet_length(adjustments::text) <= 8192),
    constraint entertainment_interactions_rejection_is_settled check (rejection is null or settled_at is not null),
    constraint entertainment_interactions_time_is_finite check (isfinite(recorded_at) and isfinite(received_at))
);
create unique index entertainment_interactions_by_external_id
    on afterthought.entertainment_interactions (user_id, external_id) where external_id is not null;
create index entertainment_interactions_open on afterthought.entertainment_interactions (user_id, effective_at)
    where settled_at is null;
create index entertainment_interactions_by_time on afterthought.entertainment_interactions (effective_at);
comment on table afterthought.entertainment_interactions is
    'What users did with films, books, music or games; adjustments say what the content stands for.';
comment on column afterthought.entertainment_interactions.content_id is 'What it was done with.';
comment on column afterthought.entertainment_interactions.kind is
    'What was done; entertainment_weights says its weight.';
comment on column afterthought.entertainment_interactions.external_id is
    'The application''s own number: recorded twice, it counts once.';
comment on column afterthought.entertainment_interactions.adjustments is
    '{trait: points} as in chat_personality_insights, before the weight of the kind.';
comment on column afterthought.entertainment_interactions.settled_at is
    'When it was applied or rejected; null: not yet.';
comment on column afterthought.entertainment_interactions.rejection is 'Why it was not applied.';

-- Who wrote within the last days: messages come in the order of their receipt, so ranges of pages will do.
create index messages_by_receipt on afterthought.messages using brin (received_at) with (pages_per_range = 32);

-- What goes out -----------------------------------------------------------------------------------------------------

create table afterthought.user_preferences (
    user_id afterthought.identifier not null,
    style_preferences jsonb not null,
    brand_preferences jsonb not null,
    intents jsonb not null,
    price_min numeric(14, 2),
    price_max numeric(14, 2),
    price_currency text,
    price_ranges jsonb not null,
    rating_min double precision,
    interaction_share double precision not null,
    confidence double precision not null,
    signals_reflected integer not null,
    effective_signals double precision not null,
    first_signal_at timestamptz not null,
    last_signal_at timestamptz not null,
    null_reasons jsonb not null,
    aggregated_at timestamptz not null,
    constraint user_preferences_pkey primary key (user_id)
) with (fillfactor = 80);
comment on table afterthought.user_preferences is
    'What each user prefers, over the newest 100 signals; a signal counts half after 90 days more than the newest.';
comment on column afterthought.user_preferences.style_preferences is
    '[{style, share, signals}] of the styles in at least 30 % of the signals, by share.';
comment on column afterthought.user_preferences.brand_preferences is
    '[{brand, share, signals}] of the brands in at least 20 % of the signals, by share, at most 10.';
comment on column afterthought.user_preferences.intents is
    '[{intent, share, signals}] of the intents in at least 30 % of the signals, by share.';
comment on column afterthought.user_preferences.price_min is
    'From where prices are sought: the 10 % quantile of lower bounds, outliers left out, at most that of upper '
    'bounds; null: no lower bound known.';
comment on column afterthought.user_preferences.price_max is
    'Up to where prices are sought: the 90 % quantile of upper bounds, outliers left out, at least that of lower '
    'bounds; null: no upper bound known.';
comment on column afterthought.user_preferences.price_currency is
    'Of price_min and price_max, the currency named most; null: named without a currency.';
comment on column afterthought.user_preferences.price_ranges is
    '[{currency, minimum, maximum, mentions, share}], one for each currency, by share.';
comment on column afterthought.user_preferences.rating_min is
    'Stars of 5 that are asked for: the median of what was said.';
comment on column afterthought.user_preferences.interaction_share is
    'Share of the signals that the user acted upon, 0…1.';
comment on column afterthought.user_preferences.confidence is
    'effective_signals / (effective_signals + 5), 0…1: how much the shares rest on evidence.';
comment on column afterthought.user_preferences.signals_reflected is 'How many signals this rests on.';
comment on column afterthought.user_preferences.effective_signals is
    'How many equally weighted signals would tell as much: (sum of weights)² / sum of squared weights.';
comment on column afterthought.user_preferences.null_reasons is 'Why a column is null.';
comment on column afterthought.user_preferences.aggregated_at is 'When the run that made the row was due.';

create table afterthought.user_personality_profiles (
    user_id afterthought.identifier not null,
    openness numeric(9, 6) not null default 50,
    conscientiousness numeric(9, 6) not null default 50,
    extraversion numeric(9, 6) not null default 50,
    agreeableness numeric(9, 6) not null default 50,
    neuroticism numeric(9, 6) not null default 50,
    insights_applied bigint not null default 0,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint user_personality_profiles_pkey primary key (user_id),
    constraint user_personality_profiles_traits_are_bounded check (
        openness between 0 and 100 and conscientiousness between 0 and 100 and extraversion between 0 and 100
        and agreeableness between 0 and 100 and neuroticism between 0 and 100)
) with (fillfactor = 80);
comment on table afterthought.user_personality_profiles is
    'The Big Five of each user, 0…100, from 50: moved by a tenth of what insights and interactions say, each once.';

create table afterthought.personality_history (
    id bigint generated always as identity,
    user_id afterthought.identifier not null,
    changed_at timestamptz not null,
    openness numeric(9, 6) not null,
    conscientiousness numeric(9, 6) not null,
    extraversion numeric(9, 6) not null,
    agreeableness numeric(9, 6) not null,
    neuroticism numeric(9, 6) not null,
    trait_changes jsonb not null,
    insights_applied integer not null,
    constraint personality_history_pkey primary key (id)
);
create index personality_history_by_user on afterthought.personality_history (user_id, changed_at, id);
comment on table afterthought.personality_history is
    'Each update of a profile: the values after it, and trait_changes {trait: {before, after, sum}}.';

create table afterthought.user_update_failures (
    job afterthought.identifier not null,
    user_id afterthought.identifier not null,
    failed_at timestamptz not null,
    attempts integer not null,
    error text not null,
    constraint user_update_failures_pkey primary key (job, user_id)
);
comment on table afterthought.user_update_failures is
    'Users whose update fails: alone, with its error, and tried again at each run; gone once it succeeds.';

create view afterthought.preference_status as
select
    s.user_id, s.signals, s.conversations_waiting, s.waiting_since, p.aggregated_at, f.failed_at, f.error
from (
    select
        user_id, count(*) as signals, count(*) filter (where aggregated_at is null) as conversations_waiting,
        min(received_at) filter (where aggregated_at is null) as waiting_since
    from afterthought.preference_signals
    group by user_id
) as s
left join afterthought.user_preferences as p on p.user_id = s.user_id
left join afterthought.user_update_failures as f on f.job = 'preference_aggregation' and f.user_id = s.user_id;
comment on view afterthought.preference_status is 'How far each user is from the next aggregation.';

do $$
declare
    entry record;
begin
    for entry in
        select * from (values
            ('user_id', 'The user.'),
            ('signals', 'Signals that are kept.'),
            ('conversations_waiting', 'Queries that stored a signal since the last aggregation.'),
            ('waiting_since', 'When the first of them was received.'),
            ('aggregated_at', 'The last aggregation; null: none yet.'),
            ('failed_at', 'The last failure; null: none since the last success.'),
            ('error', 'What failed.')
        ) as c (name, comment)
    loop
        execute format('comment on column afterthought.preference_status.%I is %L', entry.name, entry.comment);
    end loop;
end
$$;

-- What an application records ----------------------------------------------------------------------------------------

create function afterthought.record_preference_signal(
    user_id text, query text default null, intent text default null, style_keywords text[] default null,
    price_mentions text[] default null, brand_mentions text[] default null, rating_mentions text[] default null,
    user_interaction jsonb default null, conversation_id text default null, created_at timestamptz default null
) returns bigint
    language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into afterthought.preference_signals (
        user_id, query, intent, style_keywords, price_mentions, brand_mentions, rating_mentions, user_interaction,
        conversation_id, created_at)
    values (
        $1, $2, $3, coalesce($4, '{}'), coalesce($5, '{}'), coalesce($6, '{}'), coalesce($7, '{}'), $8, $9,
        coalesce($10, now()))
    returning id;
end;
comment on function afterthought.record_preference_signal is
    'Stores what one query told of a user''s preferences; null lists are empty. Returns the row''s id.';

create function afterthought.record_personality_insight(
    user_id text, adjustments jsonb, conversation_id text default null, message_id bigint default null,
    external_id text default null, recorded_at timestamptz default null
) returns bigint
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    insight_id bigint;
begin
    loop
        insert into afterthought.chat_personality_insights
            (user_id, adjustments, conversation_id, message_id, external_id, recorded_at)
        values ($1, $2, $3, $4, $5, coalesce($6, now()))
        on conflict (user_id, external_id) where external_id is not null do nothing
        returning id into insight_id;
        exit when insight_id is not null;
        -- It is there already, unless it was deleted in between: then it is tried again.
        select i.id into insight_id
        from afterthought.chat_personality_insights as i
        where i.user_id = $1 and i.external_id = $5;
        exit when insight_id is not null;
    end loop;
    return insight_id;
end
$$;
comment on function afterthought.record_personality_insight is
    'Stores Big Five adjustments {trait: points}; with an external_id that the user already has, the id it had.';

create function afterthought.record_entertainment(
    user_id text, kind text, adjustments jsonb, content_id text default null, external_id text default null,
    recorded_at timestamptz default null
) returns bigint
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    interaction_id bigint;
begin
    loop
        insert into afterthought.entertainment_interactions
            (user_id, kind, adjustments, content_id, external_id, recorded_at)
        values ($1, $2, $3, $4, $5, coalesce($6, now()))
        on conflict (user_id, external_id) where external_id is not null do nothing
        returning id into interaction_id;
        exit when interaction_id is not null;
        select i.id into interaction_id
        from afterthought.entertainment_interactions as i
        where i.user_id = $1 and i.external_id = $5;
        exit when interaction_id is not null;
    end loop;
    return interaction_id;
end
$$;
comment on function afterthought.record_entertainment is
    'Stores what a user did (a kind of entertainment_weights) with content that stands for {trait: points}.';

revoke execute on function
    afterthought.record_preference_signal, afterthought.record_personality_insight, afterthought.record_entertainment
from public;

-- When it runs -----------------------------------------------------------------------------------------------------

insert into afterthought.job_schedules (job, cron, first_delay_seconds, summary)
values
    ('preference_aggregation', '0 * * * *', 30,
        'aggregates the preference signals of users with 5 new conversations, or any after 24 hours'),
    ('personality_update', '0 2 * * *', null,
        'applies new personality insights of users active in 7 days, each once; {"user_id": …}: of one user'),
    ('insight_cleanup', '0 3 * * SUN', null, 'deletes personality insights and interactions older than 90 days');
insert into afterthought.job_settings (name, job, kind, value, default_value, minimum, maximum, description)
values
    ('PREFERENCE_CONVERSATION_THRESHOLD', 'preference_aggregation', 'integer', '5', '5', 1, 100000,
        'how many queries with a signal make a user due'),
    ('PREFERENCE_TIME_THRESHOLD_HOURS', 'preference_aggregation', 'number', '24', '24', 0, 8760,
        'how long after the last aggregation, or the first signal, fewer will do'),
    ('PREFERENCE_SIGNALS_MIN', 'preference_aggregation', 'integer', '3', '3', 1, 10,
        'with fewer signals in all a user is skipped'),
    ('PREFERENCE_SIGNALS_KEPT', 'preference_aggregation', 'integer', '100', '100', 10, 10000,
        'how many signals of a user are kept and aggregated, the newest'),
    ('PREFERENCE_HALF_LIFE_DAYS', 'preference_aggregation', 'number', '90', '90', 1, 36500,
        'how much older than the newest a signal is that counts half'),
    ('PREFERENCE_STYLE_SHARE', 'preference_aggregation', 'number', '0.3', '0.3', 0, 1,
        'in which share of the signals a style or intent has to be'),
    ('PREFERENCE_BRAND_SHARE', 'preference_aggregation', 'number', '0.2', '0.2', 0, 1,
        'in which share of the signals a brand has to be'),
    ('PREFERENCE_BRANDS_MAX', 'preference_aggregation', 'integer', '10', '10', 1, 1000,
        'how many brands are kept at most'),
    ('PREFERENCE_BATCH_USERS', 'preference_aggregation', 'integer', '1000', '1000', 1, 10000,
        'how many users are aggregated in one step'),
    ('PERSONALITY_RATE', 'personality_update', 'number', '0.1', '0.1', 0, 1,
        'which part of an adjustment moves the profile'),
    ('PERSONALITY_WINDOW_DAYS', 'personality_update', 'number', '30', '30', 1, 60,
        'how old an insight may be to be applied'),
    ('PERSONALITY_ACTIVE_DAYS', 'personality_update', 'number', '7', '7', 0.04, 3650,
        'users with a message or an interaction within so many days are updated'),
    ('PERSONALITY_BATCH_USERS', 'personality_update', 'integer', '1000', '1000', 1, 10000,
        'how many users are updated in one step'),
    ('INSIGHT_RETENTION_DAYS', 'insight_cleanup', 'number', '90', '90', 60, 3650,
        'how old an insight or interaction may become');
