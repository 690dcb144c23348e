-- Purpose: the learning system: agents, their executions, feedback and examples; experiments, what they found; prompt
--          variants, training pairs and runs, reports; and the jobs over them.
-- Locks: none on existing tables but new rows in job_schedules and job_settings.
-- Online: yes.

-- Agents --------------------------------------------------------------------------------------------------------------

create table afterthought.agents (
    agent_id afterthought.identifier not null,
    purpose text,
    prompt text not null,
    model afterthought.identifier,
    enabled boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint agents_pkey primary key (agent_id),
    constraint agents_name_is_given check (agent_id <> ''),
    constraint agents_prompt_is_bounded check (octet_length(prompt) between 1 and 65536)
);

create table afterthought.agent_executions (
    id bigint generated always as identity,
    received_at timestamptz not null default now(),
    executed_at timestamptz not null default now(),
    agent_id afterthought.identifier not null,
    user_id afterthought.identifier,
    conversation_id afterthought.identifier,
    prompt_variant_id bigint,
    succeeded boolean not null default true,
    input text,
    output text,
    latency_ms double precision,
    tokens_in bigint,
    tokens_out bigint,
    cost_usd double precision,
    constraint agent_executions_pkey primary key (id),
    constraint agent_executions_agent_is_named check (agent_id <> ''),
    constraint agent_executions_texts_are_bounded
        check (octet_length(input) <= 65536 and octet_length(output) <= 65536),
    constraint agent_executions_time_is_finite check (isfinite(executed_at)),
    constraint agent_executions_latency_is_a_time check (latency_ms between 0 and 1e9),
    constraint agent_executions_tokens_are_counts check (tokens_in >= 0 and tokens_out >= 0),
    constraint agent_executions_cost_is_an_amount check (cost_usd between 0 and 1e9)
);
create index agent_executions_by_agent on afterthought.agent_executions (agent_id, executed_at);

create table afterthought.agent_feedback (
    id bigint generated always as identity,
    received_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    execution_id bigint,
    agent_id afterthought.identifier not null,
    user_id afterthought.identifier,
    score double precision,
    comment text,
    correction text,
    constraint agent_feedback_pkey primary key (id),
    constraint agent_feedback_agent_is_named check (agent_id <> ''),
    constraint agent_feedback_score_is_a_share check (score between 0 and 1),
    constraint agent_feedback_says_something
        check (score is not null or comment is not null or correction is not null),
    constraint agent_feedback_texts_are_bounded
        check (octet_length(comment) <= 65536 and octet_length(correction) <= 65536),
    constraint agent_feedback_time_is_finite check (isfinite(created_at))
);
create index agent_feedback_by_time on afterthought.agent_feedback (created_at, id);

create table afterthought.agent_feedback_archive (
    id bigint not null,
    received_at timestamptz not null,
    created_at timestamptz not null,
    execution_id bigint,
    agent_id afterthought.identifier not null,
    user_id afterthought.identifier,
    score double precision,
    comment text,
    correction text,
    archived_at timestamptz not null,
    constraint agent_feedback_archive_pkey primary key (id)
);
create index agent_feedback_archive_by_time on afterthought.agent_feedback_archive (created_at, id);

create view afterthought.all_agent_feedback as
select id, received_at, created_at, execution_id, agent_id, user_id, score, comment, correction,
    null::timestamptz as archived_at
from afterthought.agent_feedback
union all
select id, received_at, created_at, execution_id, agent_id, user_id, score, comment, correction, archived_at
from afterthought.agent_feedback_archive;

create table afterthought.learning_examples (
    id bigint generated always as identity,
    created_at timestamptz not null default now(),
    agent_id afterthought.identifier not null,
    user_id afterthought.identifier,
    input text not null,
    expected_output text not null,
    source text not null default 'human',
    quality double precision,
    status text not null default 'pending',
    decided_at timestamptz,
    decided_by afterthought.identifier,
    constraint learning_examples_pkey primary key (id),
    constraint learning_examples_agent_is_named check (agent_id <> ''),
    constraint learning_examples_texts_are_bounded
        check (octet_length(input) <= 65536 and octet_length(expected_output) <= 65536),
    constraint learning_examples_source_is_known check (source in ('human', 'feedback', 'import', 'generated')),
    constraint learning_examples_quality_is_a_share check (quality between 0 and 1),
    constraint learning_examples_status_is_known check (status in ('pending', 'approved', 'rejected')),
    constraint learning_examples_decision_is_dated check ((status = 'pending') = (decided_at is null))
);
create index learning_examples_approved on afterthought.learning_examples (agent_id, decided_at desc, id)
    where status = 'approved';

-- Experiments ---------------------------------------------------------------------------------------------------------

create table afterthought.learning_experiments (
    experiment_id afterthought.identifier not null,
    agent_id afterthought.identifier,
    hypothesis text,
    control_arm afterthought.identifier not null,
    status text not null default 'draft',
    created_at timestamptz not null default now(),
    started_at timestamptz,
    minimum_duration interval not null default '7 days',
    ends_at timestamptz,
    outcome_window interval not null default '1 day',
    units_planned bigint,
    concluded_at timestamptz,
    conclusion text,
    winner_arm afterthought.identifier,
    constraint learning_experiments_pkey primary key (experiment_id),
    constraint learning_experiments_are_named check (experiment_id <> '' and control_arm <> ''),
    constraint learning_experiments_status_is_known check (status in ('draft', 'running', 'concluded', 'stopped')),
    constraint learning_experiments_start_is_dated check (status in ('draft', 'stopped') or started_at is not null),
    constraint learning_experiments_durations_are_positive
        check (minimum_duration >= interval '0' and outcome_window > interval '0'),
    constraint learning_experiments_plan_is_positive check (units_planned between 1 and 1000000000),
    constraint learning_experiments_conclusion_is_known
        check (conclusion in ('winner', 'control_wins', 'inconclusive', 'sample_ratio_mismatch')),
    constraint learning_experiments_conclusion_is_whole check (
        (status = 'concluded') = (concluded_at is not null) and (status = 'concluded') = (conclusion is not null)
        and (winner_arm is not null) = (coalesce(conclusion, '') in ('winner', 'control_wins')))
);

create table afterthought.experiment_arms (
    experiment_id afterthought.identifier not null,
    arm afterthought.identifier not null,
    weight double precision not null default 1,
    description text,
    constraint experiment_arms_pkey primary key (experiment_id, arm),
    constraint experiment_arms_experiment_is_known foreign key (experiment_id)
        references afterthought.learning_experiments (experiment_id) on delete cascade,
    constraint experiment_arms_arm_is_named check (arm <> ''),
    constraint experiment_arms_weight_is_positive check (weight between 1e-6 and 1e6)
);

create table afterthought.experiment_metrics (
    experiment_id afterthought.identifier not null,
    metric afterthought.identifier not null,
    role text not null default 'secondary',
    aggregate text not null,
    higher_is_better boolean not null default true,
    constraint experiment_metrics_pkey primary key (experiment_id, metric),
    constraint experiment_metrics_experiment_is_known foreign key (experiment_id)
        references afterthought.learning_experiments (experiment_id) on delete cascade,
    constraint experiment_metrics_metric_is_named check (metric <> ''),
    constraint experiment_metrics_role_is_known check (role in ('primary', 'guardrail', 'secondary')),
    constraint experiment_metrics_aggregate_is_known check (aggregate in ('any', 'sum', 'mean'))
);
create unique index experiment_metrics_one_decides on afterthought.experiment_metrics (experiment_id)
    where role = 'primary';

create table afterthought.experiment_assignments (
    experiment_id afterthought.identifier not null,
    unit_id afterthought.identifier not null,
    arm afterthought.identifier not null,
    assigned_at timestamptz not null default now(),
    covariates jsonb not null default '{}',
    constraint experiment_assignments_pkey primary key (experiment_id, unit_id),
    constraint experiment_assignments_arm_is_known foreign key (experiment_id, arm)
        references afterthought.experiment_arms (experiment_id, arm) on delete cascade,
    constraint experiment_assignments_unit_is_named check (unit_id <> ''),
    constraint experiment_assignments_time_is_finite check (isfinite(assigned_at)),
    constraint experiment_assignments_covariates_are_numbers check (
        jsonb_typeof(covariates) = 'object' and octet_length(covariates::text) <= 8192
        and not jsonb_path_exists(covariates, '$.* ? (@.type() != "number" || @ > 1e100 || @ < -1e100)'))
);

create table afterthought.experiment_outcomes (
    id bigint generated always as identity,
    experiment_id afterthought.identifier not null,
    unit_id afterthought.identifier not null,
    metric afterthought.identifier not null,
    value double precision not null,
    observed_at timestamptz not null default now(),
    external_id afterthought.identifier,
    constraint experiment_outcomes_pkey primary key (id),
    constraint experiment_outcomes_metric_is_known foreign key (experiment_id, metric)
        references afterthought.experiment_metrics (experiment_id, metric) on delete cascade,
    constraint experiment_outcomes_unit_is_named check (unit_id <> ''),
    constraint experiment_outcomes_value_is_a_number check (value between -1e100 and 1e100),
    constraint experiment_outcomes_time_is_finite check (isfinite(observed_at))
);
create index experiment_outcomes_by_unit on afterthought.experiment_outcomes (experiment_id, unit_id, metric);
create unique index experiment_outcomes_by_external_id on afterthought.experiment_outcomes (experiment_id, external_id)
    where external_id is not null;

create table afterthought.experiment_results (
    experiment_id afterthought.identifier not null,
    analysed_at timestamptz not null,
    metric afterthought.identifier not null,
    arm afterthought.identifier not null,
    control_arm afterthought.identifier not null,
    role text not null,
    control_units bigint not null,
    arm_units bigint not null,
    control_mean double precision not null,
    arm_mean double precision not null,
    effect double precision,
    standard_error double precision,
    interval_lower double precision,
    interval_upper double precision,
    p_value double precision,
    adjusted_p_value double precision,
    significant boolean,
    fixed_p_value double precision,
    fixed_interval_lower double precision,
    fixed_interval_upper double precision,
    variance_reduction double precision,
    null_reason text,
    sample_ratio_p_value double precision not null,
    sample_ratio_chi_squared_p_value double precision not null,
    significance_level double precision not null,
    verdict text not null,
    constraint experiment_results_pkey primary key (experiment_id, analysed_at, metric, arm),
    constraint experiment_results_experiment_is_known foreign key (experiment_id)
        references afterthought.learning_experiments (experiment_id) on delete cascade
);

-- Learning ------------------------------------------------------------------------------------------------------------

create table afterthought.training_runs (
    id bigint generated always as identity,
    kind text not null,
    subject afterthought.identifier not null,
    due_at timestamptz not null,
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    status text not null,
    samples bigint not null,
    metrics jsonb not null default '{}',
    artifact bytea,
    parent_id bigint,
    reviewed_at timestamptz,
    reviewed_by afterthought.identifier,
    constraint training_runs_pkey primary key (id),
    constraint training_runs_are_one_a_moment unique (kind, subject, due_at),
    constraint training_runs_kind_is_known check (kind in ('prompt_optimization', 'rag_training')),
    constraint training_runs_status_is_known check (
        status in ('running', 'for_review', 'approved', 'rejected', 'promoted', 'not_promoted', 'reverted', 'failed')),
    constraint training_runs_parent_is_known foreign key (parent_id) references afterthought.training_runs (id)
);

create table afterthought.embedding_training_pairs (
    id bigint generated always as identity,
    created_at timestamptz not null default now(),
    query_text text not null,
    document_text text not null,
    document_group afterthought.identifier,
    relevance double precision not null default 1,
    source text not null default 'human',
    user_id afterthought.identifier,
    consumed_run_id bigint,
    constraint embedding_training_pairs_pkey primary key (id),
    constraint embedding_training_pairs_texts_are_bounded
        check (octet_length(query_text) between 1 and 65536 and octet_length(document_text) between 1 and 65536),
    constraint embedding_training_pairs_relevance_is_a_share check (relevance between 0 and 1),
    constraint embedding_training_pairs_source_is_known check (source in ('human', 'click', 'feedback', 'import')),
    constraint embedding_training_pairs_run_is_known
        foreign key (consumed_run_id) references afterthought.training_runs (id) on delete set null
);
create index embedding_training_pairs_by_time on afterthought.embedding_training_pairs (created_at, id);
create index embedding_training_pairs_new on afterthought.embedding_training_pairs (id) where consumed_run_id is null;

create table afterthought.prompt_variants (
    id bigint generated always as identity,
    training_run_id bigint not null,
    agent_id afterthought.identifier not null,
    kind text not null,
    prompt text not null,
    base_prompt text not null,
    shown_examples bigint[] not null,
    held_out_examples bigint[] not null,
    status text not null default 'not_evaluated',
    status_reason text,
    score double precision,
    base_score double precision,
    evaluator text,
    evaluated_at timestamptz,
    tokens_budget bigint,
    tokens_spent bigint not null default 0,
    usd_budget double precision,
    usd_spent double precision not null default 0,
    created_at timestamptz not null default now(),
    constraint prompt_variants_pkey primary key (id),
    constraint prompt_variants_are_one_a_kind unique (training_run_id, kind),
    constraint prompt_variants_run_is_known foreign key (training_run_id)
        references afterthought.training_runs (id) on delete cascade,
    constraint prompt_variants_kind_is_known check (kind in ('clarified', 'few_shot', 'restructured', 'combined')),
    constraint prompt_variants_status_is_known check (status in ('not_evaluated', 'evaluated')),
    constraint prompt_variants_evaluation_is_whole check (
        (status = 'evaluated') = (score is not null) and (status = 'evaluated') = (evaluated_at is not null)),
    constraint prompt_variants_spending_is_an_amount check (tokens_spent >= 0 and usd_spent >= 0)
);
create index prompt_variants_by_agent on afterthought.prompt_variants (agent_id, id);

create table afterthought.learning_reports (
    id bigint generated always as identity,
    period_start timestamptz not null,
    period_end timestamptz not null,
    created_at timestamptz not null default now(),
    markdown text not null,
    report jsonb not null,
    constraint learning_reports_pkey primary key (id),
    constraint learning_reports_are_one_a_period unique (period_end),
    constraint learning_reports_period_is_one check (period_start < period_end)
);

-- One call each for an application in any language --------------------------------------------------------------------

create function afterthought.record_agent(
    agent_id text, prompt text, purpose text default null, model text default null, enabled boolean default true
) returns void
    language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into afterthought.agents as a (agent_id, prompt, purpose, model, enabled)
    values ($1, $2, $3, $4, $5)
    on conflict (agent_id) do update
    set
        prompt = excluded.prompt,
        purpose = coalesce(excluded.purpose, a.purpose),
        model = coalesce(excluded.model, a.model),
        enabled = excluded.enabled,
        updated_at = now()
    where (a.prompt, a.purpose, a.model, a.enabled)
        is distinct from
        (excluded.prompt, coalesce(excluded.purpose, a.purpose), coalesce(excluded.model, a.model), excluded.enabled);
end;
comment on function afterthought.record_agent is
    'Stores an agent with its prompt, or changes it; a null purpose or model leaves the stored one.';

create function afterthought.record_execution(
    agent_id text, input text default null, output text default null, succeeded boolean default true,
    user_id text default null, conversation_id text default null, latency_ms double precision default null,
    tokens_in bigint default null, tokens_out bigint default null, cost_usd double precision default null,
    prompt_variant_id bigint default null, executed_at timestamptz default null
) returns bigint
    language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into afterthought.agent_executions (
        agent_id, input, output, succeeded, user_id, conversation_id, latency_ms, tokens_in, tokens_out, cost_usd,
        prompt_variant_id, executed_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, coalesce($12, now()))
    returning id;
end;
comment on function afterthought.record_execution is
    'Stores one run of an agent; keep the id that it returns for record_feedback. Input and output may be left out.';

create function afterthought.record_feedback(
    agent_id text, score double precision default null, comment text default null, correction text default null,
    execution_id bigint default null, user_id text default null, created_at timestamptz default null
) returns bigint
    language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into afterthought.agent_feedback (agent_id, score, comment, correction, execution_id, user_id, created_at)
    values ($1, $2, $3, $4, $5, $6, coalesce($7, now()))
    returning id;
end;
comment on function afterthought.record_feedback is
    'Stores what somebody thought of an agent: a score 0…1 (a thumb is 0 or 1), a comment, or the right answer.';

create function afterthought.record_example(
    agent_id text, input text, expected_output text, source text default 'human', quality double precision default null,
    user_id text default null
) returns bigint
    language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into afterthought.learning_examples (agent_id, input, expected_output, source, quality, user_id)
    values ($1, $2, $3, $4, $5, $6)
    returning id;
end;
comment on function afterthought.record_example is
    'Stores an example of what an agent should answer; it counts once decide_example has approved it.';

create function afterthought.decide_example(example_id bigint, approved boolean, decided_by text default null)
    returns boolean
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    update afterthought.learning_examples
    set status = case when $2 then 'approved' else 'rejected' end, decided_at = now(), decided_by = $3
    where id = $1 and status = 'pending';
    return found;
end
$$;
comment on function afterthought.decide_example is
    'Approves or rejects an example, once; false when that was done already or it is not known.';

create function afterthought.record_training_pair(
    query_text text, document_text text, relevance double precision default 1, document_group text default null,
    source text default 'human', user_id text default null, created_at timestamptz default null
) returns bigint
    language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into afterthought.embedding_training_pairs (
        query_text, document_text, relevance, document_group, source, user_id, created_at)
    values ($1, $2, $3, $4, $5, $6, coalesce($7, now()))
    returning id;
end;
comment on function afterthought.record_training_pair is
    'Stores that a document answers a query (relevance 1), does not (0), or in part.';

create function afterthought.start_experiment(experiment_id text) returns boolean
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    perform from afterthought.learning_experiments as e where e.experiment_id = $1 and e.status = 'draft' for update;
    if not found then
        return false;
    end if;
    if (select count(*) from afterthought.experiment_arms as a where a.experiment_id = $1) < 2
        or not exists (
            select from afterthought.experiment_arms as a
            join afterthought.learning_experiments as e using (experiment_id)
            where a.experiment_id = $1 and a.arm = e.control_arm)
        or not exists (
            select from afterthought.experiment_metrics as m where m.experiment_id = $1 and m.role = 'primary')
    then
        raise exception 'expected an experiment with two arms, its control among them, and a primary metric'
            using errcode = '22023', hint = 'insert into experiment_arms and experiment_metrics first';
    end if;
    -- What the intervals depend on is fixed before the first unit.
    update afterthought.learning_experiments as e
    set
        status = 'running',
        started_at = now(),
        units_planned = coalesce(
            e.units_planned,
            (select 5 * s.value::bigint from afterthought.job_settings as s where s.name = 'AB_TEST_MIN_SAMPLE_SIZE'))
    where e.experiment_id = $1;
    return true;
end
$$;
comment on function afterthought.start_experiment is
    'Starts an experiment that was a draft; false if it was not. Arms, weights and metrics are fixed from then on.';

create function afterthought.record_experiment_exposure(
    experiment_id text, unit_id text, arm text default null, covariates jsonb default '{}',
    assigned_at timestamptz default null
) returns text
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    assigned text;
    place double precision;
begin
    if not exists (
        select from afterthought.learning_experiments as e where e.experiment_id = $1 and e.status = 'running')
    then
        select a.arm into assigned
        from afterthought.experiment_assignments as a where a.experiment_id = $1 and a.unit_id = $2;
        return assigned;
    end if;
    if $3 is null then
        -- The same unit gets the same arm everywhere; 52 bits of the hash as a share.
        place := (hashtextextended($2, hashtextextended($1, 7)) & 4503599627370495) / 4503599627370496.0;
        select w.arm into assigned
        from (
            select a.arm, sum(a.weight) over (order by a.arm) / sum(a.weight) over () as upper_end
            from afterthought.experiment_arms as a where a.experiment_id = $1
        ) as w
        where place < w.upper_end or w.upper_end >= 1
        order by w.upper_end, w.arm
        limit 1;
    else
        assigned := $3;
    end if;
    insert into afterthought.experiment_assignments (experiment_id, unit_id, arm, covariates, assigned_at)
    values ($1, $2, assigned, coalesce($4, '{}'), coalesce($5, now()))
    on conflict (experiment_id, unit_id) do nothing;
    if not found then
        select a.arm into assigned
        from afterthought.experiment_assignments as a where a.experiment_id = $1 and a.unit_id = $2;
    end if;
    return assigned;
end
$$;
comment on function afterthought.record_experiment_exposure is
    'Stores that a unit takes part, and returns its arm: the one given, or by weight if none is. The first one stays; '
    'null for a new unit of an experiment that does not run.';

create function afterthought.record_experiment_observation(
    experiment_id text, unit_id text, metric text, value double precision default 1,
    observed_at timestamptz default null, external_id text default null
) returns bigint
    language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into afterthought.experiment_outcomes (experiment_id, unit_id, metric, value, observed_at, external_id)
    values ($1, $2, $3, $4, coalesce($5, now()), $6)
    on conflict (experiment_id, external_id) where external_id is not null do nothing
    returning id;
end;
comment on function afterthought.record_experiment_observation is
    'Stores what a unit did, once for each external_id; null when that one is there already.';

revoke execute on function
    afterthought.record_agent, afterthought.record_execution, afterthought.record_feedback,
    afterthought.record_example, afterthought.decide_example, afterthought.record_training_pair,
    afterthought.start_experiment, afterthought.record_experiment_exposure, afterthought.record_experiment_observation
from public;

-- An experiment that runs is what it was when it began, or its p-values mean nothing.
create function afterthought.keep_running_experiments() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    experiment text := case when tg_op = 'INSERT' then new.experiment_id else old.experiment_id end;
begin
    if exists (
        select from afterthought.learning_experiments as e
        where e.experiment_id = experiment and e.status <> 'draft' for share)
    then
        raise exception 'expected an experiment that is a draft, got: one that was started'
            using errcode = '55000', hint = 'start another experiment with other arms or metrics';
    end if;
    return case when tg_op = 'DELETE' then old else new end;
end
$$;
create function afterthought.keep_experiment_plans() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if old.status <> 'draft' and (old.control_arm, old.outcome_window, old.units_planned, old.started_at)
        is distinct from (new.control_arm, new.outcome_window, new.units_planned, new.started_at)
    then
        raise exception 'expected an experiment that is a draft, got: one that was started'
            using errcode = '55000', hint = 'start another experiment with another control or outcome window';
    end if;
    return new;
end
$$;
create trigger keep_experiment_plans before update on afterthought.learning_experiments
    for each row execute function afterthought.keep_experiment_plans();
create trigger keep_running_experiments before insert or update or delete on afterthought.experiment_arms
    for each row execute function afterthought.keep_running_experiments();
create trigger keep_running_experiments before insert or update or delete on afterthought.experiment_metrics
    for each row execute function afterthought.keep_running_experiments();

do $$
declare
    entry record;
begin
    for entry in
        select * from (values
            ('agents', 'Agents whose prompts may be improved, each with its prompt as it is in use.'),
            ('agent_executions', 'Every run of an agent: append-only.'),
            ('agent_feedback', 'What people thought of an agent; old rows move to agent_feedback_archive.'),
            ('agent_feedback_archive', 'Feedback older than FEEDBACK_RETENTION_DAYS, moved here by learning_cleanup.'),
            ('all_agent_feedback', 'Feedback, archived or not.'),
            ('learning_examples', 'What agents should answer; only approved ones are used.'),
            ('learning_experiments', 'Experiments: units are assigned to arms, and metrics of the arms are compared.'),
            ('experiment_arms', 'What an experiment compares; fixed once it runs.'),
            ('experiment_metrics', 'What an experiment measures; fixed once it runs.'),
            ('experiment_assignments', 'Which unit got which arm, once each: the exposures.'),
            ('experiment_outcomes', 'What units did: append-only.'),
            ('experiment_results', 'What ab_test_analysis found: a row a look, metric and arm.'),
            ('training_runs', 'Runs that made something to be reviewed or promoted: prompt variants, adapters.'),
            ('embedding_training_pairs', 'Queries with documents that answer them, or do not.'),
            ('prompt_variants', 'Rewritten prompts, with what evaluating them found and cost.'),
            ('learning_reports', 'Weekly reports: every figure with the SQL that gives it.')
        ) as c (relation, comment)
    loop
        execute format(
            'comment on %s afterthought.%I is %L',
            case when entry.relation = 'all_agent_feedback' then 'view' else 'table' end,
            entry.relation, entry.comment);
    end loop;

    for entry in
        select r.relation, c.name, c.comment
        from (values
            ('agents', 'agent_id', 'Its name.'),
            ('agents', 'purpose', 'What it is for, for people.'),
            ('agents', 'prompt', 'Its prompt as it is in use.'),
            ('agents', 'model', 'The language model it runs on.'),
            ('agents', 'enabled', 'Whether prompt_optimization looks at it.'),
            ('agents', 'created_at', 'When it was first stored.'),
            ('agents', 'updated_at', 'When it was last changed.'),
            ('agent_executions', 'id', 'In order of insertion.'),
            ('agent_executions', 'received_at', 'When the row was stored.'),
            ('agent_executions', 'executed_at', 'When the agent ran.'),
            ('agent_executions', 'agent_id', 'The agent; it need not be in agents.'),
            ('agent_executions', 'user_id', 'For whom, if for anybody.'),
            ('agent_executions', 'conversation_id', 'In which conversation, if in one.'),
            ('agent_executions', 'prompt_variant_id', 'The row of prompt_variants that it ran with, if one.'),
            ('agent_executions', 'succeeded', 'Whether it came to an answer.'),
            ('agent_executions', 'input', 'What it was given; null: not kept.'),
            ('agent_executions', 'output', 'What it answered; null: not kept.'),
            ('agent_executions', 'latency_ms', 'How long it took, in milliseconds.'),
            ('agent_executions', 'tokens_in', 'Tokens read.'),
            ('agent_executions', 'tokens_out', 'Tokens written.'),
            ('agent_executions', 'cost_usd', 'What it cost, in US dollars.'),
            ('agent_feedback *', 'id', 'In order of insertion; the same in the archive.'),
            ('agent_feedback *', 'received_at', 'When the row was stored.'),
            ('agent_feedback *', 'created_at', 'When it was given; decides when it is archived.'),
            ('agent_feedback *', 'execution_id', 'The row of agent_executions it is about, if one.'),
            ('agent_feedback *', 'agent_id', 'The agent it is about.'),
            ('agent_feedback *', 'user_id', 'Who gave it, if known.'),
            ('agent_feedback *', 'score', '0 (bad) … 1 (good); a thumb is 0 or 1; null: none given.'),
            ('agent_feedback *', 'comment', 'What was said.'),
            ('agent_feedback *', 'correction', 'What the answer should have been.'),
            ('agent_feedback_archive', 'archived_at', 'The moment of the run that archived it.'),
            ('all_agent_feedback', 'archived_at', 'The moment of the run that archived it; null: not archived.'),
            ('learning_examples', 'id', 'In order of insertion; it also decides whether the example is held out.'),
            ('learning_examples', 'created_at', 'When it was stored.'),
            ('learning_examples', 'agent_id', 'The agent it is for.'),
            ('learning_examples', 'user_id', 'Whose words it has, if anybody''s.'),
            ('learning_examples', 'input', 'What the agent is given.'),
            ('learning_examples', 'expected_output', 'What it should answer.'),
            ('learning_examples', 'source', 'human, feedback, import or generated.'),
            ('learning_examples', 'quality', '0…1; null: not rated.'),
            ('learning_examples', 'status', 'pending, approved or rejected.'),
            ('learning_examples', 'decided_at', 'When it was approved or rejected.'),
            ('learning_examples', 'decided_by', 'By whom.'),
            ('learning_experiments', 'experiment_id', 'Its name.'),
            ('learning_experiments', 'agent_id', 'The agent it is about, if one.'),
            ('learning_experiments', 'hypothesis', 'What is expected, for people.'),
            ('learning_experiments', 'control_arm', 'The arm that the others are compared with.'),
            ('learning_experiments', 'status', 'draft, running, concluded (by ab_test_analysis) or stopped (by hand).'),
            ('learning_experiments', 'created_at', 'When it was stored.'),
            ('learning_experiments', 'started_at', 'When it began to run.'),
            ('learning_experiments', 'minimum_duration', 'No winner before it has run so long.'),
            ('learning_experiments', 'ends_at', 'From then on it is concluded, with or without a winner; null: open.'),
            ('learning_experiments', 'outcome_window',
                'How long after its assignment a unit''s outcomes count; it is analysed when that is over.'),
            ('learning_experiments', 'units_planned',
                'Units an arm at which intervals are narrowest; start_experiment makes a null five times '
                'AB_TEST_MIN_SAMPLE_SIZE.'),
            ('learning_experiments', 'concluded_at', 'The moment of the analysis that concluded it.'),
            ('learning_experiments', 'conclusion', 'winner, control_wins, inconclusive or sample_ratio_mismatch.'),
            ('learning_experiments', 'winner_arm', 'The arm to keep; null without a winner.'),
            ('experiment_arms', 'experiment_id', 'The experiment.'),
            ('experiment_arms', 'arm', 'Its name.'),
            ('experiment_arms', 'weight', 'Its share of the units, in any unit, such as 1 and 1.'),
            ('experiment_arms', 'description', 'What it does, for people.'),
            ('experiment_metrics', 'experiment_id', 'The experiment.'),
            ('experiment_metrics', 'metric', 'Its name.'),
            ('experiment_metrics', 'role', 'primary decides, guardrail must not get worse, secondary is reported.'),
            ('experiment_metrics', 'aggregate',
                'What a unit has of it: any (1 if an outcome is not 0, else 0), sum (0 without outcomes) or mean '
                '(units without outcomes do not count).'),
            ('experiment_metrics', 'higher_is_better', 'The direction that is wanted.'),
            ('experiment_assignments', 'experiment_id', 'The experiment.'),
            ('experiment_assignments', 'unit_id', 'What is randomised: a user, a conversation, a request.'),
            ('experiment_assignments', 'arm', 'The arm it got; the first assignment stays.'),
            ('experiment_assignments', 'assigned_at', 'When it was exposed.'),
            ('experiment_assignments', 'covariates',
                'What was known of the unit before, {metric: number}; narrows the intervals (CUPED).'),
            ('experiment_outcomes', 'id', 'In order of insertion.'),
            ('experiment_outcomes', 'experiment_id', 'The experiment.'),
            ('experiment_outcomes', 'unit_id', 'The unit; without an assignment it does not count.'),
            ('experiment_outcomes', 'metric', 'The metric.'),
            ('experiment_outcomes', 'value', 'What was observed: 1 for an event, an amount, a rating.'),
            ('experiment_outcomes', 'observed_at', 'When; counts within outcome_window of the assignment.'),
            ('experiment_outcomes', 'external_id', 'The application''s own id: the same one is stored once.'),
            ('experiment_results', 'experiment_id', 'The experiment.'),
            ('experiment_results', 'analysed_at', 'The moment of the look: when its run was due.'),
            ('experiment_results', 'metric', 'The metric.'),
            ('experiment_results', 'arm', 'The arm that is compared with the control.'),
            ('experiment_results', 'control_arm', 'The control.'),
            ('experiment_results', 'role', 'The metric''s role.'),
            ('experiment_results', 'control_units', 'Units of the control whose outcome window is over.'),
            ('experiment_results', 'arm_units', 'Units of the arm whose outcome window is over.'),
            ('experiment_results', 'control_mean', 'The control''s mean a unit, as observed.'),
            ('experiment_results', 'arm_mean', 'The arm''s mean a unit, as observed.'),
            ('experiment_results', 'effect', 'Arm minus control, adjusted where a covariate was given.'),
            ('experiment_results', 'standard_error', 'Of the effect.'),
            ('experiment_results', 'interval_lower', 'Always-valid interval of the effect, for all looks together.'),
            ('experiment_results', 'interval_upper', 'Its upper end.'),
            ('experiment_results', 'p_value', 'Always valid: the least of this and all earlier looks.'),
            ('experiment_results', 'adjusted_p_value', 'Over metrics and arms (Benjamini and Hochberg).'),
            ('experiment_results', 'significant', 'Whether adjusted_p_value is at most 1 - significance_level.'),
            ('experiment_results', 'fixed_p_value',
                'Of the test for one look alone (Welch, or z of two shares): not for peeking.'),
            ('experiment_results', 'fixed_interval_lower', 'Interval for one look alone (Welch).'),
            ('experiment_results', 'fixed_interval_upper', 'Its upper end.'),
            ('experiment_results', 'variance_reduction', 'What covariates took out of the variance; null: none given.'),
            ('experiment_results', 'null_reason', 'Why p-values and intervals are null.'),
            ('experiment_results', 'sample_ratio_p_value',
                'Whether units are spread as planned: always valid; at 0.01 and below nothing is concluded.'),
            ('experiment_results', 'sample_ratio_chi_squared_p_value', 'The same by chi-squared, for one look alone.'),
            ('experiment_results', 'significance_level', 'AB_TEST_SIGNIFICANCE_LEVEL at the look.'),
            ('experiment_results', 'verdict', 'What the look came to: a conclusion, or why the experiment goes on.'),
            ('training_runs', 'id', 'In order of insertion.'),
            ('training_runs', 'kind', 'prompt_optimization or rag_training.'),
            ('training_runs', 'subject', 'What was trained: an agent, an embedding table.'),
            ('training_runs', 'due_at', 'The moment of the run that made it: one a subject and moment.'),
            ('training_runs', 'started_at', 'When it was stored first.'),
            ('training_runs', 'finished_at', 'When it was done.'),
            ('training_runs', 'status',
                'running, for_review, approved, rejected, promoted, not_promoted, reverted or failed.'),
            ('training_runs', 'samples', 'Examples or pairs it was made of.'),
            ('training_runs', 'metrics', 'What was measured; empty: nothing was.'),
            ('training_runs', 'artifact', 'What was trained, in its own coding; null: it is in other tables.'),
            ('training_runs', 'parent_id', 'The run that was in use before; going back means that one.'),
            ('training_runs', 'reviewed_at', 'When somebody decided.'),
            ('training_runs', 'reviewed_by', 'Who.'),
            ('embedding_training_pairs', 'id', 'In order of insertion.'),
            ('embedding_training_pairs', 'created_at', 'When it was observed.'),
            ('embedding_training_pairs', 'query_text', 'What was asked.'),
            ('embedding_training_pairs', 'document_text', 'What was found or shown.'),
            ('embedding_training_pairs', 'document_group', 'What belongs together, such as a document; null: alone.'),
            ('embedding_training_pairs', 'relevance', '1: answers it; 0: does not; between: in part.'),
            ('embedding_training_pairs', 'source', 'human, click, feedback or import.'),
            ('embedding_training_pairs', 'user_id', 'Whose query it was, if known.'),
            ('embedding_training_pairs', 'consumed_run_id', 'The training run that used it first; null: none yet.'),
            ('prompt_variants', 'id', 'In order of insertion.'),
            ('prompt_variants', 'training_run_id', 'The run that made it.'),
            ('prompt_variants', 'agent_id', 'The agent.'),
            ('prompt_variants', 'kind', 'clarified, few_shot, restructured or combined.'),
            ('prompt_variants', 'prompt', 'The rewritten prompt.'),
            ('prompt_variants', 'base_prompt', 'The agent''s prompt that it was made of.'),
            ('prompt_variants', 'shown_examples', 'Examples that are shown in it, by id.'),
            ('prompt_variants', 'held_out_examples', 'Examples kept for evaluation: no variant shows one.'),
            ('prompt_variants', 'status', 'not_evaluated or evaluated.'),
            ('prompt_variants', 'status_reason', 'Why it is not evaluated.'),
            ('prompt_variants', 'score', 'Mean over the held-out examples, 0…1; null: not evaluated.'),
            ('prompt_variants', 'base_score', 'The same of the agent''s prompt as it is.'),
            ('prompt_variants', 'evaluator', 'What evaluated it, such as a model''s name.'),
            ('prompt_variants', 'evaluated_at', 'When.'),
            ('prompt_variants', 'tokens_budget', 'Tokens that evaluating it might take at most.'),
            ('prompt_variants', 'tokens_spent', 'Tokens that were spent on it.'),
            ('prompt_variants', 'usd_budget', 'US dollars that evaluating it might take at most.'),
            ('prompt_variants', 'usd_spent', 'US dollars that were spent on it.'),
            ('prompt_variants', 'created_at', 'When it was stored.'),
            ('learning_reports', 'id', 'In order of insertion.'),
            ('learning_reports', 'period_start', 'What it is about: from here, inclusive,'),
            ('learning_reports', 'period_end', 'to here, exclusive: the moment its run was due.'),
            ('learning_reports', 'created_at', 'When it was stored.'),
            ('learning_reports', 'markdown', 'For people.'),
            ('learning_reports', 'report', '{period_start, period_end, figures: [{section, name, label, value, sql}]}.')
        ) as c (relations, name, comment)
        cross join lateral unnest(
            case c.relations
                when 'agent_feedback *' then array['agent_feedback', 'agent_feedback_archive', 'all_agent_feedback']
                else array[c.relations] end
        ) as r (relation)
    loop
        execute format('comment on column afterthought.%I.%I is %L', entry.relation, entry.name, entry.comment);
    end loop;
end
$$;

-- Jobs ----------------------------------------------------------------------------------------------------------------

insert into afterthought.job_schedules (job, queue, cron, timeout_seconds, summary)
values
    ('prompt_optimization', 'optimization', '0 2 * * MON', 3600,
        'rewrites the prompts of agents that run often and have approved examples, for review'),
    ('ab_test_analysis', 'learning', '0 * * * *', 1800,
        'compares the arms of running experiments, and concludes those that are decided'),
    ('learning_cleanup', 'learning', '0 1 * * SUN', 1800, 'moves old feedback to the archive'),
    ('learning_report', 'learning', '0 9 * * MON', 600,
        'reports feedback, examples, approvals and experiments of the last seven days'),
    ('cache_cleanup', 'learning', '30 * * * *', 1800, 'drops the cache rows of pairs that have been idle for long');

insert into afterthought.job_settings (name, job, kind, value, default_value, minimum, maximum, description)
values
    ('PROMPT_OPTIMIZATION_MIN_EXECUTIONS', 'prompt_optimization', 'integer', '50', '50', 1, 1000000,
        'executions in 30 days that an agent must have'),
    ('PROMPT_OPTIMIZATION_MIN_EXAMPLES', 'prompt_optimization', 'integer', '10', '10', 1, 100,
        'approved examples that an agent must have'),
    ('PROMPT_OPTIMIZATION_MAX_EXAMPLES', 'prompt_optimization', 'integer', '100', '100', 1, 1000,
        'approved examples that are used, the newest ones'),
    ('PROMPT_EVALUATION_TOKENS_MAX', 'prompt_optimization', 'integer', '200000', '200000', 0, 1000000000,
        'tokens that evaluating one variant may take'),
    ('PROMPT_EVALUATION_USD_MAX', 'prompt_optimization', 'number', '1', '1', 0, 100000,
        'US dollars that evaluating one variant may take'),
    ('AB_TEST_MIN_SAMPLE_SIZE', 'ab_test_analysis', 'integer', '1000', '1000', 2, 100000000,
        'units that each arm must have before anything is tested'),
    ('AB_TEST_SIGNIFICANCE_LEVEL', 'ab_test_analysis', 'number', '0.95', '0.95', 0.5, 0.9999,
        'how sure a difference has to be, over all looks together'),
    ('FEEDBACK_RETENTION_DAYS', 'learning_cleanup', 'integer', '180', '180', 1, 36500,
        'how long feedback is kept before it is archived'),
    ('CACHE_RETENTION_DAYS', 'cache_cleanup', 'integer', '90', '90', 1, 36500,
        'how long a pair may be idle before its cache row is dropped');
