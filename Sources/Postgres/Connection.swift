import CLibPQ

/// One connection to PostgreSQL; blocking, for one thread at a time.
///
/// It owns libpq's connection: its deinit is the only `PQfinish`. It does not reconnect; `DatabaseThread` and
/// `ConnectionPool` do. All waiting happens in `poll` with a deadline, on a non-blocking socket.
///
///     var connection = try Connection(ConnectionOptions(url: "postgresql:///postgres"))
///     let rows = try connection.query(MessagesOfPair(user: "u42"))
///
/// Source: PostgreSQL manual, "libpq - C Library".
@safe
package struct Connection: ~Copyable {
    /// Whether the connection can be used.
    package enum Health: Hashable, Sendable {
        /// It can run the next statement.
        case ready
        /// A statement whose deadline passed is still under way; the next call ends it first.
        case outstanding
        /// It is of no more use.
        case broken
    }

    /// How long a cancelled statement may take to end before the connection is given up, in milliseconds.
    static let cancelPatienceMilliseconds: UInt64 = 5_000
    /// How often an unanswered cancel request is repeated, in milliseconds.
    static let cancelRetryMilliseconds: UInt64 = 100

    let handle: OpaquePointer
    var parameters: Parameters
    var prepared: [ObjectIdentifier: PreparedStatement] = [:]
    /// Whether statements are prepared by name; ends for good when a pooler turns out to be in between.
    var usesPreparedStatements: Bool

    /// Cancels what runs here, from any thread.
    package let cancelHandle: CancelHandle
    /// A request to stop that the connection's waits look out for.
    package var interruption: Interruption?
    /// Whether a passed deadline also cancels the statement on the server, which takes a round trip; without it the
    /// statement stays outstanding until `recover` or the next call.
    package var cancelsOnTimeout = true
    /// Whether the connection can be used.
    package internal(set) var health = Health.ready

    /// See `ConnectionOptions`.
    let breaksBeforeSending: (@Sendable () -> Bool)?

    /// Connects.
    ///
    /// - Parameter options: where and how.
    /// - Throws: `connectionFailed`, or what a session setting was refused for.
    package init(_ options: ConnectionOptions) throws(PostgresError) {
        // Everything that may throw comes before the first assignment: a half-made value can't be undone.
        let opened = try unsafe Connection.open(options)
        unsafe handle = unsafe opened.pointer
        cancelHandle = unsafe opened.cancelHandle
        usesPreparedStatements = options.preparesStatements
        parameters = Parameters()
        breaksBeforeSending = options.breaksBeforeSending
    }

    deinit { unsafe PQfinish(handle) }

    private static func open(
        _ options: ConnectionOptions
    ) throws(PostgresError) -> (pointer: OpaquePointer, cancelHandle: CancelHandle) {
        let parameters = options.effectiveParameters
        let keywords = CStrings(parameters.map(\.keyword))
        let values = CStrings(parameters.map(\.value))
        let pointer = unsafe PQconnectdbParams(keywords.pointers, values.pointers, 1)
        guard let pointer = unsafe pointer else { throw PostgresError(.connectionFailed, "out of memory") }
        unsafe PQsetNoticeReceiver(pointer, ignoreNotice, nil)
        unsafe PQsetErrorContextVisibility(pointer, PQSHOW_CONTEXT_NEVER)
        do throws(PostgresError) {
            guard unsafe PQstatus(pointer) == CONNECTION_OK, let cancelHandle = unsafe CancelHandle(pointer) else {
                throw unsafe PostgresError.from(connection: pointer, .connectionFailed)
            }
            if !options.sessionSettings.isEmpty { try unsafe apply(options.sessionSettings, to: pointer) }
            guard unsafe PQsetnonblocking(pointer, 1) == 0 else {
                throw unsafe PostgresError.from(connection: pointer, .connectionFailed)
            }
            return unsafe (pointer, cancelHandle)
        } catch {
            unsafe PQfinish(pointer)
            throw error
        }
    }

    private static func apply(
        _ settings: [(name: String, value: String)], to pointer: OpaquePointer
    ) throws(PostgresError) {
        var calls: [String] = []
        for (name, value) in settings {
            let name = try unsafe quoted(name, pointer, PQescapeLiteral)
            let value = try unsafe quoted(value, pointer, PQescapeLiteral)
            calls.append("pg_catalog.set_config(\(name), \(value), false)")
        }
        guard let result = unsafe PQexec(pointer, "select " + calls.joined(separator: ", ")) else {
            throw unsafe PostgresError.from(connection: pointer, .connectionFailed)
        }
        let owned = unsafe QueryResult(result)
        if owned.status != PGRES_TUPLES_OK { throw unsafe PostgresError.from(owned, connection: pointer) }
    }

    /// The server's version, such as 150013 for 15.13.
    package var serverVersion: Int { unsafe Int(PQserverVersion(handle)) }

    /// The process id of the server process, as `pg_stat_activity` shows it.
    package var backendProcessID: Int32 { unsafe PQbackendPID(handle) }

    /// Whether a transaction is open.
    package var isInTransaction: Bool {
        let status = unsafe PQtransactionStatus(handle)
        return status == PQTRANS_INTRANS || status == PQTRANS_INERROR
    }

    /// Quotes text as an SQL literal, for commands that take no parameters.
    package func quoted(literal text: String) throws(PostgresError) -> String {
        try unsafe Connection.quoted(text, handle, PQescapeLiteral)
    }

    /// Quotes a name as an SQL identifier.
    package func quoted(identifier name: String) throws(PostgresError) -> String {
        try unsafe Connection.quoted(name, handle, PQescapeIdentifier)
    }

    private static func quoted(
        _ text: String, _ handle: OpaquePointer,
        _ escape: (OpaquePointer?, UnsafePointer<CChar>?, Int) -> UnsafeMutablePointer<CChar>?
    ) throws(PostgresError) -> String {
        if text.utf8.contains(0) { throw PostgresError(.misuse, "expected text without NUL, got: one with NUL") }
        guard let quoted = unsafe escape(handle, text, text.utf8.count) else {
            throw PostgresError(.misuse, "expected text that can be quoted, got: malformed UTF-8")
        }
        defer { unsafe PQfreemem(quoted) }
        return unsafe String(cString: quoted)
    }

    /// Tells, without a round trip, whether the server has closed the connection meanwhile.
    ///
    /// - Returns: false when the connection is broken.
    package mutating func isAlive() -> Bool {
        if health == .broken { return false }
        // The server's last words come before the end of the stream, so one read may not be enough to see it.
        while waitForSocket(writing: false, Deadline(nanoseconds: 0), interruptible: false) == .ready {
            if unsafe PQconsumeInput(handle) == 0 || PQstatus(handle) == CONNECTION_BAD {
                health = .broken
                return false
            }
        }
        return true
    }
}

/// Drops the server's notices: they may quote data, and libpq would print them.
private func ignoreNotice(_: UnsafeMutableRawPointer?, _: OpaquePointer?) {}

/// An array of C strings that ends with a null pointer.
@safe
private struct CStrings: ~Copyable {
    let pointers: UnsafeMutablePointer<UnsafePointer<CChar>?>
    private let count: Int

    init(_ strings: [String]) {
        count = strings.count
        unsafe pointers = .allocate(capacity: count + 1)
        for (index, string) in strings.enumerated() {
            let bytes = string.utf8CString
            let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
            for (offset, byte) in bytes.enumerated() { unsafe (copy + offset).initialize(to: byte) }
            unsafe (pointers + index).initialize(to: UnsafePointer(copy))
        }
        unsafe (pointers + count).initialize(to: nil)
    }

    deinit {
        for index in 0..<count { unsafe pointers[index]?.deallocate() }
        unsafe pointers.deallocate()
    }
}
