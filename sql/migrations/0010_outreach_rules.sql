-- Purpose: rules of writing first (quiet hours, the user's zone, caps, do_not_contact), applied where an answer is
--          drawn; the interval of the success rate and the expected return in the view.
-- Locks: an exclusive one on strategic_cache, strategic_rows and the engagement view for a moment, no table is
--        rewritten; a moment on each function replaced, and on the 64 rows of shard_progress.
-- Online: yes; rows of older engines read as stale from then on, until a worker of this version has rebuilt them.

create table afterthought.outreach_rules (
    bot_name afterthought.identifier not null default '',
    user_id afterthought.identifier not null default '',
    quiet_from time,
    quiet_to time,
    time_zone text,
    cap_day smallint,
    cap_week smallint,
    do_not_contact boolean,
    changed_at timestamptz not null default clock_timestamp(),
    packed text not null generated always as (
        (case when user_id <> '' then 2 else 0 end + case when bot_name <> '' then 1 else 0 end)::text
            || '|' || coalesce((extract(epoch from quiet_from) / 60)::integer::text, '')
            || '|' || coalesce((extract(epoch from quiet_to) / 60)::integer::text, '')
            || '|' || coalesce(time_zone, '')
            || '|' || coalesce(cap_day::text, '')
            || '|' || coalesce(cap_week::text, '')
            || '|' || case when do_not_contact then '1' when not do_not_contact then '0' else '' end
    ) stored,
    constraint outreach_rules_pkey primary key (user_id, bot_name),
    constraint outreach_rules_quiet_hours_have_both_ends check (
        (quiet_from is null) = (quiet_to is null) and quiet_from <> quiet_to and quiet_from < '24:00'),
    constraint outreach_rules_quiet_hours_are_whole_minutes check (
        date_trunc('minute', quiet_from - '00:00'::time) = quiet_from - '00:00'::time
        and date_trunc('minute', quiet_to - '00:00'::time) = quiet_to - '00:00'::time),
    -- A name that no zone has fails in the conversion.
    constraint outreach_rules_zone_is_known check (
        time_zone is null
        or time_zone ~ '^[A-Za-z0-9_+/-]{1,64}$' and ('2000-01-01'::timestamp at time zone time_zone) is not null),
    constraint outreach_rules_cap_day_is_small check (cap_day between 0 and 64),
    constraint outreach_rules_cap_week_is_small check (cap_week between 0 and 64)
);
create index outreach_rules_changed_at on afterthought.outreach_rules (changed_at);
comment on table afterthought.outreach_rules is
    'When a bot may write first: for everything, a bot, a user or a pair; each field by the most specific rule.';
comment on column afterthought.outreach_rules.bot_name is 'The bot that the rule is about; empty: any.';
comment on column afterthought.outreach_rules.user_id is 'The user that the rule is about; empty: any.';
comment on column afterthought.outreach_rules.quiet_from is 'Start of the quiet hours by the zone''s clock.';
comment on column afterthought.outreach_rules.quiet_to is 'Their end; before the start where midnight lies between.';
comment on column afterthought.outreach_rules.time_zone is 'IANA name of the zone of the quiet hours; UTC unless set.';
comment on column afterthought.outreach_rules.cap_day is 'Proactive messages to a pair in any 24 hours at most.';
comment on column afterthought.outreach_rules.cap_week is 'Proactive messages to a pair in any 7 days at most.';
comment on column afterthought.outreach_rules.do_not_contact is
    'Whether nobody may write first; false takes back a wider rule.';
comment on column afterthought.outreach_rules.changed_at is 'When the rule was set; readers hear of it by this.';
comment on column afterthought.outreach_rules.packed is
    'The rule as the reader takes it: specificity, quiet minutes, zone, caps, do_not_contact.';

create function afterthought.set_outreach_rule(
    user_id text default null, bot_name text default null, quiet_from time default null, quiet_to time default null,
    time_zone text default null, cap_day integer default null, cap_week integer default null,
    do_not_contact boolean default null
) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if $5 is not null and not exists (select from pg_timezone_names as z where z.name = $5) then
        raise exception 'expected time_zone to be the name of a time zone' using
            errcode = 'invalid_parameter_value', hint = 'such as Europe/Berlin; see pg_timezone_names';
    end if;
    -- A rule that leaves everything open is kept: readers hear of the change by its time.
    insert into afterthought.outreach_rules as old
        (user_id, bot_name, quiet_from, quiet_to, time_zone, cap_day, cap_week, do_not_contact, changed_at)
    values (coalesce($1, ''), coalesce($2, ''), $3, $4, $5, $6, $7, $8, clock_timestamp())
    on conflict on constraint outreach_rules_pkey do update
    set
        quiet_from = excluded.quiet_from,
        quiet_to = excluded.quiet_to,
        time_zone = excluded.time_zone,
        cap_day = excluded.cap_day,
        cap_week = excluded.cap_week,
        do_not_contact = excluded.do_not_contact,
        changed_at = excluded.changed_at;
end
$$;
comment on function afterthought.set_outreach_rule is
    'Sets the whole rule of a pair, of a user, of a bot or of everything; a null field is left to wider rules.';
revoke execute on function afterthought.set_outreach_rule from public;

alter table afterthought.strategic_cache
    add column proactive_success_low double precision,
    add column proactive_success_high double precision,
    add column expected_return_hours double precision,
    add column outreach_times jsonb;

-- What is stored lacks these columns: no row of it may be called fresh.
update afterthought.shard_progress set engine_version = 0;

-- Projections --------------------------------------------------------------------------------------------------------
-- The same as in Model/OutreachRule.swift and Model/Projections+Engagement.swift, and a test compares both.

create function afterthought.is_quiet(quiet_from time, quiet_to time, time_zone text, at timestamptz) returns boolean
    language plpgsql immutable parallel safe
as $$
declare
    clock time := (at at time zone coalesce(time_zone, 'UTC'))::time;
begin
    return coalesce(
        case
            when quiet_from < quiet_to then clock >= quiet_from and clock < quiet_to
            else clock >= quiet_from or clock < quiet_to
        end,
        false);
end
$$;
comment on function afterthought.is_quiet is 'Whether a zone''s clock is within quiet hours, which may span midnight.';

create function afterthought.is_quiet_hour(
    quiet_from time, quiet_to time, time_zone text, hour_start timestamptz
) returns boolean
    language plpgsql immutable parallel safe
as $$
declare
    clock time;
    minute integer;
    first integer := extract(epoch from quiet_from) / 60;
    last integer := extract(epoch from quiet_to) / 60;
begin
    if first is null then
        return false;
    end if;
    -- By quarters, because no zone changes its clock within one.
    for quarter in 0..3 loop
        clock := (hour_start + make_interval(mins => 15 * quarter)) at time zone coalesce(time_zone, 'UTC');
        minute := extract(hour from clock) * 60 + extract(minute from clock);
        if first < last and (
                minute < last and minute + 15 > first or minute - 1440 < last and minute - 1425 > first)
            or first > last and (minute < last or minute + 15 > first)
        then
            return true;
        end if;
    end loop;
    return false;
end
$$;
comment on function afterthought.is_quiet_hour is
    'Whether any part of the hour from a moment on is within quiet hours by a zone''s clock.';

create function afterthought.outreach_block(
    do_not_contact boolean, cap_day integer, cap_week integer, outreach_times jsonb, at timestamptz
) returns text
    language plpgsql immutable parallel safe
as $$
declare
    moment bigint := (extract(epoch from at) * 1000000)::bigint;
    in_day integer;
    in_week integer;
begin
    if do_not_contact then
        return 'do_not_contact is set';
    end if;
    if cap_day is null and cap_week is null then
        return null;
    end if;
    select
        count(*) filter (where sent.at::bigint > moment - 86400000000),
        count(*) filter (where sent.at::bigint > moment - 604800000000)
    into in_day, in_week
    from jsonb_array_elements_text(outreach_times) as sent (at);
    return case
        when in_day >= cap_day then 'cap_day of ' || cap_day || ' is reached'
        when in_week >= cap_week then 'cap_week of ' || cap_week || ' is reached'
    end;
end
$$;
comment on function afterthought.outreach_block is 'Why nobody may write first at a moment; null where one may.';

create function afterthought.timing_hours(
    candidates jsonb, quiet_from time, quiet_to time, time_zone text, at timestamptz
) returns jsonb
    language plpgsql immutable parallel safe
as $$
declare
    current timestamptz := date_trunc('hour', at, 'UTC');
    current_hour integer := extract(hour from current at time zone 'UTC');
begin
    return (
        select jsonb_agg(kept.hour order by kept.place)
        from (
            select hour.value::integer as hour, hour.ordinality as place
            from jsonb_array_elements(candidates) with ordinality as hour
            where not afterthought.is_quiet_hour(
                quiet_from, quiet_to, time_zone,
                current + make_interval(hours => (hour.value::integer - current_hour + 24) % 24))
            order by hour.ordinality
            limit 5
        ) as kept);
end
$$;
comment on function afterthought.timing_hours is
    'Up to 5 of the candidate hours (UTC), best first, whose next occurrence is clear of quiet hours; null for none.';

-- The columns before stay as they are, so that what is built on the view stays.
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
    case when f.expires_at = '-infinity' then c.computed_at else p.verified_at end as complete_through,
    c.proactive_success_low, c.proactive_success_high, c.expected_return_hours, c.outreach_times,
    coalesce(r_pair.quiet_from, r_user.quiet_from, r_bot.quiet_from, r_all.quiet_from) as quiet_from,
    coalesce(r_pair.quiet_to, r_user.quiet_to, r_bot.quiet_to, r_all.quiet_to) as quiet_to,
    coalesce(r_pair.time_zone, r_user.time_zone, r_bot.time_zone, r_all.time_zone) as time_zone,
    coalesce(r_pair.cap_day, r_user.cap_day, r_bot.cap_day, r_all.cap_day)::integer as cap_day,
    coalesce(r_pair.cap_week, r_user.cap_week, r_bot.cap_week, r_all.cap_week)::integer as cap_week,
    coalesce(r_pair.do_not_contact, r_user.do_not_contact, r_bot.do_not_contact, r_all.do_not_contact)
        as do_not_contact
from afterthought.strategic_cache as c
join afterthought.shard_progress as p on p.shard = c.shard
cross join lateral (
    select afterthought.fresh_until(
        c.stale_reason, c.engine_version, c.config_hash, p.engine_version, p.config_hash, p.verified_at, p.ttl, now()
    ) as expires_at
) as f
cross join (select afterthought.unvalidated_engines() as engines) as q
left join afterthought.outreach_rules as r_pair on r_pair.user_id = c.user_id and r_pair.bot_name = c.bot_name
left join afterthought.outreach_rules as r_user on r_user.user_id = c.user_id and r_user.bot_name = ''
left join afterthought.outreach_rules as r_bot on r_bot.user_id = '' and r_bot.bot_name = c.bot_name
left join afterthought.outreach_rules as r_all on r_all.user_id = '' and r_all.bot_name = '';

create function afterthought.engagement_at(
    s afterthought.strategic_rows, at timestamptz, out optimal_timing_hours jsonb,
    out receptivity_score double precision, out suggested_topics jsonb, out refusal text, out reason text
)
    language plpgsql immutable parallel safe
as $$
declare
    block text := afterthought.outreach_block(s.do_not_contact, s.cap_day, s.cap_week, s.outreach_times, at);
begin
    refusal := coalesce(
        block, case when afterthought.is_quiet(s.quiet_from, s.quiet_to, s.time_zone, at) then 'quiet hours' end);
    if block is not null then
        optimal_timing_hours := '[]';
        suggested_topics := '[]';
        reason := 'optimal_timing_hours, receptivity_score, suggested_topics: ' || block;
        return;
    end if;
    suggested_topics := s.suggested_topics;
    optimal_timing_hours := afterthought.timing_hours(
        s.optimal_timing_hours, s.quiet_from, s.quiet_to, s.time_zone, at);
    if optimal_timing_hours is null and s.optimal_timing_hours is not null then
        optimal_timing_hours := '[]';
        if s.optimal_timing_hours <> '[]' then
            reason := 'optimal_timing_hours: every likely hour is quiet';
        end if;
    end if;
    if refusal is not null then
        reason := concat_ws('; ', reason, 'receptivity_score: quiet hours');
    else
        receptivity_score := afterthought.receptivity(
            s.receptivity_intercept, s.receptivity_recency_weight, s.receptivity_hour_logits, s.last_user_message_at,
            s.outreach_fatigue, s.last_outreach_at, at);
    end if;
end
$$;
comment on function afterthought.engagement_at is
    'When and with what a bot may write first to a pair at a moment, under the rules; and why not.';

create or replace view afterthought.strategic_engagement_opportunities as
select
    md5('engagement_opportunities' || chr(31) || s.bot_name || chr(31) || s.user_id)::uuid as id,
    s.user_id,
    s.bot_name,
    e.optimal_timing_hours,
    e.receptivity_score,
    e.suggested_topics,
    afterthought.seconds_since(s.last_user_message_at, now()) / 3600 as last_engagement_gap_hours,
    s.proactive_success_rate,
    s.computed_at,
    s.expires_at,
    now() - s.complete_through as age,
    s.reflects_through,
    s.messages_reflected,
    s.stale_reason,
    nullif(concat_ws('; ', s.null_reasons ->> 'proactive_engagement', e.reason), '') as null_reason,
    'proactive_engagement' <> all (s.unvalidated) as validated,
    s.proactive_success_low,
    s.proactive_success_high,
    s.expected_return_hours
from afterthought.strategic_rows as s
cross join lateral afterthought.engagement_at(s, now()) as e;

comment on column afterthought.strategic_engagement_opportunities.optimal_timing_hours is
    'Hours of the day (UTC), best first; each one''s next occurrence is clear of quiet hours by the user''s clock.';
comment on column afterthought.strategic_engagement_opportunities.receptivity_score is
    '0…1: chance that a proactive message now is answered; null while a rule forbids one.';
comment on column afterthought.strategic_engagement_opportunities.proactive_success_rate is
    '0…1: share of proactive messages that were answered, drawn towards one third; null without any.';
comment on column afterthought.strategic_engagement_opportunities.proactive_success_low is
    'Lower end of the 90 % interval of that share (Wilson).';
comment on column afterthought.strategic_engagement_opportunities.proactive_success_high is
    'Upper end of the 90 % interval of that share (Wilson).';
comment on column afterthought.strategic_engagement_opportunities.expected_return_hours is
    'Mean hours from the user''s last message to the next session, of which no more than a week counts.';

create or replace function afterthought.read_strategic(user_id text, bot_name text)
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
        s.null_reasons || jsonb_strip_nulls(jsonb_build_object(
            'retrieval_frequency_trend', m.trend_reason,
            'proactive_engagement', nullif(concat_ws('; ', s.null_reasons ->> 'proactive_engagement', e.reason), ''))),
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
                'optimal_timing_hours', e.optimal_timing_hours,
                'receptivity_score', e.receptivity_score,
                'suggested_topics', e.suggested_topics,
                'last_engagement_gap_hours', afterthought.seconds_since(s.last_user_message_at, now()) / 3600,
                'proactive_success_rate', s.proactive_success_rate,
                'proactive_success_low', s.proactive_success_low,
                'proactive_success_high', s.proactive_success_high,
                'expected_return_hours', s.expected_return_hours) end)
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
    ) as m on true
    left join lateral afterthought.engagement_at(s, now()) as e on s.bot_name is not null;
end
$$;

create or replace function afterthought.digest_sentences(s afterthought.strategic_rows) returns text[]
    language plpgsql stable parallel safe
as $$
declare
    aging text := afterthought.digest_end('{memory_aging}', s.unvalidated);
    switching text := afterthought.digest_end('{context_switch}', s.unvalidated);
    patterns text := afterthought.digest_end('{conversation_patterns}', s.unvalidated);
    personality text := afterthought.digest_end('{personality_evolution}', s.unvalidated);
    engagement text := afterthought.digest_end('{proactive_engagement}', s.unvalidated);
    outreach record := afterthought.engagement_at(s, now());
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
        'Receptive to a proactive message now: '
            || afterthought.digest_percent(outreach.receptivity_score) || engagement,
        'Do not write first now: ' || outreach.refusal || '.',
        'Proactive messages answered: ' || afterthought.digest_percent(s.proactive_success_rate)
            || ' (90% interval ' || afterthought.digest_percent(s.proactive_success_low) || ' to '
            || afterthought.digest_percent(s.proactive_success_high) || ')' || engagement,
        'Worth raising: ' || afterthought.digest_label(outreach.suggested_topics -> 0 ->> 'topic') || engagement
    ];
end
$$;

-- Where the roles are there already, those who read the views must be able to read what they rest on by now.
do $$
begin
    if exists (select from pg_roles where rolname = 'afterthought_reader') then
        grant select on afterthought.outreach_rules to afterthought_reader;
    end if;
    if exists (select from pg_roles where rolname = 'afterthought_worker') then
        grant select on afterthought.outreach_rules to afterthought_worker;
    end if;
    if exists (select from pg_roles where rolname = 'afterthought_app') then
        grant execute on function afterthought.set_outreach_rule to afterthought_app;
    end if;
end
$$;
