-- Purpose: tables of an application that are mirrored into messages: what is adopted, how far its history has been
--          read, rows that could not be taken; the functions that its triggers call.
-- Locks: none on existing tables (everything here is new); `afterthought adopt` locks the adopted table for a moment.
-- Online: yes.

create table afterthought.adoptions (
    source text collate "C" not null,
    relation_schema text not null,
    relation_name text not null,
    function_stem text not null,
    captures text not null,
    definition_hash text not null,
    mapping jsonb not null,
    wants_backfill boolean not null,
    backfill_place text[],
    rows_read bigint not null default 0,
    rows_stored bigint not null default 0,
    rows_refused bigint not null default 0,
    adopted_at timestamptz not null default now(),
    adopted_by text not null default current_user,
    backfill_started_at timestamptz,
    backfill_finished_at timestamptz,
    constraint adoptions_pkey primary key (source),
    constraint adoptions_source_is_short check (octet_length(source) between 1 and 140),
    constraint adoptions_captures_is_known check (captures in ('statement', 'row', 'subscriber')),
    constraint adoptions_mapping_is_an_object check (jsonb_typeof(mapping) = 'object')
);
comment on table afterthought.adoptions is 'Tables of an application that triggers mirror into messages, one row each.';
comment on column afterthought.adoptions.source is 'What external ids begin with, before a colon.';
comment on column afterthought.adoptions.relation_schema is 'The schema of the adopted table, as it was then.';
comment on column afterthought.adoptions.relation_name is 'The name of the adopted table, as it was then.';
comment on column afterthought.adoptions.function_stem is 'What the names of its functions begin with.';
comment on column afterthought.adoptions.captures is
    'statement: one insert a statement; row: one a row (partitions); subscriber: also rows that replication applies.';
comment on column afterthought.adoptions.definition_hash is 'SHA-256 of its functions and triggers as text.';
comment on column afterthought.adoptions.mapping is 'What fills each column of messages: {column: SQL}.';
comment on column afterthought.adoptions.wants_backfill is 'Whether rows from before the adoption are to be read.';
comment on column afterthought.adoptions.backfill_place is 'The key of the last row read, as text; null: none was.';
comment on column afterthought.adoptions.rows_read is 'Rows that the backfill has read.';
comment on column afterthought.adoptions.rows_stored is 'Rows that the backfill has added or changed.';
comment on column afterthought.adoptions.rows_refused is 'Rows that the backfill could not take.';
comment on column afterthought.adoptions.adopted_at is 'When its triggers were made.';
comment on column afterthought.adoptions.adopted_by is 'The database role that did it.';
comment on column afterthought.adoptions.backfill_started_at is 'When the first rows were read; null: not yet.';
comment on column afterthought.adoptions.backfill_finished_at is 'When the last rows were read; null: not yet.';

create table afterthought.adoption_rejects (
    source text collate "C" not null,
    external_id afterthought.identifier not null,
    user_id afterthought.identifier,
    reason text not null,
    rejected_at timestamptz not null default now(),
    constraint adoption_rejects_pkey primary key (source, external_id)
);
create index adoption_rejects_by_user on afterthought.adoption_rejects (user_id);
comment on table afterthought.adoption_rejects is
    'Rows of adopted tables that are not in messages, each with the reason; kept for AUDIT_RETENTION_DAYS.';
comment on column afterthought.adoption_rejects.source is 'The adoption.';
comment on column afterthought.adoption_rejects.external_id is
    'The source, a colon and the row''s key; nothing after the colon: a whole statement.';
comment on column afterthought.adoption_rejects.user_id is 'Whose row it is, if that can be told.';
comment on column afterthought.adoption_rejects.reason is 'What was expected of the row; never what it holds.';
comment on column afterthought.adoption_rejects.rejected_at is 'When.';
insert into afterthought.aged_tables (relation, time_column) values ('adoption_rejects', 'rejected_at');

create function afterthought.adopted_id(source text, key text) returns text
    language sql stable parallel safe
    return source || ':' || case
        when octet_length(key) <= 115 then key else '#' || encode(sha256(convert_to(key, 'UTF8')), 'hex') end;
comment on function afterthought.adopted_id is
    'The external id of an adopted row: its source and key, or the key''s SHA-256 if it is longer than 115 bytes.';

-- As import has it. In PL/pgSQL, because it is called for every row and would be too dear to inline.
create function afterthought.adoption_fault(
    user_id text, bot_name text, role text, content text, created_at timestamptz, conversation_id text, emotion jsonb,
    embedding real[]
) returns text
    language plpgsql stable parallel safe
as $$
begin
    return case
        when role = 'skip' then null
        when user_id is null or user_id = '' then 'user_id is empty'
        when octet_length(user_id) > 256 then 'user_id has more than 256 bytes'
        when bot_name is null then 'bot_name is missing'
        when octet_length(bot_name) > 256 then 'bot_name has more than 256 bytes'
        when role is null then 'role is none of the values that are mapped'
        when content is null then 'content is missing'
        when octet_length(content) > 65536 then 'content has more than 65536 bytes'
        when created_at is null then 'created_at is missing or out of range'
        when created_at < timestamptz '1970-01-01 00:00:00+00' then 'created_at is before 1970-01-01'
        when created_at > now() + interval '1 day' then 'created_at is more than a day in the future'
        when octet_length(conversation_id) > 256 then 'conversation_id has more than 256 bytes'
        when jsonb_typeof(emotion) <> 'object' then 'emotion is not a JSON object'
        when embedding is not null and coalesce(cardinality(embedding), 0) not between 1 and 4096
            then 'embedding does not have 1…4096 numbers'
    end;
end
$$;
comment on function afterthought.adoption_fault is
    'What keeps a row from being a message; null: nothing. Its text never quotes the row.';

create function afterthought.note_adoption_fault(source text, external_id text, user_id text, reason text) returns void
    language plpgsql
as $$
#variable_conflict use_column
begin
    insert into afterthought.adoption_rejects (source, external_id, user_id, reason)
    values ($1, $2, case when octet_length($3) <= 256 then $3 end, $4)
    on conflict on constraint adoption_rejects_pkey do update
    set user_id = excluded.user_id, reason = excluded.reason, rejected_at = excluded.rejected_at;
exception when others then
    -- The application's statement goes on whatever happens here.
    raise log 'afterthought: a row of % is in neither messages nor adoption_rejects: SQLSTATE %', $1, sqlstate;
end
$$;
comment on function afterthought.note_adoption_fault is 'Notes that a row of an adopted table could not be taken.';

create function afterthought.forget_adopted(source text, user_id text, bot_name text, external_id text) returns void
    language plpgsql
as $$
#variable_conflict use_column
declare
    state text;
begin
    delete from afterthought.messages as m where m.bot_name = $3 and m.user_id = $2 and m.external_id = $4;
    -- Triggers of messages that are not always on do not notice what replication applies.
    if found and current_setting('session_replication_role') = 'replica' then
        insert into afterthought.pair_changes (user_id, bot_name, reason) values ($2, $3, 'deleted');
    end if;
    delete from afterthought.adoption_rejects as r where r.source = $1 and r.external_id = $4;
exception when others then
    get stacked diagnostics state = returned_sqlstate;
    perform afterthought.note_adoption_fault($1, $4, $2, 'could not be removed: SQLSTATE ' || state);
end
$$;
comment on function afterthought.forget_adopted is 'Removes the message of one row of an adopted table; never fails.';

create function afterthought.adopt_message(
    source text, user_id text, bot_name text, role text, content text, created_at timestamptz, conversation_id text,
    external_id text, emotion jsonb, embedding real[]
) returns void
    language plpgsql
as $$
#variable_conflict use_column
declare
    fault text := afterthought.adoption_fault($2, $3, $4, $5, $6, $7, $9, $10);
    was_there boolean;
    state text;
    violated text;
begin
    if fault is not null or $4 = 'skip' then
        perform afterthought.forget_adopted($1, $2, $3, $8);
        if fault is not null then
            perform afterthought.note_adoption_fault($1, $8, $2, fault);
        end if;
        return;
    end if;
    insert into afterthought.messages as t
        (user_id, bot_name, role, content, created_at, conversation_id, external_id, emotion, embedding)
    values ($2, $3, $4, $5, $6, $7, $8, $9, $10)
    on conflict (bot_name, user_id, external_id) where external_id is not null do update
    set role = excluded.role, content = excluded.content, created_at = excluded.created_at,
        conversation_id = excluded.conversation_id, emotion = excluded.emotion, embedding = excluded.embedding
    where (t.role, t.content, t.created_at, t.conversation_id, t.emotion, t.embedding) is distinct from
        (excluded.role, excluded.content, excluded.created_at, excluded.conversation_id, excluded.emotion,
            excluded.embedding)
    returning xmax <> 0 into was_there;
    if was_there and current_setting('session_replication_role') = 'replica' then
        insert into afterthought.pair_changes (user_id, bot_name, reason) values ($2, $3, 'edited');
    end if;
    delete from afterthought.adoption_rejects as r where r.source = $1 and r.external_id = $8;
exception when others then
    get stacked diagnostics state = returned_sqlstate, violated = constraint_name;
    -- Refusing the past of the erased is what was asked for: nothing is kept of it.
    if violated <> 'user_is_not_erased' then
        perform afterthought.note_adoption_fault($1, $8, $2, 'could not be stored: SQLSTATE ' || state);
    end if;
end
$$;
comment on function afterthought.adopt_message is
    'Makes the message of one row of an adopted table what it is now, or notes why that can''t be; never fails.';

revoke execute on function
    afterthought.adopted_id, afterthought.adoption_fault, afterthought.note_adoption_fault,
    afterthought.forget_adopted, afterthought.adopt_message
from public;
