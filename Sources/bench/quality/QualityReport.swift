import Bytes
import Glibc

/// One measured figure beside what a naive method reaches on the same data.
struct QualityFigure {
    var metric: String
    var value: Double
    /// The naive method's figure and its name.
    var baseline: (name: String, value: Double)?
    var goal: Figure.Goal?

    private var judged: Figure { Figure(name: metric, value: value, unit: "", goal: goal) }

    var passes: Bool? { judged.passes }
    var goalText: String { judged.goalText }
    var verdict: String { passes.map { $0 ? "PASS" : "FAIL" } ?? "-" }
    var baselineText: String { baseline.map { "\($0.name)=\(Figure.text($0.value))" } ?? "-" }

    /// `metric value baseline goal PASS|FAIL`.
    var line: String { "\(metric) \(Figure.text(value)) \(baselineText) \(goalText) \(verdict)" }
}

/// What one task measured, and everything it was made of.
struct QualityReport {
    var task: String
    var figures: [QualityFigure] = []
    var details: [(name: String, value: Detail)] = []
    var seconds = 0.0

    init(task: String) { self.task = task }

    mutating func add(
        _ metric: String, _ value: Double, baseline: (String, Double)? = nil, _ goal: Figure.Goal? = nil
    ) {
        figures.append(
            QualityFigure(metric: metric, value: value, baseline: baseline.map { (name: $0, value: $1) }, goal: goal))
    }

    mutating func note(_ name: String, _ value: Detail) { details.append((name, value)) }

    /// Writes `<task>.json` into a folder.
    func write(into folder: String) throws {
        var json = JSONWriter()
        json.beginObject()
        json.key("task")
        json.value(task)
        json.key("seconds")
        json.value(seconds, decimals: 3)
        json.key("figures")
        json.beginArray()
        for figure in figures {
            json.beginObject()
            json.key("metric")
            json.value(figure.metric)
            json.key("value")
            json.value(figure.value)
            json.key("baseline")
            json.value(figure.baseline?.name)
            json.key("baseline_value")
            json.value(figure.baseline?.value)
            json.key("goal")
            json.value(figure.goal == nil ? nil : figure.goalText)
            json.key("passes")
            json.value(figure.passes)
            json.endObject()
        }
        json.endArray()
        json.key("details")
        Detail.group(details).write(to: &json)
        json.endObject()
        try writeFile(folder + "/\(task).json", json.bytes + [UInt8(ascii: "\n")])
    }
}

/// The README's table: the figures that have a goal; the others are in the JSON.
enum QualityTable {
    static let begin = "<!-- quality -->"
    static let end = "<!-- /quality -->"

    /// Replaces the table between the marks of a file.
    static func update(_ path: String, _ reports: [QualityReport]) throws {
        let lines = Machine.text(path).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard let first = lines.firstIndex(of: begin), let last = lines.firstIndex(of: end), first < last else {
            throw BenchError("expected the lines \(begin) and \(end) in \(path), got: none")
        }
        var table = ["| task | metric | value | baseline | goal | |", "| --- | --- | ---: | --- | --- | --- |"]
        for report in reports {
            for figure in report.figures where figure.goal != nil {
                let cells = [
                    report.task, figure.metric, Figure.text(figure.value), figure.baselineText, figure.goalText,
                    figure.verdict,
                ]
                table.append("| " + cells.joined(separator: " | ") + " |")
            }
        }
        let text = (lines[...first] + table + lines[last...]).joined(separator: "\n")
        try writeFile(path, Array(text.utf8))
    }
}
