-- Purpose: the history of runs counts what each attempt did; what a person put off stays put off; a wrong time zone is
--          named, and a week may end on SUN; a clock that was ahead does not silence the schedules; jobs that run by
--          need pause when their attempts are used up.
-- Locks: an exclusive one on jobs for a moment (constant defaults, nothing is rewritten); brief ones on the functions
--        that are replaced.
-- Online: yes. Attempts claimed by workers of the build before may count the work of earlier attempts once more.

-- What each attempt did ---------------------------------------------------------------------------------------------

alter table afterthought.jobs add column tally_claimed jsonb not null default 'null';
comment on column afterthought.jobs.tally_claimed is
    'The counts of the tally as the attempt at hand was claimed: what earlier attempts did.';

create function afterthought.tally_gain(tally jsonb, earlier jsonb, key text) returns bigint
    language sql immutable parallel safe
    return greatest(coalesce((tally ->> key)::bigint, 0) - coalesce((earlier ->> key)::bigint, 0), 0);
comment on function afterthought.tally_gain is 'By how much a count of a tally grew.';

create or replace function afterthought.end_job_attempt(
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
        afterthought.tally_gain(old.tally, old.tally_claimed, 'users_processed'),
        afterthought.tally_gain(old.tally, old.tally_claimed, 'successful_updates'),
        afterthought.tally_gain(old.tally, old.tally_claimed, 'failed_updates'),
        afterthought.tally_gain(old.tally, old.tally_claimed, 'records_processed'),
        case
            when outcome <> 'completed' then 'failed'
            -- The job's end tells of all its attempts.
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
    'was lost. The row counts what this attempt did, so that the rows of a job add up to the job. A failed one is '
    'repeated after a random part of a doubling pause, until its attempts are used up.';

-- A job that was put off --------------------------------------------------------------------------------------------

alter table afterthought.jobs add column snoozed_until timestamptz;
comment on column afterthought.jobs.snoozed_until is
    'Until when a person put it off: a tick or a need does not bring it forward, a request by hand does.';

create or replace function afterthought.enqueue_job(
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
    is_by_hand boolean := enqueue_job.reason in ('by hand', 'by HTTP');
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
        -- The one that waits takes this request in; it need not wait longer than this one would have. Only a person
        -- ends what a person put off.
        update afterthought.jobs as j
        set run_at = least(j.run_at, greatest(run_wanted, case when not is_by_hand then j.snoozed_until end)),
            snoozed_until = case when not is_by_hand then j.snoozed_until end
        where j.state = 'waiting' and j.unique_key = key_wanted
        returning j.id into enqueued;
        exit when enqueued is not null;
    end loop;
    return enqueued;
end
$$;

create or replace function afterthought.snooze_job(id bigint, duration interval) returns timestamptz
    language sql set search_path = pg_catalog, pg_temp
begin atomic
    update afterthought.jobs as j
    set run_at = greatest(j.run_at, now()) + duration,
        snoozed_until = greatest(j.run_at, now()) + duration
    where j.id = snooze_job.id and j.state = 'waiting'
    returning j.run_at;
end;

create or replace function afterthought.retry_job(id bigint) returns bigint
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
        snoozed_until = null,
        attempts_max = j.attempt + (select s.attempts_max from afterthought.job_schedules as s where s.job = j.job)
    where j.id = old.id;
    return old.id;
end
$$;

-- Faults of a schedule, in words ------------------------------------------------------------------------------------

create or replace function afterthought.reschedule() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'INSERT' or (old.cron, old.time_zone) is distinct from (new.cron, new.time_zone) then
        -- Before anything is reckoned by them, so that the fault is named; the zone also where no cron text needs it.
        perform afterthought.is_schedule(coalesce(new.cron, '@daily'), new.time_zone);
    end if;
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

create or replace function afterthought.cron_field(
    field text, low integer, high integer, names text[]
) returns integer[]
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
            -- The day that ends a week as well as it begins one.
            when matched[3] = 'SUN' and high = 7 and first > 0 then 7
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
-- A clock that was ahead --------------------------------------------------------------------------------------------

create function afterthought.forget_the_future(moment timestamptz) returns bigint
    language sql set search_path = pg_catalog, pg_temp
begin atomic
    with cancelled as (
        update afterthought.jobs as j
        set state = 'cancelled', finished_at = clock_timestamp(),
            error_message = 'asked for while the clock of the database was ahead'
        where j.state = 'waiting' and j.due_at > moment + interval '1 hour'
        returning j.id
    ), begun_anew as (
        update afterthought.job_schedules as s
        set through_at = moment, next_at = afterthought.cron_next(s.cron, s.time_zone, moment)
        where s.through_at > moment + interval '1 hour'
        returning s.job
    )
    select (select count(*) from cancelled) + (select count(*) from begun_anew);
end;
comment on function afterthought.forget_the_future is
    'Undoes what was scheduled while the clock was more than an hour ahead: the schedules would rest until it is that '
    'late. Returns how many schedules and jobs.';

-- Jobs that run by need, after a failure ----------------------------------------------------------------------------

create or replace function afterthought.poll_jobs(
    at timestamptz default null, out lost integer, out due boolean, out not_to_ask text[], out settings jsonb
)
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform afterthought.forget_the_future(coalesce(at, now()));
    perform afterthought.schedule_due_jobs(at);
    lost := afterthought.end_lost_attempts();
    due := exists (select from afterthought.jobs as j where j.state = 'waiting' and j.run_at <= now());
    not_to_ask := array(
        select s.job
        from afterthought.job_schedules as s
        join afterthought.job_queues as q on q.queue = s.queue
        where s.paused_at is not null or q.paused_at is not null
            or exists (select from afterthought.jobs as j where j.unique_key = s.job and j.state = 'waiting')
            -- What used up its attempts is not asked for again at once; a run that went well ends the pause.
            or exists (
                select from afterthought.jobs as f
                where f.unique_key = s.job and f.state = 'failed'
                    and f.finished_at > now() - make_interval(secs => s.backoff_seconds_max)
                    and not exists (
                        select from afterthought.jobs as c
                        where c.job = s.job and c.state = 'completed' and c.finished_at > f.finished_at)));
    settings := (select coalesce(jsonb_object_agg(s.name, s.value), '{}') from afterthought.job_settings as s);
end
$$;
comment on function afterthought.poll_jobs is
    'What a worker does every few seconds, in one statement: schedules what is due, ends lost attempts, and tells '
    'whether a job may be claimed, which jobs need not be asked whether they are needed (those that are paused, wait '
    'already, or used up their attempts lately), and the settings.';
