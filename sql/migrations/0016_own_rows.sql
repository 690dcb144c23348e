-- Purpose: a user's own interface may start that user's personality update; roles may be confined to their bots.
-- Locks: none on existing tables (everything here is new); enable_bot_isolation takes exclusive ones for a moment when
--        it is called.
-- Online: yes.

-- A user's own update -----------------------------------------------------------------------------------------------

create function afterthought.own_user_id() returns text
    language sql stable parallel safe
    return nullif(current_setting('afterthought.user_id', true), '');
comment on function afterthought.own_user_id is
    'The user that the application says it acts for: select set_config(''afterthought.user_id'', …, true) in the '
    'same transaction. Null without it.';

create table afterthought.personality_update_requests (
    user_id afterthought.identifier not null,
    requested_at timestamptz not null default now(),
    job_id bigint not null,
    constraint personality_update_requests_pkey primary key (user_id),
    constraint personality_update_requests_user_is_named check (user_id <> '')
);
comment on table afterthought.personality_update_requests is
    'The last time each user asked for an own personality update; who is no owner sees only the user''s own row.';
comment on column afterthought.personality_update_requests.user_id is 'The user.';
comment on column afterthought.personality_update_requests.requested_at is 'When the update was last asked for.';
comment on column afterthought.personality_update_requests.job_id is 'The job that it became.';
alter table afterthought.personality_update_requests enable row level security;
create policy own_rows on afterthought.personality_update_requests
    using (user_id = afterthought.own_user_id()) with check (user_id = afterthought.own_user_id());

create function afterthought.start_own_personality_update() returns bigint
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    wanted text := afterthought.own_user_id();
    earlier afterthought.personality_update_requests;
    enqueued bigint;
begin
    if wanted is null then
        raise exception 'expected the setting afterthought.user_id to name the user, got: nothing'
            using errcode = 'insufficient_privilege',
                hint = 'select set_config(''afterthought.user_id'', …, true) first, in the same transaction';
    end if;
    if afterthought.is_erased(wanted, null, now()) then
        raise exception 'expected a user who was not erased, got: an erased one' using errcode = 'check_violation';
    end if;
    -- One at a time for each user, also the first time.
    perform pg_advisory_xact_lock(hashtextextended(wanted, 4201));
    select * into earlier from afterthought.personality_update_requests as r where r.user_id = wanted;
    if earlier.requested_at > now() - interval '1 minute' then
        return earlier.job_id;
    end if;
    enqueued := afterthought.enqueue_job(
        'personality_update', jsonb_build_object('user_id', wanted), 'asked for by the user');
    insert into afterthought.personality_update_requests (user_id, job_id)
    values (wanted, enqueued)
    on conflict on constraint personality_update_requests_pkey do update
    set requested_at = excluded.requested_at, job_id = excluded.job_id;
    return enqueued;
end
$$;
comment on function afterthought.start_own_personality_update is
    'Asks for the personality update of the user whom afterthought.user_id names, and of nobody else; returns the job. '
    'Within a minute of the last request it is that one''s job.';
revoke execute on function afterthought.start_own_personality_update from public;

create view afterthought.own_personality_profile with (security_barrier) as
select p.openness, p.conscientiousness, p.extraversion, p.agreeableness, p.neuroticism, p.insights_applied,
    p.created_at, p.updated_at
from afterthought.user_personality_profiles as p
where p.user_id = afterthought.own_user_id();
comment on view afterthought.own_personality_profile is
    'The profile of the user whom afterthought.user_id names; no row without it.';
do $$
declare
    entry record;
begin
    for entry in
        select * from (values
            ('openness', '0…100, from 50.'),
            ('conscientiousness', '0…100, from 50.'),
            ('extraversion', '0…100, from 50.'),
            ('agreeableness', '0…100, from 50.'),
            ('neuroticism', '0…100, from 50.'),
            ('insights_applied', 'Insights and interactions that moved it.'),
            ('created_at', 'The first update.'),
            ('updated_at', 'The last one.')
        ) as c (name, comment)
    loop
        execute format('comment on column afterthought.own_personality_profile.%I is %L', entry.name, entry.comment);
    end loop;
end
$$;

-- Roles confined to bots ----------------------------------------------------------------------------------------------

create table afterthought.bot_isolation (
    role_name name not null,
    bot_name afterthought.identifier not null,
    constraint bot_isolation_pkey primary key (role_name, bot_name)
);
comment on table afterthought.bot_isolation is
    'Roles that see and write rows of these bots alone; changed by enable_bot_isolation and disable_bot_isolation.';
comment on column afterthought.bot_isolation.role_name is 'The role; whoever is a member of it is confined as well.';
comment on column afterthought.bot_isolation.bot_name is 'A bot whose rows it may see and write.';

create function afterthought.apply_bot_isolation(role_name name) returns void
    language plpgsql set search_path = pg_catalog, pg_temp set client_min_messages = warning
as $$
declare
    bots text[] := array(
        select b.bot_name::text from afterthought.bot_isolation as b where b.role_name = $1 order by 1);
    policy_name text := left('bots of ' || $1, 63);
    is_isolated boolean := exists (select from afterthought.bot_isolation);
    relation text;
    visible text;
    entry record;
begin
    for relation in
        select c.relname
        from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid and a.attname = 'bot_name' and not a.attisdropped
        where c.relnamespace = 'afterthought'::regnamespace and c.relkind in ('r', 'p')
            and c.relname not in ('bot_isolation', 'erased_users', 'erasures')
    loop
        execute format('drop policy if exists %I on afterthought.%I', policy_name, relation);
        execute format('drop policy if exists "everything" on afterthought.%I', relation);
        if is_isolated then
            execute format('alter table afterthought.%I enable row level security', relation);
            -- Who is not confined sees and writes as the grants allow.
            execute format('create policy "everything" on afterthought.%I using (true) with check (true)', relation);
        else
            execute format('alter table afterthought.%I disable row level security', relation);
        end if;
        if bots <> '{}' then
            -- Rules of writing first that hold for any bot hold for these too: do_not_contact must not be missed.
            visible := case when relation = 'outreach_rules' then bots || array[''] else bots end::text;
            execute format(
                'create policy %I on afterthought.%I as restrictive to %I '
                'using (bot_name = any (%L::text[])) with check (bot_name = any (%L::text[]))',
                policy_name, relation, $1, visible, bots::text);
        end if;
    end loop;
    for relation in
        select c.relname
        from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid and a.attname = 'bot_name' and not a.attisdropped
        where c.relnamespace = 'afterthought'::regnamespace and c.relkind = 'v'
    loop
        -- Else a view would show what its owner may see.
        execute format('alter view afterthought.%I set (security_invoker = %s)', relation, is_isolated);
    end loop;
    -- So those who may read such a view must be able to read what it rests on; where they may read columns, these do.
    for entry in
        select distinct g.grantee::regrole as grantee, t.relname
        from pg_class as v
        join pg_attribute as a on a.attrelid = v.oid and a.attname = 'bot_name'
        join pg_rewrite as r on r.ev_class = v.oid
        join pg_depend as d
            on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
        join pg_class as t on t.oid = d.refobjid and t.relkind = 'r'
        cross join lateral aclexplode(v.relacl) as g
        where is_isolated and v.relnamespace = 'afterthought'::regnamespace and v.relkind = 'v'
            and g.privilege_type = 'SELECT' and g.grantee <> 0
            and not has_any_column_privilege(g.grantee, t.oid, 'select')
    loop
        execute format('grant select on afterthought.%I to %s', entry.relname, entry.grantee);
    end loop;
end
$$;
comment on function afterthought.apply_bot_isolation is 'Makes the policies of a role what bot_isolation says.';

create function afterthought.enable_bot_isolation(bot_name text, role_name name) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if current_setting('server_version_num')::integer < 150000 then
        raise exception 'expected PostgreSQL 15 or newer, got: an older one' using errcode = 'feature_not_supported',
            hint = 'views of older versions show what their owner may see; give each bot a database of its own';
    end if;
    if exists (
        select from pg_roles as r
        where r.rolname in ('afterthought_app', 'afterthought_worker') and pg_has_role($2, r.oid, 'member'))
    then
        raise exception 'expected a role that is no member of afterthought_app or afterthought_worker, got: one that is'
            using errcode = 'invalid_parameter_value',
                hint = 'record functions write for any bot: grant it afterthought_reader, and insert by column list';
    end if;
    insert into afterthought.bot_isolation (role_name, bot_name) values ($2, $1) on conflict do nothing;
    perform afterthought.apply_bot_isolation($2);
end
$$;
comment on function afterthought.enable_bot_isolation is
    'Confines a role to a bot, and to those it was confined to before: row-level security on every table with a bot. '
    'Run by the owner, and again after each migration.';

create function afterthought.disable_bot_isolation(role_name name) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    delete from afterthought.bot_isolation as b where b.role_name = $1;
    perform afterthought.apply_bot_isolation($1);
end
$$;
comment on function afterthought.disable_bot_isolation is 'Takes back what enable_bot_isolation did for a role.';
revoke execute on function
    afterthought.apply_bot_isolation, afterthought.enable_bot_isolation, afterthought.disable_bot_isolation
from public;
