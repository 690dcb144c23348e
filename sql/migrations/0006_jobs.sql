-- Purpose: the durable queue and the scheduler: schedules, settings, jobs, ticks, and the history of what ran.
-- Locks: none on existing tables (everything here is new).
-- Online: yes.

-- Cron ----------------------------------------------------------------------------------------------------------------

create function afterthought.cron_field(field text, low integer, high integer, names text[]) returns integer[]
    language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    part text;
    matched text[];
    first integer;
    last integer;
    step integer;
    members integer[] := '{}';
begin
    foreach part in array string_to_array(upper(field), ',') loop
        matched := regexp_match(part, '^(?:(\*)|([0-9]{1,2}|[A-Z]{3})(?:-([0-9]{1,2}|[A-Z]{3}))?)(?:/([0-9]{1,2}))?$');
        first := case when matched[1] = '*' then low
            else
                coalesce(array_position(names, matched[2]) - 1 + low,
                    nullif(regexp_replace(matched[2], '\D', '', 'g'), '')::integer) end;
        last := case
            when matched[1] = '*' then high
            when matched[3] is not null then
                coalesce(array_position(names, matched[3]) - 1 + low,
                    nullif(regexp_replace(matched[3], '\D', '', 'g'), '')::integer)
            when matched[4] is not null then high
            else first end;
        step := coalesce(matched[4]::integer, 1);
        if matched is null or first is null or last is null or step = 0 or first < low or last > high or first > last
        then
            raise exception 'expected a cron field of numbers %…%, got: "%"', low, high, field
                using errcode = '42601',
                hint = 'a field is *, a number, a range a-b, any of them with /step, or a list of those with commas';
        end if;
        members := members || array(select generate_series(first, last, step));
    end loop;
    return array(select distinct m from unnest(members) as m order by m);
end
$$;
comment on function afterthought.cron_field is 'The numbers that one field of a cron text stands for.';

create function afterthought.cron_text(cron text) returns text
    language sql immutable strict parallel safe
    return case lower(trim(cron))
        when '@hourly' then '0 * * * *'
        when '@daily' then '0 0 * * *'
        when '@weekly' then '0 0 * * 0'
        when '@monthly' then '0 0 1 * *'
        else trim(regexp_replace(cron, '\s+', ' ', 'g')) end;
comment on function afterthought.cron_text is 'A cron text as five fields.';

create function afterthought.cron_times(
    cron text, time_zone text, after timestamptz, through timestamptz
) returns setof timestamptz
    language plpgsql stable strict parallel safe rows 10 set search_path = pg_catalog, pg_temp
as $$
declare
    fields text[] := string_to_array(afterthought.cron_text(cron), ' ');
    minutes integer[];
    hours integer[];
    days integer[];
    months integer[];
    weekdays integer[];
    either_day boolean;
    day date;
begin
    if cardinality(fields) <> 5 then
        raise exception 'expected five cron fields, got: % in "%"', cardinality(fields), cron
            using errcode = '42601', hint = 'minute hour day-of-month month day-of-week, such as 0 2 * * MON';
    end if;
    minutes := afterthought.cron_field(fields[1], 0, 59, '{}');
    hours := afterthought.cron_field(fields[2], 0, 23, '{}');
    days := afterthought.cron_field(fields[3], 1, 31, '{}');
    months := afterthought.cron_field(
        fields[4], 1, 12, '{JAN,FEB,MAR,APR,MAY,JUN,JUL,AUG,SEP,OCT,NOV,DEC}');
    weekdays := array(
        select w % 7 from unnest(afterthought.cron_field(fields[5], 0, 7, '{SUN,MON,TUE,WED,THU,FRI,SAT}')) as w);
    -- As cron has it: where both days are restricted, either will do.
    either_day := fields[3] not like '*%' and fields[5] not like '*%';
    for day in
        select d::date
        from generate_series(
            (after at time zone time_zone)::date::timestamp, (through at time zone time_zone)::date::timestamp,
            interval '1 day') as d
        where extract(month from d) = any (months)
            and case
                when either_day then extract(day from d) = any (days) or extract(dow from d) = any (weekdays)
                else extract(day from d) = any (days) and extract(dow from d) = any (weekdays) end
    loop
        if fields[2] like '*%' then
            -- Every hour: by the hours that pass, so none is left out and none comes twice when clocks change.
            return query
            select t
            from generate_series(
                day::timestamp at time zone time_zone - interval '3 hours',
                (day + 1)::timestamp at time zone time_zone + interval '3 hours', interval '1 minute') as t
            where t > after and t <= through and (t at time zone time_zone)::date = day
                and extract(minute from t at time zone time_zone) = any (minutes)
                and extract(hour from t at time zone time_zone) = any (hours)
            order by t;
        else
            -- At a time of day: once a day. A time that the clocks leave out comes later by as much as they leave out;
            -- of a time that they show twice, one counts.
            return query
            select distinct t
            from unnest(hours) as h, unnest(minutes) as m,
                lateral (select (day + make_interval(hours => h, mins => m)) at time zone time_zone as t) as local
            where t > after and t <= through
            order by t;
        end if;
    end loop;
end
$$;
comment on function afterthought.cron_times is
    'The moments of a five-field cron text in a time zone, later than one moment and not later than another.';

create function afterthought.cron_next(cron text, time_zone text, after timestamptz) returns timestamptz
    language plpgsql stable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    days integer;
    matched timestamptz;
begin
    -- The longest wait is for a 29th of February over a year that has none: eight years.
    foreach days in array array[1, 8, 32, 367, 8 * 366] loop
        select min(t) into matched
        from afterthought.cron_times(cron, time_zone, after, after + make_interval(days => days)) as t;
        exit when matched is not null;
    end loop;
    return matched;
end
$$;
comment on function afterthought.cron_next is
    'The first moment of a cron text after another; null when it has none, such as a 30th of February.';

create function afterthought.is_schedule(cron text, time_zone text) returns boolean
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if cron is null then return true; end if;
    begin
        perform timestamptz 'epoch' at time zone time_zone;
    exception when invalid_parameter_value then
        raise exception 'expected a time zone of the IANA database, got: "%"', time_zone
            using errcode = '42601', hint = 'such as Europe/Berlin; pg_timezone_names lists them';
    end;
    if afterthought.cron_next(cron, time_zone, timestamptz 'epoch') is null then
        raise exception 'expected a cron text that ever comes true, got: "%"', cron
            using errcode = '42601', hint = 'look at the day of the month and the month';
    end if;
    return true;
end
$$;
comment on function afterthought.is_schedule is 'True, or an error that says what is wrong with a cron text or a zone.';

-- What runs when ----------------------------------------------------------------------------------------------------

create table afterthought.job_queues (
    queue text not null,
    "position" integer not null,
    paused_at timestamptz,
    constraint job_queues_pkey primary key (queue)
);
comment on table afterthought.job_queues is 'The queues, in the order in which workers look into them.';
insert into afterthought.job_queues (queue, "position")
values ('optimization', 1), ('learning', 2), ('reembed', 3);

create table afterthought.job_schedules (
    job afterthought.identifier not null,
    queue text not null default 'learning',
    cron text,
    time_zone text not null default 'UTC',
    catch_up text not null default 'one',
    timeout_seconds double precision not null default 1800,
    attempts_max integer not null default 5,
    backoff_seconds double precision not null default 10,
    backoff_seconds_max double precision not null default 3600,
    first_delay_seconds double precision,
    paused_at timestamptz,
    through_at timestamptz not null default now(),
    next_at timestamptz,
    summary text not null,
    constraint job_schedules_pkey primary key (job),
    constraint job_schedules_queue_is_known foreign key (queue) references afterthought.job_queues (queue),
    constraint job_schedules_time_is_known check (afterthought.is_schedule(cron, time_zone)),
    constraint job_schedules_catch_up_is_known check (catch_up in ('skip', 'one', 'all')),
    constraint job_schedules_timeout_is_bounded check (timeout_seconds between 1 and 86400),
    constraint job_schedules_attempts_are_bounded check (attempts_max between 1 and 100),
    constraint job_schedules_backoff_is_bounded
        check (backoff_seconds > 0 and backoff_seconds_max between backoff_seconds and 86400),
    constraint job_schedules_first_delay_is_bounded check (first_delay_seconds between 0 and 86400)
);
comment on table afterthought.job_schedules is
    'When each job runs; change it freely, all workers follow. A null cron: only by need or by hand.';
comment on column afterthought.job_schedules.catch_up is
    'Ticks missed while no worker ran: skip them, make one run up for all, or run each.';
comment on column afterthought.job_schedules.first_delay_seconds is
    'Also run it this long after a worker starts; null: by its schedule alone.';
comment on column afterthought.job_schedules.through_at is 'Ticks up to this moment are dealt with.';

create function afterthought.reschedule() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'INSERT' or (old.cron, old.time_zone) is distinct from (new.cron, new.time_zone)
        or (old.paused_at is not null and new.paused_at is null)
    then
        -- A new time, or the end of a pause, begins now: nothing before it was missed.
        new.through_at := now();
        new.next_at := afterthought.cron_next(new.cron, new.time_zone, now());
    end if;
    return new;
end
$$;
create trigger reschedule before insert or update on afterthought.job_schedules
    for each row execute function afterthought.reschedule();

create table afterthought.job_settings (
    name text not null,
    job afterthought.identifier,
    kind text not null,
    value text not null,
    default_value text not null,
    minimum double precision,
    maximum double precision,
    description text not null,
    constraint job_settings_pkey primary key (name),
    constraint job_settings_job_is_known
        foreign key (job) references afterthought.job_schedules (job) deferrable initially deferred,
    constraint job_settings_kind_is_known check (kind in ('integer', 'number', 'boolean', 'text')),
    constraint job_settings_value_fits check (
        case kind
            when 'boolean' then value in ('true', 'false')
            when 'integer' then value ~ '^-?[0-9]{1,15}$' and value::double precision between minimum and maximum
            when 'number' then
                value ~ '^-?[0-9]{1,15}(\.[0-9]{1,15})?$' and value::double precision between minimum and maximum
            else octet_length(value) <= 1000 end),
    constraint job_settings_numbers_are_bounded
        check (kind not in ('integer', 'number') or (minimum is not null and maximum is not null))
);
comment on table afterthought.job_settings is
    'Thresholds of the jobs: one place for all workers, SQL and the command line. A worker that is started with a '
    'variable of a setting''s name stores its value here.';

-- The queue -----------------------------------------------------------------------------------------------------------

create table afterthought.jobs (
    id bigint generated always as identity,
    job afterthought.identifier not null,
    queue text not null,
    state text not null default 'waiting',
    unique_key afterthought.identifier not null,
    reason text not null,
    arguments jsonb not null default '{}',
    due_at timestamptz not null default now(),
    run_at timestamptz not null default now(),
    attempt integer not null default 0,
    attempts_max integer not null,
    timeout_seconds double precision not null,
    claim_token uuid,
    claimed_by text,
    lease_until timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    cancel_requested_at timestamptz,
    tally jsonb not null default 'null',
    progress jsonb not null default 'null',
    error_message text,
    created_at timestamptz not null default now(),
    constraint jobs_pkey primary key (id),
    constraint jobs_job_is_known foreign key (job) references afterthought.job_schedules (job),
    constraint jobs_state_is_known check (state in ('waiting', 'running', 'completed', 'failed', 'cancelled')),
    constraint jobs_claim_is_whole check (
        (state = 'running') = (claim_token is not null) and (state = 'running') = (lease_until is not null)),
    constraint jobs_arguments_are_bounded check (octet_length(arguments::text) <= 8192)
) with (fillfactor = 70);
comment on table afterthought.jobs is
    'The queue: one row a job from its request to its end; failed ones wait here for a retry by hand.';
comment on column afterthought.jobs.unique_key is 'At most one job of a key waits: further requests are the same job.';
comment on column afterthought.jobs.progress is 'Where the next attempt goes on, committed with what was done so far.';
-- Requests while one waits are that one; requests while one runs become one more.
create unique index jobs_one_waiting on afterthought.jobs (unique_key) where state = 'waiting';
create unique index jobs_one_running on afterthought.jobs (job) where state = 'running';
create index jobs_by_run_at on afterthought.jobs (run_at) where state = 'waiting';
create index jobs_by_end on afterthought.jobs (finished_at) where finished_at is not null;

create table afterthought.job_ticks (
    job afterthought.identifier not null,
    scheduled_at timestamptz not null,
    outcome text not null,
    job_id bigint,
    noticed_at timestamptz not null default now(),
    constraint job_ticks_pkey primary key (job, scheduled_at),
    constraint job_ticks_outcome_is_known check (outcome in ('enqueued', 'coalesced', 'skipped'))
);
comment on table afterthought.job_ticks is
    'Every moment of a schedule that came, once, and the job that it became; coalesced: one that was there already.';

create table afterthought.system_tasks (
    id bigint generated always as identity,
    name afterthought.identifier not null,
    executed_at timestamptz not null,
    duration_seconds double precision not null,
    users_processed bigint not null default 0,
    successful_updates bigint not null default 0,
    failed_updates bigint not null default 0,
    records_processed bigint not null default 0,
    status text not null,
    error_message text,
    metadata jsonb not null default '{}',
    job_id bigint not null,
    attempt integer not null,
    constraint system_tasks_pkey primary key (id),
    constraint system_tasks_attempt_is_one_row unique (job_id, attempt),
    constraint system_tasks_status_is_known check (status in ('completed', 'completed_with_errors', 'failed'))
);
create index system_tasks_by_time on afterthought.system_tasks (executed_at);
create index system_tasks_by_name on afterthought.system_tasks (name, executed_at);
comment on table afterthought.system_tasks is
    'History of what ran: one row for each attempt that ended, those that were cut short included.';

-- What people and programs ask for --------------------------------------------------------------------------------

create function afterthought.enqueue_job(
    job text, arguments jsonb default '{}', reason text default 'by hand', run_at timestamptz default null,
    due_at timestamptz default null, unique_key text default null
) returns bigint
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    schedule afterthought.job_schedules;
    key_wanted text := coalesce(
        enqueue_job.unique_key,
        enqueue_job.job
            || case when enqueue_job.arguments = '{}' then '' else ' ' || md5(enqueue_job.arguments::text) end);
    run_wanted timestamptz := coalesce(enqueue_job.run_at, now());
    enqueued bigint;
begin
    select * into schedule from afterthought.job_schedules as s where s.job = enqueue_job.job;
    if not found then
        raise exception 'expected a job of job_schedules, got: "%"', enqueue_job.job
            using errcode = '42601', hint = 'afterthought schedule lists them';
    end if;
    loop
        insert into afterthought.jobs
            (job, queue, unique_key, reason, arguments, due_at, run_at, attempts_max, timeout_seconds)
        values (
            schedule.job, schedule.queue, key_wanted, enqueue_job.reason, enqueue_job.arguments,
            coalesce(enqueue_job.due_at, now()), run_wanted, schedule.attempts_max, schedule.timeout_seconds)
        on conflict (unique_key) where state = 'waiting' do nothing
        returning id into enqueued;
        exit when enqueued is not null;
        -- The one that waits takes this request in; it need not wait longer than this one would have.
        update afterthought.jobs as j
        set run_at = least(j.run_at, run_wanted)
        where j.state = 'waiting' and j.unique_key = key_wanted
        returning j.id into enqueued;
        exit when enqueued is not null;
    end loop;
    return enqueued;
end
$$;
comment on function afterthought.enqueue_job is
    'Asks for a run; returns the job, which is the one that waits already if there is one of the same kind.';

create function afterthought.cancel_job(id bigint) returns text
    language sql set search_path = pg_catalog, pg_temp
begin atomic
    update afterthought.jobs as j
    set state = case when j.state = 'waiting' then 'cancelled' else j.state end,
        finished_at = case when j.state = 'waiting' then now() else j.finished_at end,
        error_message = case when j.state = 'waiting' then 'cancelled before it ran' else j.error_message end,
        cancel_requested_at = now()
    where j.id = cancel_job.id and j.state in ('waiting', 'running')
    returning case when j.state = 'running' then 'cancelling' else j.state end;
end;
comment on function afterthought.cancel_job is
    'Cancels a job; a running one ends within a few seconds. Null when it neither waits nor runs.';

create function afterthought.snooze_job(id bigint, duration interval) returns timestamptz
    language sql set search_path = pg_catalog, pg_temp
begin atomic
    update afterthought.jobs as j
    set run_at = greatest(j.run_at, now()) + duration
    where j.id = snooze_job.id and j.state = 'waiting'
    returning j.run_at;
end;
comment on function afterthought.snooze_job is 'Lets a waiting job wait longer; null when it does not wait.';

create function afterthought.retry_job(id bigint) returns bigint
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    waiting bigint;
    old afterthought.jobs;
begin
    select * into old from afterthought.jobs as j where j.id = retry_job.id for update;
    if not found or old.state not in ('failed', 'cancelled') then return null; end if;
    select j.id into waiting from afterthought.jobs as j where j.state = 'waiting' and j.unique_key = old.unique_key;
    if waiting is not null then return waiting; end if;
    update afterthought.jobs as j
    set state = 'waiting', run_at = now(), finished_at = null, error_message = null, cancel_requested_at = null,
        attempts_max = j.attempt + (select s.attempts_max from afterthought.job_schedules as s where s.job = j.job)
    where j.id = old.id;
    return old.id;
end
$$;
comment on function afterthought.retry_job is
    'Lets a failed or cancelled job go on where it had come; returns it, or the one of its kind that waits already.';

-- What workers do --------------------------------------------------------------------------------------------------

create function afterthought.schedule_due_jobs(at timestamptz default null) returns integer
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    schedule afterthought.job_schedules;
    moment timestamptz := coalesce(at, now());
    ticks timestamptz[];
    tick timestamptz;
    newest timestamptz;
    wanted boolean;
    there bigint;
    became bigint;
    enqueued integer := 0;
begin
    for schedule in
        select * from afterthought.job_schedules as s
        where s.next_at <= moment and s.paused_at is null
        order by s.job
        for update skip locked
    loop
        -- Two years of hours; whatever lies further back is nobody's wish any more.
        ticks := array(
            select t
            from afterthought.cron_times(
                schedule.cron, schedule.time_zone, greatest(schedule.through_at, moment - interval '2 years'), moment
            ) as t
            order by t desc limit case schedule.catch_up when 'all' then 1000 else 10 end);
        newest := ticks[1];
        foreach tick in array array(select t from unnest(ticks) as t order by t) loop
            wanted := case schedule.catch_up
                when 'all' then true
                when 'one' then tick = newest
                else tick = newest and tick > moment - interval '5 minutes' end;
            became := null;
            there := null;
            if wanted then
                select j.id into there from afterthought.jobs as j
                where j.state = 'waiting' and j.unique_key = schedule.job and schedule.catch_up <> 'all';
                became := afterthought.enqueue_job(
                    schedule.job, '{}', 'schedule', moment, tick,
                    case when schedule.catch_up = 'all' then schedule.job || ' ' || tick::text end);
                if there is null then enqueued := enqueued + 1; end if;
            end if;
            insert into afterthought.job_ticks (job, scheduled_at, outcome, job_id)
            values (
                schedule.job, tick,
                case
                    when not wanted and schedule.catch_up = 'one' or there is not null then 'coalesced'
                    when wanted then 'enqueued'
                    else 'skipped' end,
                became)
            on conflict (job, scheduled_at) do nothing;
        end loop;
        update afterthought.job_ticks as t
        set job_id = became
        where t.job = schedule.job and t.scheduled_at = any (ticks) and t.job_id is null and t.outcome = 'coalesced';
        update afterthought.job_schedules as s
        set through_at = coalesce(newest, moment),
            next_at = afterthought.cron_next(schedule.cron, schedule.time_zone, greatest(moment, schedule.through_at))
        where s.job = schedule.job;
    end loop;
    return enqueued;
end
$$;
comment on function afterthought.schedule_due_jobs is
    'Turns the moments of schedules that came into jobs, each once, whatever the number of workers that call it.';

create function afterthought.end_job_attempt(
    id bigint, attempt integer, claim_token uuid, outcome text, error_message text default null
) returns text
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    old afterthought.jobs;
    schedule afterthought.job_schedules;
    becomes text;
    cap double precision;
begin
    select * into old from afterthought.jobs as j
    where j.id = end_job_attempt.id and j.attempt = end_job_attempt.attempt
        and j.claim_token = end_job_attempt.claim_token and j.state = 'running'
    for update;
    if not found then return null; end if;
    select * into schedule from afterthought.job_schedules as s where s.job = old.job;
    becomes := case
        when outcome = 'completed' then 'completed'
        when outcome = 'cancelled' or old.cancel_requested_at is not null then 'cancelled'
        when outcome = 'interrupted' or old.attempt < old.attempts_max then 'waiting'
        else 'failed' end;
    if becomes = 'waiting' then
        -- One of its kind that was asked for meanwhile is this one, which will see all that it would have seen.
        with taken_in as (
            update afterthought.jobs as j
            set state = 'cancelled', finished_at = clock_timestamp(),
                error_message = 'taken in by the next attempt of job ' || old.id
            where j.state = 'waiting' and j.unique_key = old.unique_key
            returning j.id
        )
        update afterthought.job_ticks as t
        set job_id = old.id, outcome = 'coalesced'
        from taken_in
        where t.job_id = taken_in.id and t.job = old.job;
    end if;
    cap := least(schedule.backoff_seconds_max, schedule.backoff_seconds * 2 ^ least(old.attempt - 1, 30));
    update afterthought.jobs as j
    set state = becomes,
        claim_token = null,
        lease_until = null,
        error_message = end_job_attempt.error_message,
        finished_at = case when becomes <> 'waiting' then clock_timestamp() end,
        -- An attempt that was given back on purpose is none of those that may fail.
        attempts_max = j.attempts_max + case when outcome = 'interrupted' then 1 else 0 end,
        run_at = case
            when outcome = 'interrupted' then clock_timestamp()
            when becomes = 'waiting' then clock_timestamp() + make_interval(secs => random() * cap)
            else j.run_at end
    where j.id = old.id;
    insert into afterthought.system_tasks (
        name, executed_at, duration_seconds, users_processed, successful_updates, failed_updates, records_processed,
        status, error_message, metadata, job_id, attempt)
    values (
        old.job, old.started_at, greatest(extract(epoch from clock_timestamp() - old.started_at), 0),
        coalesce((old.tally ->> 'users_processed')::bigint, 0),
        coalesce((old.tally ->> 'successful_updates')::bigint, 0),
        coalesce((old.tally ->> 'failed_updates')::bigint, 0),
        coalesce((old.tally ->> 'records_processed')::bigint, 0),
        case
            when outcome <> 'completed' then 'failed'
            when coalesce((old.tally ->> 'failed_updates')::bigint, 0) > 0 then 'completed_with_errors'
            else 'completed' end,
        end_job_attempt.error_message,
        coalesce(nullif(old.tally -> 'metadata', 'null'), '{}') || jsonb_build_object('reason', old.reason)
            || case when old.arguments = '{}' then '{}' else jsonb_build_object('arguments', old.arguments) end,
        old.id, old.attempt);
    return becomes;
end
$$;
comment on function afterthought.end_job_attempt is
    'Ends an attempt (completed, failed, cancelled or interrupted), with its row in system_tasks; null if the claim '
    'was lost. A failed one is repeated after a random part of a doubling pause, until its attempts are used up.';

create function afterthought.end_lost_attempts() returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic
    select count(
        afterthought.end_job_attempt(
            j.id, j.attempt, j.claim_token, 'failed', 'the worker was lost: its lease ran out'))
    from (
        select * from afterthought.jobs
        where state = 'running' and lease_until < now()
        for update skip locked
    ) as j;
end;
comment on function afterthought.end_lost_attempts is
    'Ends the attempts whose workers stopped renewing their leases; each counts as one.';

create function afterthought.prune_job_history(keep interval) returns bigint
    language sql set search_path = pg_catalog, pg_temp
begin atomic
    with jobs as (
        delete from afterthought.jobs where finished_at < now() - keep returning id
    ), ticks as (
        delete from afterthought.job_ticks where scheduled_at < now() - keep returning job
    ), tasks as (
        delete from afterthought.system_tasks where executed_at < now() - keep returning id
    )
    select (select count(*) from jobs) + (select count(*) from ticks) + (select count(*) from tasks);
end;
comment on function afterthought.prune_job_history is
    'Deletes jobs, ticks and history that ended longer ago than this.';

create view afterthought.job_overview as
select
    s.job, s.queue, s.cron, s.time_zone, s.catch_up, s.timeout_seconds, s.attempts_max,
    case when s.paused_at is null and q.paused_at is null then s.next_at end as next_at,
    coalesce(s.paused_at, q.paused_at) as paused_at,
    case
        when r.id is not null then 'running'
        when coalesce(s.paused_at, q.paused_at) is not null then 'paused'
        when w.id is not null then 'waiting'
        else 'idle' end as state,
    r.id as running_id,
    w.id as waiting_id,
    w.run_at as waiting_until,
    l.executed_at as last_executed_at, l.duration_seconds as last_duration_seconds, l.status as last_status,
    l.error_message as last_error_message, l.metadata as last_metadata,
    s.summary
from afterthought.job_schedules as s
join afterthought.job_queues as q on q.queue = s.queue
left join afterthought.jobs as r on r.job = s.job and r.state = 'running'
left join lateral (
    select j.id, j.run_at from afterthought.jobs as j
    where j.job = s.job and j.state = 'waiting'
    order by j.run_at limit 1
) as w on true
left join lateral (
    select t.* from afterthought.system_tasks as t where t.name = s.job order by t.executed_at desc, t.id desc limit 1
) as l on true;
comment on view afterthought.job_overview is 'Each job with its schedule, its state and its last run.';

do $$
declare
    entry record;
begin
    for entry in
        select * from (values
            ('job', 'The job.'),
            ('queue', 'The queue it waits in.'),
            ('cron', 'When it runs, as five fields; null: by need or by hand.'),
            ('time_zone', 'The zone of its times.'),
            ('catch_up', 'What becomes of moments missed while no worker ran.'),
            ('timeout_seconds', 'How long an attempt may take.'),
            ('attempts_max', 'How many attempts may fail.'),
            ('next_at', 'The next moment of its schedule; null while paused.'),
            ('paused_at', 'Since when it, or its queue, is paused.'),
            ('state', 'running, paused, waiting or idle.'),
            ('running_id', 'The job that runs.'),
            ('waiting_id', 'The job that waits.'),
            ('waiting_until', 'When that one may run.'),
            ('last_executed_at', 'When the last attempt began.'),
            ('last_duration_seconds', 'How long it took.'),
            ('last_status', 'How it ended.'),
            ('last_error_message', 'What went wrong, if anything did.'),
            ('last_metadata', 'What else it told.'),
            ('summary', 'What the job does.')
        ) as c (name, comment)
    loop
        execute format('comment on column afterthought.job_overview.%I is %L', entry.name, entry.comment);
    end loop;
end
$$;

insert into afterthought.job_schedules (job, cron, timeout_seconds, summary)
values (
    'signal_quality', '0 4 * * SUN', 7200,
    'measures the engines on your own history, and marks what does not beat its baseline');
insert into afterthought.job_settings (name, job, kind, value, default_value, minimum, maximum, description)
values
    ('JOB_HISTORY_DAYS', null, 'integer', '90', '90', 1, 3650,
        'how long jobs that ended, ticks and the history of runs are kept'),
    ('SIGNAL_QUALITY_PAIRS', 'signal_quality', 'integer', '2000', '2000', 1, 1000000,
        'how many pairs, drawn at random, the weekly evaluation looks at');
