import Bytes
import Postgres

/// The traits of users who have a profile, locked, in millionths of a point.
package struct LoadPersonalityProfiles: Statement {
    package static let name = "load_personality_profiles"
    package static let sql = """
        select
            p.user_id, (p.openness * 1000000)::bigint, (p.conscientiousness * 1000000)::bigint,
            (p.extraversion * 1000000)::bigint, (p.agreeableness * 1000000)::bigint,
            (p.neuroticism * 1000000)::bigint
        from afterthought.user_personality_profiles as p
        where p.user_id = any ($1::text[])
        for update
        """

    var users: [String]

    package init(users: [String]) { self.users = users }

    package func bind(to parameters: inout Parameters) { parameters.append(users) }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> (user: String, traits: [Int64]) {
        (
            try row.decode(0),
            [try row.decode(1), try row.decode(2), try row.decode(3), try row.decode(4), try row.decode(5)]
        )
    }
}

/// A profile as an update leaves it.
package struct UpdatedPersonality: Sendable {
    package var user: String
    /// Millionths of a point: openness, conscientiousness, extraversion, agreeableness, neuroticism.
    package var traits: [Int64]
    /// How each moved.
    package var changes: JSONText
    package var insights: Int

    package init(user: String, traits: [Int64], changes: JSONText, insights: Int) {
        precondition(traits.count == 5, "expected 5 traits, got: \(traits.count)")
        self.user = user
        self.traits = traits
        self.changes = changes
        self.insights = insights
    }
}

extension Parameters {
    /// Appends users, traits and insights as `$1`…`$7`.
    fileprivate mutating func append(_ rows: [UpdatedPersonality]) {
        append(rows.map(\.user))
        for trait in 0..<5 { append(rows.map { $0.traits[trait] }) }
        append(rows.map(\.insights))
    }
}

/// Stores profiles, as of the transaction's moment.
package struct SavePersonalityProfiles: Statement {
    package static let name = "save_personality_profiles"
    package static let sql = """
        insert into afterthought.user_personality_profiles as p (
            user_id, openness, conscientiousness, extraversion, agreeableness, neuroticism, insights_applied,
            created_at, updated_at)
        select
            n.user_id, n.openness::numeric / 1000000, n.conscientiousness::numeric / 1000000,
            n.extraversion::numeric / 1000000, n.agreeableness::numeric / 1000000, n.neuroticism::numeric / 1000000,
            n.insights, now(), now()
        from unnest(
            $1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]
        ) as n (user_id, openness, conscientiousness, extraversion, agreeableness, neuroticism, insights)
        on conflict (user_id) do update set
            openness = excluded.openness, conscientiousness = excluded.conscientiousness,
            extraversion = excluded.extraversion, agreeableness = excluded.agreeableness,
            neuroticism = excluded.neuroticism, insights_applied = p.insights_applied + excluded.insights_applied,
            updated_at = excluded.updated_at
        """

    var rows: [UpdatedPersonality]

    package init(rows: [UpdatedPersonality]) { self.rows = rows }

    package func bind(to parameters: inout Parameters) { parameters.append(rows) }
}

/// Keeps how profiles moved, as of the transaction's moment: whatever a run reckons from, history runs forward.
package struct AppendPersonalityHistory: Statement {
    package static let name = "append_personality_history"
    package static let sql = """
        insert into afterthought.personality_history (
            user_id, changed_at, openness, conscientiousness, extraversion, agreeableness, neuroticism,
            trait_changes, insights_applied)
        select
            n.user_id, now(), n.openness::numeric / 1000000, n.conscientiousness::numeric / 1000000,
            n.extraversion::numeric / 1000000, n.agreeableness::numeric / 1000000, n.neuroticism::numeric / 1000000,
            n.changes, n.insights
        from unnest(
            $1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::jsonb[]
        ) as n (user_id, openness, conscientiousness, extraversion, agreeableness, neuroticism, insights, changes)
        """

    var rows: [UpdatedPersonality]

    package init(rows: [UpdatedPersonality]) { self.rows = rows }

    package func bind(to parameters: inout Parameters) {
        parameters.append(rows)
        parameters.append(rows.map(\.changes))
    }
}
