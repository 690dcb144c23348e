import Bytes
import Postgres
import Store

/// `learning_report`: feedback, examples, approvals and experiments of the seven days before the run was due.
package struct LearningReportJob: Job {
    package let name = "learning_report"
    /// The period's length.
    package static let periodSeconds = 7.0 * 86_400

    package init() {}

    package func run(_ run: inout JobRun, _ connection: inout Connection) throws {
        if run.isDone { return }
        let to = run.dueAt
        let from = to.advanced(bySeconds: -Self.periodSeconds)
        try run.commit(&connection) { run, connection in
            var report = LearningReport(from: from, to: to)
            for figure in ReportFigure.all {
                report.figures.append((figure, try figure.value(&connection, from: from, to: to)))
            }
            let saved = try connection.run(
                SaveLearningReport(from: from, to: to, markdown: report.markdown, report: report.json))
            run.tally.recordsProcessed = report.figures.count
            run.tally.successfulUpdates = saved
            run.markDone()
        }
    }
}

/// The figures of a period, as Markdown and as JSON.
struct LearningReport {
    let from: Timestamp
    let to: Timestamp
    var figures: [(figure: ReportFigure, value: Double?)] = []

    init(from: Timestamp, to: Timestamp) {
        self.from = from
        self.to = to
    }

    /// `{period_start, period_end, figures: [{section, name, label, value, sql}]}`; a value without data is null.
    var json: JSONValue {
        func member(_ key: String, _ value: JSONValue) -> JSONMember { JSONMember(key: key, value: value) }
        let figures = figures.map { figure, value in
            JSONValue.object([
                member("section", .string(figure.section)), member("name", .string(figure.name)),
                member("label", .string(figure.label)),
                member("value", value.map { .number(JSONNumber($0)) } ?? .null),
                member("sql", .string(figure.sql(from: from, to: to))),
            ])
        }
        return .object([
            member("period_start", .string(from.rfc3339)), member("period_end", .string(to.rfc3339)),
            member("figures", .array(figures)),
        ])
    }

    /// A table a section, each figure with the number of its SQL, which follows.
    var markdown: String {
        var text = "# Learning report\n\n\(from.rfc3339) to \(to.rfc3339)\n"
        var section = ""
        for (index, entry) in figures.enumerated() {
            if entry.figure.section != section {
                section = entry.figure.section
                text += "\n## \(section)\n\n| figure | value | SQL |\n| --- | ---: | --- |\n"
            }
            text += "| \(entry.figure.label) | \(Self.text(entry.value)) | [\(index + 1)](#sql-\(index + 1)) |\n"
        }
        text += "\n## SQL\n"
        for (index, entry) in figures.enumerated() {
            let sql = entry.figure.sql(from: from, to: to)
            text += "\n### SQL \(index + 1)\n\n\(entry.figure.name)\n\n```sql\n\(sql)\n```\n"
        }
        return text
    }

    /// Three decimals at most; a word where there is nothing to make a figure of.
    static func text(_ value: Double?) -> String {
        guard let value else { return "no data" }
        var json = JSONWriter()
        json.value(value, decimals: 3)
        return json.text
    }
}
