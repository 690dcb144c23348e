import Bytes
import Foundation
import Model
import Postgres
import Support
import Testing

@testable import StrategicCache

/// What the SQL functions of the rules say of one case.
private struct RuleCase: Statement {
    static let name = "rule_case"
    static let sql = """
        select
            afterthought.is_quiet($1::text::time, $2::text::time, $3, $4),
            afterthought.timing_hours($5::text::jsonb, $1::text::time, $2::text::time, $3, $4),
            afterthought.outreach_block($6, $7, $8, $9::text::jsonb, $4)
        """

    var rule: OutreachRule
    var hours: [Int]
    var sent: [Int64]
    var moment: Timestamp

    func bind(to parameters: inout Parameters) {
        func time(_ minute: Int?) -> String? { minute.map { "\($0 / 60):\($0 % 60)" } }
        parameters.append(time(rule.quietHours?.from))
        parameters.append(time(rule.quietHours?.to))
        parameters.append(rule.timeZone)
        parameters.append(moment)
        parameters.append("\(hours)")
        parameters.append(rule.doNotContact)
        parameters.append(rule.capDay.map(Int32.init))
        parameters.append(rule.capWeek.map(Int32.init))
        parameters.append("\(sent)")
    }

    static func decode(
        _ row: borrowing RowReader
    ) throws(PostgresError) -> (isQuiet: Bool, hours: String?, block: String?) {
        (try row.decode(0), try row.decode(1, as: JSONText?.self)?.text, try row.decode(2))
    }
}

@Suite("C8 Rules of writing first: views and projections agree", .database)
struct OutreachRulesTests {
    private static let zones = [
        nil, "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe",
        "America/St_Johns", "Pacific/Chatham", "Pacific/Kiritimati", "Africa/Casablanca",
    ]

    @Test(arguments: [1, 2, 3] as [UInt64])
    func onRandomRulesAroundChangesOfTheClock(seed: UInt64) throws {
        var random = SeededGenerator(state: seed)
        var connection = try TestDatabase.current.connect()
        try Schema.apply(to: &connection)
        // Clocks go back and forth in these weeks, north and south.
        let weeks = ["2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01"]
        for week in weeks {
            let start = try Timestamp(text: week + "T00:00:00Z")
            let rows = try connection.query(ReadZones(zones: Self.zones.compactMap(\.self), at: start))
            let offsets = ReadZones.grouped(rows)
            for _ in 0..<40 {
                var rule = OutreachRule()
                let from = Int.random(in: 0..<1440, using: &random)
                let to = random.chance(0.1) ? 1440 : Int.random(in: 0..<1440, using: &random)
                if random.chance(0.9), from != to { rule.quietHours = OutreachRule.QuietHours(from: from, to: to) }
                rule.timeZone = Self.zones.randomElement(using: &random)!
                rule.capDay = random.chance(0.5) ? Int.random(in: 0...4, using: &random) : nil
                rule.capWeek = random.chance(0.5) ? Int.random(in: 0...8, using: &random) : nil
                rule.doNotContact = random.chance(0.1) ? random.chance(0.5) : nil
                let moment = start.advanced(bySeconds: Double.random(in: -86_400...172_800, using: &random))
                let sent = (0..<Int.random(in: 0...8, using: &random)).map { _ in
                    moment.microseconds - Int64.random(in: -1_000_000...700_000_000_000, using: &random)
                }
                let hours = Array(0..<24).shuffled(using: &random)
                let zone = rule.timeZone.flatMap { offsets[$0] }
                let seen = try #require(
                    try connection.first(RuleCase(rule: rule, hours: hours, sent: sent, moment: moment)))
                let which: Comment = "seed \(seed), \(rule), \(moment.rfc3339)"
                #expect(seen.isQuiet == rule.isQuiet(at: moment, zone: zone), which)
                #expect(seen.block == rule.block(sent: sent, at: moment), which)
                var anchors = Projections.EngagementAnchors()
                anchors.hourCandidates = hours
                rule.doNotContact = nil
                rule.capDay = nil
                rule.capWeek = nil
                let expected = Projections.engagement(anchors, rule: rule, zone: zone, at: moment).hours
                let list = try seen.hours.map { try JSONValue(parsing: $0) }?.array?.compactMap { $0.int64 } ?? []
                #expect(list.map(Int.init) == expected, which)
            }
        }
    }

    private static let row = [
        "optimal_timing_hours": "'[5, 6, 20, 21, 3, 4, 12]'", "receptivity_intercept": "0.5",
        "receptivity_recency_weight": "-0.1", "receptivity_hour_logits": "array_fill(0.25::float8, array[24])",
        "last_user_message_at": "now() - interval '5 hours'",
        "suggested_topics": #"'[{"topic": "sailing", "reason": "liked", "weight": 0.5}]'"#,
        "proactive_success_rate": "0.4", "proactive_success_low": "0.1", "proactive_success_high": "0.75",
        "expected_return_hours": "30.5",
        "outreach_times":
            """
        (select jsonb_agg((extract(epoch from now() - h * interval '1 hour') * 1000000)::bigint)
        from unnest('{30, 20, 1}'::int[]) as h)
        """,
        "null_reasons": #"'{"proactive_engagement": "something: else"}'"#,
    ]

    /// What the view and the reader say of one pair, which have to be the same.
    private func answer(
        _ connection: inout Connection
    ) throws -> (hours: [Int]?, topics: Int?, receptivity: Double?, reason: String?) {
        let rows = try connection.textRows(
            """
            select
                optimal_timing_hours, jsonb_array_length(suggested_topics), receptivity_score, null_reason,
                proactive_success_low, proactive_success_high, expected_return_hours,
                afterthought.prompt_digest(user_id, bot_name, 2000),
                (select r.signals -> 'engagement_opportunities' ->> 'optimal_timing_hours'
                    from afterthought.read_strategic(user_id, bot_name) as r),
                (select r.null_reasons ->> 'proactive_engagement'
                    from afterthought.read_strategic(user_id, bot_name) as r)
            from afterthought.strategic_engagement_opportunities where user_id = 'u1'
            """)
        let seen = try #require(rows.first)
        let cache = try StrategicCache(Self.configuration)
        defer { cache.close() }
        #expect(cache.waitUntilReady(milliseconds: 30_000))
        let view = cache.read(user: "u1", bot: "elena")
        let value = try #require(view.engagementOpportunities.value)
        #expect(value.optimalTimingHours.map { "[\($0.map(String.init).joined(separator: ", "))]" } == seen[0])
        #expect(value.suggestedTopics.map { "\($0.count)" } == seen[1])
        #expect((value.receptivityScore == nil) == (seen[2] == nil))
        // Drawn at another moment: the silence has grown by a few milliseconds.
        if let ours = value.receptivityScore, let theirs = seen[2].flatMap({ Double($0) }) {
            #expect(abs(ours - theirs) < 1e-3)
        }
        #expect(value.nullReason == seen[3] && seen[9] == seen[3] && seen[8] == seen[0])
        #expect(value.proactiveSuccessLow == seen[4].flatMap { Double($0) })
        #expect(value.proactiveSuccessHigh == seen[5].flatMap { Double($0) })
        #expect(value.expectedReturnHours == seen[6].flatMap { Double($0) })
        #expect(view.digest(charactersMax: 2000) == seen[7])
        return (value.optimalTimingHours, value.suggestedTopics?.count, value.receptivityScore, value.nullReason)
    }

    private static var configuration: StrategicCache.Configuration {
        var configuration = StrategicCache.Configuration(url: TestDatabase.current.url)
        configuration.deadlineMilliseconds = 20_000
        return configuration
    }

    private func connect() throws -> Connection {
        var connection = try TestDatabase.current.connect()
        try ViewRows.prepare(&connection)
        try ViewRows.insert(&connection, user: "u1", Self.row)
        return connection
    }

    private func set(_ arguments: String, _ connection: inout Connection) throws {
        try connection.execute("select afterthought.set_outreach_rule(\(arguments))")
    }

    @Test func withoutRulesTheFirstFiveHoursAreOffered() throws {
        var connection = try connect()
        let found = try answer(&connection)
        #expect(found.hours == [5, 6, 20, 21, 3] && found.topics == 1 && found.receptivity != nil)
        #expect(found.reason == "something: else")
    }

    @Test func theMostSpecificRuleWins() throws {
        var connection = try connect()
        try set("do_not_contact => true", &connection)
        #expect(try answer(&connection).hours == [])
        try set("bot_name => 'elena', do_not_contact => false", &connection)
        #expect(try answer(&connection).hours?.count == 5)
        try set("'u1', do_not_contact => true", &connection)
        let blocked = try answer(&connection)
        #expect(blocked.hours == [] && blocked.topics == 0 && blocked.receptivity == nil)
        #expect(
            blocked.reason
                == "something: else; optimal_timing_hours, receptivity_score, suggested_topics: do_not_contact is set")
        try set("'u1', 'elena', do_not_contact => false", &connection)
        #expect(try answer(&connection).topics == 1)
        // Setting a rule again sets the whole of it.
        try set("'u1', 'elena', cap_day => 9", &connection)
        #expect(try answer(&connection).topics == 0)
    }

    @Test func capsAreReachedAndReleasedAndNoRowIsRewritten() throws {
        var connection = try connect()
        try set("'u1', cap_day => 2", &connection)
        #expect(try answer(&connection).reason?.hasSuffix("cap_day of 2 is reached") == true)
        let later = """
            select (afterthought.engagement_at(s, now() + interval '3 hours')).refusal,
                (afterthought.engagement_at(s, now() + interval '4 hours 1 second')).refusal, s.generation
            from afterthought.strategic_rows as s
            """
        #expect(try connection.textRows(later) == [["cap_day of 2 is reached", nil, "1"]])
        try set("'u1', cap_week => 3", &connection)
        #expect(try answer(&connection).hours == [])
        try set("'u1', cap_week => 4", &connection)
        #expect(try answer(&connection).hours?.count == 5)
    }

    @Test func quietHoursAreNotOffered() throws {
        var connection = try connect()
        // Quiet from an hour ago to five hours from now by the clock of a zone of half hours.
        try connection.execute(
            """
            select afterthought.set_outreach_rule(
                'u1', quiet_from => date_trunc('minute', local - interval '1 hour')::time,
                quiet_to => date_trunc('minute', local + interval '5 hours')::time, time_zone => 'Asia/Kolkata')
            from (select (now() at time zone 'Asia/Kolkata')::time as local) as clock
            """)
        let found = try answer(&connection)
        #expect(found.receptivity == nil && found.topics == 1)
        #expect(found.reason == "something: else; receptivity_score: quiet hours")
        try set("'u1', quiet_from => '00:00', quiet_to => '24:00'", &connection)
        #expect(try answer(&connection).hours == [])
    }

    @Test func rulesThatMeanNothingAreRefused() throws {
        var connection = try connect()
        for arguments in [
            "time_zone => 'Mars/Olympus'", "time_zone => 'Foo/Bar3'", "quiet_from => '22:00'",
            "quiet_from => '22:00', quiet_to => '22:00'", "quiet_from => '22:00:30', quiet_to => '23:00'",
            "cap_day => -1", "cap_week => 65",
        ] {
            #expect(throws: PostgresError.self, "\(arguments)") { try set(arguments, &connection) }
        }
        #expect(try connection.textRows("select count(*) from afterthought.outreach_rules") == [["0"]])
    }

    @Test func aRuleReachesRowsThatTheProcessHolds() throws {
        var connection = try connect()
        let cache = try StrategicCache(Self.configuration)
        defer { cache.close() }
        #expect(cache.waitUntilReady(milliseconds: 30_000))
        func hours() -> [Int]? {
            cache.read(user: "u1", bot: "elena").engagementOpportunities.value?.optimalTimingHours
        }
        #expect(hours()?.count == 5)
        try set("'u1', do_not_contact => true", &connection)
        // Only the background tells the process: every read until then is answered by the row that it holds.
        let deadline = Deadline.after(milliseconds: 30_000)
        while hours() != [], Deadline.now < deadline.nanoseconds {}
        #expect(hours() == [])
    }

    @Test func wordsCantBeOverruledByARuleThatAllows() async throws {
        let database = TestDatabase.current
        var connection = try database.connect()
        for text in ["I love sailing boats.", "Sailing is great fun.", "My boat is red.", "Please stop messaging me."] {
            try connection.execute("select afterthought.record_message('u1', 'elena', 'user', '\(text)')")
        }
        try connection.execute(
            """
            select afterthought.record_outreach('u1', 'elena');
            select afterthought.set_outreach_rule('u1', do_not_contact => false);
            """)
        try await Workbench.runOnce(database.options)
        let found = try answer(&connection)
        #expect(found.hours == [] && found.topics == 0 && (found.receptivity ?? 0) < 1e-6)
        #expect(found.reason?.contains("user asked not to be contacted") == true)
        let stored = try connection.textRows(
            "select jsonb_array_length(outreach_times), proactive_success_low from afterthought.strategic_cache")
        #expect(stored == [["1", "0"]])
    }
}
