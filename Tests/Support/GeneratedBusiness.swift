import Postgres

/// Rows of the tables that no real set exists for: generated, and named so.
package enum GeneratedBusiness {
    /// Fills the inputs of every job through the functions that applications call.
    ///
    /// 40 users with 12 preference signals, 3 insights and 2 interactions each, an agent with 60 runs, feedback and
    /// approved examples, an experiment whose two arms of about 2,000 units differ by ten points, and 1,200 training
    /// pairs.
    package static func insert(into connection: inout Connection) throws {
        try connection.execute(
            """
            select afterthought.record_preference_signal(
                'generated-' || u, 'generated query ' || s, 'buy',
                array['modern', case s % 3 when 0 then 'rustic' else 'plain' end],
                array['under $' || 100 + 10 * s], array['Generated Brand'], array['4 stars'], null, 'talk-' || s,
                now() - make_interval(hours => s))
            from generate_series(1, 40) as u, generate_series(1, 12) as s;

            select afterthought.record_personality_insight(
                'generated-' || u, '{"openness": 2.0, "neuroticism": -1.0}', external_id => 'i' || s)
            from generate_series(1, 40) as u, generate_series(1, 3) as s;
            select afterthought.record_entertainment(
                'generated-' || u, 'liked', '{"extraversion": 1.0}', external_id => 'e' || s)
            from generate_series(1, 40) as u, generate_series(1, 2) as s;
            """)
        try insertAgent(&connection)
        try insertExperiment(&connection)
        try connection.execute(
            """
            select afterthought.record_training_pair(
                query_text => 'where is the part about ' || word || ' and ' || g,
                document_text => 'Here we talked of ' || word || ', point ' || g,
                document_group => 'generated-' || g % 60)
            from generate_series(1, 1200) as g,
                lateral (select (array['budget', 'hiring', 'design', 'travel', 'music'])[1 + g % 5] as word) as w;
            """)
    }

    private static func insertAgent(_ connection: inout Connection) throws {
        try connection.execute(
            """
            select afterthought.record_agent('generated-agent', 'Answer the question. Be kind.', 'support');
            select afterthought.record_execution('generated-agent', 'question ' || g, 'answer ' || g, g % 7 <> 0)
            from generate_series(1, 60) as g;
            select afterthought.record_feedback('generated-agent', (g % 5)::double precision / 4)
            from generate_series(1, 20) as g;
            select afterthought.record_feedback('generated-agent', 0.5, created_at => now() - interval '200 days')
            from generate_series(1, 5) as g;
            select afterthought.decide_example(
                afterthought.record_example('generated-agent', 'question ' || g, 'answer ' || g), true, 'generated')
            from generate_series(1, 14) as g;
            """)
    }

    private static func insertExperiment(_ connection: inout Connection) throws {
        try connection.execute(
            """
            insert into afterthought.learning_experiments (experiment_id, control_arm, minimum_duration)
            values ('generated-experiment', 'old', '1 hour');
            insert into afterthought.experiment_arms (experiment_id, arm)
            values ('generated-experiment', 'old'), ('generated-experiment', 'new');
            insert into afterthought.experiment_metrics (experiment_id, metric, role, aggregate)
            values ('generated-experiment', 'answered', 'primary', 'any');
            select afterthought.start_experiment('generated-experiment');
            set session_replication_role = replica;
            update afterthought.learning_experiments set started_at = now() - interval '3 days';
            set session_replication_role = origin;
            select afterthought.record_experiment_exposure(
                'generated-experiment', 'unit-' || u, assigned_at => now() - interval '2 days')
            from generate_series(1, 4000) as u;
            select afterthought.record_experiment_observation(
                'generated-experiment', unit_id, 'answered', 1, now() - interval '47 hours', unit_id)
            from afterthought.experiment_assignments
            where (hashtext(unit_id || ' answers') & 1023) / 1024.0 < case arm when 'new' then 0.4 else 0.3 end;
            """)
    }
}
