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
    return exp(greatest(-(seconds / 86400 / days), -200));
comment on function afterthought.decay_share is
    'What exponential decay with a time constant in days leaves after so many seconds, 0…1.';

create function afterthought.bounded(value double precision) returns double precision
    language sql immutable parallel safe
    return case when value <> 'NaN'::double precision then least(greatest(value, -1e6), 1e6) end;
comment on function afterthought.bounded is 'A log-odds or weight within ±1e6; null for NaN.';

create function afterthought.logistic(logit double precision) returns double precision
    language sql immutable parallel safe
    return 1 / (1 + exp(-least(greatest(logit, -500), 500)));
-- least and greatest skip nulls, so a null logit would become a number without this wrapper's case at the callers.
comment on function afterthought.logistic is 'Log-odds as a probability; callers keep nulls out.';

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
comment on function afterthought.trait_history_at is 'The days of a trait history within the 30 days (UTC) that end now.';

create function afterthought.character_average(hours jsonb, score text, window_hours integer, at timestamptz)
    returns double precision
    language plpgsql immutable parallel safe
as $$
begin
    return (
        select sum((hour.value -> score ->> 1)::bigint)::double precision
            / nullif(sum((hour.value -> score ->> 0)::bigint)::double precision * 1e6, 0)
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
            min(coalesce(p.verified_at, '-infinity')), case when own.merge_waits then c.computed_at end
        ) as verified_at,
        least(
            min(afterthought.fresh_until(
                null, c.engine_version, c.config_hash, own.shard_version, own.shard_config, p.verified_at, p.ttl, now())),
            case when own.merge_waits then c.computed_at + min(p.ttl) end
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
