import Learning

/// Tells how good a prompt is, on examples that it does not show; a language model implements it.
package protocol PromptEvaluator: Sendable {
    /// What is recorded as the evaluator, such as a model's name.
    var name: String { get }

    /// Evaluates a prompt and the one it is to replace, within a budget.
    ///
    /// - Parameters:
    ///   - request: what to evaluate, on what, and what it may cost.
    ///   - checkStop: throws if the run has to end; to be called at least every second of waiting.
    /// - Returns: what was found and spent, also when the budget ran out.
    /// - Throws: what fails the attempt; the variant then stays as it is.
    func evaluate(_ request: PromptEvaluationRequest, checkStop: () throws -> Void) throws -> PromptEvaluation
}

/// What to evaluate, on what, and what it may cost.
package struct PromptEvaluationRequest: Hashable, Sendable {
    package var prompt: String
    package var basePrompt: String
    /// Held-out examples; the prompt shows none of them.
    package var examples: [PromptExample]
    package var tokensMax: Int
    package var usdMax: Double
}

/// What an evaluation found and spent.
package struct PromptEvaluation: Hashable, Sendable {
    /// Mean over the examples, 0…1; nil: not finished within the budget.
    package var score: Double?
    /// The same of the prompt as it is.
    package var baseScore: Double?
    package var tokensSpent: Int
    package var usdSpent: Double

    package init(score: Double?, baseScore: Double?, tokensSpent: Int, usdSpent: Double) {
        self.score = score
        self.baseScore = baseScore
        self.tokensSpent = tokensSpent
        self.usdSpent = usdSpent
    }
}
