import Postgres
import Store

/// What becomes of an error that a request ran into.
enum EndpointFailure {
    /// The answer to the client, which never quotes the error; the log gets its redacted text.
    ///
    /// - Parameters:
    ///   - error: what was thrown.
    ///   - name: the route's.
    ///   - statementSeconds: how long a statement may take.
    ///   - log: takes what an administrator should know of.
    /// - Returns: the answer.
    static func response(
        to error: any Error, name: String, statementSeconds: Double, log: (String) -> Void
    ) -> HTTPResponse {
        if let fault = error as? RequestFault { return fault.response }
        guard let error = error as? PostgresError else {
            log("\(name): unexpected \(type(of: error))")
            return .failure(500, "expected an answer, got: an error of this program", hint: "see the worker's log")
        }
        if error.isConnectionLoss || error.isResourceShortage || error.code == .poolExhausted || error.code == .closed
            || error.code == .timeout
        {
            return .failure(
                503, "expected a database that answers, got: one out of reach", hint: "try again a little later"
            ).adding("Retry-After", "5")
        }
        if error.sqlState == "57014" || error.code == .cancelled || error.isLockTimeout {
            return .failure(
                503, "expected a statement to take at most \(Int(statementSeconds)) s, got: one that was ended",
                hint: "try again a little later"
            ).adding("Retry-After", "5")
        }
        log("\(name): \(error)")
        let hint =
            switch error.sqlState {
            case "42501": "the worker's role lacks a grant; see sql/roles.sql"
            case _ where error.isUndefinedObject: "run `afterthought migrate`"
            default: "see the worker's log"
            }
        return .failure(500, "expected an answer of the database, got: error \(error.sqlState ?? "")", hint: hint)
    }
}
