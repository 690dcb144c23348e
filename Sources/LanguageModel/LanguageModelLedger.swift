import Postgres
import Store

/// What a call to a language model is for, as the ledger keeps it; no content.
package struct LedgerCall: Hashable, Sendable {
    /// Such as `prompt_evaluation`.
    package var purpose: String
    /// What the money goes to, all calls of it together, as a hash.
    package var subject: String
    /// The question itself, as a hash; nil: its result is not to be found again.
    package var callKey: String?
    /// Tokens and US dollars that the subject's calls may take together; nil: as many as there are.
    package var subjectTokensMax: Int?
    package var subjectUSDMax: Double?

    package init(
        purpose: String, subject: String, callKey: String? = nil, subjectTokensMax: Int? = nil,
        subjectUSDMax: Double? = nil
    ) {
        self.purpose = purpose
        self.subject = subject
        self.callKey = callKey
        self.subjectTokensMax = subjectTokensMax
        self.subjectUSDMax = subjectUSDMax
    }
}

/// The ledger in `language_model_ledger`: what calls may cost is reserved before they are made, what they did cost is
/// settled after.
///
/// Each step commits at once on a connection of its own. A process that dies in between leaves its reservation, which
/// counts in full, so the budget holds whatever happens. For one thread.
package final class LanguageModelLedger {
    private var connection: Connection

    /// Connects.
    package init(_ options: ConnectionOptions) throws {
        var options = options
        options.applicationName = "afterthought language model"
        connection = try Connection(options)
    }

    /// Reserves what a call may cost at most.
    ///
    /// - Returns: the ledger's row.
    /// - Throws: `LanguageModelError` of the code `budget` when it may not be made.
    func reserve(_ call: LedgerCall, model: String, promptTokens: Int, completionTokens: Int) throws -> Int64 {
        let statement = ReserveModelCall(
            purpose: call.purpose, model: model, subject: call.subject, callKey: call.callKey,
            promptTokens: Int64(promptTokens), completionTokens: Int64(completionTokens),
            subjectTokensMax: call.subjectTokensMax.map(Int64.init), subjectUSDMax: call.subjectUSDMax)
        guard let row = try connection.first(statement) else {
            preconditionFailure("expected one row from a function, got: none")
        }
        if let id = row.id { return id }
        throw Self.refusal(row.refusal ?? "")
    }

    private static func refusal(_ reason: String) -> LanguageModelError {
        switch reason {
        case "price":
            LanguageModelError(
                .configuration, "expected the language model's price to be known, got: none",
                hint: "set LANGUAGE_MODEL_PROMPT_USD and LANGUAGE_MODEL_COMPLETION_USD, for a million tokens each; "
                    + "0 for a model of your own")
        case "subject": LanguageModelError(.budget, "the budget of this one evaluation does not allow another call")
        case "tokens":
            LanguageModelError(
                .budget, "LANGUAGE_MODEL_TOKENS_MAX, the tokens of 30 days, does not allow another call")
        default:
            LanguageModelError(
                .budget, "LANGUAGE_MODEL_USD_MAX, the money of 30 days, does not allow another call")
        }
    }

    /// Settles a call that was answered; what the endpoint did not count stays as reserved.
    func settle(_ entry: Int64, _ reply: ChatReply) throws {
        try settle(entry, "answered", reply.promptTokens, reply.completionTokens)
    }

    /// Settles a call that failed: at nothing where the endpoint charges nothing, else as reserved.
    func settle(_ entry: Int64, _ error: LanguageModelError) throws {
        error.mayBeCharged ? try settle(entry, "unknown", nil, nil) : try settle(entry, "refused", 0, 0)
    }

    private func settle(_ entry: Int64, _ outcome: String, _ prompt: Int?, _ completion: Int?) throws {
        // A row that somebody has deleted meanwhile needs no settling.
        _ = try connection.run(
            SettleModelCall(
                entry: entry, outcome: outcome, promptTokens: prompt.map(Int64.init),
                completionTokens: completion.map(Int64.init)))
    }

    /// Keeps what an answer came to, as a number, so that the same question need not be paid for again.
    package func note(_ entry: Int64, result: Double) throws {
        _ = try connection.run(NoteModelResult(entry: entry, result: result))
    }

    /// Says on the variant that is being evaluated why it got no answer.
    func note(prompt: String, basePrompt: String, refusal: String) throws {
        _ = try connection.run(NotePromptRefusal(prompt: prompt, basePrompt: basePrompt, reason: refusal))
    }

    /// What the same question came to in the last 30 days; nil if it was not asked.
    package func result(_ call: LedgerCall, model: String) throws -> Double? {
        guard let key = call.callKey else { return nil }
        return try connection.first(FindModelResult(purpose: call.purpose, model: model, callKey: key))
    }

    /// What a subject's calls took in the last 30 days.
    package func spent(_ call: LedgerCall) throws -> (tokens: Int, usd: Double) {
        guard let row = try connection.first(SumModelSubject(purpose: call.purpose, subject: call.subject)) else {
            return (0, 0)
        }
        return (Int(row.tokens), row.usd)
    }
}
