-- Purpose: what people and applications call: projections of stored anchors to a moment, the six read-only views,
--          read_strategic, prompt_digest, and one function for each kind of row that an application records.
-- Locks: none on existing tables (everything here is new).
-- Online: yes.

-- Projections --------------------------------------------------------------------------------------------------------
-- The same formulas as Model/Projections.swift, and a test compares both to 1e-9. Exponents are kept above -200 because
-- float8 raises an error where a result underflows, and a view must not fail for a row that is twenty years old.

create function afterthought.seconds_since(earlier timestamptz, at timestamptz) returns double precision
    language sql immutable parallel safe
    return case when isfinite(earlier) then greatest(extract(epoch from at - earlier)::double precision, 0) end;
comment on function afterthought.seconds_since is
    'Seconds from one moment to a later one, never negative; null for a moment that is not finite.';

create function afterthought.decay_share(seconds double precision, days double precision) returns double precision
    language sql immutable parallel safe
    return case when seconds is not null then exp(greatest(-(seconds / 86400 / days), -200)) end;
comment on function afterthought.decay_share is
    'What exponential decay with a time constant in days leaves after so many seconds, 0…1.';

create function afterthought.bounded(value double precision) returns double precision
    language sql immutable parallel safe
    return case when value <> 'NaN'::double precision then least(greatest(value, -1e6), 1e6) end;
comment on function afterthought.bounded is 'A log-odds or weight within ±1e6; null for NaN.';

create function afterthought.logistic(logit double precision) returns double precision
    language sql immutable parallel safe
    return 1 / (1 + exp(-least(greatest(logit, -500), 500)));
comment on function afterthought.logistic is
    'Log-odds as a probability; not for null, which least and greatest would pass over.';

create function afterthought.switch_likelihood(
    switch_logit double precision, switch_gap_weight double precision, last_message_at timestamptz, at timestamptz
) returns double precision
    language plpgsql immutable parallel safe
as $$
declare
    logit double precision := afterthought.bounded(switch_logit)
        + afterthought.bounded(switch_gap_weight) * ln(1 + afterthought.seconds_since(last_message_at, at) / 60);
begin
    if logit is null then
        return null;
    end if;
    return afterthought.logistic(logit);
end
$$;
comment on function afterthought.switch_likelihood is
    'Chance that a message at this moment switches topic: logistic(logit + weight·ln(1 + minutes of silence)).';

create function afterthought.receptivity(
    intercept double precision, recency_weight double precision, hour_logits double precision[],
    last_user_message_at timestamptz, outreach_fatigue double precision, last_outreach_at timestamptz, at timestamptz
) returns double precision
    language plpgsql immutable parallel safe
as $$
declare
    logit double precision;
begin
    if cardinality(hour_logits) is distinct from 24 then
        return null;
    end if;
    logit := afterthought.bounded(intercept)
        + afterthought.bounded(recency_weight)
            * ln(1 + afterthought.seconds_since(last_user_message_at, at) / 3600)
        + afterthought.bounded(hour_logits[1 + extract(hour from at at time zone 'UTC')::integer])
        - coalesce(
            afterthought.bounded(outreach_fatigue)
                * afterthought.decay_share(afterthought.seconds_since(last_outreach_at, at), 7),
            0);
    if logit is null then
        return null;
    end if;
    return afterthought.logistic(logit);
end
$$;
comment on function afterthought.receptivity is
    'Chance that a proactive message at this moment is answered, from recency, hour of the day (UTC) and fatigue.';

create function afterthought.retrieval_trend(
    event_first timestamptz, event_last timestamptz, event_fast double precision, event_slow double precision,
    at timestamptz, out trend text, out reason text
)
    language plpgsql immutable parallel safe
as $$
declare
    history double precision := afterthought.seconds_since(event_first, at) / 86400;
    gap double precision := afterthought.seconds_since(event_last, at);
    fast double precision := event_fast * afterthought.decay_share(gap, 7);
    slow double precision := event_slow * afterthought.decay_share(gap, 28);
    exposure_fast double precision := 7 * (1 - exp(greatest(-history / 7, -200)));
    exposure_slow double precision := 28 * (1 - exp(greatest(-history / 28, -200)));
    difference double precision;
    variance double precision;
begin
    if history is null or fast is null or slow is null then
        reason := 'no retrievals yet';
        return;
    end if;
    if history < 7 then
        reason := 'less than 7 days of retrievals';
        return;
    end if;
    if slow < 3 then
        reason := 'too few retrievals';
        return;
    end if;
    difference := fast / exposure_fast - slow / exposure_slow;
    -- A Poisson process of constant rate gives both decayed counts this variance of their difference in rates.
    variance := slow / exposure_slow * (
        3.5 * (1 - exp(greatest(-2 * history / 7, -200))) / (exposure_fast * exposure_fast)
        + 14 * (1 - exp(greatest(-2 * history / 28, -200))) / (exposure_slow * exposure_slow)
        - 2 * 5.6 * (1 - exp(greatest(-history * 5 / 28, -200))) / (exposure_fast * exposure_slow));
    trend := case
        when variance <= 0 or abs(difference) <= 1.96 * sqrt(variance) then 'stable'
        when difference > 0 then 'increasing'
        else 'declining'
    end;
end
$$;
comment on function afterthought.retrieval_trend is
    'Whether memories are retrieved more or less often lately, by a test at 5 %, from two decayed counts.';

create function afterthought.curve_parameters(
    curve jsonb, out decay double precision, out factor double precision, out stability_multiplier double precision
)
    language plpgsql immutable parallel safe
as $$
begin
    decay := (curve ->> 'decay')::double precision;
    if decay is null or not (decay < 0 and decay >= -100) then
        decay := -0.1542;
        factor := power(0.9::double precision, 1 / decay) - 1;
        stability_multiplier := 1;
        return;
    end if;
    factor := (curve ->> 'factor')::double precision;
    if factor is null or not (factor > 0 and factor <= 1e6) then
        factor := power(0.9::double precision, greatest(1 / decay, -200)) - 1;
    end if;
    stability_multiplier := (curve ->> 'stability_multiplier')::double precision;
    if stability_multiplier is null or not (stability_multiplier > 0 and stability_multiplier <= 1e6) then
        stability_multiplier := 1;
    end if;
end
$$;
comment on function afterthought.curve_parameters is
    'The parameters of a fitted forgetting curve; those of FSRS-6 where none is fitted.';

create function afterthought.retrievability(
    elapsed_days double precision, stability_days double precision, decay double precision, factor double precision,
    stability_multiplier double precision
) returns double precision
    language sql immutable parallel safe
    return exp(greatest(
        decay * ln(1 + factor * elapsed_days / greatest(stability_days * stability_multiplier, 0.001)), -200));
comment on function afterthought.retrievability is
    'Chance of recall after so many days: (1 + factor·t / (S·multiplier)) ^ decay.';

create function afterthought.memories_at(candidates jsonb, curve jsonb, at timestamptz)
    returns table (
        id text, kind text, label text, retrievability double precision, age_hours double precision,
        idle_hours double precision, reviews bigint, item jsonb)
    language plpgsql immutable parallel safe rows 16
as $$
declare
    moment double precision := extract(epoch from at)::double precision;
    fitted record;
begin
    fitted := afterthought.curve_parameters(curve);
    return query
    select
        c.id, c.kind, c.label, r.retrievability, t.age_hours, t.idle_hours, c.reviews,
        jsonb_build_object(
            'id', c.id, 'kind', c.kind, 'label', c.label, 'retrievability', r.retrievability,
            'risk', 1 - r.retrievability, 'age_hours', t.age_hours, 'idle_hours', t.idle_hours, 'reviews', c.reviews)
    from
        jsonb_to_recordset(candidates) as c (
            id text, kind text, label text, first double precision, last double precision,
            stability double precision, reviews bigint),
        lateral (
            select greatest(moment - c.first, 0) / 3600 as age_hours, greatest(moment - c.last, 0) / 3600 as idle_hours
        ) as t,
        lateral (
            select afterthought.retrievability(
                greatest(moment - c.last, 0) / 86400, c.stability, fitted.decay, fitted.factor,
                fitted.stability_multiplier) as retrievability
        ) as r
    where c.id is not null and c.first is not null and c.last is not null and c.stability is not null;
end
$$;
comment on function afterthought.memories_at is
    'The stored memory candidates of a pair with their ages and chance of recall at a moment.';

create function afterthought.memory_snapshot(candidates jsonb, curve jsonb, at timestamptz) returns jsonb
    language plpgsql immutable parallel safe
as $$
begin
    if candidates is null then
        return null;
    end if;
    return (
        with ranked as (
            select
                m.*, row_number() over (order by m.retrievability, m.id collate "C") as place, count(*) over () as total
            from afterthought.memories_at(candidates, curve, at) as m
        )
        select jsonb_build_object(
            'stale', coalesce(
                jsonb_agg(item order by place) filter (where place <= least(5, total / 2)), '[]'),
            'fresh', coalesce(
                jsonb_agg(item order by retrievability desc, id collate "C")
                    filter (where place > total - least(5, total - total / 2)), '[]'))
        from ranked);
end
$$;
comment on function afterthought.memory_snapshot is
    'Up to 5 memories least likely to be recalled now and up to 5 most likely; none is in both lists.';

create function afterthought.forgetting_risk_memories(candidates jsonb, curve jsonb, at timestamptz) returns jsonb
    language plpgsql immutable parallel safe
as $$
begin
    if candidates is null then
        return null;
    end if;
    return (
        select coalesce(jsonb_agg(m.item order by m.retrievability, m.id collate "C"), '[]')
        from (
            select * from afterthought.memories_at(candidates, curve, at) as every
            order by every.retrievability, every.id collate "C"
            limit 8
        ) as m);
end
$$;
comment on function afterthought.forgetting_risk_memories is
    'Up to 8 memories by risk = 1 − chance of recall now, highest first.';

create function afterthought.retention_memories(candidates jsonb, curve jsonb, high boolean, at timestamptz)
    returns jsonb
    language plpgsql immutable parallel safe
as $$
begin
    if candidates is null or curve is null then
        return null;
    end if;
    return (
        select coalesce(
            jsonb_agg(m.item order by case when high then -m.retrievability else m.retrievability end,
                m.id collate "C"), '[]')
        from (
            select * from afterthought.memories_at(candidates, curve, at) as every
            where case when high then every.retrievability >= 0.8 else every.retrievability < 0.5 end
            order by case when high then -every.retrievability else every.retrievability end, every.id collate "C"
            limit 5
        ) as m);
end
$$;
comment on function afterthought.retention_memories is
    'Up to 5 memories with a chance of recall of at least 0.8 (high) or below 0.5 (low) under the fitted curve.';

create function afterthought.trait_history_at(history jsonb, at timestamptz) returns jsonb
    language plpgsql immutable parallel safe
as $$
declare
    first_day text := to_char((at at time zone 'UTC')::date - 29, 'YYYY-MM-DD');
begin
    if history is null then
        return null;
    end if;
    return (
        select coalesce(jsonb_agg(day.value order by day.ordinality), '[]')
        from jsonb_array_elements(history) with ordinality as day
        where (day.value ->> 'date') collate "C" >= first_day collate "C");
end
$$;
comment on function afterthought.trait_history_at is
    'The days of a trait history within the 30 days (UTC) that end now.';

create function afterthought.character_average(hours jsonb, score text, window_hours integer, at timestamptz)
    returns double precision
    language plpgsql immutable parallel safe
as $$
begin
    return (
        select sum((hour.value -> score ->> 1)::double precision)
            / nullif(sum((hour.value -> score ->> 0)::double precision), 0)
        from jsonb_array_elements(hours) as hour
        where ((hour.value ->> 'h')::bigint + 1) * 3600 > extract(epoch from at) - window_hours::bigint * 3600);
end
$$;
comment on function afterthought.character_average is
    'A bot''s average of one score over the hours of the window that ends now; null without values.';

-- Freshness ----------------------------------------------------------------------------------------------------------

create function afterthought.fresh_until(
    stale_reason text, row_version integer, row_config text, shard_version integer, shard_config text,
    verified_at timestamptz, ttl interval, at timestamptz
) returns timestamptz
    language sql stable parallel safe
    return case
        when stale_reason is null and row_version = shard_version and row_config = shard_config
            and isfinite(verified_at) and verified_at <= at + interval '1 second'
        then verified_at + ttl
        else '-infinity'::timestamptz
    end;
comment on function afterthought.fresh_until is
    'Until when a row may be called fresh; -infinity for a row that is quarantined, being rebuilt or never verified.';

create view afterthought.strategic_rows as
select
    c.*,
    p.verified_at,
    f.expires_at,
    case when f.expires_at = '-infinity' then c.computed_at else p.verified_at end as complete_through
from afterthought.strategic_cache as c
join afterthought.shard_progress as p on p.shard = c.shard
cross join lateral (
    select afterthought.fresh_until(
        c.stale_reason, c.engine_version, c.config_hash, p.engine_version, p.config_hash, p.verified_at, p.ttl, now()
    ) as expires_at
) as f;
comment on view afterthought.strategic_rows is
    'The stored row of a pair with its freshness: what the other views are drawn from. Its columns follow the table.';
comment on column afterthought.strategic_rows.expires_at is
    'verified_at + ttl of the row''s shard; -infinity while the pair is quarantined or being rebuilt.';
comment on column afterthought.strategic_rows.complete_through is
    'Everything committed before this moment is reflected; for a pair known to be behind, when it was last computed.';

create view afterthought.strategic_character_rows as
select
    c.*,
    f.verified_at,
    f.expires_at,
    case when f.expires_at = '-infinity' then c.computed_at else f.verified_at end as complete_through
from afterthought.character_cache as c
cross join lateral (
    select
        p.engine_version as shard_version, p.config_hash as shard_config,
        exists (
            select from afterthought.bot_changes as waiting
            where waiting.shard = p.shard and waiting.bot_name = c.bot_name
        ) as merge_waits
    from afterthought.shard_progress as p
    where p.shard = afterthought.shard_of(null, c.bot_name)
) as own
cross join lateral (
    -- A shard that was never verified leaves the bot's row unverified: min() alone would pass over its null. While
    -- changed buckets wait to be merged, the row is complete only up to the last merge.
    select
        least(
            min(coalesce(p.verified_at, '-infinity')),
            case when own.merge_waits then coalesce(c.merged_through, '-infinity') end
        ) as verified_at,
        least(
            min(afterthought.fresh_until(
                null, c.engine_version, c.config_hash, own.shard_version, own.shard_config, p.verified_at, p.ttl,
                now())),
            case when own.merge_waits then coalesce(c.merged_through + min(p.ttl), '-infinity') end
        ) as expires_at
    from afterthought.shard_progress as p
) as f;
comment on view afterthought.strategic_character_rows is
    'The stored row of a bot with its freshness, which is the least of all shards''.';

-- The six views ------------------------------------------------------------------------------------------------------

create view afterthought.strategic_memory_health as
select
    md5('memory_health' || chr(31) || s.bot_name || chr(31) || s.user_id)::uuid as id,
    s.user_id,
    s.bot_name,
    afterthought.memory_snapshot(s.memory_candidates, s.forgetting_curve, now()) as memory_snapshot,
    afterthought.seconds_since(s.memory_first_seen_mean, now()) / 3600 as avg_memory_age_hours,
    (afterthought.retrieval_trend(
        s.memory_event_first, s.memory_event_last, s.memory_event_fast, s.memory_event_slow, now()
    )).trend as retrieval_frequency_trend,
    afterthought.forgetting_risk_memories(s.memory_candidates, s.forgetting_curve, now()) as forgetting_risk_memories,
    s.computed_at,
    s.expires_at,
    s.topic_drift,
    now() - s.complete_through as age,
    s.reflects_through,
    s.messages_reflected,
    s.stale_reason,
    coalesce(
        s.null_reasons ->> 'memory_aging',
        'retrieval_frequency_trend: ' || (afterthought.retrieval_trend(
            s.memory_event_first, s.memory_event_last, s.memory_event_fast, s.memory_event_slow, now()
        )).reason
    ) as null_reason,
    'memory_aging' <> all (s.unvalidated) as validated
from afterthought.strategic_rows as s;

create view afterthought.strategic_character_performance as
select
    md5('character_performance' || chr(31) || c.bot_name || chr(31) || c.time_window_hours)::uuid as id,
    c.bot_name,
    c.time_window_hours,
    afterthought.character_average(c.hours, 'e', c.time_window_hours, now()) as engagement_score_avg,
    afterthought.character_average(c.hours, 's', c.time_window_hours, now()) as satisfaction_score_avg,
    afterthought.character_average(c.hours, 'c', c.time_window_hours, now()) as coherence_score_avg,
    c.personality_consistency_index,
    c.quality_trend,
    c.recent_anomalies,
    c.computed_at,
    c.expires_at,
    afterthought.character_average(c.hours, 'p', c.time_window_hours, now()) as personality_consistency_score_avg,
    c.trend_through,
    c.sources,
    now() - c.complete_through as age,
    c.null_reasons,
    cardinality(c.unvalidated) = 0 as validated
from afterthought.strategic_character_rows as c;

create view afterthought.strategic_personality_profiles as
select
    md5('personality_profiles' || chr(31) || s.bot_name || chr(31) || s.user_id)::uuid as id,
    s.user_id,
    s.bot_name,
    s.dominant_traits,
    s.user_response_patterns,
    s.adaptation_suggestions,
    afterthought.trait_history_at(s.trait_history, now()) as trait_evolution_history,
    s.computed_at,
    s.expires_at,
    now() - s.complete_through as age,
    s.reflects_through,
    s.messages_reflected,
    s.stale_reason,
    s.null_reasons ->> 'personality_evolution' as null_reason,
    'personality_evolution' <> all (s.unvalidated) as validated
from afterthought.strategic_rows as s;

create view afterthought.strategic_conversation_patterns as
select
    md5('conversation_patterns' || chr(31) || s.bot_name || chr(31) || s.user_id)::uuid as id,
    s.user_id,
    s.bot_name,
    s.recent_topics,
    s.average_topic_duration_minutes as avg_topic_duration_minutes,
    s.context_switch_frequency,
    afterthought.switch_likelihood(s.switch_logit, s.switch_gap_weight, s.last_message_at, now())
        as predicted_switch_likelihood,
    s.topic_transition_graph,
    s.communication_style,
    s.preferred_depth,
    s.emotional_engagement,
    s.optimal_response_length,
    s.computed_at,
    s.expires_at,
    s.style_features,
    now() - s.complete_through as age,
    s.reflects_through,
    s.messages_reflected,
    s.stale_reason,
    nullif(
        concat_ws('; ', s.null_reasons ->> 'context_switch', s.null_reasons ->> 'conversation_patterns'), ''
    ) as null_reason,
    not s.unvalidated && array['context_switch', 'conversation_patterns'] as validated
from afterthought.strategic_rows as s;

create view afterthought.strategic_memory_behavior as
select
    md5('memory_behavior' || chr(31) || s.bot_name || chr(31) || s.user_id)::uuid as id,
    s.user_id,
    s.bot_name,
    s.forgetting_curve as forgetting_curve_params,
    afterthought.retention_memories(s.memory_candidates, s.forgetting_curve, true, now()) as high_retention_memories,
    afterthought.retention_memories(s.memory_candidates, s.forgetting_curve, false, now()) as low_retention_memories,
    s.recall_simulation_score,
    s.computed_at,
    s.expires_at,
    now() - s.complete_through as age,
    s.reflects_through,
    s.messages_reflected,
    s.stale_reason,
    s.null_reasons ->> 'memory_behavior' as null_reason,
    'memory_behavior' <> all (s.unvalidated) as validated
from afterthought.strategic_rows as s;

create view afterthought.strategic_engagement_opportunities as
select
    md5('engagement_opportunities' || chr(31) || s.bot_name || chr(31) || s.user_id)::uuid as id,
    s.user_id,
    s.bot_name,
    s.optimal_timing_hours,
    afterthought.receptivity(
        s.receptivity_intercept, s.receptivity_recency_weight, s.receptivity_hour_logits, s.last_user_message_at,
        s.outreach_fatigue, s.last_outreach_at, now()
    ) as receptivity_score,
    s.suggested_topics,
    afterthought.seconds_since(s.last_user_message_at, now()) / 3600 as last_engagement_gap_hours,
    s.proactive_success_rate,
    s.computed_at,
    s.expires_at,
    now() - s.complete_through as age,
    s.reflects_through,
    s.messages_reflected,
    s.stale_reason,
    s.null_reasons ->> 'proactive_engagement' as null_reason,
    'proactive_engagement' <> all (s.unvalidated) as validated
from afterthought.strategic_rows as s;

-- Every column's comment; what all views share is written once.
do $$
declare
    entry record;
begin
    for entry in
        select v.view_name, a.attname as column_name, coalesce(own.comment, shared.comment) as comment
        from unnest(array[
            'strategic_memory_health', 'strategic_character_performance', 'strategic_personality_profiles',
            'strategic_conversation_patterns', 'strategic_memory_behavior', 'strategic_engagement_opportunities'
        ]) as v (view_name)
        join pg_attribute as a
            on a.attrelid = ('afterthought.' || v.view_name)::regclass and a.attnum > 0 and not a.attisdropped
        left join (values
            ('id', 'Derived from the key: the same in every row version.'),
            ('user_id', 'The user of the pair.'),
            ('bot_name', 'The bot.'),
            ('computed_at', 'When the stored row was last written; it is not rewritten while its content is the same.'),
            ('expires_at',
                'Fresh until then: verified_at + ttl of its shard; -infinity while quarantined or being rebuilt.'),
            ('age', 'How long ago everything committed was known to be reflected.'),
            ('reflects_through', 'Time of the newest message reflected.'),
            ('messages_reflected', 'How many messages are reflected.'),
            ('stale_reason', 'Why the row is known to be behind; null when it is not.'),
            ('null_reason', 'Why columns are null; null when there is nothing to explain.'),
            ('validated', 'Whether the model behind it has beaten its naive baseline on the data at hand.')
        ) as shared (column_name, comment) on shared.column_name = a.attname
        left join (values
            ('strategic_memory_health', 'memory_snapshot',
                '{"stale": […], "fresh": […]}: up to 5 memories least and 5 most likely to be recalled now.'),
            ('strategic_memory_health', 'avg_memory_age_hours', 'Mean hours since the memories were first met.'),
            ('strategic_memory_health', 'retrieval_frequency_trend',
                'increasing, stable or declining by a test at 5 %; null with too few retrievals.'),
            ('strategic_memory_health', 'forgetting_risk_memories',
                'Up to 8 memories by risk = 1 − chance of recall now, highest first.'),
            ('strategic_memory_health', 'topic_drift', '0…1: how far the newest topics are from the long-run topics.'),
            ('strategic_character_performance', 'time_window_hours', 'Length of the window of the averages.'),
            ('strategic_character_performance', 'engagement_score_avg', 'Mean engagement in the window that ends now.'),
            ('strategic_character_performance', 'satisfaction_score_avg',
                'Mean satisfaction in the window that ends now.'),
            ('strategic_character_performance', 'coherence_score_avg', 'Mean coherence in the window that ends now.'),
            ('strategic_character_performance', 'personality_consistency_index',
                '0…1: how close the bot''s traits are to its own long run.'),
            ('strategic_character_performance', 'quality_trend', 'improving, stable or declining as of trend_through.'),
            ('strategic_character_performance', 'recent_anomalies',
                '[{time, metric, score, direction}], newest first; an empty list is a result.'),
            ('strategic_character_performance', 'expires_at',
                'Fresh until then: the least over all shards, because any may hold news of the bot.'),
            ('strategic_character_performance', 'personality_consistency_score_avg',
                'Mean of the personality_consistency metric that was recorded in the window that ends now.'),
            ('strategic_character_performance', 'trend_through',
                'End of the newest hour that trend, consistency and anomalies saw.'),
            ('strategic_character_performance', 'sources',
                'Score → given (recorded by the application) or behavioural (computed from messages).'),
            ('strategic_character_performance', 'null_reasons', 'Column → why it is null.'),
            ('strategic_personality_profiles', 'dominant_traits',
                '[{trait, frequency, effectiveness}], most frequent first.'),
            ('strategic_personality_profiles', 'user_response_patterns', 'How the user reacts to each trait.'),
            ('strategic_personality_profiles', 'adaptation_suggestions',
                'What to show more or less of; only where the effect''s interval excludes zero.'),
            ('strategic_personality_profiles', 'trait_evolution_history', 'Traits a day over the last 30 days (UTC).'),
            ('strategic_conversation_patterns', 'recent_topics', '[{topic, start_time, end_time}], newest first.'),
            ('strategic_conversation_patterns', 'avg_topic_duration_minutes', 'Mean minutes that a topic lasts.'),
            ('strategic_conversation_patterns', 'context_switch_frequency', 'Topic switches an hour of talk.'),
            ('strategic_conversation_patterns', 'predicted_switch_likelihood',
                '0…1: chance that a message now switches topic.'),
            ('strategic_conversation_patterns', 'topic_transition_graph',
                '{"nodes": [{topic, weight}], "edges": [{from, to, weight}]}.'),
            ('strategic_conversation_patterns', 'communication_style', 'How the user writes, in a word.'),
            ('strategic_conversation_patterns', 'preferred_depth', 'brief, moderate or deep.'),
            ('strategic_conversation_patterns', 'emotional_engagement', '0…1.'),
            ('strategic_conversation_patterns', 'optimal_response_length', 'Words.'),
            ('strategic_conversation_patterns', 'style_features', 'The measures behind communication_style.'),
            ('strategic_memory_behavior', 'forgetting_curve_params',
                '{model, decay, factor, stability_multiplier, …}: recall = (1 + factor·t / (S·multiplier)) ^ decay.'),
            ('strategic_memory_behavior', 'high_retention_memories',
                'Up to 5 memories with a chance of recall of at least 0.8 under the fitted curve, highest first.'),
            ('strategic_memory_behavior', 'low_retention_memories',
                'Up to 5 memories with a chance of recall below 0.5 under the fitted curve, lowest first.'),
            ('strategic_memory_behavior', 'recall_simulation_score',
                '0…1: how well predicted recall matches what was mentioned again.'),
            ('strategic_engagement_opportunities', 'optimal_timing_hours',
                'Hours of the day, best first; UTC unless the user''s zone is known.'),
            ('strategic_engagement_opportunities', 'receptivity_score',
                '0…1: chance that a proactive message now is answered.'),
            ('strategic_engagement_opportunities', 'suggested_topics', '[{topic, reason, weight, last_mentioned}].'),
            ('strategic_engagement_opportunities', 'last_engagement_gap_hours', 'Hours since the user last wrote.'),
            ('strategic_engagement_opportunities', 'proactive_success_rate',
                '0…1: share of proactive messages that were answered; null without any.')
        ) as own (view_name, column_name, comment) on own.view_name = v.view_name and own.column_name = a.attname
    loop
        execute format(
            'comment on column afterthought.%I.%I is %L', entry.view_name, entry.column_name, entry.comment);
    end loop;
end
$$;
comment on view afterthought.strategic_memory_health is 'How well a pair''s memories hold at now().';
comment on view afterthought.strategic_character_performance is 'How a bot performed over the window that ends now.';
comment on view afterthought.strategic_personality_profiles is 'Which traits a bot showed a user, and what they did.';
comment on view afterthought.strategic_conversation_patterns is
    'What a pair talks about, how, and when it changes topic.';
comment on view afterthought.strategic_memory_behavior is 'How fast a user forgets, and what is kept.';
comment on view afterthought.strategic_engagement_opportunities is 'When and with what a bot may write first.';

-- For clients in any language ----------------------------------------------------------------------------------------

create function afterthought.read_strategic(user_id text, bot_name text)
    returns table (
        freshness text, age_seconds double precision, reflects_through timestamptz, messages_reflected bigint,
        computed_at timestamptz, expires_at timestamptz, stale_reason text, null_reasons jsonb, unvalidated text[],
        signals jsonb)
    language plpgsql stable parallel safe rows 1
as $$
#variable_conflict use_column
declare
    wanted_user alias for $1;
    wanted_bot alias for $2;
begin
    return query
    select
        case when s.bot_name is null then 'missing' when s.expires_at > now() then 'fresh' else 'stale' end,
        afterthought.seconds_since(s.complete_through, now()),
        s.reflects_through,
        s.messages_reflected,
        s.computed_at,
        s.expires_at,
        s.stale_reason,
        s.null_reasons || jsonb_strip_nulls(jsonb_build_object('retrieval_frequency_trend', m.trend_reason)),
        s.unvalidated,
        jsonb_build_object(
            'memory_health', case when s.bot_name is not null then jsonb_build_object(
                'memory_snapshot', m.memory_snapshot,
                'avg_memory_age_hours', m.avg_memory_age_hours,
                'retrieval_frequency_trend', m.retrieval_frequency_trend,
                'forgetting_risk_memories', m.forgetting_risk_memories,
                'topic_drift', s.topic_drift) end,
            'character_performance', (
                select to_jsonb(c) - '{id,bot_name,age}'::text[]
                    || jsonb_build_object('fresh', c.expires_at > now())
                from afterthought.strategic_character_performance as c
                where c.bot_name = wanted_bot and c.time_window_hours = 168),
            'personality_profile', case when s.bot_name is not null then jsonb_build_object(
                'dominant_traits', s.dominant_traits,
                'user_response_patterns', s.user_response_patterns,
                'adaptation_suggestions', s.adaptation_suggestions,
                'trait_evolution_history', afterthought.trait_history_at(s.trait_history, now())) end,
            'conversation_patterns', case when s.bot_name is not null then jsonb_build_object(
                'recent_topics', s.recent_topics,
                'avg_topic_duration_minutes', s.average_topic_duration_minutes,
                'context_switch_frequency', s.context_switch_frequency,
                'predicted_switch_likelihood', afterthought.switch_likelihood(
                    s.switch_logit, s.switch_gap_weight, s.last_message_at, now()),
                'topic_transition_graph', s.topic_transition_graph,
                'communication_style', s.communication_style,
                'style_features', s.style_features,
                'preferred_depth', s.preferred_depth,
                'emotional_engagement', s.emotional_engagement,
                'optimal_response_length', s.optimal_response_length) end,
            'memory_behavior', case when s.bot_name is not null then jsonb_build_object(
                'forgetting_curve_params', s.forgetting_curve,
                'high_retention_memories', afterthought.retention_memories(
                    s.memory_candidates, s.forgetting_curve, true, now()),
                'low_retention_memories', afterthought.retention_memories(
                    s.memory_candidates, s.forgetting_curve, false, now()),
                'recall_simulation_score', s.recall_simulation_score) end,
            'engagement_opportunities', case when s.bot_name is not null then jsonb_build_object(
                'optimal_timing_hours', s.optimal_timing_hours,
                'receptivity_score', afterthought.receptivity(
                    s.receptivity_intercept, s.receptivity_recency_weight, s.receptivity_hour_logits,
                    s.last_user_message_at, s.outreach_fatigue, s.last_outreach_at, now()),
                'suggested_topics', s.suggested_topics,
                'last_engagement_gap_hours', afterthought.seconds_since(s.last_user_message_at, now()) / 3600,
                'proactive_success_rate', s.proactive_success_rate) end)
    from (select) as always
    left join afterthought.strategic_rows as s on s.user_id = wanted_user and s.bot_name = wanted_bot
    left join lateral (
        select
            h.memory_snapshot, h.avg_memory_age_hours, h.retrieval_frequency_trend, h.forgetting_risk_memories,
            (afterthought.retrieval_trend(
                s.memory_event_first, s.memory_event_last, s.memory_event_fast, s.memory_event_slow, now()
            )).reason as trend_reason
        from afterthought.strategic_memory_health as h
        where h.user_id = wanted_user and h.bot_name = wanted_bot
    ) as m on true;
end
$$;
comment on function afterthought.read_strategic is
    'All signals of a pair with their freshness (fresh, stale or missing): always one row, read only.';

create function afterthought.digest_label(label text) returns text
    language sql immutable parallel safe
    return (
        select case when char_length(cleaned) between 1 and 60 then '"' || cleaned || '"' end
        from btrim(regexp_replace(label, '[\u0001-\u001F"\u007F-\u009F\u2028\u2029]', ' ', 'g'), ' ') as cleaned);
comment on function afterthought.digest_label is
    'A user''s own words in quotes on one line; null when nothing or more than 60 characters would be left.';

create function afterthought.digest_labels(labels text[]) returns text
    language sql immutable parallel safe
    return (
        select string_agg(kept.label, ', ' order by kept.place)
        from (
            select l.label, min(l.place) as place
            from (
                select afterthought.digest_label(given.label) as label, given.place
                from unnest(labels) with ordinality as given (label, place)
            ) as l
            where l.label is not null
            group by l.label
            order by min(l.place)
            limit 3
        ) as kept);
comment on function afterthought.digest_labels is 'The first three different labels, quoted; null when there is none.';

create function afterthought.digest_memories(memories jsonb) returns text
    language sql immutable parallel safe
    return (
        select string_agg(
            kept.label || ' (recall ' || floor(kept.retrievability * 100 + 0.5)::integer || '%)', ', '
            order by kept.place)
        from (
            select
                afterthought.digest_label(m.value ->> 'label') as label,
                (m.value ->> 'retrievability')::double precision as retrievability, m.ordinality as place
            from jsonb_array_elements(memories) with ordinality as m
            where afterthought.digest_label(m.value ->> 'label') is not null
            order by m.ordinality
            limit 3
        ) as kept);
comment on function afterthought.digest_memories is
    'The first three memories with their chance of recall; null when there is none.';

create function afterthought.digest_age(seconds double precision) returns text
    language sql immutable parallel safe
    return case
        when seconds < 5400 then floor(seconds / 60) || ' min'
        when seconds < 172800 then floor(seconds / 3600) || ' h'
        else floor(seconds / 86400) || ' days'
    end;
comment on function afterthought.digest_age is 'An age in minutes, hours or days, rounded down.';

create function afterthought.digest_percent(share double precision) returns text
    language sql immutable parallel safe
    return floor(share * 100 + 0.5)::integer || '%';
comment on function afterthought.digest_percent is 'A share 0…1 as a whole percentage, halves upwards.';

create function afterthought.digest_end(engines text[], unvalidated text[]) returns text
    language sql immutable parallel safe
    return case when engines && unvalidated then ' (unvalidated).' else '.' end;
comment on function afterthought.digest_end is
    'How a sentence ends: it says so where the engine''s model has not beaten its naive baseline.';

create function afterthought.digest_sentences(s afterthought.strategic_rows) returns text[]
    language plpgsql stable parallel safe
as $$
declare
    aging text := afterthought.digest_end('{memory_aging}', s.unvalidated);
    switching text := afterthought.digest_end('{context_switch}', s.unvalidated);
    patterns text := afterthought.digest_end('{conversation_patterns}', s.unvalidated);
    personality text := afterthought.digest_end('{personality_evolution}', s.unvalidated);
    engagement text := afterthought.digest_end('{proactive_engagement}', s.unvalidated);
    curve jsonb := coalesce(s.forgetting_curve, '{}');
    topics text[] := array(
        select t.value ->> 'topic' from jsonb_array_elements(s.recent_topics) with ordinality as t
        order by t.ordinality);
    traits text[] := array(
        select t.value ->> 'trait' from jsonb_array_elements(s.dominant_traits) with ordinality as t
        order by t.ordinality);
begin
    -- A sentence about something unknown is null.
    return array[
        'Recent topics: ' || afterthought.digest_labels(topics) || switching,
        'Chance of a topic change now: ' || afterthought.digest_percent(afterthought.switch_likelihood(
            s.switch_logit, s.switch_gap_weight, s.last_message_at, now())) || switching,
        'Communication style: ' || afterthought.digest_label(s.communication_style) || patterns,
        'Preferred depth: ' || afterthought.digest_label(s.preferred_depth) || patterns,
        'Best reply length: about ' || s.optimal_response_length || ' words' || patterns,
        'Fading memories: ' || afterthought.digest_memories(
            afterthought.retention_memories(s.memory_candidates, curve, false, now())) || aging,
        'Vivid memories: ' || afterthought.digest_memories(
            afterthought.retention_memories(s.memory_candidates, curve, true, now())) || aging,
        'Traits that show most: ' || afterthought.digest_labels(traits) || personality,
        'Receptive to a proactive message now: ' || afterthought.digest_percent(afterthought.receptivity(
            s.receptivity_intercept, s.receptivity_recency_weight, s.receptivity_hour_logits, s.last_user_message_at,
            s.outreach_fatigue, s.last_outreach_at, now())) || engagement,
        'Worth raising: ' || afterthought.digest_label(s.suggested_topics -> 0 ->> 'topic') || engagement
    ];
end
$$;
comment on function afterthought.digest_sentences is
    'What a digest may say of a pair, most useful first; null entries for what is unknown.';

create function afterthought.prompt_digest(user_id text, bot_name text, characters_max integer) returns text
    language plpgsql stable parallel safe
as $$
#variable_conflict use_column
declare
    wanted_user alias for $1;
    wanted_bot alias for $2;
    s afterthought.strategic_rows%rowtype;
    sentence text;
    notice text := '';
    body text := '';
begin
    select * into s from afterthought.strategic_rows as r where r.user_id = wanted_user and r.bot_name = wanted_bot;
    if not found then
        return '';
    end if;
    if s.expires_at <= now() then
        notice := 'These notes may be out of date: last complete '
            || afterthought.digest_age(afterthought.seconds_since(s.complete_through, now()))
            || ' ago.';
    end if;
    foreach sentence in array afterthought.digest_sentences(s) loop
        -- A space goes before every sentence; the first one's is not counted when there is no notice.
        if char_length(notice) + char_length(body) + 1 + char_length(sentence) - (notice = '')::integer
            <= characters_max
        then
            body := body || ' ' || sentence;
        end if;
    end loop;
    -- The notice alone says nothing of the user; and old notes that do not say that they are old would mislead.
    return case when body = '' then '' else ltrim(notice || body) end;
end
$$;
comment on function afterthought.prompt_digest is
    'A short text with confidences for a bot''s prompt: whole sentences only, at most so many characters.';

-- What an application records ----------------------------------------------------------------------------------------
-- Security definer, so that an application needs no right to read what it writes. Null times mean now.

create function afterthought.record_message(
    user_id text, bot_name text, role text, content text, conversation_id text default null,
    external_id text default null, created_at timestamptz default null, emotion jsonb default null,
    embedding real[] default null
) returns bigint
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    message_id bigint;
begin
    loop
        insert into afterthought.messages
            (user_id, bot_name, role, content, conversation_id, external_id, created_at, emotion, embedding)
        values ($1, $2, $3, $4, $5, $6, coalesce($7, now()), $8, $9)
        on conflict (bot_name, user_id, external_id) where external_id is not null do nothing
        returning id into message_id;
        exit when message_id is not null;
        -- It is there already, unless it was deleted in between: then it is tried again.
        select m.id into message_id
        from afterthought.messages as m
        where m.bot_name = $2 and m.user_id = $1 and m.external_id = $6;
        exit when message_id is not null;
    end loop;
    return message_id;
end
$$;
comment on function afterthought.record_message is
    'Stores a message and returns its id; with an external_id that the pair already has, the id it had.';

create function afterthought.record_recall(
    user_id text, bot_name text, memory_id text, score double precision default null, outcome text default null,
    retrieved_at timestamptz default null
) returns bigint
    language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into afterthought.memory_retrievals (user_id, bot_name, memory_id, score, outcome, retrieved_at)
    values ($1, $2, $3, $4, $5, coalesce($6, now()))
    returning id;
end;
comment on function afterthought.record_recall is
    'Stores that a memory was looked up; outcome recalled, missed or null. Returns the row''s id.';

create function afterthought.record_metric(
    bot_name text, metric text, value double precision, user_id text default null,
    recorded_at timestamptz default null
) returns bigint
    language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into afterthought.metric_points (bot_name, metric, value, user_id, recorded_at)
    values ($1, $2, $3, $4, coalesce($5, now()))
    returning id;
end;
comment on function afterthought.record_metric is
    'Stores one value of engagement, satisfaction, coherence, personality_consistency or any other metric.';

create function afterthought.record_trait(
    user_id text, bot_name text, trait text, intensity double precision, message_id bigint default null,
    activated_at timestamptz default null
) returns bigint
    language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into afterthought.trait_activations (user_id, bot_name, trait, intensity, message_id, activated_at)
    values ($1, $2, $3, $4, $5, coalesce($6, now()))
    returning id;
end;
comment on function afterthought.record_trait is 'Stores that a bot showed a trait to a user, intensity 0…1.';

create function afterthought.record_outreach(
    user_id text, bot_name text, topic text default null, propensity double precision default null,
    sent_at timestamptz default null
) returns bigint
    language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into afterthought.outreach_attempts (user_id, bot_name, topic, propensity, sent_at)
    values ($1, $2, $3, $4, coalesce($5, now()))
    returning id;
end;
comment on function afterthought.record_outreach is
    'Stores a proactive message; keep the id that it returns for record_outreach_answer.';

create function afterthought.record_outreach_answer(outreach_id bigint, answered_at timestamptz default null)
    returns boolean
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    update afterthought.outreach_attempts
    set answered_at = coalesce($2, now())
    where id = $1 and answered_at is null;
    return found;
end
$$;
comment on function afterthought.record_outreach_answer is
    'Stores when a proactive message was answered, once; false when it already was or is not known.';

create function afterthought.request_refresh(user_id text, bot_name text) returns void
    language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into afterthought.refresh_requests (user_id, bot_name) values ($1, $2) on conflict do nothing;
end;
comment on function afterthought.request_refresh is
    'Asks for a pair''s shard to be done first; repeated requests are one.';

revoke execute on function
    afterthought.record_message, afterthought.record_recall, afterthought.record_metric, afterthought.record_trait,
    afterthought.record_outreach, afterthought.record_outreach_answer, afterthought.request_refresh
from public;
