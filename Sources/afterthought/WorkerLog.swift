import Bytes
import Jobs
import Worker

/// What a worker says, one line an event on standard error; never any content or user.
enum WorkerLog {
    /// Writes an event, if it is worth a line.
    static func write(_ event: WorkerEvent, json: Bool) {
        switch event {
        case .claimed(let shards, let held, let others):
            line("claimed \(shards) shards, holding \(held) of 64 beside \(others) other workers", json: json)
        case .lost(let shards):
            line("gave up \(shards) shards", json: json)
        case .backlog(let shards):
            line("backlog in \(shards) shards, taken in batches", json: json)
        case .batch, .cycle:
            break
        case .quarantined(let pairs, _):
            line("put \(pairs) pairs into quarantine; see `afterthought status`", json: json, level: "warning")
        case .audited(_, let mismatches):
            if mismatches == 0 { return }
            line(
                "\(mismatches) cached rows differ from their history and are rebuilt; this should never happen",
                json: json, level: "error", hint: "`afterthought compare` shows the columns; please report it")
        case .failure(let fault, let seconds):
            let hint = fault.hint.map { "\nhint: \($0)" } ?? ""
            let again = seconds > 0 ? " (again in \(Int(seconds.rounded(.up))) s)" : ""
            line(fault.description + again + (json ? "" : hint), json: json, level: "error", hint: fault.hint)
        }
    }

    /// Writes what the runner of jobs says.
    static func write(_ event: JobEvent, json: Bool) {
        switch event {
        case .ended(let report):
            let what = "job \(report.claim.id) \(report.claim.name): \(report.state ?? "taken over")"
            guard let error = report.error else { return line(what, json: json) }
            line("\(what): \(error)", json: json, level: "warning", hint: nil)
        case .lostAttempts(let count):
            line("\(count) jobs lost their workers; they are repeated", json: json, level: "warning")
        case .failure(let text, let seconds):
            line("jobs: \(text) (again in \(Int(seconds.rounded(.up))) s)", json: json, level: "error")
        }
    }

    /// Writes a line, as text or as a JSON object.
    static func line(_ message: String, json: Bool, level: String = "info", hint: String? = nil) {
        guard json else {
            Terminal.note("afterthought: \(message)")
            return
        }
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("level")
        writer.value(level)
        writer.key("message")
        writer.value(message)
        if let hint {
            writer.key("hint")
            writer.value(hint)
        }
        writer.endObject()
        Terminal.note(writer.text)
    }
}
