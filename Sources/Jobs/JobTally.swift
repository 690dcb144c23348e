import Bytes

/// What a run came to so far: what `system_tasks` tells of it.
package struct JobTally: Hashable, Sendable {
    package var usersProcessed = 0
    package var successfulUpdates = 0
    package var failedUpdates = 0
    package var recordsProcessed = 0
    /// What else is worth telling, of a few hundred bytes; never any content.
    package var metadata: [JSONMember] = []

    package init() {}

    /// Reads what `json` wrote; what is missing is nothing yet.
    init(_ json: JSONValue) {
        func count(_ key: String) -> Int {
            guard case .number(let number) = json[key] else { return 0 }
            return number.int64.map(Int.init) ?? 0
        }
        usersProcessed = count("users_processed")
        successfulUpdates = count("successful_updates")
        failedUpdates = count("failed_updates")
        recordsProcessed = count("records_processed")
        if case .object(let members) = json["metadata"] { metadata = members }
    }

    /// The form in which it is kept between attempts.
    package var json: JSONValue {
        func count(_ key: String, _ value: Int) -> JSONMember {
            JSONMember(key: key, value: .number(JSONNumber(Int64(value))))
        }
        return .object([
            count("users_processed", usersProcessed), count("successful_updates", successfulUpdates),
            count("failed_updates", failedUpdates), count("records_processed", recordsProcessed),
            JSONMember(key: "metadata", value: .object(metadata)),
        ])
    }
}
