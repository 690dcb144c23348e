import Bytes
import Postgres

/// What the endpoint can't do itself, because it lies beside it and not below: the program hands it over.
package struct EndpointServices: Sendable {
    /// How a job ended that a request waited for.
    package struct JobOutcome: Sendable {
        package var id: Int64
        /// Nil: it runs elsewhere at this moment, and the request waits in the queue.
        package var state: String?
        package var error: String?
        /// What `system_tasks` tells of it beside its counts.
        package var metadata: [JSONMember]

        package init(id: Int64, state: String?, error: String?, metadata: [JSONMember]) {
            self.id = id
            self.state = state
            self.error = error
            self.metadata = metadata
        }
    }

    /// How the worker of this process is doing.
    package struct WorkerState: Sendable {
        /// Seconds since it last ended a cycle or wrote a batch; nil: not yet.
        package var secondsSinceProgress: Double?
        /// Why it can't go on for the moment; without any content.
        package var fault: String?
        /// Whether it schedules and runs jobs.
        package var runsJobs: Bool

        package init(secondsSinceProgress: Double?, fault: String?, runsJobs: Bool) {
            self.secondsSinceProgress = secondsSinceProgress
            self.fault = fault
            self.runsJobs = runsJobs
        }
    }

    /// What this process has done since it started.
    package struct Figures: Sendable {
        /// What one part of the computing took: an engine, or what engines share.
        package struct Part: Sendable {
            package var name: String
            /// Batches that it was timed in.
            package var batches: Int64
            /// Over all of those.
            package var seconds: Double
            /// Of the cache rows that were looked at last, the share whose columns are null; nil: not known, or it is
            /// no engine.
            package var nullRatio: Double?

            package init(name: String, batches: Int64, seconds: Double, nullRatio: Double?) {
                self.name = name
                self.batches = batches
                self.seconds = seconds
                self.nullRatio = nullRatio
            }
        }

        package var messages: Int64
        package var parts: [Part]

        package init(messages: Int64, parts: [Part]) {
            self.messages = messages
            self.parts = parts
        }
    }

    /// Where a number comes from, or why that can't be told.
    package enum Explanation: Sendable {
        /// As `afterthought explain --json` prints it.
        case found(json: String)
        case noPair
        /// The pair's shard is in a backlog.
        case busy
    }

    package typealias Explain =
        @Sendable (_ column: String, _ user: String, _ bot: String, _ connection: inout Connection)
        throws -> Explanation

    /// What is worth a line of the worker's log; never any content, user or key.
    package enum Event: Sendable {
        case started(url: String, hasKey: Bool, isLoopback: Bool)
        /// Requests whose key was missing or wrong, counted for about a minute.
        case refusedKeys(Int)
        case failure(String)
    }

    /// Runs a job now and waits for its end.
    package var runJob: @Sendable (_ job: String, _ arguments: JSONValue) async throws -> JobOutcome
    /// Lets whoever runs jobs look into the queue now.
    package var wakeJobs: @Sendable () -> Void
    /// Looks at a message and stores what it finds; nil: there is none of this number.
    package var analyzeMessage: @Sendable (_ id: Int64, _ connection: inout Connection) throws -> JSONValue?
    /// All metrics in Prometheus' text format; within a millisecond, without a database.
    package var metrics: @Sendable () -> String
    /// What `metrics` tells in numbers; within a millisecond, without a database.
    package var figures: @Sendable () -> Figures
    /// The columns that can be explained.
    package var signals: [String]
    /// Explains one of them for a pair; a bot's own column takes the bot alone.
    package var explain: Explain
    package var worker: @Sendable () -> WorkerState
    package var log: @Sendable (Event) -> Void

    package init(
        runJob: @escaping @Sendable (_ job: String, _ arguments: JSONValue) async throws -> JobOutcome,
        wakeJobs: @escaping @Sendable () -> Void,
        analyzeMessage: @escaping @Sendable (_ id: Int64, _ connection: inout Connection) throws -> JSONValue?,
        metrics: @escaping @Sendable () -> String, figures: @escaping @Sendable () -> Figures, signals: [String],
        explain: @escaping Explain,
        worker: @escaping @Sendable () -> WorkerState,
        log: @escaping @Sendable (Event) -> Void
    ) {
        self.runJob = runJob
        self.wakeJobs = wakeJobs
        self.analyzeMessage = analyzeMessage
        self.metrics = metrics
        self.figures = figures
        self.signals = signals
        self.explain = explain
        self.worker = worker
        self.log = log
    }
}
