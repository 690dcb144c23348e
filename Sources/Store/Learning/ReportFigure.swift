import Bytes
import Postgres

/// A figure of the learning report: what it means, and the SQL that gives it.
package struct ReportFigure: Hashable, Sendable {
    package var section: String
    package var name: String
    package var label: String
    /// One value; `:from` and `:to` stand for the ends of the period.
    let template: String

    /// The SQL of a period: anybody can run it, and it gives the figure.
    ///
    /// - Parameters:
    ///   - from: inclusive.
    ///   - to: exclusive.
    /// - Returns: one statement of static text and two moments.
    package func sql(from: Timestamp, to: Timestamp) -> String {
        var text = ""
        var rest = template[...]
        while let colon = rest.firstIndex(of: ":") {
            text += rest[..<colon]
            rest = rest[colon...]
            if rest.hasPrefix(":from") {
                text += "timestamptz '\(from.rfc3339)'"
                rest = rest.dropFirst(5)
            } else if rest.hasPrefix(":to") {
                text += "timestamptz '\(to.rfc3339)'"
                rest = rest.dropFirst(3)
            } else {
                // Also of `::`, the cast.
                text += rest.prefix(2)
                rest = rest.dropFirst(2)
            }
        }
        return text + rest
    }

    /// The figure of a period; nil if there is nothing to make it of.
    package func value(_ connection: inout Connection, from: Timestamp, to: Timestamp) throws -> Double? {
        try connection.query(sql: sql(from: from, to: to), decode: { row in try row.decode(0, as: Double?.self) })
            .first ?? nil
    }
}

extension ReportFigure {
    private static func figure(_ section: String, _ name: String, _ label: String, _ template: String) -> ReportFigure {
        ReportFigure(section: section, name: name, label: label, template: template)
    }

    /// All figures, in the order of the report.
    package static let all = feedback + executions + examples + experiments + training

    private static let feedbackOfPeriod =
        "from afterthought.all_agent_feedback where created_at >= :from and created_at < :to"

    private static let feedback = [
        figure("Feedback", "feedback_count", "feedback given", "select count(*)::float8 \(feedbackOfPeriod)"),
        figure("Feedback", "feedback_scored", "with a score", "select count(score)::float8 \(feedbackOfPeriod)"),
        figure("Feedback", "feedback_mean_score", "mean score, 0…1", "select avg(score) \(feedbackOfPeriod)"),
        figure(
            "Feedback", "feedback_mean_score_before", "mean score of the seven days before",
            """
            select avg(score) from afterthought.all_agent_feedback
            where created_at >= :from - interval '7 days' and created_at < :from
            """),
        figure(
            "Feedback", "feedback_negative_share", "share of scores below 0.5",
            "select avg((score < 0.5)::integer::float8) \(feedbackOfPeriod)"),
        figure(
            "Feedback", "feedback_corrections", "corrections",
            "select count(correction)::float8 \(feedbackOfPeriod)"),
        figure(
            "Feedback", "feedback_archived", "archived in the period",
            """
            select count(*)::float8 from afterthought.agent_feedback_archive
            where archived_at >= :from and archived_at < :to
            """),
    ]

    private static let executionsOfPeriod =
        "from afterthought.agent_executions where executed_at >= :from and executed_at < :to"

    private static let executions = [
        figure("Executions", "executions", "executions", "select count(*)::float8 \(executionsOfPeriod)"),
        figure(
            "Executions", "agents", "agents that ran",
            "select count(distinct agent_id)::float8 \(executionsOfPeriod)"),
        figure(
            "Executions", "success_share", "share that succeeded",
            "select avg(succeeded::integer::float8) \(executionsOfPeriod)"),
        figure(
            "Executions", "latency_median_ms", "median latency, ms",
            "select percentile_cont(0.5) within group (order by latency_ms) \(executionsOfPeriod)"),
        figure("Executions", "cost_usd", "cost, US dollars", "select sum(cost_usd) \(executionsOfPeriod)"),
    ]

    private static let decided =
        "from afterthought.learning_examples where decided_at >= :from and decided_at < :to"

    private static let examples = [
        figure(
            "Example quality", "examples_created", "examples added",
            """
            select count(*)::float8 from afterthought.learning_examples
            where created_at >= :from and created_at < :to
            """),
        figure(
            "Example quality", "examples_mean_quality", "mean quality of those, 0…1",
            "select avg(quality) from afterthought.learning_examples where created_at >= :from and created_at < :to"),
        figure(
            "Example quality", "approved_mean_quality", "mean quality of all approved by the end",
            "select avg(quality) from afterthought.learning_examples where status = 'approved' and decided_at < :to"),
        figure(
            "Approvals", "examples_approved", "approved", "select count(*)::float8 \(decided) and status = 'approved'"),
        figure(
            "Approvals", "examples_rejected", "rejected", "select count(*)::float8 \(decided) and status = 'rejected'"),
        figure(
            "Approvals", "approval_share", "share approved",
            "select avg((status = 'approved')::integer::float8) \(decided)"),
        figure(
            "Approvals", "decision_median_hours", "median hours until a decision",
            """
            select percentile_cont(0.5) within group (
                order by extract(epoch from decided_at - created_at)::float8 / 3600)
            \(decided)
            """),
        figure(
            "Approvals", "examples_pending", "pending at the end",
            """
            select count(*)::float8 from afterthought.learning_examples
            where created_at < :to and (decided_at is null or decided_at >= :to)
            """),
    ]

    private static let concluded =
        "from afterthought.learning_experiments where concluded_at >= :from and concluded_at < :to"

    private static let experiments = [
        figure(
            "Experiments", "experiments_running", "running at the end",
            """
            select count(*)::float8 from afterthought.learning_experiments
            where started_at < :to and status <> 'stopped' and (concluded_at is null or concluded_at >= :to)
            """),
        figure("Experiments", "experiments_concluded", "concluded", "select count(*)::float8 \(concluded)"),
        figure(
            "Experiments", "experiments_won", "of those, won by an arm",
            "select count(*)::float8 \(concluded) and conclusion = 'winner'"),
        figure(
            "Experiments", "experiments_mismatched", "of those, ended by a sample-ratio mismatch",
            "select count(*)::float8 \(concluded) and conclusion = 'sample_ratio_mismatch'"),
        figure(
            "Experiments", "experiment_units", "units assigned",
            """
            select count(*)::float8 from afterthought.experiment_assignments
            where assigned_at >= :from and assigned_at < :to
            """),
    ]

    private static let runsOfPeriod =
        "from afterthought.training_runs where due_at >= :from and due_at < :to"

    private static let training = [
        figure(
            "Training", "prompt_runs", "prompt runs for review",
            "select count(*)::float8 \(runsOfPeriod) and kind = 'prompt_optimization'"),
        figure(
            "Training", "variants_evaluated_share", "share of their variants that are evaluated",
            """
            select avg((v.status = 'evaluated')::integer::float8)
            from afterthought.prompt_variants as v
            join afterthought.training_runs as r on r.id = v.training_run_id
            where r.due_at >= :from and r.due_at < :to
            """),
        figure(
            "Training", "adapter_runs", "adapter runs",
            "select count(*)::float8 \(runsOfPeriod) and kind = 'rag_training'"),
        figure(
            "Training", "training_pairs", "training pairs added",
            """
            select count(*)::float8 from afterthought.embedding_training_pairs
            where created_at >= :from and created_at < :to
            """),
    ]
}

/// Keeps a report; a period has one.
package struct SaveLearningReport: Statement {
    package static let name = "save_learning_report"
    package static let sql = """
        insert into afterthought.learning_reports (period_start, period_end, markdown, report)
        values ($1, $2, $3, $4)
        on conflict (period_end) do nothing
        """

    var from: Timestamp
    var to: Timestamp
    var markdown: String
    var report: JSONValue

    package init(from: Timestamp, to: Timestamp, markdown: String, report: JSONValue) {
        self.from = from
        self.to = to
        self.markdown = markdown
        self.report = report
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(all: from, to, markdown, JSONText(report.text))
    }
}
