import Bytes
import Learning
import Postgres
import Store

/// Applies new personality insights and interactions to users' profiles, each exactly once.
///
/// What is applied is locked, marked and stored with the profile in one transaction: whoever comes second, by replay,
/// by a doubled trigger or at the same moment, finds it applied. Scheduled runs take users who were active lately; with
/// the argument `user_id` one user, active or not, whose changes the run tells.
package struct PersonalityUpdateJob: Job {
    package let name = "personality_update"
    package let takesUser = true

    /// Users that are looked up at once.
    private static let lookupMax = 10_000

    package init() {}

    package func run(_ run: inout JobRun, _ connection: inout Connection) throws {
        if let user = try run.requestedUser() { return try self.run(&run, &connection, user: user) }
        let usersMax = run.settings.integer("PERSONALITY_BATCH_USERS")
        let window = PersonalityBatch.window(run)
        let active = run.dueAt.advanced(bySeconds: -86_400 * run.settings.number("PERSONALITY_ACTIVE_DAYS"))
        while true {
            let users = try connection.query(
                ActivePersonalityUsers(
                    after: run.lastUser, insightsSince: window, activeSince: active, usersMax: Self.lookupMax))
            for start in stride(from: 0, to: users.count, by: usersMax) {
                let batch = Array(users[start..<min(start + usersMax, users.count)])
                try update(batch, &run, &connection)
            }
            if users.count < Self.lookupMax { break }
        }
        if run.tally.usersProcessed == 0 { run.skip("no active user has new insights") }
    }

    /// One user on demand, active or not.
    private func run(_ run: inout JobRun, _ connection: inout Connection, user: String) throws {
        // An attempt that was cut off after its only step has nothing left to do.
        if run.lastUser == user { return }
        try update([user], &run, &connection, tellsChanges: true)
    }

    private func update(
        _ users: [String], _ run: inout JobRun, _ connection: inout Connection, tellsChanges: Bool = false
    ) throws {
        let job = name
        try run.commit(&connection) { run, connection in
            let batch = PersonalityBatch(
                since: PersonalityBatch.window(run),
                rateMillionths: Int64((run.settings.number("PERSONALITY_RATE") * 1e6).rounded()))
            var isolation = UserIsolation(job: job)
            let outcomes = try isolation.update(users, &connection) { users, connection in
                try batch.update(users, &connection)
            }
            let settled = outcomes.reduce(0) { $0 + $1.settledUsers.count }
            run.tally.usersProcessed += settled + isolation.failedUsers
            run.tally.failedUpdates += isolation.failedUsers
            run.tally.successfulUpdates += outcomes.reduce(0) { $0 + $1.changes.count }
            if tellsChanges, run.tally.usersProcessed == 0 { run.skip("no new insights") }
            let applied = outcomes.reduce(0) { $0 + $1.applied }
            run.tally.recordsProcessed += applied
            run.tally.add(applied, to: "insights_processed")
            run.tally.add(outcomes.reduce(0) { $0 + $1.rejected }, to: "insights_rejected")
            if tellsChanges {
                let changes = outcomes.first?.changes[users[0]] ?? []
                run.tally.metadata.append(JSONMember(key: "trait_changes", value: PersonalityProfile.json(changes)))
            }
            run.moveOn(past: users[users.count - 1])
        }
    }
}
