import Bytes
import Glibc

/// One printed line: a figure and whether it reaches its goal.
struct Figure {
    /// Which side of the goal is good.
    enum Goal {
        case atMost(Double)
        case atLeast(Double)
    }

    var name: String
    var value: Double
    var unit: String
    /// Nil: reported, not judged.
    var goal: Goal?

    /// Whether the goal is reached, which NaN never does; nil without one.
    var passes: Bool? {
        switch goal {
        case .atMost(let limit): value <= limit
        case .atLeast(let limit): value >= limit
        case nil: nil
        }
    }

    /// `name value unit goal PASS|FAIL`.
    var line: String {
        let verdict = passes.map { $0 ? "PASS" : "FAIL" } ?? "-"
        return "\(name) \(Figure.text(value)) \(unit) \(goalText) \(verdict)"
    }

    var goalText: String {
        switch goal {
        case .atMost(let limit): "<=\(Figure.text(limit))"
        case .atLeast(let limit): ">=\(Figure.text(limit))"
        case nil: "-"
        }
    }

    /// Three decimals below a hundred, none above.
    static func text(_ value: Double) -> String {
        guard value.isFinite else { return "nan" }
        var json = JSONWriter()
        json.value(value, decimals: value.magnitude < 100 ? 3 : 0)
        return json.text
    }
}

/// A value in a report's details.
enum Detail {
    case number(Double)
    case text(String)
    case numbers([Double])
    case texts([String])
    case group([(name: String, value: Detail)])

    func write(to json: inout JSONWriter) {
        switch self {
        case .number(let number): json.value(number)
        case .text(let text): json.value(text)
        case .numbers(let numbers):
            json.beginArray()
            for number in numbers { json.value(number) }
            json.endArray()
        case .texts(let texts):
            json.beginArray()
            for text in texts { json.value(text) }
            json.endArray()
        case .group(let members):
            json.beginObject()
            for member in members {
                json.key(member.name)
                member.value.write(to: &json)
            }
            json.endObject()
        }
    }
}

extension Detail: ExpressibleByIntegerLiteral {
    init(integerLiteral value: Int) { self = .number(Double(value)) }

    static func count(_ count: Int) -> Detail { .number(Double(count)) }
}

/// What one task found: its figures, and everything they were made of.
struct Report {
    var task: String
    var figures: [Figure] = []
    var details: [(name: String, value: Detail)] = []

    init(task: String) { self.task = task }

    mutating func add(_ name: String, _ value: Double, _ unit: String, _ goal: Figure.Goal? = nil) {
        figures.append(Figure(name: name, value: value, unit: unit, goal: goal))
    }

    mutating func note(_ name: String, _ value: Detail) { details.append((name, value)) }

    /// Writes `<task>.json` into a folder.
    func write(into folder: String) throws {
        var json = JSONWriter()
        json.beginObject()
        json.key("task")
        json.value(task)
        json.key("cores")
        json.value(Machine.cores)
        json.key("figures")
        json.beginArray()
        for figure in figures {
            json.beginObject()
            json.key("name")
            json.value(figure.name)
            json.key("value")
            json.value(figure.value)
            json.key("unit")
            json.value(figure.unit)
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

/// Writes a whole file.
func writeFile(_ path: String, _ bytes: [UInt8]) throws {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw BenchError("expected to write \(path), got: error \(errno)") }
    defer { close(descriptor) }
    guard unsafe write(descriptor, bytes, bytes.count) == bytes.count else {
        throw BenchError("expected to write \(path), got: error \(errno)")
    }
}

/// Prints a line at once, even into a pipe.
func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = unsafe write(1, bytes, bytes.count)
}

/// Tells how far a task is, on standard error.
func progress(_ line: String) {
    let bytes = Array(("· " + line + "\n").utf8)
    _ = unsafe write(2, bytes, bytes.count)
}
