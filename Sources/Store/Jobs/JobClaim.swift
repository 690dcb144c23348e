import Bytes
import Model
import Postgres

/// A job that this process runs now, until its lease ends or another attempt takes over.
package struct JobClaim: Hashable, Sendable {
    package var id: Int64
    /// The job's name.
    package var name: String
    /// The number of this attempt, from 1.
    package var attempt: Int32
    /// Differs from claim to claim, so that an old holder is told from a new one.
    package var token: UUID
    package var arguments: JSONValue
    /// What earlier attempts came to, in the form of `JobTally.json`.
    package var tally: JSONValue
    /// Where earlier attempts had come; null at the beginning.
    package var cursor: JSONValue
    package var dueAt: Timestamp
    package var timeoutSeconds: Double
    package var attemptsMax: Int32

    package init(
        id: Int64, name: String, attempt: Int32, token: UUID, arguments: JSONValue, tally: JSONValue,
        cursor: JSONValue, dueAt: Timestamp, timeoutSeconds: Double, attemptsMax: Int32
    ) {
        self.id = id
        self.name = name
        self.attempt = attempt
        self.token = token
        self.arguments = arguments
        self.tally = tally
        self.cursor = cursor
        self.dueAt = dueAt
        self.timeoutSeconds = timeoutSeconds
        self.attemptsMax = attemptsMax
    }
}
