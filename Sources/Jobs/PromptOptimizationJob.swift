import Bytes
import Learning
import Postgres
import Store

/// `prompt_optimization`: rewrites the prompts of agents that run often and have approved examples, for review.
///
/// Without an evaluator the variants are recorded as not evaluated; with one, those that wait are evaluated, one a
/// step.
package struct PromptOptimizationJob: Job {
    package let name = "prompt_optimization"
    private let evaluator: (any PromptEvaluator)?

    /// Makes the job.
    ///
    /// - Parameter evaluator: nil: nothing is evaluated, and the variants say so.
    package init(evaluator: (any PromptEvaluator)? = nil) { self.evaluator = evaluator }

    package func run(_ run: inout JobRun, _ connection: inout Connection) throws {
        if run.cursor["variant"] == nil { try rewrite(&run, &connection) }
        // What is asked of a model can't be undone, so a dry run asks nothing.
        if let evaluator, !run.isDryRun { try evaluate(evaluator, &run, &connection) }
        if run.tally.recordsProcessed == 0 { run.skip("no agent has enough executions and approved examples") }
    }

    // MARK: - Rewriting

    private func rewrite(_ run: inout JobRun, _ connection: inout Connection) throws {
        while true {
            let next = NextPromptAgent(
                after: run.cursor["agent"]?.string ?? "", at: run.dueAt,
                executionsMin: Int64(run.settings.integer("PROMPT_OPTIMIZATION_MIN_EXECUTIONS")),
                examplesMin: Int64(run.settings.integer("PROMPT_OPTIMIZATION_MIN_EXAMPLES")))
            guard let (agent, prompt) = try connection.first(next) else { return }
            try run.commit(&connection) { run, connection in
                try rewrite(agent, prompt, &run, &connection)
                run.cursor = .object([.text("agent", agent)])
            }
        }
    }

    private func rewrite(
        _ agent: String, _ prompt: String, _ run: inout JobRun, _ connection: inout Connection
    ) throws {
        let examplesMax = Int64(run.settings.integer("PROMPT_OPTIMIZATION_MAX_EXAMPLES"))
        let approved = ApprovedExamples(agent: agent, at: run.dueAt, examplesMax: examplesMax)
        let examples = try connection.query(approved).map {
            PromptExample(id: $0.id, input: $0.input, output: $0.output, quality: $0.quality)
        }
        run.tally.recordsProcessed += 1
        let input = Self.mark(prompt, examples)
        let last = LastTrainingInput(kind: name, subject: agent, before: run.dueAt)
        if try connection.first(last) == input {
            // The same again would be nothing to review.
            return run.tally.add(to: "unchanged")
        }
        let variants = PromptVariants(prompt: prompt, examples: examples).all()
        let saved = try connection.run(
            SavePromptRun(
                agent: agent, at: run.dueAt, samples: Int64(examples.count), input: input, basePrompt: prompt,
                heldOut: examples.filter(\.isHeldOut).map(\.id).sorted(),
                reason: evaluator == nil ? "no language model is configured" : "not evaluated yet",
                variants: variants.map { ($0.kind.rawValue, $0.prompt, $0.shown) }))
        run.tally.successfulUpdates += saved > 0 ? 1 : 0
        run.tally.add(saved, to: "variants")
    }

    /// Marks what variants are made of: a hash, no content.
    private static func mark(_ prompt: String, _ examples: [PromptExample]) -> String {
        var mark = StableHash.hash(prompt)
        for example in examples.sorted(by: { $0.id < $1.id }) {
            mark = StableHash.combine(mark, UInt64(bitPattern: example.id))
            mark = StableHash.combine(mark, StableHash.hash(example.input))
            mark = StableHash.combine(mark, StableHash.hash(example.output))
            mark = StableHash.combine(mark, (example.quality ?? -1).bitPattern)
        }
        return String(mark, radix: 16)
    }

    // MARK: - Evaluating

    private func evaluate(
        _ evaluator: any PromptEvaluator, _ run: inout JobRun, _ connection: inout Connection
    ) throws {
        let tokensMax = run.settings.integer("PROMPT_EVALUATION_TOKENS_MAX")
        let usdMax = run.settings.number("PROMPT_EVALUATION_USD_MAX")
        while true {
            let after = run.cursor["variant"]?.int64 ?? 0
            let next = NextUnevaluatedVariant(after: after, at: run.dueAt)
            guard let variant = try connection.first(next) else { return }
            let examples = try connection.query(ExamplesByID(ids: variant.heldOut)).map {
                PromptExample(id: $0.id, input: $0.input, output: $0.output, quality: $0.quality)
            }
            var found = PromptEvaluation(score: nil, baseScore: nil, tokensSpent: 0, usdSpent: 0)
            // Nobody waits for a model inside a transaction.
            if !examples.isEmpty {
                let request = PromptEvaluationRequest(
                    prompt: variant.prompt, basePrompt: variant.basePrompt, examples: examples, tokensMax: tokensMax,
                    usdMax: usdMax)
                let current = run
                found = try evaluator.evaluate(request) { try current.checkStop() }
            }
            let reason = examples.isEmpty ? "no held-out example" : "the budget ran out"
            let evaluation = SavePromptEvaluation.Evaluation(
                variant: variant.id, score: found.score, baseScore: found.baseScore,
                reason: found.score == nil ? reason : nil, evaluator: evaluator.name, tokensMax: Int64(tokensMax),
                tokensSpent: Int64(found.tokensSpent), usdMax: usdMax, usdSpent: found.usdSpent)
            try run.commit(&connection) { run, connection in
                try connection.run(SavePromptEvaluation(evaluation))
                run.tally.add(to: evaluation.score == nil ? "not_evaluated" : "evaluated")
                run.tally.recordsProcessed += 1
                run.cursor = .object([.count("variant", variant.id)])
            }
        }
    }
}
