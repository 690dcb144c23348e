import Bytes
import Postgres
import Store
import Support
import Synchronization
import Testing

@testable import Jobs

@Suite("One bad user", .database)
struct UserIsolationTests {
    /// Makes every change to a user's row of a table fail, by a rule of the database's own.
    private func forbid(_ user: String, _ table: String, _ bench: inout UserBench) throws {
        try bench.connection.execute(
            """
            create or replace function public.forbid() returns trigger language plpgsql as $$
            begin
                if new.user_id = '\(user)' then raise exception 'secret of %', new.user_id; end if;
                return new;
            end
            $$;
            create or replace trigger forbid before insert or update on afterthought.\(table)
            for each row execute function public.forbid();
            """)
    }

    @Test("fails alone in an aggregation, is counted, and is taken up again by the next run")
    func aggregation() throws {
        var bench = try UserBench()
        for number in 0..<20 { try bench.signals("user \(number)", 5) }
        try forbid("user 7", "user_preferences", &bench)
        let report = try bench.aggregate()
        #expect(report.state == "completed")
        #expect(report.tally.usersProcessed == 20 && report.tally.successfulUpdates == 19)
        #expect(report.tally.failedUpdates == 1 && report.tally.recordsProcessed == 95)
        #expect(
            try bench.lines("select status, failed_updates from afterthought.system_tasks")
                == ["completed_with_errors 1"])
        #expect(try bench.waiting("user 7") == "5")
        #expect(try bench.lines("select count(*) from afterthought.user_preferences") == ["19"])
        let failures = "select user_id, attempts, error like '%secret%' from afterthought.user_update_failures"
        #expect(try bench.lines(failures) == ["user 7 1 f"])
        #expect(try bench.aggregate().tally.failedUpdates == 1)
        #expect(try bench.lines(failures) == ["user 7 2 f"])
        try bench.connection.execute("drop trigger forbid on afterthought.user_preferences")
        #expect(try bench.aggregate().tally.successfulUpdates == 1)
        #expect(try bench.lines(failures).isEmpty)
    }

    @Test("whose rows can't even be read fails alone")
    func unreadable() throws {
        var bench = try UserBench()
        for user in ["a", "b", "c"] { try bench.signals(user, 5) }
        try bench.connection.execute(
            """
            alter table afterthought.preference_signals drop constraint preference_signals_lists_are_flat;
            update afterthought.preference_signals set style_keywords = '{{a,b},{c,d}}' where user_id = 'b'
            """)
        let report = try bench.aggregate()
        #expect(report.tally.successfulUpdates == 2 && report.tally.failedUpdates == 1)
        #expect(try bench.lines("select user_id from afterthought.user_preferences order by 1") == ["a", "c"])
    }

    @Test("fails alone in a personality update, and its insights stay to be applied")
    func personality() throws {
        var bench = try UserBench()
        for user in ["a", "b", "c"] {
            try bench.message(user)
            try bench.insight(user, "{\"openness\": 10}")
        }
        try forbid("b", "user_personality_profiles", &bench)
        let report = try bench.update()
        #expect(report.tally.successfulUpdates == 2 && report.tally.failedUpdates == 1)
        #expect(try bench.lines("select status from afterthought.system_tasks") == ["completed_with_errors"])
        let settled = """
            select user_id from afterthought.chat_personality_insights where settled_at is not null order by 1
            """
        #expect(try bench.lines(settled) == ["a", "c"])
        try bench.connection.execute("drop trigger forbid on afterthought.user_personality_profiles")
        try bench.update()
        #expect(try bench.openness("b") == "51.000000")
    }

    @Test("what is nobody's fault fails the run")
    func otherFaults() throws {
        var bench = try UserBench()
        for user in ["a", "b"] { try bench.signals(user, 5) }
        try bench.connection.execute("alter table afterthought.user_preferences rename to gone")
        let report = try bench.aggregate()
        #expect(report.state == "waiting" && report.error != nil)
        #expect(try bench.lines("select count(*) from afterthought.user_update_failures") == ["0"])
        #expect(
            try bench.lines("select count(*) from afterthought.preference_signals where aggregated_at is not null")
                == ["0"])
    }
}

@Suite("Users in batches", .database)
struct UserBatchTests {
    /// How many statements a job sends on a connection of its own.
    private func statements(_ job: any Job) throws -> Int {
        let count = Mutex(0)
        var options = try TestDatabase.current.options
        options.breaksBeforeSending = {
            count.withLock { $0 += 1 }
            return false
        }
        var connection = try Connection(options)
        #expect(try JobBench.run(JobBench.Request(job), &connection).state == "completed")
        return count.withLock { $0 }
    }

    @Test("ten users and a thousand cost the same number of statements")
    func constantStatements() throws {
        var counts: [[Int]] = []
        for users in [10, 1_000] {
            var bench = try UserBench()
            try bench.connection.execute(
                """
                select afterthought.record_preference_signal('\(users) ' || u, style_keywords => '{a}')
                from generate_series(1, \(users)) as u, generate_series(1, 5);
                select
                    afterthought.record_message('\(users) ' || u, 'bot', 'user', 'x'),
                    afterthought.record_personality_insight('\(users) ' || u, '{"openness": 1}'),
                    afterthought.record_entertainment('\(users) ' || u, 'liked', '{"openness": 1}')
                from generate_series(1, \(users)) as u
                """)
            // With a full batch there is one more look for further users.
            try bench.connection.execute(
                "update afterthought.job_settings set value = '2000' where name like '%_BATCH_USERS'")
            counts.append([try statements(PreferenceAggregationJob()), try statements(PersonalityUpdateJob())])
        }
        #expect(counts[0] == counts[1] && counts[0].allSatisfy { $0 > 10 }, "\(counts)")
        var bench = try UserBench()
        #expect(try bench.lines("select count(*) from afterthought.user_preferences") == ["1010"])
        #expect(try bench.lines("select count(*) from afterthought.user_personality_profiles") == ["1010"])
    }

    @Test("users in several batches are each dealt with once")
    func severalBatches() throws {
        var bench = try UserBench()
        try bench.connection.execute(
            "update afterthought.job_settings set value = '3' where name like '%_BATCH_USERS'")
        for number in 0..<10 {
            try bench.signals("user \(number)", 5)
            try bench.message("user \(number)")
            try bench.insight("user \(number)", "{\"openness\": 1}")
        }
        #expect(try bench.aggregate().tally.successfulUpdates == 10)
        #expect(try bench.update().tally.successfulUpdates == 10)
        #expect(
            try bench.lines(
                "select count(*), min(openness), max(openness) from afterthought.user_personality_profiles")
                == ["10 50.100000 50.100000"])
    }

    @Test("a run cut off at any statement ends as one that was not")
    func cutEverywhere() throws {
        let signals = """
            select user_id, count(*), count(*) filter (where aggregated_at is null)
            from afterthought.preference_signals group by 1 order by 1
            """
        let preferences = """
            select user_id, style_preferences, signals_reflected, confidence
            from afterthought.user_preferences order by 1
            """
        let places = try JobBench.cutEverywhere(
            JobBench.Request(PreferenceAggregationJob()),
            prepare: { connection in
                try connection.execute(
                    """
                    update afterthought.job_settings set value = '2' where name = 'PREFERENCE_BATCH_USERS';
                    update afterthought.job_settings set value = '10' where name = 'PREFERENCE_SIGNALS_KEPT';
                    select afterthought.record_preference_signal(
                        'user ' || u, style_keywords => array['s' || s % 2], created_at => now() - interval '1 h' * s)
                    from generate_series(1, 3) as u, generate_series(1, 12) as s;
                    alter table afterthought.user_preferences add constraint no_two check (user_id <> 'user 2')
                    """)
            },
            state: { connection in
                let failures = "select user_id, attempts from afterthought.user_update_failures"
                let tally = "select tally - 'metadata' from afterthought.jobs"
                return try [signals, preferences, failures, tally].flatMap { try connection.lines($0) }
            })
        #expect(places > 20)
    }

    @Test("a personality update cut off at any statement applies each insight once")
    func cutPersonality() throws {
        let state = [
            """
            select user_id, openness, neuroticism, insights_applied
            from afterthought.user_personality_profiles order by 1
            """,
            """
            select user_id, openness, trait_changes, insights_applied
            from afterthought.personality_history order by 1, 2
            """,
            """
            select count(*) filter (where settled_at is null), count(*) filter (where rejection is not null)
            from afterthought.chat_personality_insights
            """,
            "select count(*) filter (where settled_at is null) from afterthought.entertainment_interactions",
            "select tally from afterthought.jobs",
        ]
        let places = try JobBench.cutEverywhere(
            JobBench.Request(PersonalityUpdateJob()),
            prepare: { connection in
                try connection.execute(
                    """
                    update afterthought.job_settings set value = '2' where name = 'PERSONALITY_BATCH_USERS';
                    select
                        afterthought.record_message('user ' || u, 'bot', 'user', 'x'),
                        afterthought.record_personality_insight('user ' || u, '{"openness": 2}'),
                        afterthought.record_personality_insight('user ' || u, '{"charm": 2}'),
                        afterthought.record_entertainment('user ' || u, 'liked', '{"neuroticism": -1}')
                    from generate_series(1, 3) as u
                    """)
            },
            state: { connection in
                try state.flatMap { try connection.lines($0) }
            })
        #expect(places > 20)
    }

    @Test("a cleanup cut off at any statement deletes what one run deletes")
    func cutCleanup() throws {
        let places = try JobBench.cutEverywhere(
            JobBench.Request(InsightCleanupJob(rowsMax: 2)),
            prepare: { connection in
                try connection.execute(
                    """
                    select
                        afterthought.record_personality_insight('u', '{}', recorded_at => now() - interval '1 d' * d),
                        afterthought.record_entertainment(
                            'u', 'liked', '{}', recorded_at => now() - interval '1 d' * d)
                    from unnest('{1,89,91,92,93,400}'::int[]) as d
                    """)
            },
            state: { connection in
                try connection.textRows(
                    """
                    select (select count(*) from afterthought.chat_personality_insights),
                        (select count(*) from afterthought.entertainment_interactions),
                        (select tally ->> 'records_processed' from afterthought.jobs)
                    """
                ).map { "\($0)" }
            })
        #expect(places > 10)
    }
}
