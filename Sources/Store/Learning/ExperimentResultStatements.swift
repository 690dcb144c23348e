import Bytes
import Postgres

/// The least p-values of earlier looks at an experiment, by metric and arm.
package struct EarlierLooks: Statement {
    package static let name = "earlier_looks"
    package static let sql = """
        select metric, arm, coalesce(min(p_value), 1), min(sample_ratio_p_value)
        from afterthought.experiment_results
        where experiment_id = $1 and analysed_at < $2
        group by metric, arm
        """

    var experiment: String
    var before: Timestamp

    package init(experiment: String, before: Timestamp) {
        self.experiment = experiment
        self.before = before
    }

    package func bind(to parameters: inout Parameters) { parameters.append(all: experiment, before) }
    package static func decode(
        _ row: borrowing RowReader
    ) throws(PostgresError) -> (metric: String, arm: String, p: Double, sampleRatioP: Double) {
        (try row.decode(0), try row.decode(1), try row.decode(2), try row.decode(3))
    }
}

/// Keeps what a look found; a look is kept once.
package struct SaveExperimentResults: Statement {
    package static let name = "save_experiment_results"
    package static let sql = """
        insert into afterthought.experiment_results (
            experiment_id, analysed_at, control_arm, sample_ratio_p_value, sample_ratio_chi_squared_p_value,
            significance_level, verdict, metric, arm, role, control_units, arm_units, control_mean, arm_mean, effect,
            standard_error, interval_lower, interval_upper, p_value, adjusted_p_value, significant, fixed_p_value,
            fixed_interval_lower, fixed_interval_upper, variance_reduction, null_reason)
        select $1, $2, $3, $4, $5, $6, $7, r.*
        from unnest(
            $8::text[], $9::text[], $10::text[], $11::bigint[], $12::bigint[], $13::float8[], $14::float8[],
            $15::float8[], $16::float8[], $17::float8[], $18::float8[], $19::float8[], $20::float8[], $21::boolean[],
            $22::float8[], $23::float8[], $24::float8[], $25::float8[], $26::text[]
        ) as r
        on conflict (experiment_id, analysed_at, metric, arm) do nothing
        """

    /// One metric of one arm.
    package struct Effect: Sendable {
        package var metric: String
        package var arm: String
        package var role: String
        package var controlUnits: Int64
        package var armUnits: Int64
        package var controlMean: Double
        package var armMean: Double
        package var effect: Double?
        package var standardError: Double?
        package var intervalLower: Double?
        package var intervalUpper: Double?
        package var p: Double?
        package var adjustedP: Double?
        package var isSignificant: Bool?
        package var fixedP: Double?
        package var fixedLower: Double?
        package var fixedUpper: Double?
        package var varianceReduction: Double?
        package var nullReason: String?

        package init(
            metric: String, arm: String, role: String, controlUnits: Int64, armUnits: Int64, controlMean: Double,
            armMean: Double
        ) {
            self.metric = metric
            self.arm = arm
            self.role = role
            self.controlUnits = controlUnits
            self.armUnits = armUnits
            self.controlMean = controlMean
            self.armMean = armMean
        }
    }

    /// What all rows of a look share.
    package struct Look: Sendable {
        package var experiment: String
        package var at: Timestamp
        package var controlArm: String
        package var sampleRatioP: Double
        package var sampleRatioChiSquaredP: Double
        package var significanceLevel: Double
        package var verdict: String

        package init(
            experiment: String, at: Timestamp, controlArm: String, sampleRatioP: Double, sampleRatioChiSquaredP: Double,
            significanceLevel: Double, verdict: String
        ) {
            self.experiment = experiment
            self.at = at
            self.controlArm = controlArm
            self.sampleRatioP = sampleRatioP
            self.sampleRatioChiSquaredP = sampleRatioChiSquaredP
            self.significanceLevel = significanceLevel
            self.verdict = verdict
        }
    }

    var look: Look
    var rows: [Effect]

    package init(look: Look, rows: [Effect]) {
        self.look = look
        self.rows = rows
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(all: look.experiment, look.at, look.controlArm, look.sampleRatioP)
        parameters.append(all: look.sampleRatioChiSquaredP, look.significanceLevel, look.verdict)
        parameters.append(all: rows.map(\.metric), rows.map(\.arm), rows.map(\.role))
        parameters.append(all: rows.map(\.controlUnits), rows.map(\.armUnits))
        parameters.append(all: rows.map(\.controlMean), rows.map(\.armMean), rows.map(\.effect))
        parameters.append(all: rows.map(\.standardError), rows.map(\.intervalLower), rows.map(\.intervalUpper))
        parameters.append(all: rows.map(\.p), rows.map(\.adjustedP), rows.map(\.isSignificant), rows.map(\.fixedP))
        parameters.append(all: rows.map(\.fixedLower), rows.map(\.fixedUpper), rows.map(\.varianceReduction))
        parameters.append(rows.map(\.nullReason))
    }
}

/// Ends an experiment that runs; changes no row if it does not any more.
package struct ConcludeExperiment: Statement {
    package static let name = "conclude_experiment"
    package static let sql = """
        update afterthought.learning_experiments
        set status = 'concluded', concluded_at = $2, conclusion = $3, winner_arm = $4
        where experiment_id = $1 and status = 'running'
        """

    var experiment: String
    var at: Timestamp
    var conclusion: String
    var winner: String?

    package init(experiment: String, at: Timestamp, conclusion: String, winner: String?) {
        self.experiment = experiment
        self.at = at
        self.conclusion = conclusion
        self.winner = winner
    }

    package func bind(to parameters: inout Parameters) { parameters.append(all: experiment, at, conclusion, winner) }
}
