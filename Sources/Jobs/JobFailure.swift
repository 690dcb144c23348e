import Postgres
import Store

/// Why a job could not be done, in words without any content.
package struct JobFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }

    /// An error as `system_tasks` and the log may show it.
    static func text(of error: any Error) -> String {
        switch error {
        case let error as PostgresError: error.description
        case let error as JobFailure: error.description
        case let error as ClaimLost: error.description
        case let error as JobStopped: error.description
        // Only the type: an unknown error's text may quote content.
        default: "unexpected \(type(of: error))"
        }
    }
}

/// What the runner says about itself; never any content or user.
package enum JobEvent: Sendable {
    case ended(JobReport)
    case lostAttempts(Int)
    case failure(String, retrySeconds: Double)
}

/// How an attempt ended.
package struct JobReport: Sendable {
    package let claim: JobClaim
    /// The state of the job now, such as `completed` or `waiting`; nil: the claim was lost, and another attempt has it.
    package let state: String?
    /// How this attempt ended; nil: the claim was lost.
    package let outcome: EndJobAttempt.Outcome?
    /// What went wrong, if anything did.
    package let error: String?
    package let tally: JobTally
}
