import Bytes
import Postgres
import Store

/// Updates many users at once so that one whose data can't be processed fails alone.
///
/// All go in one savepoint; when it fails, each half goes in its own, down to the one that is at fault. So the usual
/// batch costs a constant number of statements, and one with a bad user among n costs log n times as many.
struct UserIsolation {
    /// Named in `user_update_failures`.
    let job: String
    private(set) var failedUsers = 0

    init(job: String) { self.job = job }

    /// Updates users inside the open transaction.
    ///
    /// - Parameters:
    ///   - users: each once.
    ///   - connection: the run's.
    ///   - update: updates users by a constant number of statements; what it did is undone when it throws.
    /// - Returns: what `update` returned, in order, for all but those that failed alone.
    /// - Throws: what is no fault of a user's data: such an error is met by all of them.
    mutating func update<Result>(
        _ users: [String], _ connection: inout Connection,
        _ update: ([String], inout Connection) throws -> Result
    ) throws -> [Result] {
        if users.isEmpty { return [] }
        do {
            return [
                try connection.savepoint { connection in
                    let result = try update(users, &connection)
                    try connection.run(ForgetUserUpdateFailures(job: job, users: users))
                    return result
                }
            ]
        } catch let error as PostgresError where Self.isFaultOfUser(error) {
            guard users.count > 1 else {
                failedUsers += 1
                try connection.run(
                    NoteUserUpdateFailure(job: job, user: users[0], error: error.description))
                return []
            }
            let middle = users.count / 2
            return try self.update(Array(users[..<middle]), &connection, update)
                + self.update(Array(users[middle...]), &connection, update)
        }
    }

    /// Tells whether an error comes from the data at hand: refused or undecodable values, rules of the database's own
    /// (class P0), damaged rows (class XX).
    private static func isFaultOfUser(_ error: PostgresError) -> Bool {
        if error.code == .decoding || error.isDataError { return true }
        guard error.code == .serverError, let state = error.sqlState else { return false }
        return state.hasPrefix("P0") || state.hasPrefix("XX")
    }
}

extension JobRun {
    /// The user that the run was asked for; nil: all.
    ///
    /// - Throws: `JobFailure` when the argument is no user.
    func requestedUser() throws -> String? {
        guard let argument = arguments["user_id"] else { return nil }
        guard let user = argument.string, (1...256).contains(user.utf8.count), !user.utf8.contains(0) else {
            throw JobFailure("expected the argument user_id to be a text of 1…256 bytes, got: something else")
        }
        return user
    }

    /// The last user that was dealt with; empty at the beginning.
    var lastUser: String { cursor["after"]?.string ?? "" }

    mutating func moveOn(past user: String) {
        cursor = .object([.text("after", user)])
    }
}
