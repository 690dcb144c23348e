-- Purpose: linear adapters of query embeddings, trained on pairs of query and document: versions, the one in use, a way
--          back, and the job that trains them.
-- Locks: brief exclusive ones on embedding_training_pairs (two columns without values) and training_runs (a check).
-- Online: yes; the checks read the tables once.

-- What pairs may bring ------------------------------------------------------------------------------------------------

alter table afterthought.embedding_training_pairs
    add column query_embedding real[],
    add column document_embedding real[],
    add constraint embedding_training_pairs_embeddings_are_bounded check (
        cardinality(query_embedding) between 1 and 4096 and array_ndims(query_embedding) = 1
        and cardinality(document_embedding) between 1 and 4096 and array_ndims(document_embedding) = 1);
comment on column afterthought.embedding_training_pairs.query_embedding is
    'The application''s own embedding of the query; null: computed.';
comment on column afterthought.embedding_training_pairs.document_embedding is
    'The application''s own embedding of the document; null: computed.';

drop function afterthought.record_training_pair(text, text, double precision, text, text, text, timestamptz);
create function afterthought.record_training_pair(
    query_text text, document_text text, relevance double precision default 1, document_group text default null,
    source text default 'human', user_id text default null, created_at timestamptz default null,
    query_embedding real[] default null, document_embedding real[] default null
) returns bigint
    language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into afterthought.embedding_training_pairs (
        query_text, document_text, relevance, document_group, source, user_id, created_at, query_embedding,
        document_embedding)
    values ($1, $2, $3, $4, $5, $6, coalesce($7, now()), $8, $9)
    returning id;
end;
comment on function afterthought.record_training_pair is
    'Stores that a document answers a query (relevance 1), does not (0), or in part; with the embeddings that the '
    'application searches by, if they are not computed here.';
revoke execute on function afterthought.record_training_pair from public;

alter table afterthought.training_runs
    drop constraint training_runs_status_is_known,
    add constraint training_runs_status_is_known check (
        status in (
            'running', 'skipped', 'for_review', 'approved', 'rejected', 'promoted', 'not_promoted', 'reverted',
            'failed'));

-- Versions ------------------------------------------------------------------------------------------------------------

create table afterthought.retrieval_adapters (
    version bigint generated always as identity,
    training_run_id bigint,
    dimensions integer not null,
    matrix real[] not null,
    trained_at timestamptz not null,
    promoted_at timestamptz not null default now(),
    retired_at timestamptz,
    reverted_at timestamptz,
    replaced_version bigint,
    metrics jsonb not null,
    constraint retrieval_adapters_pkey primary key (version),
    constraint retrieval_adapters_are_one_a_run unique (training_run_id),
    constraint retrieval_adapters_run_is_known
        foreign key (training_run_id) references afterthought.training_runs (id) on delete set null,
    constraint retrieval_adapters_replaced_is_known
        foreign key (replaced_version) references afterthought.retrieval_adapters (version) on delete set null,
    constraint retrieval_adapters_dimensions_are_bounded check (dimensions between 2 and 512),
    constraint retrieval_adapters_matrix_is_square
        check (cardinality(matrix) = dimensions * dimensions and array_ndims(matrix) = 1),
    constraint retrieval_adapters_matrix_is_finite
        check (array_position(matrix, null) is null and not matrix && array['nan', 'inf', '-inf']::real[]),
    constraint retrieval_adapters_reverted_is_retired check (reverted_at is null or retired_at is not null)
);
create unique index retrieval_adapters_one_is_current on afterthought.retrieval_adapters ((true))
    where retired_at is null;

create view afterthought.retrieval_adapter_current as
select version, dimensions, matrix, trained_at, promoted_at, metrics
from afterthought.retrieval_adapters
where retired_at is null;

create function afterthought.apply_adapter(query real[]) returns real[]
    language plpgsql stable parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    adapter record;
    adapted double precision[] := query;
    length double precision;
begin
    select c.dimensions, c.matrix into adapter from afterthought.retrieval_adapter_current as c;
    if found then
        if cardinality(query) <> adapter.dimensions then
            raise exception 'expected an embedding of % numbers, got: %', adapter.dimensions, cardinality(query)
                using errcode = '22023', hint = 'RAG_TRAINING_DIMENSIONS says which width adapters are trained for';
        end if;
        select array_agg(r.value order by r.place) into adapted
        from (
            select (m.place - 1) / adapter.dimensions as place, sum(m.value::double precision * query[
                ((m.place - 1) % adapter.dimensions + 1)::integer]) as value
            from unnest(adapter.matrix) with ordinality as m (value, place)
            group by 1
        ) as r;
    end if;
    select sqrt(sum(v * v)) into length from unnest(adapted) as v;
    -- Not finite, or without a direction: nothing to search for.
    if length is null or length = 0 or length = 'nan' or length = 'infinity' then return null; end if;
    return array(
        select (u.value / length)::real
        from unnest(adapted) with ordinality as u (value, place)
        order by place);
end
$$;
comment on function afterthought.apply_adapter is
    'The query embedding to search by: the current adapter''s matrix times this one, of length 1; this one at length 1 '
    'while no adapter is in use, null if it has no direction. On a hot path read retrieval_adapter_current once a '
    'version instead, and multiply there.';

create function afterthought.revert_adapter() returns bigint
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    reverted record;
    restored bigint;
begin
    update afterthought.retrieval_adapters as a
    set retired_at = now(), reverted_at = now()
    where a.retired_at is null
    returning a.training_run_id, a.replaced_version into reverted;
    if not found then return null; end if;
    update afterthought.training_runs as r set status = 'reverted' where r.id = reverted.training_run_id;
    update afterthought.retrieval_adapters as a
    set retired_at = null
    where a.version = reverted.replaced_version and a.reverted_at is null
    returning a.version into restored;
    return restored;
end
$$;
comment on function afterthought.revert_adapter is
    'Takes the current adapter out of use and puts the one that it replaced back: its version, or null for none.';
revoke execute on function afterthought.revert_adapter from public;

do $$
declare
    entry record;
begin
    for entry in
        select * from (values
            ('version', 'The version, in order of promotion.'),
            ('dimensions', 'Width d of the embeddings it is for.'),
            ('matrix', 'W, d rows of d numbers one after the other: search by W times the query''s embedding.'),
            ('trained_at', 'The moment that its training was due.'),
            ('promoted_at', 'When it came into use.'),
            ('metrics', 'What was measured on held-out queries, beside searching without an adapter.')
        ) as c (name, comment)
    loop
        execute format('comment on column afterthought.retrieval_adapters.%I is %L', entry.name, entry.comment);
        execute format('comment on column afterthought.retrieval_adapter_current.%I is %L', entry.name, entry.comment);
    end loop;
end
$$;
comment on table afterthought.retrieval_adapters is
    'Linear maps of query embeddings that were promoted; documents stay as they are. At most one is in use.';
comment on view afterthought.retrieval_adapter_current is 'The adapter in use; no row: search by the query as it is.';
comment on column afterthought.retrieval_adapters.training_run_id is 'The run that trained it.';
comment on column afterthought.retrieval_adapters.retired_at is 'When it went out of use; null: it is in use.';
comment on column afterthought.retrieval_adapters.reverted_at is 'When revert_adapter took it out of use, for good.';
comment on column afterthought.retrieval_adapters.replaced_version is 'What was in use before: what going back means.';

-- The job -------------------------------------------------------------------------------------------------------------

insert into afterthought.job_schedules (job, queue, cron, timeout_seconds, summary)
values (
    'rag_training', 'learning', '0 3 * * *', 7200,
    'trains an adapter of query embeddings, and promotes it if held-out queries find more');
insert into afterthought.job_settings (name, job, kind, value, default_value, minimum, maximum, description)
values
    ('RAG_TRAINING_MIN_SAMPLES', 'rag_training', 'integer', '1000', '1000', 1, 1000000,
        'new pairs of the last seven days that a training needs'),
    ('RAG_TRAINING_MAX_SAMPLES', 'rag_training', 'integer', '20000', '20000', 1, 100000,
        'pairs that one training takes, the oldest first; the others wait for the next'),
    ('RAG_TRAINING_DIMENSIONS', 'rag_training', 'integer', '256', '256', 2, 512,
        'width of the embeddings: 64, 128 or 256 where they are computed');
