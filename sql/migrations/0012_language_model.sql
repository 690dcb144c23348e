-- Purpose: the ledger of calls to a language model, with what they may cost in 30 days.
-- Locks: none on existing tables but new rows in job_settings.
-- Online: yes.

create table afterthought.language_model_ledger (
    id bigint generated always as identity,
    at timestamptz not null default now(),
    settled_at timestamptz,
    purpose text not null,
    model text not null,
    subject text not null,
    call_key text,
    prompt_tokens bigint not null,
    completion_tokens bigint not null,
    prompt_usd_per_million numeric not null,
    completion_usd_per_million numeric not null,
    cost_usd numeric not null generated always as
        ((prompt_tokens * prompt_usd_per_million + completion_tokens * completion_usd_per_million) / 1000000) stored,
    is_estimate boolean not null default true,
    outcome text not null default 'reserved',
    result double precision,
    constraint language_model_ledger_pkey primary key (id),
    constraint language_model_ledger_names_are_given check (purpose <> '' and model <> '' and subject <> ''),
    constraint language_model_ledger_names_are_bounded check (
        octet_length(purpose) <= 100 and octet_length(model) <= 200 and octet_length(subject) <= 100
        and octet_length(call_key) <= 100),
    constraint language_model_ledger_tokens_are_counts check (prompt_tokens >= 0 and completion_tokens >= 0),
    constraint language_model_ledger_prices_are_amounts
        check (prompt_usd_per_million >= 0 and completion_usd_per_million >= 0),
    constraint language_model_ledger_outcome_is_known
        check (outcome in ('reserved', 'answered', 'refused', 'unknown')),
    constraint language_model_ledger_end_is_dated check ((outcome = 'reserved') = (settled_at is null)),
    constraint language_model_ledger_result_is_of_an_answer check (result is null or outcome = 'answered')
) with (fillfactor = 80);
create index language_model_ledger_by_time on afterthought.language_model_ledger (at);
create index language_model_ledger_by_subject on afterthought.language_model_ledger (subject);
create index language_model_ledger_by_call_key on afterthought.language_model_ledger (call_key)
    where call_key is not null;

comment on table afterthought.language_model_ledger is
    'Every attempt at a call to a language model: what it might cost at most before it is made, what it did cost '
    'after. It holds no content.';
comment on column afterthought.language_model_ledger.id is 'In order of reservation.';
comment on column afterthought.language_model_ledger.at is 'When it was reserved.';
comment on column afterthought.language_model_ledger.settled_at is
    'When it was settled; null: under way, or cut off in between, and then the whole reservation counts.';
comment on column afterthought.language_model_ledger.purpose is 'What for: prompt_evaluation or cluster_label.';
comment on column afterthought.language_model_ledger.model is 'The model''s name, as the endpoint knows it.';
comment on column afterthought.language_model_ledger.subject is
    'What the money goes to, as a hash: all calls for one evaluation together.';
comment on column afterthought.language_model_ledger.call_key is 'The question, as a hash.';
comment on column afterthought.language_model_ledger.prompt_tokens is
    'Tokens of the question: as counted by the endpoint, else the most that it can be.';
comment on column afterthought.language_model_ledger.completion_tokens is
    'Tokens of the answer: as counted by the endpoint, else the most that was allowed.';
comment on column afterthought.language_model_ledger.prompt_usd_per_million is 'The price when it was reserved.';
comment on column afterthought.language_model_ledger.completion_usd_per_million is 'The price when it was reserved.';
comment on column afterthought.language_model_ledger.cost_usd is 'Tokens times prices, in US dollars.';
comment on column afterthought.language_model_ledger.is_estimate is
    'Whether the tokens are the most that it can be, not what the endpoint counted.';
comment on column afterthought.language_model_ledger.outcome is
    'reserved; answered; refused: the endpoint did nothing and charges nothing; unknown: it failed in a way that may '
    'be charged for, so it counts in full.';
comment on column afterthought.language_model_ledger.result is
    'What the answer came to, such as a score 0…1: kept, so that the same question is not paid for again.';

create function afterthought.reserve_language_model_call(
    purpose text, model text, subject text, call_key text, prompt_tokens bigint, completion_tokens bigint,
    subject_tokens_max bigint, subject_usd_max double precision, out id bigint, out refusal text
)
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    prompt_price numeric;
    completion_price numeric;
    tokens_max bigint;
    usd_max numeric;
    tokens bigint := reserve_language_model_call.prompt_tokens + reserve_language_model_call.completion_tokens;
    usd numeric;
    spent record;
begin
    -- One at a time until the end of the transaction: the sums below then see every reservation before this one.
    perform pg_advisory_xact_lock(6070182314425511207);
    select
        max(s.value::numeric) filter (where s.name = 'LANGUAGE_MODEL_PROMPT_USD'),
        max(s.value::numeric) filter (where s.name = 'LANGUAGE_MODEL_COMPLETION_USD'),
        max(s.value::numeric) filter (where s.name = 'LANGUAGE_MODEL_TOKENS_MAX'),
        max(s.value::numeric) filter (where s.name = 'LANGUAGE_MODEL_USD_MAX')
    into strict prompt_price, completion_price, tokens_max, usd_max
    from afterthought.job_settings as s
    where s.name in (
        'LANGUAGE_MODEL_PROMPT_USD', 'LANGUAGE_MODEL_COMPLETION_USD', 'LANGUAGE_MODEL_TOKENS_MAX',
        'LANGUAGE_MODEL_USD_MAX');
    if prompt_price < 0 or completion_price < 0 then
        refusal := 'price';
        return;
    end if;
    usd := (reserve_language_model_call.prompt_tokens * prompt_price
        + reserve_language_model_call.completion_tokens * completion_price) / 1000000;
    select
        coalesce(sum(l.prompt_tokens + l.completion_tokens), 0) as tokens,
        coalesce(sum(l.cost_usd), 0) as usd,
        coalesce(sum(l.prompt_tokens + l.completion_tokens) filter (where l.is_subject), 0) as subject_tokens,
        coalesce(sum(l.cost_usd) filter (where l.is_subject), 0) as subject_usd
    into strict spent
    from (
        select
            *,
            e.subject = reserve_language_model_call.subject and e.purpose = reserve_language_model_call.purpose
                as is_subject
        from afterthought.language_model_ledger as e
        where e.at > now() - interval '30 days'
    ) as l;
    refusal := case
        when spent.subject_tokens + tokens > subject_tokens_max then 'subject'
        when spent.subject_usd + usd > subject_usd_max::numeric then 'subject'
        when spent.tokens + tokens > tokens_max then 'tokens'
        when spent.usd + usd > usd_max then 'usd' end;
    if refusal is not null then return; end if;
    insert into afterthought.language_model_ledger as l (
        purpose, model, subject, call_key, prompt_tokens, completion_tokens, prompt_usd_per_million,
        completion_usd_per_million)
    values (
        reserve_language_model_call.purpose, reserve_language_model_call.model, reserve_language_model_call.subject,
        reserve_language_model_call.call_key, reserve_language_model_call.prompt_tokens,
        reserve_language_model_call.completion_tokens, prompt_price, completion_price)
    returning l.id into id;
end
$$;
comment on function afterthought.reserve_language_model_call is
    'Reserves what a call to a language model may cost at most: its row in the ledger, or else which budget or price '
    'does not allow it (price, subject, tokens, usd). Whatever the number of workers, the sum stays in the budgets.';

insert into afterthought.job_settings (name, job, kind, value, default_value, minimum, maximum, description)
values
    ('LANGUAGE_MODEL_TOKENS_MAX', null, 'integer', '2000000', '2000000', 0, 1000000000000,
        'tokens that calls to a language model may take in 30 days, all workers together'),
    ('LANGUAGE_MODEL_USD_MAX', null, 'number', '10', '10', 0, 1000000,
        'US dollars that calls to a language model may take in 30 days, all workers together'),
    ('LANGUAGE_MODEL_PROMPT_USD', null, 'number', '-1', '-1', -1, 1000000,
        'US dollars for a million tokens of questions; -1: not known, and then nothing is asked'),
    ('LANGUAGE_MODEL_COMPLETION_USD', null, 'number', '-1', '-1', -1, 1000000,
        'US dollars for a million tokens of answers; -1: not known, and then nothing is asked');
