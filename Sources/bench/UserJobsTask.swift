import Bytes
import Jobs
import Learning
import Postgres
import Store
import Synchronization

/// What it costs to aggregate the preferences and to update the personalities of a thousand generated users at once.
///
/// It also tells whether the number of statements depends on how many users there are.
enum UserJobsTask: BenchTask {
    static let name = "user-jobs"
    private static let users = 1_000
    private static let signalsOfUser = 100
    private static let insightsOfUser = 10

    static func run(_ setting: Setting, _ report: inout Report) async throws {
        let rounds = setting.size.pick(3, 5, 9)
        let database = try setting.server.makeDatabase("bench_user_jobs")
        defer { try? setting.server.drop("bench_user_jobs") }
        var connection = try database.connect()
        try fill(&connection)
        report.note("users", .count(users))
        report.note("signals_of_a_user", .count(signalsOfUser))
        report.note("insights_of_a_user", .count(insightsOfUser))

        let first = try measure(PreferenceAggregationJob(), database)
        var steady: [Double] = []
        var updates: [Double] = []
        for _ in 0..<rounds {
            try record(&connection)
            steady.append(try measure(PreferenceAggregationJob(), database).seconds)
            updates.append(try measure(PersonalityUpdateJob(), database).seconds)
        }
        // As they come in service: five new signals each, and a hundred that are aggregated.
        report.add("preferences-1000-users", median(steady), "s", .atMost(1))
        // The first time ever, every signal is new.
        report.add("preferences-1000-users-first", first.seconds, "s", .atMost(1))
        report.add("personality-1000-users", median(updates), "s", .atMost(1))
        report.note("preferences_seconds", .numbers(steady))
        report.note("personality_seconds", .numbers(updates))

        try record(&connection)
        let many = try [measure(PreferenceAggregationJob(), database), measure(PersonalityUpdateJob(), database)]
        try record(&connection, usersMax: 10)
        let few = try [measure(PreferenceAggregationJob(), database), measure(PersonalityUpdateJob(), database)]
        for (index, name) in ["preferences", "personality"].enumerated() {
            report.add(
                "\(name)-statements-1000-over-10-users", Double(many[index].statements - few[index].statements),
                "statements", .atMost(0))
            let statements = [Double(few[index].statements), Double(many[index].statements)]
            report.note("\(name)_statements", .numbers(statements))
        }
    }

    private struct Cost {
        var seconds: Double
        var statements: Int
    }

    /// Runs a job through the queue, on a connection that counts what is sent.
    private static func measure(_ job: any Job, _ database: BenchDatabase) throws -> Cost {
        let count = Mutex(0)
        var options = try ConnectionOptions(url: database.url)
        options.breaksBeforeSending = {
            count.withLock { $0 += 1 }
            return false
        }
        var connection = try Connection(options)
        guard let id = try connection.first(EnqueueJob(job: job.name, reason: "by hand")),
            let claim = try connection.first(ClaimJob(jobs: [job.name], claimant: "bench", leaseSeconds: 600, id: id))
        else { throw BenchError("expected to claim \(job.name)") }
        count.withLock { $0 = 0 }
        let start = Machine.nanoseconds()
        let report = try JobAttempt(job: job, claim: claim, stop: JobStop()).perform(&connection)
        let seconds = Double(Machine.nanoseconds() - start) / 1e9
        guard report.state == "completed", report.tally.successfulUpdates > 0, report.tally.failedUpdates == 0 else {
            throw BenchError("expected \(job.name) to update users, got: \(report.tally)")
        }
        return Cost(seconds: seconds, statements: count.withLock { $0 })
    }

    /// All users with as many signals as are kept.
    private static func fill(_ connection: inout Connection) throws {
        // One more than a batch, so that a full one is not followed by a look for further users.
        try connection.execute(
            "update afterthought.job_settings set value = '\(users + 1)' where name like '%\\_BATCH\\_USERS'")
        try connection.execute(signals(usersMax: users, signals: signalsOfUser))
        try connection.execute(
            """
            insert into afterthought.messages (user_id, bot_name, role, content)
            select 'user-' || u, 'bot', 'user', 'hello' from generate_series(1, \(users)) as u
            """)
        try connection.execute("vacuum analyze afterthought.preference_signals")
    }

    /// What comes in until the next run.
    private static func record(_ connection: inout Connection, usersMax: Int = users) throws {
        try connection.execute(signals(usersMax: usersMax, signals: 5))
        try connection.execute(
            """
            insert into afterthought.chat_personality_insights (user_id, adjustments)
            select 'user-' || u, jsonb_build_object('openness', i - 4.5, 'extraversion', 0.1 * i)
            from generate_series(1, \(usersMax)) as u, generate_series(1, \(insightsOfUser / 2)) as i;
            insert into afterthought.entertainment_interactions (user_id, kind, adjustments)
            select 'user-' || u, 'liked', jsonb_build_object('openness', i - 4.5)
            from generate_series(1, \(usersMax)) as u, generate_series(1, \(insightsOfUser / 2)) as i
            """)
        try connection.execute("analyze afterthought.preference_signals")
    }

    private static func signals(usersMax: Int, signals: Int) -> String {
        """
        insert into afterthought.preference_signals (
            user_id, query, intent, style_keywords, price_mentions, brand_mentions, rating_mentions, created_at)
        select
            'user-' || u, 'something nice for the garden, please', (array['buy', 'compare', null])[1 + (u + s) % 3],
            array['style ' || (u + s) % 7, 'Style ' || s % 11], array['under $' || 100 + (u * 31 + s * 17) % 400],
            array['Brand ' || (u * s) % 13], array[(3 + s % 3) || ' stars'], now() - interval '1 hour' * s
        from generate_series(1, \(usersMax)) as u, generate_series(1, \(signals)) as s
        """
    }
}
