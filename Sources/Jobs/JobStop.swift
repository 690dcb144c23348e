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
package struct JobStopped: Error, CustomStringConvertible {
    package let reason: JobStop.Reason
    package var description: String {
        switch reason {
        case .timeout: "its time was up"
        case .cancelled: "cancelled on request"
        case .claimLost: "its lease ran out, and another attempt took over"
        case .workerStops: "the worker stopped; it goes on where it was"
        }
    }
}
