import Bytes
import CLibPQ
import Glibc
import Synchronization

/// Cancels what runs on a connection, from any thread.
///
/// Source: PostgreSQL manual, "Canceling Queries in Progress".
@safe
package final class CancelHandle: @unchecked Sendable {
    // Unchecked because libpq documents PQcancel as callable from any thread, and the structure never changes.
    private let pointer: OpaquePointer

    init?(_ connection: OpaquePointer) {
        guard let pointer = unsafe PQgetCancel(connection) else { return nil }
        unsafe self.pointer = unsafe pointer
    }

    deinit { unsafe PQfreeCancel(pointer) }

    /// Asks the server to cancel the statement that runs now, if one does; blocks for a connection's round trip.
    ///
    /// - Returns: whether the request was delivered, not whether a statement was cancelled.
    @discardableResult
    package func cancel() -> Bool {
        var reason = [CChar](repeating: 0, count: 256)
        return unsafe PQcancel(pointer, &reason, Int32(reason.count)) == 1
    }
}

/// A request to stop what a connection does, made from any thread; the connection's own thread carries it out.
///
/// The waiting thread is woken through a pipe and sends the cancel request itself: a request can therefore
/// never hit the statement after the one it was meant for.
package final class Interruption: Sendable {
    private let flag = Atomic<Bool>(false)
    private let wakeup: Wakeup

    package init(_ wakeup: Wakeup) {
        self.wakeup = wakeup
    }

    /// Tells whether the request was made.
    package var isRequested: Bool { flag.load(ordering: .acquiring) }

    /// Makes the request; it can't be taken back.
    package func request() {
        flag.store(true, ordering: .releasing)
        wakeup.signal()
    }

    var descriptor: Int32 { wakeup.descriptor }

    func acknowledge() { wakeup.drain() }
}

/// A pipe that makes a thread return from `poll`.
package final class Wakeup: Sendable {
    /// The end to wait for.
    let descriptor: Int32
    private let writer: Int32

    package init() {
        guard let ends = PipeEnds(isBlocking: false) else {
            preconditionFailure("expected a pipe, got: errno \(errno)")
        }
        descriptor = ends.reader
        writer = ends.writer
    }

    deinit {
        close(descriptor)
        close(writer)
    }

    /// Wakes the thread; a full pipe has woken it already.
    func signal() {
        var byte: UInt8 = 1
        _ = unsafe write(writer, &byte, 1)
    }

    /// Takes all wake-ups made so far.
    func drain() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while unsafe read(descriptor, &bytes, bytes.count) == bytes.count {}
    }
}
