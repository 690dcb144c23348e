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
    package var worker: @Sendable () -> WorkerState
    package var log: @Sendable (Event) -> Void

    package init(
        runJob: @escaping @Sendable (_ job: String, _ arguments: JSONValue) async throws -> JobOutcome,
        wakeJobs: @escaping @Sendable () -> Void,
        analyzeMessage: @escaping @Sendable (_ id: Int64, _ connection: inout Connection) throws -> JSONValue?,
        metrics: @escaping @Sendable () -> String, worker: @escaping @Sendable () -> WorkerState,
        log: @escaping @Sendable (Event) -> Void
    ) {
        self.runJob = runJob
        self.wakeJobs = wakeJobs
        self.analyzeMessage = analyzeMessage
        self.metrics = metrics
        self.worker = worker
        self.log = log
    }
}
