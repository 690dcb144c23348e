import Postgres
import Support
import Testing

@Suite("Experiments: what an application calls", .database)
struct ExperimentFunctionsTests {
    private func prepare(_ connection: inout Connection) throws {
        try connection.execute(
            """
            insert into afterthought.learning_experiments (experiment_id, control_arm) values ('x', 'a');
            insert into afterthought.experiment_arms (experiment_id, arm, weight) values ('x', 'a', 3), ('x', 'b', 1);
            insert into afterthought.experiment_metrics (experiment_id, metric, role, aggregate)
            values ('x', 'm', 'primary', 'any');
            """)
    }

    @Test func unitsAreAssignedByWeightAndStayWhereTheyAre() throws {
        var connection = try TestDatabase.current.connect()
        try prepare(&connection)
        #expect(try connection.lines("select afterthought.record_experiment_exposure('x', 'early')") == ["null"])
        let start = "select afterthought.start_experiment('x')"
        #expect(try connection.lines(start) == ["t"])
        #expect(try connection.lines(start) == ["f"])
        try connection.execute(
            "select afterthought.record_experiment_exposure('x', 'u' || u) from generate_series(1, 8000) as u")
        let shares = try connection.lines(
            "select count(*) from afterthought.experiment_assignments group by arm order by arm")
        // 6 000 and 2 000, of standard deviation 39.
        #expect(abs((Int(shares[0]) ?? 0) - 6_000) < 160, "\(shares)")
        #expect(
            try connection.lines(
                """
                select afterthought.record_experiment_exposure('x', 'one', 'b'),
                    afterthought.record_experiment_exposure('x', 'one', 'a'),
                    afterthought.record_experiment_exposure('x', 'one')
                """) == ["b b b"])
        #expect(
            try connection.lines(
                """
                select afterthought.record_experiment_observation('x', 'one', 'm', external_id => 'e') is null,
                    afterthought.record_experiment_observation('x', 'one', 'm', external_id => 'e') is null
                """) == ["f t"])
        #expect(try connection.lines("select units_planned from afterthought.learning_experiments") == ["5000"])
    }

    @Test func aRunningExperimentIsWhatItWas() throws {
        var connection = try TestDatabase.current.connect()
        try prepare(&connection)
        try connection.execute("select afterthought.start_experiment('x')")
        for change in [
            "insert into afterthought.experiment_arms (experiment_id, arm) values ('x', 'c')",
            "update afterthought.experiment_arms set weight = 2 where arm = 'b'",
            "delete from afterthought.experiment_metrics",
            "update afterthought.learning_experiments set outcome_window = '2 days'",
            "update afterthought.learning_experiments set units_planned = 7",
        ] {
            #expect(throws: PostgresError.self, "\(change)") { try connection.execute(change) }
        }
        try connection.execute("update afterthought.learning_experiments set status = 'stopped'")
        try connection.execute("delete from afterthought.learning_experiments")
        #expect(try connection.lines("select count(*) from afterthought.experiment_arms") == ["0"])
    }

    @Test func badValuesAreRefused() throws {
        var connection = try TestDatabase.current.connect()
        try prepare(&connection)
        try connection.execute("select afterthought.start_experiment('x')")
        for call in [
            "select afterthought.record_experiment_observation('x', 'u', 'm', 'NaN')",
            "select afterthought.record_experiment_observation('x', 'u', 'm', 'infinity')",
            "select afterthought.record_experiment_observation('x', 'u', 'unknown')",
            "select afterthought.record_experiment_exposure('x', 'u', 'unknown')",
            #"select afterthought.record_experiment_exposure('x', 'u', 'a', '{"m": "text"}')"#,
            "select afterthought.record_feedback('agent')",
            "select afterthought.record_feedback('agent', 1.5)",
        ] {
            #expect(throws: PostgresError.self, "\(call)") { try connection.execute(call) }
        }
    }
}
