-- Purpose: a user's rights: tombstones and receipts of erasures, what keeps erased users from being loaded again, and
--          ledgers pruned by age.
-- Locks: an exclusive one on each input table for a moment (its trigger); none is rewritten.
-- Online: yes.

-- Who was erased -----------------------------------------------------------------------------------------------------

create table afterthought.erasure_key (
    only_row boolean not null default true,
    inner_key bytea not null,
    outer_key bytea not null,
    constraint erasure_key_pkey primary key (only_row),
    constraint erasure_key_has_one_row check (only_row),
    constraint erasure_key_fills_its_blocks check (octet_length(inner_key) = 64 and octet_length(outer_key) = 64)
);
comment on table afterthought.erasure_key is
    'The secret that ids of the erased are hashed with (HMAC-SHA-256): nobody can try ids without it.';
comment on column afterthought.erasure_key.only_row is 'There is one.';
comment on column afterthought.erasure_key.inner_key is 'The key, padded to a block, with every byte xor 0x36.';
comment on column afterthought.erasure_key.outer_key is 'The key, padded to a block, with every byte xor 0x5c.';

do $$
declare
    -- 244 random bits.
    key bytea := decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')
        || decode(repeat('00', 32), 'hex');
    inner_key bytea := key;
    outer_key bytea := key;
begin
    for place in 0..63 loop
        inner_key := set_byte(inner_key, place, get_byte(key, place) # 54);
        outer_key := set_byte(outer_key, place, get_byte(key, place) # 92);
    end loop;
    insert into afterthought.erasure_key (inner_key, outer_key) values (inner_key, outer_key);
end
$$;

create function afterthought.erasure_hash(user_id text) returns bytea
    language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select sha256(k.outer_key || sha256(k.inner_key || convert_to($1, 'UTF8'))) from afterthought.erasure_key as k;
end;
comment on function afterthought.erasure_hash is 'HMAC-SHA-256 of an id: what is kept of somebody who was erased.';

create table afterthought.erased_users (
    user_hash bytea not null,
    bot_name afterthought.identifier not null default '',
    erased_at timestamptz not null,
    is_forever boolean not null,
    constraint erased_users_pkey primary key (user_hash, bot_name),
    constraint erased_users_hash_is_a_digest check (octet_length(user_hash) = 32)
);
comment on table afterthought.erased_users is
    'Tombstones: rows of the past of these users are refused wherever they come from; with is_forever all rows are.';
comment on column afterthought.erased_users.user_hash is 'Of the id, by erasure_hash.';
comment on column afterthought.erased_users.bot_name is 'Erased with one bot alone; empty: everywhere.';
comment on column afterthought.erased_users.erased_at is 'What happened up to then is refused.';
comment on column afterthought.erased_users.is_forever is 'Whether what happens later is refused as well.';

-- Read for every row that is inserted anywhere: one row, whatever the number of tombstones.
create table afterthought.erasure_bounds (
    only_row boolean not null default true,
    newest_at timestamptz,
    has_forever boolean not null default false,
    constraint erasure_bounds_pkey primary key (only_row),
    constraint erasure_bounds_has_one_row check (only_row)
) with (fillfactor = 50);
comment on table afterthought.erasure_bounds is
    'What all tombstones amount to: a row that is newer than every erasure needs no hash, unless one is forever.';
comment on column afterthought.erasure_bounds.only_row is 'There is one.';
comment on column afterthought.erasure_bounds.newest_at is 'The newest erasure; null: none.';
comment on column afterthought.erasure_bounds.has_forever is 'Whether any erasure is forever.';
insert into afterthought.erasure_bounds default values;

create table afterthought.erasures (
    id bigint generated always as identity,
    user_hash bytea not null,
    bot_name afterthought.identifier not null default '',
    erased_at timestamptz not null,
    erased_by text not null,
    is_forever boolean not null,
    row_counts jsonb not null,
    constraint erasures_pkey primary key (id),
    constraint erasures_hash_is_a_digest check (octet_length(user_hash) = 32),
    constraint erasures_counts_are_an_object check (jsonb_typeof(row_counts) = 'object')
);
create index erasures_by_hash on afterthought.erasures (user_hash);
comment on table afterthought.erasures is 'Receipts: one row an erasure, without the id of who was erased.';
comment on column afterthought.erasures.id is 'The number of the receipt.';
comment on column afterthought.erasures.user_hash is 'Of the id, by erasure_hash: proves the erasure of a known id.';
comment on column afterthought.erasures.bot_name is 'Erased with one bot alone; empty: everywhere.';
comment on column afterthought.erasures.erased_at is 'When.';
comment on column afterthought.erasures.erased_by is 'The database role that did it.';
comment on column afterthought.erasures.is_forever is 'Whether later rows are refused as well.';
comment on column afterthought.erasures.row_counts is 'How many rows were removed or rid of the user: {table: rows}.';

create function afterthought.is_erased(user_id text, bot_name text, happened_at timestamptz) returns boolean
    language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select exists (
        select from afterthought.erased_users as e
        -- Selected, so that it is computed once.
        where e.user_hash = (select afterthought.erasure_hash($1))
            and e.bot_name in ('', coalesce($2, ''))
            and (e.is_forever or $3 <= e.erased_at));
end;
comment on function afterthought.is_erased is
    'Whether something that happened to a user at a moment is refused because the user was erased.';

create function afterthought.refuse_erased(user_id text, bot_name text, happened_at timestamptz) returns boolean
    language plpgsql stable security definer
    set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
declare
    hash bytea;
begin
    -- As is_erased has it, without calls: it runs for every row of the past. The plan outlives the day on which there
    -- are few tombstones, so it has to be the index from the start.
    select sha256(k.outer_key || sha256(k.inner_key || convert_to($1, 'UTF8'))) into hash
    from afterthought.erasure_key as k;
    if not exists (
        select from afterthought.erased_users as e
        where e.user_hash = hash and e.bot_name in ('', coalesce($2, '')) and (e.is_forever or $3 <= e.erased_at))
    then
        return false;
    end if;
    -- An error would stop replication for everybody: there the row is left out.
    if current_setting('session_replication_role') = 'replica' then
        return true;
    end if;
    raise exception 'expected a row of a user who was not erased, got: one of an erased user''s past'
        using errcode = 'check_violation', constraint = 'user_is_not_erased',
            hint = 'leave out what happened before the erasure; what happens after it is taken, unless it was forever';
end
$$;
comment on function afterthought.refuse_erased is
    'Raises an error for a row of an erased user''s past; true where replication is to leave it out.';

revoke execute on function
    afterthought.erasure_hash, afterthought.is_erased, afterthought.refuse_erased
from public;

-- A function for each table, because only static names are fast. Without a search path of their own, which would cost
-- more than the rest: no operator or function in them can be another than meant.
do $$
declare
    entry record;
begin
    for entry in
        select * from (values
            ('messages', 'user_id', 'new.bot_name', 'created_at'),
            ('memory_retrievals', 'user_id', 'new.bot_name', 'retrieved_at'),
            ('metric_points', 'user_id', 'new.bot_name', 'recorded_at'),
            ('trait_activations', 'user_id', 'new.bot_name', 'activated_at'),
            ('outreach_attempts', 'user_id', 'new.bot_name', 'sent_at'),
            ('preference_signals', 'user_id', 'null', 'created_at'),
            ('chat_personality_insights', 'user_id', 'null', 'recorded_at'),
            ('entertainment_interactions', 'user_id', 'null', 'recorded_at'),
            ('agent_executions', 'user_id', 'null', 'executed_at'),
            ('agent_feedback', 'user_id', 'null', 'created_at'),
            ('learning_examples', 'user_id', 'null', 'created_at'),
            ('embedding_training_pairs', 'user_id', 'null', 'created_at'),
            ('experiment_assignments', 'unit_id', 'null', 'assigned_at'),
            ('experiment_outcomes', 'unit_id', 'null', 'observed_at'),
            ('outreach_rules', 'user_id', 'new.bot_name', 'changed_at')
        ) as t (relation, user_column, bot, time_column)
    loop
        execute format(
            'create function afterthought.refuse_erased_%1$s() returns trigger language plpgsql security definer as '
            '$body$ begin '
            'if (select b.newest_at operator(pg_catalog.>=) new.%4$I or b.has_forever '
            'from afterthought.erasure_bounds as b) then '
            'if afterthought.refuse_erased(new.%2$I, %3$s, new.%4$I) then return null; end if; '
            'end if; return new; end $body$',
            entry.relation, entry.user_column, entry.bot, entry.time_column);
        execute format(
            'comment on function afterthought.refuse_erased_%s is %L',
            entry.relation, 'Keeps what an erased user did before the erasure out of ' || entry.relation || '.');
        execute format('revoke execute on function afterthought.refuse_erased_%s from public', entry.relation);
        execute format(
            'create trigger refuse_erased before insert on afterthought.%1$I '
            'for each row execute function afterthought.refuse_erased_%1$s()',
            entry.relation);
        -- Also for rows that come by replication.
        execute format('alter table afterthought.%I enable always trigger refuse_erased', entry.relation);
    end loop;
end
$$;

alter table afterthought.import_progress add column rows_erased bigint not null default 0;
comment on column afterthought.import_progress.rows_erased is 'Rows passed over because their user was erased.';

-- Where a user is -----------------------------------------------------------------------------------------------------

create function afterthought.bots_of_user(user_id text, bot_name text default null) returns setof text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    relation text;
begin
    -- Streams are indexed by shard, bot and user: their bots are found by hopping from one to the next, and whether a
    -- bot has the user by one look each, whatever the number of rows.
    return query
        select distinct k.bot_name::text collate "C"
        from (
            select s.bot_name from afterthought.strategic_cache as s where s.user_id = $1
            union all
            select s.bot_name from afterthought.quarantine as s where s.user_id = $1
            union all
            select s.bot_name from afterthought.refresh_requests as s where s.user_id = $1
            union all
            select s.bot_name from afterthought.pair_changes as s where s.user_id = $1
        ) as k
        where $2 is null or k.bot_name = $2;
    foreach relation in array array[
        'messages', 'memory_retrievals', 'metric_points', 'trait_activations', 'outreach_attempts', 'engine_state',
        'engine_checkpoints'
    ] loop
        return query execute format(
            'with recursive hop as ('
            '(select t.shard, t.bot_name from afterthought.%1$I as t order by t.shard, t.bot_name limit 1) '
            'union all '
            'select n.shard, n.bot_name from hop as h cross join lateral ('
            'select t.shard, t.bot_name from afterthought.%1$I as t '
            'where (t.shard, t.bot_name) > (h.shard, h.bot_name) order by t.shard, t.bot_name limit 1) as n'
            ') select b.bot_name::text collate "C" from (select distinct h.bot_name from hop as h) as b '
            'where ($2 is null or b.bot_name = $2) and exists ('
            'select from afterthought.%1$I as t where t.shard = afterthought.shard_of($1, b.bot_name) '
            'and t.bot_name = b.bot_name and %2$s = $1)',
            relation,
            -- As its index has it.
            case relation when 'metric_points' then 'coalesce(t.user_id, '''')' else 't.user_id' end)
        using $1, $2;
    end loop;
end
$$;
comment on function afterthought.bots_of_user is 'The bots that anything is stored of with a user, or whether one is.';
revoke execute on function afterthought.bots_of_user from public;

-- Aging ---------------------------------------------------------------------------------------------------------------

create table afterthought.aged_tables (
    relation text not null,
    time_column text not null,
    constraint aged_tables_pkey primary key (relation)
);
comment on table afterthought.aged_tables is
    'Ledgers and audits whose rows are deleted once they are older than AUDIT_RETENTION_DAYS.';
comment on column afterthought.aged_tables.relation is 'The table, in this schema.';
comment on column afterthought.aged_tables.time_column is 'The column that tells the age.';
insert into afterthought.aged_tables (relation, time_column) values
    ('language_model_ledger', 'at'), ('operations_audit', 'at');

insert into afterthought.job_settings (name, job, kind, value, default_value, minimum, maximum, description)
values
    -- The language model's budget counts 30 days: what it counts must stay.
    ('AUDIT_RETENTION_DAYS', null, 'integer', '90', '90', 31, 3650,
        'how long the ledger of the language model and the audit are kept');

-- As its owner: a worker may write to the audit and not take anything back, whatever its age.
create function afterthought.prune_aged_rows() returns bigint
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    entry afterthought.aged_tables;
    -- The bound of the setting once more: whoever may write settings must not shorten an audit by it.
    oldest timestamptz := now() - make_interval(days => greatest(31, (
        select value::integer from afterthought.job_settings where name = 'AUDIT_RETENTION_DAYS')));
    deleted bigint;
    total bigint := 0;
begin
    for entry in select * from afterthought.aged_tables loop
        execute format('delete from afterthought.%I where %I < $1', entry.relation, entry.time_column) using oldest;
        get diagnostics deleted = row_count;
        total := total + deleted;
    end loop;
    return total;
end
$$;
comment on function afterthought.prune_aged_rows is
    'Deletes rows of aged_tables that are older than AUDIT_RETENTION_DAYS; returns how many.';
revoke execute on function afterthought.prune_aged_rows from public;

-- The runner of jobs calls it every hour.
create or replace function afterthought.prune_job_history(keep interval) returns bigint
    language sql set search_path = pg_catalog, pg_temp
begin atomic
    with jobs as (
        delete from afterthought.jobs where finished_at < now() - keep returning id
    ), ticks as (
        delete from afterthought.job_ticks where scheduled_at < now() - keep returning job
    ), tasks as (
        delete from afterthought.system_tasks where executed_at < now() - keep returning id
    )
    select (select count(*) from jobs) + (select count(*) from ticks) + (select count(*) from tasks)
        + afterthought.prune_aged_rows();
end;
comment on function afterthought.prune_job_history is
    'Deletes jobs, ticks and history that ended longer ago than this, and what prune_aged_rows deletes.';

-- Where the roles are there already, workers prune before anybody runs roles.sql again.
do $$
begin
    if exists (select from pg_roles where rolname = 'afterthought_worker') then
        grant execute on function afterthought.prune_aged_rows to afterthought_worker;
    end if;
end
$$;
