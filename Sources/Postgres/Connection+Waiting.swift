import CLibPQ
import Glibc

/// Sending, waiting and reading results: every other facet goes through here.
extension Connection {
    /// Makes sure a statement can be sent now.
    ///
    /// - Throws: `connectionLost` on a broken connection, `cancelled` when an interruption was requested before.
    mutating func begin(_ deadline: Deadline) throws(PostgresError) {
        if health == .broken { throw PostgresError(.connectionLost, "the connection was lost before") }
        if let interruption, interruption.isRequested {
            throw PostgresError(.cancelled, "cancelled before the statement was sent")
        }
        try breakOnPurpose()
        if health == .outstanding, !recover(deadline) {
            if health == .broken { throw PostgresError(.connectionLost, "the connection was lost before") }
            throw PostgresError(.timeout, "an earlier statement has not ended yet")
        }
    }

    /// Where tests cut connections off: before any statement.
    mutating func breakOnPurpose() throws(PostgresError) {
        guard let breaksBeforeSending, breaksBeforeSending() else { return }
        health = .broken
        throw PostgresError(.connectionLost, "broken on purpose")
    }

    /// Checks that libpq took a command.
    mutating func sent(_ result: Int32) throws(PostgresError) {
        if result == 1 { return }
        throw failure()
    }

    /// The connection's own error; marks the connection as broken if it is.
    mutating func failure() -> PostgresError {
        let lost = unsafe PQstatus(handle) == CONNECTION_BAD
        if lost { health = .broken }
        return unsafe PostgresError.from(connection: handle, lost ? .connectionLost : .misuse)
    }

    /// Waits for the next result of what was sent; nil at its end.
    mutating func nextResult(_ deadline: Deadline) throws(PostgresError) -> QueryResult? {
        try waitForResult(deadline)
        guard let pointer = unsafe PQgetResult(handle) else { return nil }
        return unsafe QueryResult(pointer)
    }

    /// Reads the error of a result, and marks the connection as broken if the error ended it.
    mutating func serverError(_ result: borrowing QueryResult) -> PostgresError {
        var error = unsafe PostgresError.from(result, connection: handle)
        if unsafe error.code == .connectionLost || PQstatus(handle) == CONNECTION_BAD {
            health = .broken
            error.code = .connectionLost
        }
        return error
    }

    /// Reads all results of what was sent and returns the last.
    ///
    /// - Throws: the first error among the results; all of them were read then.
    mutating func lastResult(_ deadline: Deadline) throws(PostgresError) -> QueryResult {
        var last: QueryResult?
        var error: PostgresError?
        while let result = try nextResult(deadline) {
            switch result.status {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY, PGRES_SINGLE_TUPLE:
                last = consume result
            case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
                if error == nil { error = PostgresError(.misuse, "expected no COPY here: use copyIn or copyOut") }
                endUnwantedCopy(result.status)
                if health == .broken { throw error! }
            default:
                let found = serverError(result)
                if error == nil { error = found }
                if health == .broken { throw error! }
            }
        }
        if let error { throw error }
        guard let last else { throw failure() }
        return last
    }

    private mutating func endUnwantedCopy(_ status: ExecStatusType) {
        if status == PGRES_COPY_IN {
            if unsafe PQputCopyEnd(handle, "this COPY was not expected") != 1 { health = .broken }
        } else {
            // Reading an unwanted COPY to its end may take for ever.
            health = .broken
        }
    }

    /// Waits until the socket has taken everything that was sent; what keeps it from that shows at the next result.
    func flush(_ deadline: Deadline) {
        while unsafe PQflush(handle) == 1 {
            guard waitForSocket(writing: true, deadline) == .ready else { return }
            // The server may want its answers read before it reads on.
            if unsafe PQconsumeInput(handle) == 0 { return }
        }
    }

    /// Waits until a result can be read without blocking, or until libpq has an error to tell.
    private mutating func waitForResult(_ deadline: Deadline) throws(PostgresError) {
        var unsent = unsafe PQflush(handle) == 1
        var cancelling = Cancelling()
        while unsafe PQisBusy(handle) == 1 {
            if let interruption, interruption.isRequested { try cancelling.proceed(&self) }
            // A cancelled statement has its own patience; the caller's deadline matters no more.
            let step = cancelling.isUnderWay ? cancelling.nextRequest : deadline
            switch waitForSocket(writing: unsent, step) {
            case .ready:
                if unsafe PQconsumeInput(handle) == 0 { return }
                if unsent { unsent = unsafe PQflush(handle) == 1 }
            case .interrupted:
                interruption?.acknowledge()
            case .expired:
                if cancelling.isUnderWay { continue }
                throw expire()
            }
        }
    }

    /// What to do when the deadline passed before the statement ended.
    private mutating func expire() -> PostgresError {
        health = .outstanding
        if cancelsOnTimeout { _ = recover(.after(milliseconds: Connection.cancelPatienceMilliseconds)) }
        return PostgresError(.timeout, "the deadline passed before the statement ended")
    }

    /// Ends a statement whose deadline passed: cancels it and reads what is left of its results.
    ///
    /// - Parameter deadline: how long to wait for its end.
    /// - Returns: whether the connection is ready again. After false it is still outstanding, or broken.
    @discardableResult
    package mutating func recover(_ deadline: Deadline) -> Bool {
        guard health == .outstanding else { return health == .ready }
        // Pipelines and COPY have too many states to unwind; a new connection is cheaper than being wrong.
        // The server is told all the same: it would not notice the end of the connection while it works.
        if unsafe PQpipelineStatus(handle) != PQ_PIPELINE_OFF {
            if unsafe PQisBusy(handle) == 1 { cancelHandle.cancel() }
            health = .broken
            return false
        }
        return drain(deadline, cancelling: true)
    }

    /// Reads and drops results until the statement's end.
    ///
    /// - Parameters:
    ///   - deadline: when to give up.
    ///   - cancelling: whether to ask for the end, and again while it does not come: a request that reaches the server
    ///     before it has begun with the statement has no effect.
    /// - Returns: whether the connection is ready again.
    mutating func drain(_ deadline: Deadline, cancelling: Bool) -> Bool {
        var nextRequest = cancelling ? Deadline.after(milliseconds: 0) : .never
        while true {
            while unsafe PQisBusy(handle) == 1 {
                if nextRequest.remainingNanoseconds == 0 {
                    cancelHandle.cancel()
                    nextRequest = .after(milliseconds: Connection.cancelRetryMilliseconds)
                }
                let unsent = unsafe PQflush(handle) == 1
                switch waitForSocket(writing: unsent, min(deadline, nextRequest), interruptible: false) {
                case .ready: if unsafe PQconsumeInput(handle) == 0 { health = .broken }
                case .interrupted: continue
                case .expired: if deadline.remainingNanoseconds == 0 { return false }
                }
                if health == .broken { return false }
            }
            guard let pointer = unsafe PQgetResult(handle) else { break }
            let result = unsafe QueryResult(pointer)
            switch result.status {
            case PGRES_COPY_OUT: if !drainCopyOut(deadline) { return false }
            case PGRES_COPY_IN: if unsafe PQputCopyEnd(handle, "not expected") != 1 { health = .broken }
            case PGRES_COPY_BOTH: health = .broken
            case PGRES_FATAL_ERROR: _ = serverError(result)
            default: break
            }
            if health == .broken { return false }
        }
        health = unsafe PQstatus(handle) == CONNECTION_OK ? .ready : .broken
        return health == .ready
    }

    /// Reads and drops the rest of a `copy … to stdout`.
    private mutating func drainCopyOut(_ deadline: Deadline) -> Bool {
        while true {
            var buffer: UnsafeMutablePointer<CChar>?
            let count = unsafe PQgetCopyData(handle, &buffer, 1)
            if let buffer = unsafe buffer { unsafe PQfreemem(buffer) }
            if count < 0 { return true }
            if count > 0 { continue }
            if waitForSocket(writing: false, deadline, interruptible: false) == .expired { return false }
            if unsafe PQconsumeInput(handle) == 0 {
                health = .broken
                return false
            }
        }
    }

    /// Cancels the statement under way and reads it to its end, because its caller does not want the rest.
    mutating func abandon() {
        if health == .broken { return }
        health = .outstanding
        if !drain(.after(milliseconds: Connection.cancelPatienceMilliseconds), cancelling: true) { health = .broken }
    }

    enum Readiness { case ready, interrupted, expired }

    /// Waits until the socket can be read (or written), the deadline passes or an interruption is requested.
    func waitForSocket(writing: Bool, _ deadline: Deadline, interruptible: Bool = true) -> Readiness {
        let events = Int16(writing ? POLLIN | POLLOUT : POLLIN)
        let watched = interruptible ? interruption : nil
        var descriptors: [2 of pollfd] = [
            pollfd(fd: unsafe PQsocket(handle), events: events, revents: 0),
            pollfd(fd: watched?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
        ]
        let count = nfds_t(watched == nil ? 1 : 2)
        while true {
            let remaining = deadline.remainingNanoseconds
            // Rounded up: waking before the deadline would spin.
            let timeout = remaining.map { Int32(min(($0 + 999_999) / 1_000_000, 1 << 30)) } ?? -1
            var span = descriptors.mutableSpan
            let ready = unsafe span.withUnsafeMutableBufferPointer { unsafe poll($0.baseAddress!, count, timeout) }
            if ready == 0 { if deadline.remainingNanoseconds == 0 { return .expired } else { continue } }
            // An interrupted call is repeated; any other failure is libpq's to report when it reads.
            if ready < 0 { if errno == EINTR { continue } else { return .ready } }
            return descriptors[0].revents != 0 ? .ready : .interrupted
        }
    }
}

/// The course of cancelling a statement on request: ask, ask again while there is no answer, give up at last.
private struct Cancelling {
    private(set) var nextRequest = Deadline.never
    private var end = Deadline.never

    var isUnderWay: Bool { end != .never }

    mutating func proceed(_ connection: inout Connection) throws(PostgresError) {
        if !isUnderWay { end = .after(milliseconds: Connection.cancelPatienceMilliseconds) }
        if end.remainingNanoseconds == 0 {
            connection.health = .broken
            throw PostgresError(.cancelled, "cancelled; the server did not answer, so the connection was given up")
        }
        if nextRequest != .never, nextRequest.remainingNanoseconds != 0 { return }
        connection.cancelHandle.cancel()
        nextRequest = .after(milliseconds: Connection.cancelRetryMilliseconds)
    }
}
