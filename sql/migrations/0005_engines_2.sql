-- Purpose: the projections of engine version 2: receptivity counts silence in units of ten seconds, the retrieval trend
--          compares 14 days with 90.
-- Locks: a moment on each function, and on the 64 rows of shard_progress.
-- Online: yes; rows of engine version 1 read as stale from then on, until a worker of this version has rebuilt them.

-- What is stored was made for the projections as they were: no row of it may be called fresh under the new ones.
update afterthought.shard_progress set engine_version = 0;

create or replace function afterthought.receptivity(
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
            * ln(1 + afterthought.seconds_since(last_user_message_at, at) / 10)
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

create or replace function afterthought.retrieval_trend(
    event_first timestamptz, event_last timestamptz, event_fast double precision, event_slow double precision,
    at timestamptz, out trend text, out reason text
)
    language plpgsql immutable parallel safe
as $$
declare
    history double precision := afterthought.seconds_since(event_first, at) / 86400;
    gap double precision := afterthought.seconds_since(event_last, at);
    fast double precision := event_fast * afterthought.decay_share(gap, 14);
    slow double precision := event_slow * afterthought.decay_share(gap, 90);
    exposure_fast double precision := 14 * (1 - exp(greatest(-history / 14, -200)));
    exposure_slow double precision := 90 * (1 - exp(greatest(-history / 90, -200)));
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
        7 * (1 - exp(greatest(-2 * history / 14, -200))) / (exposure_fast * exposure_fast)
        + 45 * (1 - exp(greatest(-2 * history / 90, -200))) / (exposure_slow * exposure_slow)
        - 2 * (315.0 / 26) * (1 - exp(greatest(-history * 26 / 315, -200))) / (exposure_fast * exposure_slow));
    trend := case
        when variance <= 0 or abs(difference) <= 1.96 * sqrt(variance) then 'stable'
        when difference > 0 then 'increasing'
        else 'declining'
    end;
end
$$;

comment on column afterthought.strategic_character_performance.recent_anomalies is
    '[{time, metric, kind, score, direction}], newest first, kind level or value; an empty list is a result.';
