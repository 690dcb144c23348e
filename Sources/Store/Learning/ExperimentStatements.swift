import Bytes
import Postgres

/// The next running experiment by name.
package struct NextExperiment: Statement {
    package static let name = "next_experiment"
    package static let sql = """
        select experiment_id
        from afterthought.learning_experiments
        where status = 'running' and started_at <= $2 and experiment_id > $1 collate "C"
        order by experiment_id
        limit 1
        """

    var after: String
    var at: Timestamp

    package init(after: String, at: Timestamp) {
        self.after = after
        self.at = at
    }

    package func bind(to parameters: inout Parameters) { parameters.append(all: after, at) }
    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> String { try row.decode(0) }
}

/// Locks an experiment that runs; no row if it does not any more.
package struct LockExperiment: Statement {
    package static let name = "lock_experiment"
    package static let sql = """
        select control_arm, units_planned, started_at + minimum_duration <= $2, coalesce(ends_at <= $2, false)
        from afterthought.learning_experiments
        where experiment_id = $1 and status = 'running'
        for no key update
        """

    var experiment: String
    var at: Timestamp

    package init(experiment: String, at: Timestamp) {
        self.experiment = experiment
        self.at = at
    }

    /// What its analysis has to know.
    package struct Row: Sendable {
        package var controlArm: String
        package var unitsPlanned: Int64?
        /// Whether its minimum duration has passed.
        package var isMature: Bool
        /// Whether its end has come.
        package var isOver: Bool
    }

    package func bind(to parameters: inout Parameters) { parameters.append(all: experiment, at) }
    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Row {
        Row(
            controlArm: try row.decode(0), unitsPlanned: try row.decode(1), isMature: try row.decode(2),
            isOver: try row.decode(3))
    }
}

/// The arms of an experiment with the units assigned to each.
package struct ExperimentArms: Statement {
    package static let name = "experiment_arms"
    package static let sql = """
        select a.arm, a.weight, (
            select count(*) from afterthought.experiment_assignments as u
            where u.experiment_id = a.experiment_id and u.arm = a.arm and u.assigned_at <= $2)
        from afterthought.experiment_arms as a
        where a.experiment_id = $1
        order by a.arm
        """

    var experiment: String
    var at: Timestamp

    package init(experiment: String, at: Timestamp) {
        self.experiment = experiment
        self.at = at
    }

    package func bind(to parameters: inout Parameters) { parameters.append(all: experiment, at) }
    package static func decode(
        _ row: borrowing RowReader
    ) throws(PostgresError) -> (arm: String, weight: Double, units: Int64) {
        (try row.decode(0), try row.decode(1), try row.decode(2))
    }
}

/// The metrics of an experiment.
package struct ExperimentMetrics: Statement {
    package static let name = "experiment_metrics"
    package static let sql = """
        select metric, role, aggregate = 'any', higher_is_better
        from afterthought.experiment_metrics
        where experiment_id = $1
        order by metric
        """

    var experiment: String

    package init(experiment: String) { self.experiment = experiment }

    /// A metric.
    package struct Row: Sendable {
        package var metric: String
        package var role: String
        package var isBinary: Bool
        package var higherIsBetter: Bool
    }

    package func bind(to parameters: inout Parameters) { parameters.append(experiment) }
    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Row {
        Row(
            metric: try row.decode(0), role: try row.decode(1), isBinary: try row.decode(2),
            higherIsBetter: try row.decode(3))
    }
}

/// Counts, means and sums of squares of the units whose outcome window is over, by metric and arm.
///
/// The whole experiment is counted at each look, so that outcomes which arrived late are in it; one pass over the index
/// of assignments and outcomes, whatever the number of metrics and arms.
package struct ExperimentMoments: Statement {
    package static let name = "experiment_moments"
    package static let sql = """
        with unit_values as (
            select
                m.metric, a.arm,
                case m.aggregate
                    when 'any' then coalesce(bool_or(o.value <> 0), false)::integer::float8
                    when 'sum' then coalesce(sum(o.value), 0)
                    else avg(o.value) end as value,
                (a.covariates ->> m.metric)::float8 as covariate
            from afterthought.learning_experiments as e
            join afterthought.experiment_metrics as m using (experiment_id)
            join afterthought.experiment_assignments as a using (experiment_id)
            left join afterthought.experiment_outcomes as o
                on o.experiment_id = a.experiment_id and o.unit_id = a.unit_id and o.metric = m.metric
                and o.observed_at >= a.assigned_at and o.observed_at < a.assigned_at + e.outcome_window
            where e.experiment_id = $1 and a.assigned_at + e.outcome_window <= $2
            group by m.experiment_id, m.metric, a.experiment_id, a.unit_id
        ), centred as (
            -- A unit without a covariate counts as one that has the mean.
            select metric, arm, value, coalesce(covariate - avg(covariate) over (partition by metric), 0) as covariate
            from unit_values
            where value is not null
        )
        select
            metric, arm, count(*), avg(value), regr_syy(value, covariate), avg(covariate), regr_sxx(value, covariate),
            regr_sxy(value, covariate)
        from centred
        group by metric, arm
        """

    var experiment: String
    var at: Timestamp

    package init(experiment: String, at: Timestamp) {
        self.experiment = experiment
        self.at = at
    }

    /// The moments of an arm's units.
    package struct Row: Sendable {
        package var metric: String
        package var arm: String
        package var count: Int64
        package var mean: Double
        package var squares: Double
        package var covariateMean: Double
        package var covariateSquares: Double
        package var products: Double
    }

    package func bind(to parameters: inout Parameters) { parameters.append(all: experiment, at) }
    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Row {
        Row(
            metric: try row.decode(0), arm: try row.decode(1), count: try row.decode(2), mean: try row.decode(3),
            squares: try row.decode(4), covariateMean: try row.decode(5), covariateSquares: try row.decode(6),
            products: try row.decode(7))
    }
}
