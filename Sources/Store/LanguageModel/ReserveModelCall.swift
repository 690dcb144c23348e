import Postgres

/// Reserves what a call to a language model may cost at most, if the budgets allow it.
package struct ReserveModelCall: Statement {
    package static let name = "reserve_model_call"
    package static let sql = """
        select id, refusal
        from afterthought.reserve_language_model_call($1, $2, $3, $4, $5, $6, $7, $8)
        """

    var purpose: String
    var model: String
    var subject: String
    var callKey: String?
    var promptTokens: Int64
    var completionTokens: Int64
    var subjectTokensMax: Int64?
    var subjectUSDMax: Double?

    package init(
        purpose: String, model: String, subject: String, callKey: String?, promptTokens: Int64,
        completionTokens: Int64, subjectTokensMax: Int64?, subjectUSDMax: Double?
    ) {
        self.purpose = purpose
        self.model = model
        self.subject = subject
        self.callKey = callKey
        self.promptTokens = promptTokens
        self.completionTokens = completionTokens
        self.subjectTokensMax = subjectTokensMax
        self.subjectUSDMax = subjectUSDMax
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(all: purpose, model, subject, callKey, promptTokens, completionTokens)
        parameters.append(all: subjectTokensMax, subjectUSDMax)
    }

    /// A row's number, or else why the call may not be made: `price`, `subject`, `tokens` or `usd`.
    package static func decode(
        _ row: borrowing RowReader
    ) throws(PostgresError) -> (id: Int64?, refusal: String?) {
        (try row.decode(0), try row.decode(1))
    }
}

/// Settles a reservation: what is not counted stays as it was reserved.
package struct SettleModelCall: Statement {
    package static let name = "settle_model_call"
    package static let sql = """
        update afterthought.language_model_ledger
        set
            outcome = $2,
            prompt_tokens = coalesce($3, prompt_tokens),
            completion_tokens = coalesce($4, completion_tokens),
            is_estimate = $3 is null or $4 is null,
            settled_at = now()
        where id = $1 and outcome = 'reserved'
        """

    var entry: Int64
    var outcome: String
    var promptTokens: Int64?
    var completionTokens: Int64?

    package init(entry: Int64, outcome: String, promptTokens: Int64?, completionTokens: Int64?) {
        self.entry = entry
        self.outcome = outcome
        self.promptTokens = promptTokens
        self.completionTokens = completionTokens
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(all: entry, outcome, promptTokens, completionTokens)
    }
}

/// Keeps what an answer came to, as a number.
package struct NoteModelResult: Statement {
    package static let name = "note_model_result"
    package static let sql = """
        update afterthought.language_model_ledger set result = $2 where id = $1 and outcome = 'answered'
        """

    var entry: Int64
    var result: Double

    package init(entry: Int64, result: Double) {
        self.entry = entry
        self.result = result
    }

    package func bind(to parameters: inout Parameters) { parameters.append(all: entry, result) }
}
