import Bytes
import Learning
import Postgres
import Store

/// Aggregates the preference signals of users who have told enough that is new.
///
/// A conversation is one query that stored a signal, which is one row. How many wait is counted from the rows
/// themselves: those not marked yet. The rows that were read are marked in the transaction that stores what they came
/// to, so nothing is lost by a restart, by signals that arrive meanwhile, or by those that a long transaction commits
/// late.
package struct PreferenceAggregationJob: Job {
    package let name = "preference_aggregation"
    package let takesUser = true

    package init() {}

    package func reasonToRun(_ settings: JobSettings, _ connection: inout Connection) throws -> String? {
        let isDue = try connection.first(PreferenceUserIsDue(rules: Self.dueRules(settings)))
        return isDue == true ? "a user has new conversations" : nil
    }

    package func run(_ run: inout JobRun, _ connection: inout Connection) throws {
        if let user = try run.requestedUser() { return try self.run(&run, &connection, user: user) }
        let usersMax = run.settings.integer("PREFERENCE_BATCH_USERS")
        let rules = Self.dueRules(run.settings)
        var aggregator = Self.aggregator(run.settings)
        var isDone = false
        while !isDone {
            isDone = try run.commit(&connection) { run, connection in
                let due = DuePreferenceUsers(after: run.lastUser, rules: rules, at: run.dueAt, usersMax: usersMax)
                let users = try connection.query(due)
                try Self.aggregate(users, &run, &connection, &aggregator)
                if let last = users.last { run.moveOn(past: last) }
                return users.count < usersMax
            }
        }
        if run.tally.usersProcessed == 0 { run.skip("no user has enough new signals") }
    }

    /// One user on demand, due or not.
    private func run(_ run: inout JobRun, _ connection: inout Connection, user: String) throws {
        // An attempt that was cut off after its only step has nothing left to do.
        if run.lastUser == user { return }
        let signalsMin = run.settings.integer("PREFERENCE_SIGNALS_MIN")
        let count = try connection.first(CountPreferenceSignals(user: user, signalsMax: signalsMin)) ?? 0
        guard count >= signalsMin else {
            return run.skip("expected at least \(signalsMin) signals, got: \(count)")
        }
        var aggregator = Self.aggregator(run.settings)
        try run.commit(&connection) { run, connection in
            try Self.aggregate([user], &run, &connection, &aggregator)
            run.moveOn(past: user)
        }
    }

    private static func aggregate(
        _ users: [String], _ run: inout JobRun, _ connection: inout Connection,
        _ aggregator: inout PreferenceAggregator
    ) throws {
        let signalsMax = run.settings.integer("PREFERENCE_SIGNALS_KEPT")
        var isolation = UserIsolation(job: "preference_aggregation")
        let batches = try isolation.update(users, &connection) { users, connection in
            try PreferenceBatch(users: users, signalsMax: signalsMax).store(&connection, &aggregator)
        }
        run.tally.usersProcessed += users.count
        run.tally.failedUpdates += isolation.failedUsers
        run.tally.successfulUpdates += users.count - isolation.failedUsers
        run.tally.recordsProcessed += batches.reduce(0, +)
    }

    private static func dueRules(_ settings: JobSettings) -> DuePreferenceUsers.Rules {
        DuePreferenceUsers.Rules(
            conversations: settings.integer("PREFERENCE_CONVERSATION_THRESHOLD"),
            hours: settings.number("PREFERENCE_TIME_THRESHOLD_HOURS"),
            signalsMin: settings.integer("PREFERENCE_SIGNALS_MIN"))
    }

    private static func aggregator(_ settings: JobSettings) -> PreferenceAggregator {
        PreferenceAggregator(
            PreferenceRules(
                halfLifeDays: settings.number("PREFERENCE_HALF_LIFE_DAYS"),
                styleShareMin: settings.number("PREFERENCE_STYLE_SHARE"),
                brandShareMin: settings.number("PREFERENCE_BRAND_SHARE"),
                brandsMax: settings.integer("PREFERENCE_BRANDS_MAX")))
    }
}
