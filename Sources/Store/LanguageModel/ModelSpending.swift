import Bytes
import Postgres

/// What the same question to the same model came to in the last 30 days, the newest.
package struct FindModelResult: Statement {
    package static let name = "find_model_result"
    package static let sql = """
        select result
        from afterthought.language_model_ledger
        where call_key = $3 and purpose = $1 and model = $2 and result is not null and at > now() - interval '30 days'
        order by id desc
        limit 1
        """

    var purpose: String
    var model: String
    var callKey: String

    package init(purpose: String, model: String, callKey: String) {
        self.purpose = purpose
        self.model = model
        self.callKey = callKey
    }

    package func bind(to parameters: inout Parameters) { parameters.append(all: purpose, model, callKey) }
    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Double { try row.decode(0) }
}

/// What the calls for one subject took in the last 30 days, reservations that were never settled included.
package struct SumModelSubject: Statement {
    package static let name = "sum_model_subject"
    package static let sql = """
        select coalesce(sum(prompt_tokens + completion_tokens), 0)::bigint, coalesce(sum(cost_usd), 0)::float8
        from afterthought.language_model_ledger
        where subject = $2 and purpose = $1 and at > now() - interval '30 days'
        """

    var purpose: String
    var subject: String

    package init(purpose: String, subject: String) {
        self.purpose = purpose
        self.subject = subject
    }

    package func bind(to parameters: inout Parameters) { parameters.append(all: purpose, subject) }
    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> (tokens: Int64, usd: Double) {
        (try row.decode(0), try row.decode(1))
    }
}

/// What all workers' calls to a language model came to in the last 30 days.
package struct ModelSpending: Statement {
    package static let name = "model_spending"
    package static let sql = """
        select
            count(*), coalesce(sum(prompt_tokens + completion_tokens), 0)::bigint,
            coalesce(sum(cost_usd), 0)::float8, max(at)
        from afterthought.language_model_ledger
        where at > now() - interval '30 days'
        """

    /// The figures.
    package struct Row: Equatable, Sendable {
        package var calls: Int64
        package var tokens: Int64
        package var usd: Double
        package var lastAt: Timestamp?
    }

    package init() {}
    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Row {
        Row(calls: try row.decode(0), tokens: try row.decode(1), usd: try row.decode(2), lastAt: try row.decode(3))
    }
}
