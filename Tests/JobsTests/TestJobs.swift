import Bytes
import Jobs
import Postgres
import Store
import Support

/// A job of three steps over the table `trace`, which the tests make: each step is written once.
struct StepJob: Job {
    let name = "signal_quality"

    static func prepare(_ connection: inout Connection) throws {
        try connection.execute("create table public.trace (step integer not null, attempt integer not null)")
    }

    func run(_ run: inout JobRun, _ connection: inout Connection) throws {
        var done = 0
        if case .number(let number) = run.cursor { done = Int(number.double) }
        for step in done..<3 {
            try run.commit(&connection) { run, connection in
                try connection.execute("insert into public.trace values (\(step), \(run.claim.attempt))")
                run.tally.recordsProcessed += 1
                run.cursor = .number(JSONNumber(Int64(step + 1)))
            }
        }
    }
}

/// A job that does what a closure says.
struct ClosureJob: Job {
    var name = "signal_quality"
    var reason: @Sendable () -> String? = { nil }
    let body: @Sendable (inout JobRun, inout Connection) throws -> Void

    func reasonToRun(_ settings: JobSettings, _ connection: inout Connection) throws -> String? { reason() }
    func run(_ run: inout JobRun, _ connection: inout Connection) throws { try body(&run, &connection) }
}

extension Connection {
    /// The rows of a query as text, cells joined by spaces.
    mutating func lines(_ sql: String) throws -> [String] {
        try textRows(sql).map { $0.map { $0 ?? "null" }.joined(separator: " ") }
    }
}
