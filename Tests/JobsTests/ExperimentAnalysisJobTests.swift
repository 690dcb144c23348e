import Bytes
import Jobs
import Postgres
import Store
import Support
import Testing

@Suite("Job: A/B analysis", .database)
struct ExperimentAnalysisJobTests {
    static let dueAt = "2026-02-01 12:00:00+00"

    /// Three experiments: `clear` has a better arm, `even` has none, `small` has too few units; and a metric of amounts
    /// with a covariate.
    static func prepare(_ connection: inout Connection) throws {
        try connection.execute(
            """
            update afterthought.job_settings set value = '400' where name = 'AB_TEST_MIN_SAMPLE_SIZE';
            insert into afterthought.learning_experiments (experiment_id, control_arm)
            select e, 'a' from unnest(array['clear', 'even', 'small']) as e;
            insert into afterthought.experiment_arms (experiment_id, arm)
            select e, arm from unnest(array['clear', 'even', 'small']) as e, unnest(array['a', 'b']) as arm;
            insert into afterthought.experiment_metrics (experiment_id, metric, role, aggregate)
            select e, m.metric, m.role, m.aggregate
            from unnest(array['clear', 'even', 'small']) as e,
                (values ('bought', 'primary', 'any'), ('spent', 'secondary', 'sum'), ('rating', 'guardrail', 'mean'))
                    as m (metric, role, aggregate);
            select afterthought.start_experiment(e) from unnest(array['clear', 'even', 'small']) as e;
            alter table afterthought.learning_experiments disable trigger keep_experiment_plans;
            update afterthought.learning_experiments set started_at = '2026-01-01 00:00:00+00';
            alter table afterthought.learning_experiments enable trigger keep_experiment_plans;

            insert into afterthought.experiment_assignments (experiment_id, unit_id, arm, assigned_at, covariates)
            select e.name, 'u' || u, case u % 2 when 0 then 'a' else 'b' end, '2026-01-05 00:00:00+00',
                jsonb_build_object('spent', u % 10)
            from (values ('clear', 2000), ('even', 2000), ('small', 300)) as e (name, units),
                generate_series(1, 2000) as u
            where u <= e.units;
            -- Arm a buys in 10 of 100 units; b in 30 of 100 of the experiment that is clear.
            insert into afterthought.experiment_outcomes (experiment_id, unit_id, metric, value, observed_at)
            select a.experiment_id, a.unit_id, m.metric, m.value, '2026-01-05 10:00:00+00'
            from afterthought.experiment_assignments as a
            cross join lateral (select substr(a.unit_id, 2)::integer as u) as n
            cross join lateral (values
                ('bought', 1), ('spent', 5.0 + n.u % 10 + (n.u * 7 % 13) / 13.0), ('rating', 3.0 + n.u % 3)
            ) as m (metric, value)
            where m.metric = 'rating'
                or n.u / 2 % 100 < case when a.experiment_id = 'clear' and a.arm = 'b' then 30 else 10 end;
            -- None of these counts: too late, before the assignment, of nobody.
            insert into afterthought.experiment_outcomes (experiment_id, unit_id, metric, value, observed_at)
            select 'even', 'u' || u, 'bought', 1, timestamptz '2026-01-06 00:00:00+00'
            from generate_series(1, 2000, 2) as u
            union all
            select 'even', 'u' || u, 'bought', 1, '2026-01-04 23:00:00+00' from generate_series(1, 2000, 2) as u
            union all
            select 'even', 'ghost' || u, 'bought', 1, '2026-01-05 10:00:00+00' from generate_series(1, 500) as u;
            """)
    }

    static func state(_ connection: inout Connection) throws -> [String] {
        try connection.lines("select r::text from afterthought.experiment_results as r order by r::text")
            + connection.lines(
                """
                select experiment_id, status, conclusion, winner_arm, concluded_at
                from afterthought.learning_experiments order by 1
                """)
    }

    private static let request = JobBench.Request(ExperimentAnalysisJob(), dueAt: dueAt)

    @Test func aClearExperimentIsConcludedAndTheOthersGoOn() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepare(&connection)
        let report = try JobBench.run(Self.request, &connection)
        #expect(report.state == "completed" && report.tally.successfulUpdates == 2, "\(report)")
        #expect(report.tally.recordsProcessed == 4_000)
        #expect(
            try connection.lines(
                """
                select experiment_id, status, conclusion, winner_arm from afterthought.learning_experiments order by 1
                """) == ["clear concluded winner b", "even running null null", "small running null null"])
        #expect(
            try connection.lines(
                """
                select experiment_id, metric, control_units, arm_units, round(control_mean::numeric, 4),
                    round(arm_mean::numeric, 4), significant
                from afterthought.experiment_results where metric = 'bought' order by 1
                """) == ["clear bought 1000 1000 0.1000 0.3000 t", "even bought 1000 1000 0.1000 0.1000 f"])
        #expect(
            try connection.lines(
                """
                select distinct experiment_id, verdict, sample_ratio_p_value
                from afterthought.experiment_results order by 1
                """)
                == [
                    "clear winner 1",
                    "even no arm differs from the control beyond chance in the primary metric 1",
                ])
    }

    @Test func theMomentsAreThoseOfTheUnits() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepare(&connection)
        _ = try JobBench.run(Self.request, &connection)
        // The effect on what was spent, adjusted by the covariate, computed here from the units alone by the server.
        let expected = try connection.lines(
            """
            with units as (
                select a.arm, (a.covariates ->> 'spent')::float8 as x, coalesce(sum(o.value), 0) as y
                from afterthought.experiment_assignments as a
                left join afterthought.experiment_outcomes as o using (experiment_id, unit_id)
                where a.experiment_id = 'clear' and coalesce(o.metric, 'spent') = 'spent'
                group by a.unit_id, a.arm, a.covariates
                union all
                select a.arm, (a.covariates ->> 'spent')::float8, 0
                from afterthought.experiment_assignments as a
                where a.experiment_id = 'clear' and not exists (
                    select from afterthought.experiment_outcomes as o
                    where o.experiment_id = 'clear' and o.unit_id = a.unit_id and o.metric = 'spent')
            ), arms as (
                select arm, avg(y) as y, avg(x) as x, regr_sxy(y, x) as sxy, regr_sxx(y, x) as sxx
                from units group by arm
            )
            select round((b.y - a.y - (a.sxy + b.sxy) / (a.sxx + b.sxx) * (b.x - a.x))::numeric, 9)
            from arms as a, arms as b where a.arm = 'a' and b.arm = 'b'
            """)
        let found = try connection.lines(
            """
            select round(effect::numeric, 9) from afterthought.experiment_results
            where experiment_id = 'clear' and metric = 'spent'
            """)
        #expect(found == expected)
        let means = try connection.lines(
            """
            select control_units, arm_units, variance_reduction is null, null_reason
            from afterthought.experiment_results where experiment_id = 'clear' and metric = 'rating'
            """)
        #expect(means == ["1000 1000 t null"])
    }

    @Test func aLookIsKeptOnceAndTheLeastPStands() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepare(&connection)
        _ = try JobBench.run(Self.request, &connection)
        let first = try Self.state(&connection)
        // The same moment again: the concluded one is not touched, the other's rows are there.
        _ = try JobBench.run(Self.request, &connection)
        #expect(try Self.state(&connection) == first)
        try connection.execute(
            """
            update afterthought.experiment_results set p_value = 0.0001
            where experiment_id = 'even' and metric = 'spent'
            """)
        let later = JobBench.Request(ExperimentAnalysisJob(), dueAt: "2026-02-01 13:00:00+00")
        _ = try JobBench.run(later, &connection)
        #expect(
            try connection.lines(
                """
                select p_value, significant from afterthought.experiment_results
                where experiment_id = 'even' and metric = 'spent' and analysed_at = '2026-02-01 13:00:00+00'
                """) == ["0.0001 t"])
    }

    @Test func anEndWithoutAWinnerIsSaidToBeOne() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepare(&connection)
        try connection.execute(
            """
            update afterthought.learning_experiments set ends_at = '2026-02-01 12:00:00+00'
            where experiment_id <> 'clear';
            update afterthought.learning_experiments set minimum_duration = '40 days' where experiment_id = 'clear';
            """)
        _ = try JobBench.run(Self.request, &connection)
        #expect(
            try connection.lines("select experiment_id, conclusion from afterthought.learning_experiments order by 1")
                == ["clear null", "even inconclusive", "small inconclusive"])
        #expect(
            try connection.lines(
                """
                select distinct null_reason, p_value from afterthought.experiment_results where experiment_id = 'small'
                """) == ["too few units in an arm null"])
        #expect(
            try connection.lines(
                "select distinct verdict from afterthought.experiment_results where experiment_id = 'clear'")
                == ["runs for less than its minimum duration"])
    }

    @Test func unitsThatWereSpreadWronglyStopTheConclusion() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepare(&connection)
        try connection.execute(
            """
            delete from afterthought.experiment_assignments
            where experiment_id = 'clear' and arm = 'b' and substr(unit_id, 2)::integer % 10 in (3, 5, 7);
            """)
        _ = try JobBench.run(Self.request, &connection)
        #expect(
            try connection.lines(
                """
                select distinct e.status, r.verdict, r.sample_ratio_p_value < 0.01
                from afterthought.learning_experiments as e
                join afterthought.experiment_results as r using (experiment_id)
                where experiment_id = 'clear'
                """) == ["running units are not spread over the arms as planned t"])
    }

    @Test func theLargestOutcomesThatMayBeStoredAreAnalysed() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepare(&connection)
        try connection.execute(
            """
            update afterthought.experiment_outcomes set value = case id % 2 when 0 then 1e100 else -1e100 end
            where experiment_id = 'clear' and metric <> 'bought';
            update afterthought.experiment_assignments set covariates = '{"spent": 1e100, "rating": -1e100}'
            where experiment_id = 'clear' and substr(unit_id, 2)::integer % 3 = 0;
            """)
        let report = try JobBench.run(Self.request, &connection)
        #expect(report.state == "completed" && report.tally.failedUpdates == 0, "\(report)")
        #expect(
            try connection.lines(
                """
                select metric, null_reason, standard_error > 1e97 and standard_error < 1e100,
                    fixed_p_value between 0 and 1 and fixed_interval_lower < fixed_interval_upper
                from afterthought.experiment_results where experiment_id = 'clear' and metric <> 'bought' order by 1
                """) == ["rating null t t", "spent null t t"])
    }

    @Test func unitsThatDoNotVaryWithinTheirArmsSaySo() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepare(&connection)
        try connection.execute(
            """
            alter table afterthought.experiment_metrics disable trigger user;
            update afterthought.experiment_metrics
            set role = case metric when 'rating' then 'primary' else 'secondary' end
            where experiment_id = 'clear';
            alter table afterthought.experiment_metrics enable trigger user;
            update afterthought.experiment_outcomes as o
            set value = case a.arm when 'a' then 5 else 6 end
            from afterthought.experiment_assignments as a
            where a.experiment_id = o.experiment_id and a.unit_id = o.unit_id and o.metric = 'rating'
                and o.experiment_id = 'clear';
            """)
        _ = try JobBench.run(Self.request, &connection)
        #expect(
            try connection.lines(
                """
                select effect, p_value, null_reason, verdict from afterthought.experiment_results
                where experiment_id = 'clear' and metric = 'rating'
                """) == [
                    "1 null units do not vary within the arms, so that nothing can be said about chance units do not "
                        + "vary within the arms in the primary metric, so that nothing can be said about chance"
                ])
    }

    @Test func anExperimentThatIsNotWholeHoldsUpNoOther() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepare(&connection)
        try connection.execute(
            """
            insert into afterthought.learning_experiments (experiment_id, control_arm, status, started_at)
            values ('broken', 'a', 'running', '2026-01-01 00:00:00+00')
            """)
        let report = try JobBench.run(Self.request, &connection)
        #expect(report.tally.failedUpdates == 1 && report.tally.successfulUpdates == 2)
        #expect(report.tally.json.text.contains(#""experiment":"broken""#), "\(report.tally)")
    }

    /// Experiments before and after the sound ones whose values the server refuses.
    private static func prepareBroken(_ connection: inout Connection) throws {
        try prepare(&connection)
        try connection.execute(
            """
            insert into afterthought.learning_experiments (experiment_id, control_arm, minimum_duration)
            values ('bad covariate', 'a', '1 day'), ('dull duration', 'a', '300000 years');
            insert into afterthought.experiment_arms (experiment_id, arm)
            select e, arm from unnest(array['bad covariate', 'dull duration']) as e, unnest(array['a', 'b']) as arm;
            insert into afterthought.experiment_metrics (experiment_id, metric, role, aggregate)
            select e, 'spent', 'primary', 'sum' from unnest(array['bad covariate', 'dull duration']) as e;
            select afterthought.start_experiment(e) from unnest(array['bad covariate', 'dull duration']) as e;
            alter table afterthought.learning_experiments disable trigger keep_experiment_plans;
            update afterthought.learning_experiments set started_at = '2026-01-01 00:00:00+00';
            alter table afterthought.learning_experiments enable trigger keep_experiment_plans;
            insert into afterthought.experiment_assignments (experiment_id, unit_id, arm, assigned_at, covariates)
            values ('bad covariate', 'u', 'a', '2026-01-05 00:00:00+00', '{"spent": 1e-400}');
            """)
    }

    @Test func anExperimentWhoseDataAreRefusedFailsAlone() throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepareBroken(&connection)
        let report = try JobBench.run(Self.request, &connection)
        #expect(report.state == "completed" && report.error == nil, "\(report)")
        #expect(report.tally.failedUpdates == 2 && report.tally.successfulUpdates == 2)
        #expect(
            try connection.lines(
                """
                select s.status, f ->> 'experiment', f ->> 'error' like '%[22___] in statement %'
                from afterthought.system_tasks as s,
                    jsonb_array_elements(s.metadata -> 'failed_experiments') as f
                order by 2
                """) == ["completed_with_errors bad covariate t", "completed_with_errors dull duration t"])
        #expect(
            try connection.lines("select distinct experiment_id from afterthought.experiment_results order by 1")
                == ["clear", "even"])
        // What a failed one did is undone, and it is looked at again.
        #expect(
            try connection.lines(
                "select count(*) from afterthought.learning_experiments where status = 'running'") == ["4"])
    }

    @Test func ofManyThatFailSomeAreNamedAndAllAreCounted() throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute(
            """
            insert into afterthought.learning_experiments (experiment_id, control_arm, status, started_at)
            select 'broken' || n, 'a', 'running', '2026-01-01 00:00:00+00' from generate_series(1, 9) as n
            """)
        let report = try JobBench.run(Self.request, &connection)
        #expect(report.tally.failedUpdates == 9)
        let named = report.tally.metadata.first { $0.key == "failed_experiments" }?.value.array
        #expect(named?.count == 5)
    }

    @Test(arguments: ["57014", "40001", "55P03", "53200"])
    func whatIsNoFaultOfAnExperimentFailsTheAttempt(sqlState: String) throws {
        var connection = try TestDatabase.current.connect()
        try Self.prepare(&connection)
        try connection.execute(
            """
            create function refuse() returns trigger language plpgsql as
            $$ begin raise exception using errcode = '\(sqlState)'; end $$;
            create trigger refuse before insert on afterthought.experiment_results
                for each statement execute function refuse();
            """)
        let report = try JobBench.run(Self.request, &connection)
        #expect(report.state == "waiting" && report.error != nil && report.tally.failedUpdates == 0, "\(report)")
    }

    @Test func aKillAtAnyStatementChangesNothing() throws {
        let places = try JobBench.cutEverywhere(Self.request, prepare: Self.prepareBroken, state: Self.state)
        #expect(places > 20, "\(places)")
    }
}
