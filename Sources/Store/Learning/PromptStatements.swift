import Bytes
import Postgres

/// The next agent by name that has enough executions in 30 days and enough approved examples.
package struct NextPromptAgent: Statement {
    package static let name = "next_prompt_agent"
    package static let sql = """
        select a.agent_id, a.prompt
        from afterthought.agents as a
        where a.enabled and a.agent_id > $1 collate "C"
            and (
                select count(*) from (
                    select from afterthought.agent_executions as x
                    where x.agent_id = a.agent_id and x.executed_at <= $2
                        and x.executed_at > $2::timestamptz - interval '30 days'
                    limit $3) as x
            ) >= $3
            and (
                select count(*) from (
                    select from afterthought.learning_examples as e
                    where e.agent_id = a.agent_id and e.status = 'approved' and e.decided_at <= $2
                    limit $4) as e
            ) >= $4
        order by a.agent_id
        limit 1
        """

    var after: String
    var at: Timestamp
    var executionsMin: Int64
    var examplesMin: Int64

    package init(after: String, at: Timestamp, executionsMin: Int64, examplesMin: Int64) {
        self.after = after
        self.at = at
        self.executionsMin = executionsMin
        self.examplesMin = examplesMin
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(all: after, at, executionsMin, examplesMin)
    }
    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> (agent: String, prompt: String) {
        (try row.decode(0), try row.decode(1))
    }
}

/// The newest approved examples of an agent.
package struct ApprovedExamples: Statement {
    package static let name = "approved_examples"
    package static let sql = """
        select id, input, expected_output, quality
        from afterthought.learning_examples
        where agent_id = $1 and status = 'approved' and decided_at <= $2
        order by decided_at desc, id desc
        limit $3
        """

    var agent: String
    var at: Timestamp
    var examplesMax: Int64

    package init(agent: String, at: Timestamp, examplesMax: Int64) {
        self.agent = agent
        self.at = at
        self.examplesMax = examplesMax
    }

    package func bind(to parameters: inout Parameters) { parameters.append(all: agent, at, examplesMax) }
    package static func decode(
        _ row: borrowing RowReader
    ) throws(PostgresError) -> (id: Int64, input: String, output: String, quality: Double?) {
        (try row.decode(0), try row.decode(1), try row.decode(2), try row.decode(3))
    }
}

/// What the last run for a subject was made of, by the mark it was stored with.
package struct LastTrainingInput: Statement {
    package static let name = "last_training_input"
    package static let sql = """
        select coalesce(metrics ->> 'input', '')
        from afterthought.training_runs
        where kind = $1 and subject = $2 and due_at < $3
        order by due_at desc
        limit 1
        """

    var kind: String
    var subject: String
    var before: Timestamp

    package init(kind: String, subject: String, before: Timestamp) {
        self.kind = kind
        self.subject = subject
        self.before = before
    }

    package func bind(to parameters: inout Parameters) { parameters.append(all: kind, subject, before) }
    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> String { try row.decode(0) }
}

/// Stores a prompt run with its variants, to be reviewed; nothing if the moment has one already.
package struct SavePromptRun: Statement {
    package static let name = "save_prompt_run"
    package static let sql = """
        with run as (
            insert into afterthought.training_runs (kind, subject, due_at, finished_at, status, samples, metrics)
            values ('prompt_optimization', $1, $2, now(), 'for_review', $3, jsonb_build_object('input', $4::text))
            on conflict (kind, subject, due_at) do nothing
            returning id
        )
        insert into afterthought.prompt_variants (
            training_run_id, agent_id, base_prompt, held_out_examples, status_reason, kind, prompt, shown_examples)
        select run.id, $1, $5, $6, $7, v.kind, v.prompt, v.shown::bigint[]
        from run, unnest($8::text[], $9::text[], $10::text[]) with ordinality as v (kind, prompt, shown, place)
        order by v.place
        """

    var agent: String
    var at: Timestamp
    var samples: Int64
    /// Marks what the run was made of.
    var input: String
    var basePrompt: String
    var heldOut: [Int64]
    var reason: String
    var variants: [(kind: String, prompt: String, shown: [Int64])]

    package init(
        agent: String, at: Timestamp, samples: Int64, input: String, basePrompt: String, heldOut: [Int64],
        reason: String, variants: [(kind: String, prompt: String, shown: [Int64])]
    ) {
        self.agent = agent
        self.at = at
        self.samples = samples
        self.input = input
        self.basePrompt = basePrompt
        self.heldOut = heldOut
        self.reason = reason
        self.variants = variants
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(all: agent, at, samples, input, basePrompt, heldOut, reason)
        parameters.append(all: variants.map(\.kind), variants.map(\.prompt))
        // As array text, because `unnest` would flatten an array of arrays.
        parameters.append(variants.map { "{\($0.shown.map { String($0) }.joined(separator: ","))}" })
    }
}

/// The next variant that waits for an evaluation, of each agent's newest run alone.
///
/// Whatever it said before, it says from then on that it is not evaluated yet, until it is, or the reason is known.
package struct NextUnevaluatedVariant: Statement {
    package static let name = "next_unevaluated_variant"
    package static let sql = """
        with next as (
            select v.id, v.prompt, v.base_prompt, v.held_out_examples
            from afterthought.prompt_variants as v
            join afterthought.training_runs as r on r.id = v.training_run_id
            where v.id > $1 and v.status = 'not_evaluated' and r.status = 'for_review' and r.due_at <= $2
                and not exists (
                    select from afterthought.training_runs as n
                    where n.kind = r.kind and n.subject = r.subject and n.due_at > r.due_at)
            order by v.id
            limit 1
        ), taken as (
            update afterthought.prompt_variants as v
            set status_reason = 'not evaluated yet'
            from next
            where v.id = next.id and v.status_reason is distinct from 'not evaluated yet'
        )
        select id, prompt, base_prompt, held_out_examples from next
        """

    var after: Int64
    var at: Timestamp

    package init(after: Int64, at: Timestamp) {
        self.after = after
        self.at = at
    }

    /// What an evaluation needs.
    package struct Row: Sendable {
        package var id: Int64
        package var prompt: String
        package var basePrompt: String
        package var heldOut: [Int64]
    }

    package func bind(to parameters: inout Parameters) { parameters.append(all: after, at) }
    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Row {
        Row(
            id: try row.decode(0), prompt: try row.decode(1), basePrompt: try row.decode(2),
            heldOut: try row.decode(3))
    }
}

/// Examples by id, those that are still approved.
package struct ExamplesByID: Statement {
    package static let name = "examples_by_id"
    package static let sql = """
        select id, input, expected_output, quality
        from afterthought.learning_examples
        where id = any($1) and status = 'approved'
        order by id
        """

    var ids: [Int64]

    package init(ids: [Int64]) { self.ids = ids }

    package func bind(to parameters: inout Parameters) { parameters.append(ids) }
    package static func decode(
        _ row: borrowing RowReader
    ) throws(PostgresError) -> (id: Int64, input: String, output: String, quality: Double?) {
        try ApprovedExamples.decode(row)
    }
}

/// Says on the variant that is being evaluated why it got no answer; `SavePromptEvaluation` keeps that.
package struct NotePromptRefusal: Statement {
    package static let name = "note_prompt_refusal"
    package static let sql = """
        update afterthought.prompt_variants
        set status_reason = $3
        where status = 'not_evaluated' and status_reason = 'not evaluated yet' and prompt = $1 and base_prompt = $2
        """

    var prompt: String
    var basePrompt: String
    var reason: String

    package init(prompt: String, basePrompt: String, reason: String) {
        self.prompt = prompt
        self.basePrompt = basePrompt
        self.reason = reason
    }

    package func bind(to parameters: inout Parameters) { parameters.append(all: prompt, basePrompt, reason) }
}

/// Keeps what evaluating a variant found and cost; a null score says that it is not evaluated, and why.
///
/// A reason that was noted since the variant was taken stands: it is nearer to the cause than the one given here.
package struct SavePromptEvaluation: Statement {
    package static let name = "save_prompt_evaluation"
    package static let sql = """
        update afterthought.prompt_variants
        set
            status = case when $2::float8 is null then 'not_evaluated' else 'evaluated' end,
            status_reason = case
                when $2::float8 is null and status_reason <> 'not evaluated yet' then status_reason
                else $4 end,
            score = $2,
            base_score = $3,
            evaluated_at = case when $2::float8 is null then null else now() end,
            evaluator = $5,
            tokens_budget = $6,
            tokens_spent = greatest(tokens_spent, $7),
            usd_budget = $8,
            usd_spent = greatest(usd_spent, $9)
        where id = $1 and status = 'not_evaluated'
        """

    /// A variant's evaluation.
    package struct Evaluation: Sendable {
        package var variant: Int64
        package var score: Double?
        package var baseScore: Double?
        package var reason: String?
        package var evaluator: String
        package var tokensMax: Int64
        package var tokensSpent: Int64
        package var usdMax: Double
        package var usdSpent: Double

        package init(
            variant: Int64, score: Double?, baseScore: Double?, reason: String?, evaluator: String, tokensMax: Int64,
            tokensSpent: Int64, usdMax: Double, usdSpent: Double
        ) {
            self.variant = variant
            self.score = score
            self.baseScore = baseScore
            self.reason = reason
            self.evaluator = evaluator
            self.tokensMax = tokensMax
            self.tokensSpent = tokensSpent
            self.usdMax = usdMax
            self.usdSpent = usdSpent
        }
    }

    var evaluation: Evaluation

    package init(_ evaluation: Evaluation) { self.evaluation = evaluation }

    package func bind(to parameters: inout Parameters) {
        let e = evaluation
        parameters.append(all: e.variant, e.score, e.baseScore, e.reason, e.evaluator, e.tokensMax)
        parameters.append(all: e.tokensSpent, e.usdMax, e.usdSpent)
    }
}
