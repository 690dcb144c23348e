import Model

/// Places where a test may make a worker fail; none is ever reached in production with an action set.
package struct Failpoints: Sendable {
    /// A place in the course of a batch.
    package enum Place: Equatable, Sendable {
        case afterRead
        case pair(Pair)
        case beforeWrite
        /// Inside the transaction that writes, after the shards are locked.
        case insideWrite
        case afterCommit
    }

    /// Called at each place; throwing makes the batch fail there.
    package var action: (@Sendable (Place) throws -> Void)?
    /// The newest migration that the worker knows, as if it were of an older build; nil: all of this build.
    package var schemaVersionMax: Int?

    package init(schemaVersionMax: Int? = nil, action: (@Sendable (Place) throws -> Void)? = nil) {
        self.schemaVersionMax = schemaVersionMax
        self.action = action
    }

    func reach(_ place: @autoclosure () -> Place) throws {
        if let action { try action(place()) }
    }
}
