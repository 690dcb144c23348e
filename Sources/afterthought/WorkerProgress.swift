import Operations
import Postgres
import Synchronization
import Worker

/// When a worker last got on, and what keeps it from it: for whoever asks about its health.
final class WorkerProgress: Sendable {
    private struct State {
        /// Of the monotonic clock.
        var progressAt: UInt64?
        var fault: String?
    }

    private let state = Mutex(State())

    /// Takes what the worker says about itself.
    func note(_ event: WorkerEvent) {
        switch event {
        case .batch, .cycle:
            let now = Deadline.now
            state.withLock { $0 = State(progressAt: now, fault: nil) }
        case .failure(let fault, _):
            // The log has the whole; whoever asks about health may be anybody.
            let text =
                fault.isUnreachable ? "the database is out of reach" : "the last cycle failed; see the worker's log"
            state.withLock { $0.fault = text }
        case .claimed, .lost, .backlog, .quarantined, .audited: break
        }
    }

    func state(runsJobs: Bool) -> EndpointServices.WorkerState {
        let state = state.withLock { $0 }
        let seconds = state.progressAt.map { Double(Deadline.now - $0) / 1e9 }
        return EndpointServices.WorkerState(
            secondsSinceProgress: seconds, fault: state.fault, runsJobs: runsJobs)
    }
}
