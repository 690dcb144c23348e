import CLibPQ

/// A notification another session sent; it only wakes, the tables are the truth.
package struct Notification: Hashable, Sendable {
    /// The channel it was sent to.
    package let channel: String
    /// What the sender added; empty if nothing.
    package let payload: String
    /// The server process that sent it.
    package let processID: Int32
}

extension Connection {
    /// Subscribes to a channel; use a connection of its own for this.
    package mutating func listen(_ channel: String) throws(PostgresError) {
        try execute("listen " + quoted(identifier: channel))
    }

    /// Waits for a notification.
    ///
    /// - Parameter deadline: when to give up.
    /// - Returns: the oldest notification not yet returned; nil when the deadline passed.
    /// - Throws: `connectionLost`, or `cancelled` when an interruption was requested.
    package mutating func waitForNotification(deadline: Deadline) throws(PostgresError) -> Notification? {
        try begin(deadline)
        while true {
            if let notification = nextNotification() { return notification }
            switch waitForSocket(writing: false, deadline) {
            case .ready:
                if unsafe PQconsumeInput(handle) == 0 { throw failure() }
            case .interrupted:
                interruption?.acknowledge()
                if interruption?.isRequested == true { throw PostgresError(.cancelled, "cancelled while listening") }
            case .expired:
                return nil
            }
        }
    }

    /// Takes a notification that has arrived already.
    private func nextNotification() -> Notification? {
        guard let raw = unsafe PQnotifies(handle) else { return nil }
        defer { unsafe PQfreemem(raw) }
        return unsafe Notification(
            channel: String(cString: raw.pointee.relname), payload: String(cString: raw.pointee.extra),
            processID: raw.pointee.be_pid)
    }
}
