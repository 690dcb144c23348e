import Postgres
import Synchronization

/// Tells a running job to end early: its time is up, somebody cancelled it, or the worker stops.
package final class JobStop: Sendable {
    /// Why a run has to end early.
    package enum Reason: Hashable, Sendable {
        case timeout, cancelled, claimLost, workerStops
    }

    private let reason = Mutex<Reason?>(nil)

    package init() {}

    /// Asks for the end; the first reason stands.
    package func request(_ reason: Reason) {
        self.reason.withLock { if $0 == nil { $0 = reason } }
    }

    package var requested: Reason? { reason.withLock { $0 } }

    func check() throws {
        if let requested { throw JobStopped(reason: requested) }
    }
}

/// A run ended early because it was asked to.
package struct JobStopped: Error {
    package let reason: JobStop.Reason
}
