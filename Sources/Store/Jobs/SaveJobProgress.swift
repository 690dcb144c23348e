import Bytes
import Postgres

/// Keeps how far a run has come; changes no row if the claim was lost.
package struct SaveJobProgress: Statement {
    package static let name = "save_job_progress"
    package static let sql = """
        update afterthought.jobs
        set tally = $4::text::jsonb, progress = $5::text::jsonb
        where id = $1 and attempt = $2 and claim_token = $3 and state = 'running'
        """

    var claim: JobClaim
    var tally: JSONValue
    var cursor: JSONValue

    package init(claim: JobClaim, tally: JSONValue, cursor: JSONValue) {
        self.claim = claim
        self.tally = tally
        self.cursor = cursor
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(claim.id)
        parameters.append(claim.attempt)
        parameters.append(claim.token)
        parameters.append(tally.text)
        parameters.append(cursor.text)
    }
}
