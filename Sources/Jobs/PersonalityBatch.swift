import Bytes
import Learning
import Postgres
import Store

/// Users whose profiles are updated together.
struct PersonalityBatch {
    /// Rows that one statement locks at most; of more, the rest goes the same way after them.
    private static let rowsMax = 50_000

    /// Insights of an earlier time are not applied.
    let since: Timestamp
    /// Which part of the adjustments is applied.
    let rateMillionths: Int64

    /// What an update came to.
    struct Outcome {
        var applied = 0
        var rejected = 0
        /// Places of users of whom anything was applied or rejected.
        var settledUsers: Set<Int> = []
        /// By user; only those that moved, or were kept by a bound.
        var changes: [String: [PersonalityProfile.Change]] = [:]
    }

    /// From when insights are applied.
    static func window(_ run: JobRun) -> Timestamp {
        run.dueAt.advanced(bySeconds: -86_400 * run.settings.number("PERSONALITY_WINDOW_DAYS"))
    }

    /// Applies what is not applied yet, in seven statements whatever the number of users.
    func update(_ users: [String], _ connection: inout Connection) throws -> Outcome {
        var sums = Array(repeating: PersonalitySum(), count: users.count)
        var outcome = Outcome()
        var isWhole = false
        while !isWhole {
            let chat = try connection.query(
                LoadChatInsights(users: users, since: since, insightsMax: Self.rowsMax))
            try connection.run(SettleInsights<ChatInsights>(settle(chat, &sums, &outcome)))
            let interactions = try connection.query(
                LoadInteractions(users: users, since: since, interactionsMax: Self.rowsMax))
            try connection.run(SettleInsights<Interactions>(settle(interactions, &sums, &outcome)))
            isWhole = max(chat.count, interactions.count) < Self.rowsMax
        }
        // After the insights are locked: whoever applied others meanwhile is seen here.
        var profiles: [String: PersonalityProfile] = [:]
        for (user, traits) in try connection.query(LoadPersonalityProfiles(users: users)) {
            var values = TraitValues(repeating: 0)
            for (trait, value) in zip(PersonalityTrait.allCases, traits) { values[trait] = value }
            profiles[user] = PersonalityProfile(values)
        }
        var rows: [UpdatedPersonality] = []
        for (user, sum) in zip(users, sums) where sum.insights > 0 {
            var profile = profiles[user] ?? .start
            let changes = profile.apply(sum, rateMillionths: rateMillionths)
            outcome.changes[user] = changes
            rows.append(
                UpdatedPersonality(
                    user: user, traits: PersonalityTrait.allCases.map { profile.values[$0] },
                    changes: JSONText(PersonalityProfile.json(changes).text), insights: sum.insights))
        }
        try connection.run(SavePersonalityProfiles(rows: rows))
        try connection.run(AppendPersonalityHistory(rows: rows))
        return outcome
    }

    /// Adds insights to the sums of their users, and says what becomes of each.
    private func settle(
        _ insights: [OpenInsight], _ sums: inout [PersonalitySum], _ outcome: inout Outcome
    ) -> SettledInsights {
        var settled = SettledInsights()
        for insight in insights {
            var rejection: String?
            outcome.settledUsers.insert(insight.user)
            if let weight = insight.weight {
                switch PersonalityInsight(parsing: insight.adjustments.text) {
                case .adjustments(let points): sums[insight.user].add(points, weight: weight)
                case .rejected(let reason): rejection = reason
                }
            } else {
                rejection = "expected a kind of entertainment_weights, got: another"
            }
            settled.ids.append(insight.id)
            settled.rejections.append(rejection)
            if rejection == nil { outcome.applied += 1 } else { outcome.rejected += 1 }
        }
        return settled
    }
}
