import Bytes
import Postgres
import Store
import Support
import Testing

@testable import Jobs

@Suite("Preference aggregation", .database)
struct PreferenceAggregationTests {
    @Test("an aggregation is as old as it is, whenever it was due")
    func momentOfLateRun() throws {
        var bench = try UserBench()
        try bench.signals("u", 5)
        let due = try bench.lines("select now() - interval '2 hours'")[0]
        let late = JobBench.Request(PreferenceAggregationJob(), dueAt: due)
        #expect(try JobBench.run(late, &bench.connection).tally.successfulUpdates == 1)
        #expect(
            try bench.lines("select aggregated_at > now() - interval '1 hour' from afterthought.user_preferences")
                == ["t"])
    }

    @Test("five queries that store a signal trigger and reset the count; four do not")
    func conversations() throws {
        var bench = try UserBench()
        try bench.signals("u", 4)
        #expect(try bench.aggregate().tally.usersProcessed == 0)
        #expect(try bench.waiting("u") == "4")
        try bench.signals("u", 1)
        let report = try bench.aggregate()
        #expect(report.tally.successfulUpdates == 1 && report.tally.recordsProcessed == 5)
        #expect(try bench.waiting("u") == "0")
        try bench.signals("u", 4)
        #expect(try bench.aggregate().tally.usersProcessed == 0)
        #expect(try bench.waiting("u") == "4")
        try bench.signals("u", 1)
        #expect(try bench.aggregate().tally.recordsProcessed == 10)
        #expect(try bench.waiting("u") == "0")
        let rows = try bench.lines("select signals_reflected from afterthought.user_preferences")
        #expect(rows == ["10"])
    }

    @Test("with three signals in all, two queries and a last aggregation 24 hours ago trigger; 23 hours do not")
    func hours() throws {
        var bench = try UserBench()
        try bench.signals("u", 5)
        try bench.aggregate()
        try bench.signals("u", 2)
        try bench.age("u", hours: 23.9)
        #expect(try bench.aggregate().tally.usersProcessed == 0)
        try bench.age("u", hours: 0.1)
        #expect(try bench.aggregate().tally.usersProcessed == 1)
        #expect(try bench.waiting("u") == "0")
        try bench.age("u", hours: 1000)
        #expect(try bench.aggregate().tally.usersProcessed == 0, "nothing new, nothing to do")
    }

    @Test("before the first aggregation the 24 hours begin with the first signal")
    func firstHours() throws {
        var bench = try UserBench()
        try bench.signals("u", 3)
        #expect(try bench.aggregate().tally.usersProcessed == 0)
        try bench.connection.execute(
            """
            update afterthought.preference_signals set received_at = received_at - interval '24 hours'
            where id = (select min(id) from afterthought.preference_signals)
            """)
        #expect(try bench.aggregate().tally.usersProcessed == 1)
    }

    @Test("two signals never trigger, however long ago and however asked")
    func twoSignals() throws {
        var bench = try UserBench()
        try bench.signals("u", 2)
        try bench.connection.execute(
            "update afterthought.preference_signals set received_at = received_at - interval '100 days'")
        try bench.connection.execute(
            "update afterthought.job_settings set value = '1' where name = 'PREFERENCE_CONVERSATION_THRESHOLD'")
        #expect(try bench.aggregate().tally.usersProcessed == 0)
        let asked = JobBench.Request(
            PreferenceAggregationJob(), arguments: try JSONValue(parsing: "{\"user_id\": \"u\"}"))
        let report = try JobBench.run(asked, &bench.connection)
        #expect(report.state == "completed" && report.tally.usersProcessed == 0)
        #expect(try bench.lines("select count(*) from afterthought.user_preferences") == ["0"])
        try bench.signals("u", 1)
        #expect(try JobBench.run(asked, &bench.connection).tally.successfulUpdates == 1)
    }

    @Test("of 150 signals the newest 100 stay, by their time, and nobody else's go")
    func newestHundred() throws {
        var bench = try UserBench()
        // Written newest first, so that ids tell the opposite of times.
        try bench.connection.execute(
            """
            select afterthought.record_preference_signal(
                'u', query => hour::text, created_at => now() - interval '1 hour' * hour)
            from generate_series(1, 150) as hour
            """)
        try bench.signals("v", 100)
        let report = try bench.aggregate()
        #expect(report.tally.usersProcessed == 2 && report.tally.recordsProcessed == 200)
        #expect(
            try bench.lines(
                """
                select count(*), min(query::integer), max(query::integer), count(*) filter (where aggregated_at is null)
                from afterthought.preference_signals where user_id = 'u'
                """) == ["100 1 100 0"])
        #expect(
            try bench.lines("select user_id, signals_reflected from afterthought.user_preferences order by 1")
                == ["u 100", "v 100"])
        #expect(try bench.lines("select count(*) from afterthought.preference_signals where user_id = 'v'") == ["100"])
    }

    @Test("a signal that a long transaction commits after the aggregation still counts")
    func lateCommit() throws {
        var bench = try UserBench()
        var late = try UserBench()
        try late.connection.execute("begin")
        try late.signals("u", 2)
        try bench.signals("u", 5)
        try bench.aggregate()
        #expect(try bench.waiting("u") == "0")
        try late.connection.execute("commit")
        #expect(try bench.waiting("u") == "2")
        try bench.age("u", hours: 24)
        #expect(try bench.aggregate().tally.recordsProcessed == 7)
    }

    @Test(
        "signals that arrive while an aggregation runs lose no increment",
        arguments: [
            // Between reading and marking, and between marking and storing.
            "select from afterthought.preference_signals where user_id = 'u' for update",
            "select from afterthought.user_preferences where user_id = 'u' for update",
        ])
    func concurrentInserts(lock: String) async throws {
        var bench = try UserBench()
        try bench.signals("u", 5)
        try bench.aggregate()
        try bench.signals("u", 5)
        try bench.connection.execute("begin; \(lock)")
        let database = TestDatabase.current
        async let report = onOwnThread {
            var connection = try database.connect()
            return try JobBench.run(JobBench.Request(PreferenceAggregationJob()), &connection)
        }
        var other = try UserBench()
        // The other one starts on the pool of threads that this one must not hold meanwhile.
        for _ in 0..<50_000 where try !other.isBlocked() { await Task.yield() }
        #expect(try other.isBlocked())
        try other.signals("u", 3)
        try bench.connection.execute("commit")
        #expect(try await report.tally.recordsProcessed == 10)
        #expect(try bench.waiting("u") == "3")
        try bench.signals("u", 2)
        #expect(try bench.aggregate().tally.recordsProcessed == 15)
    }

    @Test("what was asked of prices is stored in numbers, currencies apart, and null says why")
    func prices() throws {
        var bench = try UserBench()
        try bench.connection.execute(
            """
            select afterthought.record_preference_signal(
                'u', price_mentions => array[text], rating_mentions => '{4+ stars,null}', intent => 'Buy')
            from unnest(array['under $500', '$1,200', '€80–120', '1.5k', 'rubbish']) as text;
            """)
        try bench.signals("v", 5)
        try bench.aggregate()
        let columns = "price_min, price_max, price_currency, rating_min, intents -> 0 ->> 'intent', confidence"
        #expect(
            try bench.lines("select \(columns) from afterthought.user_preferences where user_id = 'u'")
                == ["500.00 1200.00 USD 4 buy 0.5"])
        #expect(
            try bench.lines(
                """
                select r ->> 'currency', r ->> 'minimum', r ->> 'maximum'
                from afterthought.user_preferences, jsonb_array_elements(price_ranges) as r where user_id = 'u'
                """) == ["USD 500 1200", "EUR 80 120", "null 1500 1500"])
        #expect(
            try bench.lines(
                "select price_min, null_reasons ->> 'price_min' from afterthought.user_preferences where user_id = 'v'")
                == ["null no signal mentions a price"])
    }

    @Test("a preference that is no longer supported disappears")
    func disappears() throws {
        var bench = try UserBench()
        let styles = "select jsonb_path_query_array(style_preferences, '$[*].style') from afterthought.user_preferences"
        try bench.signals("u", 5, styles: "{boho,retro}")
        try bench.aggregate()
        #expect(try bench.lines(styles) == ["[\"boho\", \"retro\"]"])
        try bench.signals("u", 12, styles: "{retro}")
        try bench.aggregate()
        #expect(try bench.lines(styles) == ["[\"retro\"]"])
    }

    @Test("only a user with five new conversations is a reason to run, and one that fails is none")
    func reason() throws {
        var bench = try UserBench()
        let settings = JobSettings(
            Dictionary(
                uniqueKeysWithValues: try bench.connection.query(LoadJobSettings()).map { ($0.name, $0.value) }))
        let job = PreferenceAggregationJob()
        try bench.signals("u", 4)
        #expect(try job.reasonToRun(settings, &bench.connection) == nil)
        try bench.signals("u", 1)
        #expect(try job.reasonToRun(settings, &bench.connection) != nil)
        try bench.connection.execute(
            "insert into afterthought.user_update_failures values ('preference_aggregation', 'u', now(), 1, 'x')")
        #expect(try job.reasonToRun(settings, &bench.connection) == nil)
        try bench.aggregate()
        try bench.signals("u", 4)
        #expect(try job.reasonToRun(settings, &bench.connection) == nil)
        #expect(try bench.lines("select count(*) from afterthought.user_update_failures") == ["0"])
    }
}
