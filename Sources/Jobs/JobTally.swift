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
        func count(_ key: String) -> Int { json[key]?.int64.map(Int.init) ?? 0 }
        usersProcessed = count("users_processed")
        successfulUpdates = count("successful_updates")
        failedUpdates = count("failed_updates")
        recordsProcessed = count("records_processed")
        metadata = json["metadata"]?.members ?? []
    }

    /// The form in which it is kept between attempts.
    package var json: JSONValue {
        .object([
            .count("users_processed", usersProcessed), .count("successful_updates", successfulUpdates),
            .count("failed_updates", failedUpdates), .count("records_processed", recordsProcessed),
            JSONMember(key: "metadata", value: .object(metadata)),
        ])
    }

    /// Puts something into the metadata, in place of what stands there under the same name.
    package mutating func set(_ member: JSONMember) {
        metadata.removeAll { $0.key == member.key }
        metadata.append(member)
    }

    /// Adds to a count in the metadata.
    mutating func add(_ number: Int = 1, to key: String) {
        let before = metadata.first { $0.key == key }?.value.int64 ?? 0
        set(.count(key, before + Int64(number)))
    }
}
