import Bytes
import Glibc
import Jobs
import Operations
import Synchronization
import Worker

/// What a worker says, one line an event on standard error; never any content or user.
enum WorkerLog {
    /// How much an event matters.
    enum Level: Int, CaseIterable, Sendable {
        case error
        case warning
        case info
        case debug

        /// As options and logs spell it.
        var name: String { "\(self)" }

        init?(name: String) {
            guard let level = Self.allCases.first(where: { $0.name == name }) else { return nil }
            self = level
        }
    }

    private static let least = Atomic<Int>(Level.info.rawValue)

    /// What is written: this level and those that matter more.
    static var level: Level {
        get { Level(rawValue: least.load(ordering: .relaxed)) ?? .info }
        set { least.store(newValue.rawValue, ordering: .relaxed) }
    }

    /// Writes an event, if it is worth a line.
    static func write(_ event: WorkerEvent, json: Bool) {
        switch event {
        case .claimed(let shards, let held, let others):
            line("claimed \(shards) shards, holding \(held) of 64 beside \(others) other workers", json: json)
        case .lost(let shards):
            line("gave up \(shards) shards", json: json)
        case .backlog(let shards):
            line("backlog in \(shards) shards, taken in batches", json: json)
        case .batch(let report):
            line(
                "batch of \(report.rows) rows, \(report.pairs) pairs, \(report.rebuilt) rebuilt, "
                    + "\(report.failed) failed", json: json, level: .debug)
        case .cycle:
            break
        case .quarantined(let pairs, _):
            line(
                "put \(pairs) pairs into quarantine", json: json, level: .warning,
                hint: "`afterthought quarantine` says why; they are retried by themselves")
        case .audited(_, let mismatches):
            if mismatches == 0 { return }
            line(
                "\(mismatches) cached rows differ from their history and are rebuilt; this should never happen",
                json: json, level: .error, hint: "`afterthought compare` shows the columns; please report it")
        case .failure(let fault, let seconds):
            let again = seconds > 0 ? " (again in \(Int(seconds.rounded(.up))) s)" : ""
            line(fault.description + again, json: json, level: .error, hint: fault.hint)
        }
    }

    /// Writes what the runner of jobs says.
    static func write(_ event: JobEvent, json: Bool) {
        switch event {
        case .ended(let report):
            let what = "job \(report.claim.id) \(report.claim.name): \(report.state ?? "taken over")"
            guard let error = report.error else { return line(what, json: json) }
            line("\(what): \(error)", json: json, level: .warning, hint: nil)
        case .lostAttempts(let count):
            line("\(count) jobs lost their workers; they are repeated", json: json, level: .warning)
        case .failure(let text, let seconds):
            line("jobs: \(text) (again in \(Int(seconds.rounded(.up))) s)", json: json, level: .error)
        }
    }

    /// Writes what the HTTP endpoint says.
    static func write(_ event: EndpointServices.Event, json: Bool) {
        switch event {
        case .started(let url, let hasKey, let isLoopback):
            line("HTTP endpoint at \(url)", json: json)
            if !isLoopback {
                line(
                    "the HTTP endpoint is reached from other machines, and is not encrypted", json: json,
                    level: .warning, hint: "put a proxy with TLS before it, or leave --http-host out")
            }
            if !hasKey {
                line(
                    "no administrator's key: nothing can be changed and no user shown by HTTP; turn it on with "
                        + "AFTERTHOUGHT_ADMIN_KEY or --admin-key-file", json: json)
            }
        case .refusedKeys(let count):
            line("HTTP: requests without the right key: \(count)", json: json, level: .warning)
        case .failure(let text):
            line("HTTP: \(text)", json: json, level: .error)
        }
    }

    /// Writes a line, as text or as a JSON object; a text's time is the journal's to add.
    static func line(_ message: String, json: Bool, level: Level = .info, hint: String? = nil) {
        if level.rawValue > self.level.rawValue { return }
        guard json else {
            Terminal.note("afterthought: \(message)" + (hint.map { "\nhint: \($0)" } ?? ""))
            return
        }
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("at")
        writer.value(Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000))
        writer.key("level")
        writer.value(level.name)
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
