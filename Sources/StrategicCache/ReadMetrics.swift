/// What one read came to, for a metrics hook.
public struct ReadMetrics: Hashable, Sendable {
    /// Where the answer came from.
    public enum Outcome: String, Hashable, Sendable, CaseIterable {
        /// A fresh row from the process.
        case hit
        /// A fresh row from the database.
        case fresh
        /// A row from the database that is not fresh.
        case stale
        /// The database did not answer in time; the last known row stands in.
        case lastKnown = "last_known"
        /// The database has no row of the pair.
        case missing
        /// The database did not answer in time, and no row is known.
        case unavailable
    }

    /// Where the answer came from.
    public let outcome: Outcome
    /// How long the read took.
    public let duration: Duration
    /// The age of what was answered; nil without a row.
    public let age: Duration?
}
