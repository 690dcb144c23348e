-- Purpose: what `afterthought eval` finds about the signals on the data at hand; engines that do not beat their naive
--          baseline there are unvalidated in every view, in read_strategic, in prompt_digest and in the reader.
-- Locks: an exclusive one on the view strategic_rows for a moment.
-- Online: yes.

create table afterthought.signal_quality (
    evaluated_at timestamptz not null default now(),
    engine text not null,
    metric text not null,
    value double precision,
    baseline_name text not null,
    baseline double precision,
    predictions bigint not null,
    pairs bigint not null,
    validated boolean,
    engine_version integer not null,
    config_hash text not null,
    constraint signal_quality_pkey primary key (engine, metric, evaluated_at)
);
comment on table afterthought.signal_quality is
    'Results of `afterthought eval`: predictions made before their outcomes, on the last part of each pair''s history.';

create view afterthought.signal_quality_latest as
select distinct on (engine, metric) *
from afterthought.signal_quality
order by engine, metric, evaluated_at desc;
comment on view afterthought.signal_quality_latest is 'The newest result for each engine and metric.';

do $$
declare
    entry record;
begin
    for entry in
        select t.name as relation, c.name, c.comment
        from unnest(array['signal_quality', 'signal_quality_latest']) as t (name)
        cross join (values
            ('evaluated_at', 'When it was measured.'),
            ('engine', 'The engine, by the name that unvalidated and null_reasons use.'),
            ('metric', 'What was predicted, and how the loss is counted.'),
            ('value', 'Mean loss of the engine''s predictions: lower is better.'),
            ('baseline_name', 'The naive method.'),
            ('baseline', 'Mean loss of the naive method on the same predictions; 0 where value is the difference.'),
            ('predictions', 'How many predictions were made before their outcomes.'),
            ('pairs', 'Of how many pairs.'),
            ('validated',
                'Whether the engine beats the naive method beyond chance; null when there is too little to tell.'),
            ('engine_version', 'Of the engines that were measured.'),
            ('config_hash', 'Configuration of the engines that were measured.')
        ) as c (name, comment)
    loop
        execute format('comment on column afterthought.%I.%I is %L', entry.relation, entry.name, entry.comment);
    end loop;
end
$$;

create function afterthought.unvalidated_engines() returns text[]
    language sql stable parallel safe
    return (
        select coalesce(array_agg(distinct q.engine order by q.engine), '{}')
        from afterthought.signal_quality_latest as q
        where q.validated is false);
comment on function afterthought.unvalidated_engines is
    'Engines that were evaluated on the data at hand and do not beat their naive baseline there.';

-- The same columns as before, so that what is built on the view stays.
create or replace view afterthought.strategic_rows as
select
    c.computed_at, c.generation, c.reflects_through, c.messages_reflected, c.memory_first_seen_mean,
    c.memory_event_first, c.memory_event_last, c.memory_event_fast, c.memory_event_slow, c.topic_drift,
    c.recall_simulation_score, c.average_topic_duration_minutes, c.context_switch_frequency, c.switch_logit,
    c.switch_gap_weight, c.last_message_at, c.emotional_engagement, c.optimal_response_length,
    c.receptivity_intercept, c.receptivity_recency_weight, c.last_user_message_at, c.proactive_success_rate,
    c.last_outreach_at, c.outreach_fatigue, c.engine_version, c.shard, c.bot_name, c.user_id, c.config_hash,
    c.stale_reason, c.null_reasons,
    case
        when q.engines = '{}' then c.unvalidated
        else array(select e.name from unnest(c.unvalidated || q.engines) as e (name) group by e.name order by e.name)
    end as unvalidated,
    c.memory_candidates, c.forgetting_curve, c.recent_topics, c.topic_transition_graph, c.communication_style,
    c.style_features, c.preferred_depth, c.dominant_traits, c.user_response_patterns, c.adaptation_suggestions,
    c.trait_history, c.optimal_timing_hours, c.receptivity_hour_logits, c.suggested_topics,
    p.verified_at,
    f.expires_at,
    case when f.expires_at = '-infinity' then c.computed_at else p.verified_at end as complete_through
from afterthought.strategic_cache as c
join afterthought.shard_progress as p on p.shard = c.shard
cross join lateral (
    select afterthought.fresh_until(
        c.stale_reason, c.engine_version, c.config_hash, p.engine_version, p.config_hash, p.verified_at, p.ttl, now()
    ) as expires_at
) as f
cross join (select afterthought.unvalidated_engines() as engines) as q;

-- Where the roles are there already, those who read the views must be able to read what they rest on by now.
do $$
begin
    if exists (select from pg_roles where rolname = 'afterthought_reader') then
        grant select on afterthought.signal_quality, afterthought.signal_quality_latest to afterthought_reader;
    end if;
    if exists (select from pg_roles where rolname = 'afterthought_worker') then
        grant select, insert on afterthought.signal_quality to afterthought_worker;
        grant select on afterthought.signal_quality_latest to afterthought_worker;
    end if;
end
$$;
