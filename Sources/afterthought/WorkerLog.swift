import Bytes
import Jobs
import Operations
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
        case .quarantined(let pairs):
            line("put \(pairs) pairs into quarantine; see `afterthought status`", json: json, level: "warning")
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

    /// Writes what the HTTP endpoint says.
    static func write(_ event: EndpointServices.Event, json: Bool) {
        switch event {
        case .started(let url, let hasKey, let isLoopback):
            line("HTTP endpoint at \(url)", json: json)
            if !isLoopback {
                warning(
                    "the HTTP endpoint is reached from other machines, and is not encrypted",
                    hint: "put a proxy with TLS before it, or leave --http-host out", json: json)
            }
            if !hasKey {
                line(
                    "no administrator's key: nothing can be changed and no user shown by HTTP; turn it on with "
                        + "AFTERTHOUGHT_ADMIN_KEY or --admin-key-file", json: json)
            }
        case .refusedKeys(let count):
            line("HTTP: requests without the right key: \(count)", json: json, level: "warning")
        case .failure(let text):
            line("HTTP: \(text)", json: json, level: "error")
        }
    }

    /// Writes a warning with what to do about it.
    static func warning(_ message: String, hint: String?, json: Bool) {
        let text = json ? message : message + (hint.map { "\nhint: \($0)" } ?? "")
        line(text, json: json, level: "warning", hint: hint)
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
