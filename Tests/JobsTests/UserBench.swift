import Jobs
import Postgres
import Support

/// Fills and reads the tables of preferences and personality.
struct UserBench: ~Copyable {
    var connection: Connection

    init() throws { connection = try TestDatabase.current.connect() }

    /// Stores queries with a signal.
    mutating func signals(_ user: String, _ count: Int, styles: String = "{boho}", at: String = "now()") throws {
        try connection.execute(
            """
            select afterthought.record_preference_signal(
                '\(user)', style_keywords => '\(styles)', created_at => \(at))
            from generate_series(1, \(count))
            """)
    }

    /// Lets the last aggregation lie further back.
    mutating func age(_ user: String, hours: Double) throws {
        try connection.execute(
            """
            update afterthought.user_preferences
            set aggregated_at = aggregated_at - interval '1 hour' * \(hours) where user_id = '\(user)'
            """)
    }

    mutating func waiting(_ user: String) throws -> String {
        try lines(
            "select conversations_waiting from afterthought.preference_status where user_id = '\(user)'"
        ).first ?? "none"
    }

    /// The rows of a query, cells joined by spaces.
    mutating func lines(_ sql: String) throws -> [String] {
        try connection.textRows(sql).map { $0.map { $0 ?? "null" }.joined(separator: " ") }
    }

    /// Runs the aggregation as its schedule does.
    @discardableResult
    mutating func aggregate() throws -> JobReport {
        try JobBench.run(JobBench.Request(PreferenceAggregationJob()), &connection)
    }

    /// Tells whether a session of this database waits for a lock.
    mutating func isBlocked() throws -> Bool {
        try lines(
            """
            select count(*) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'
            """) != ["0"]
    }

    /// Stores a message of a user.
    mutating func message(_ user: String, at: String = "now()") throws {
        try connection.execute(
            "select afterthought.record_message('\(user)', 'bot', 'user', 'hello', created_at => \(at))")
    }

    mutating func insight(_ user: String, _ adjustments: String, at: String = "now()") throws {
        try connection.execute(
            "select afterthought.record_personality_insight('\(user)', '\(adjustments)', recorded_at => \(at))")
    }

    @discardableResult
    mutating func update(_ user: String? = nil) throws -> JobReport {
        let arguments = user.map { user in "{\"user_id\": \"\(user)\"}" } ?? "{}"
        return try JobBench.run(
            JobBench.Request(PersonalityUpdateJob(), arguments: try .init(parsing: arguments)), &connection)
    }

    mutating func openness(_ user: String) throws -> String {
        try lines(
            "select openness from afterthought.user_personality_profiles where user_id = '\(user)'"
        ).first ?? "none"
    }
}
