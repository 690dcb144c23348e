import Postgres

/// Limits of an HTTP server; a request beyond one of them is refused, or its connection closed.
package struct HTTPLimits: Sendable {
    /// Connections at a time.
    package var connectionsMax: UInt32 = 128
    /// Connections at a time of one address.
    package var connectionsEachAddressMax: UInt32 = 96
    /// Bytes of a request line with all its headers, and of what is sent at a time.
    package var headerBytesMax = 16 << 10
    /// Bytes of a request's body: no route needs one.
    package var bodyBytesMax = 4 << 10
    /// How long a request may take to arrive, a connection to lie idle, or an answer to be taken.
    package var clientSeconds = 10.0
    /// How long requests that are under way may take when the server stops, and then their refusals to be sent.
    package var stopSeconds = 2.0

    package init() {}
}

/// What becomes of a request.
package enum HTTPOutcome: Sendable {
    case now(HTTPResponse)
    /// The answer comes later, from any thread; the closure is called once, and must not block.
    case later(@Sendable (_ respond: @escaping @Sendable (HTTPResponse) -> Void) -> Void)
}

/// Why the server could not start.
package struct HTTPServerError: Error, Sendable, CustomStringConvertible {
    package let message: String
    package let hint: String?

    package var description: String { message }
}

#if Operations
    import CMicroHTTP
    import Glibc

    /// An HTTP/1.1 server over libmicrohttpd, on threads of its own.
    ///
    /// One thread serves all connections and never blocks; a second one closes those whose clients are too slow, by
    /// the whole time that they take and not by their last byte. Answers that take longer come from elsewhere.
    ///
    /// Source: GNU libmicrohttpd manual.
    @safe
    package final class HTTPServer: @unchecked Sendable {
        // Unchecked because the gate guards all that changes after the start.

        /// Whether this build has a server.
        package static let isBuiltIn = true

        let limits: HTTPLimits
        let decide: @Sendable (HTTPRequest) -> HTTPOutcome
        private let gate = Gate(conditions: 2)
        private static let watching = 0
        private static let draining = 1
        /// The open connections by their addresses in memory.
        private var connections: [UInt: OpenConnection] = [:]
        /// Requests whose answers come later.
        private var waiting: [ObjectIdentifier: HTTPExchange] = [:]
        /// Requests whose answers came or come later, until they are sent.
        private var unsentCount = 0
        private var isStopping = false
        private var daemon: OpaquePointer?
        private var watchdog: PosixThread?

        private struct OpenConnection {
            let socket: Int32
            /// When it is closed; nil while an answer is being made.
            var deadline: UInt64?
        }

        /// Makes a server.
        ///
        /// - Parameters:
        ///   - limits: what it bears.
        ///   - decide: says what becomes of a request; called on the server's thread, so it must not block.
        package init(limits: HTTPLimits, decide: @escaping @Sendable (HTTPRequest) -> HTTPOutcome) {
            self.limits = limits
            self.decide = decide
        }

        /// Starts serving.
        ///
        /// - Parameter socket: a listening socket, which the server closes in the end.
        /// - Throws: `HTTPServerError`.
        package func start(_ socket: ListeningSocket) throws(HTTPServerError) {
            var options = unsafe afterthought_http_options()
            unsafe options.socket = socket.descriptor
            unsafe options.connections_max = limits.connectionsMax
            unsafe options.connections_each_address_max = limits.connectionsEachAddressMax
            unsafe options.connection_bytes_max = 2 * limits.headerBytesMax
            unsafe options.idle_seconds_max = UInt32(limits.clientSeconds.rounded(.up)) + 5
            // Not retained: `stop` ends all calls before this can go away.
            unsafe options.context = Unmanaged.passUnretained(self).toOpaque()
            unsafe options.began = beginExchange
            unsafe options.handle = handleRequest
            unsafe options.completed = endExchange
            unsafe options.connected = noteConnection
            guard let daemon = unsafe afterthought_http_start(options) else {
                socket.close()
                throw HTTPServerError(message: "expected the HTTP server to start, got: errno \(errno)", hint: nil)
            }
            unsafe self.daemon = unsafe daemon
            watchdog = PosixThread { self.watch() }
        }

        /// Stops within a few seconds: no connection is accepted from now on, and what is under way gets its answer or
        /// a refusal.
        package func stop() {
            guard let daemon = unsafe daemon else { return }
            // Accepts no more; the socket is ours to close from here on.
            let listener = unsafe MHD_quiesce_daemon(daemon)
            gate.lock()
            isStopping = true
            gate.broadcast(Self.watching)
            let deadline = Deadline.after(milliseconds: UInt64(limits.stopSeconds * 1000))
            while unsentCount > 0, gate.wait(Self.draining, until: deadline) {}
            let left = Array(waiting.values)
            gate.unlock()
            for exchange in left {
                exchange.finish(
                    .failure(503, "expected a worker that runs, got: one that stops", hint: "try another worker"))
            }
            gate.lock()
            // A refusal takes a moment to be sent; a client that does not take it gets none.
            let sent = Deadline.after(milliseconds: UInt64(limits.stopSeconds * 1000))
            while unsentCount > 0, gate.wait(Self.draining, until: sent) {}
            gate.unlock()
            watchdog?.join()
            // Joins the server's thread; connections that are still open are closed.
            unsafe MHD_stop_daemon(daemon)
            unsafe self.daemon = nil
            if listener >= 0 { close(listener) }
        }

        // What the callbacks tell ---------------------------------------------------------------------------------

        private var clientDeadline: UInt64 { Deadline.now + UInt64(limits.clientSeconds * 1e9) }

        fileprivate func opened(_ connection: OpaquePointer) {
            let socket = unsafe afterthought_http_socket(connection)
            gate.lock()
            defer { gate.unlock() }
            connections[UInt(bitPattern: connection)] = OpenConnection(socket: socket, deadline: clientDeadline)
        }

        fileprivate func closed(_ connection: OpaquePointer) {
            gate.lock()
            defer { gate.unlock() }
            connections[UInt(bitPattern: connection)] = nil
        }

        /// Sets a connection's time anew: for its next request, for taking its answer, or without an end while the
        /// answer is made.
        fileprivate func setTime(_ connection: OpaquePointer, isOurs: Bool) {
            let deadline = isOurs ? nil : clientDeadline
            gate.lock()
            defer { gate.unlock() }
            connections[UInt(bitPattern: connection)]?.deadline = deadline
        }

        fileprivate func beganWaiting(_ exchange: HTTPExchange) -> Bool {
            gate.lock()
            defer { gate.unlock() }
            if isStopping { return false }
            waiting[ObjectIdentifier(exchange)] = exchange
            unsentCount += 1
            return true
        }

        /// Whether the answer is still wanted: the first one is.
        func endedWaiting(_ exchange: HTTPExchange) -> Bool {
            gate.lock()
            defer { gate.unlock() }
            return waiting.removeValue(forKey: ObjectIdentifier(exchange)) != nil
        }

        /// Notes that an answer that came later was sent, or can't be any more.
        fileprivate func sent() {
            gate.lock()
            defer { gate.unlock() }
            unsentCount -= 1
            if unsentCount == 0 { gate.broadcast(Self.draining) }
        }

        /// Cuts off clients whose time is up, about twice a second.
        private func watch() {
            gate.lock()
            defer { gate.unlock() }
            while !isStopping {
                let now = Deadline.now
                for (key, connection) in connections {
                    guard let deadline = connection.deadline, deadline <= now else { continue }
                    // libmicrohttpd closes the socket after it told us of it, so this number is still the client's.
                    shutdown(connection.socket, Int32(SHUT_RDWR))
                    connections[key]?.deadline = nil
                }
                _ = gate.wait(Self.watching, until: .after(milliseconds: 500))
            }
        }
    }

    // libmicrohttpd's callbacks: free functions, as a closure formed elsewhere could be bound to an actor.

    private func server(_ context: UnsafeMutableRawPointer?) -> HTTPServer {
        unsafe Unmanaged<HTTPServer>.fromOpaque(context!).takeUnretainedValue()
    }

    private func goesOn(_ does: Bool) -> MHD_Result { afterthought_http_result(does) }

    private func beginExchange(
        _ context: UnsafeMutableRawPointer?, _ target: UnsafePointer<CChar>?, _ connection: OpaquePointer?
    ) -> UnsafeMutableRawPointer? {
        guard let connection = unsafe connection, let target = unsafe target else { return nil }
        let bytes = unsafe UnsafeRawBufferPointer(start: target, count: strlen(target))
        let exchange = unsafe HTTPExchange(server(context), connection, target: Array(bytes))
        // `endExchange` releases it.
        return unsafe Unmanaged.passRetained(exchange).toOpaque()
    }

    private func handleRequest(
        _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?, _ target: UnsafePointer<CChar>?,
        _ method: UnsafePointer<CChar>?, _ version: UnsafePointer<CChar>?, _ piece: UnsafePointer<CChar>?,
        _ pieceCount: UnsafeMutablePointer<Int>?, _ request: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    ) -> MHD_Result {
        guard let connection = unsafe connection, let method = unsafe method, let pieceCount = unsafe pieceCount,
            let object = unsafe request?.pointee
        else { return goesOn(false) }
        let exchange = unsafe Unmanaged<HTTPExchange>.fromOpaque(object).takeUnretainedValue()
        switch exchange.stage {
        case .began:
            let text = unsafe String(cString: method)
            return goesOn(exchange.takeHead(method: text))
        case .receiving where unsafe pieceCount.pointee > 0:
            let bytes = unsafe UnsafeRawBufferPointer(start: piece, count: pieceCount.pointee)
            unsafe pieceCount.pointee = 0
            return unsafe goesOn(exchange.take(bytes))
        case .receiving:
            let server = unsafe server(context)
            switch exchange.outcome() {
            case .now(let response): exchange.response = response
            case .later(let start):
                unsafe server.setTime(connection, isOurs: true)
                // Before anybody can answer: a connection is resumed only after it was suspended.
                unsafe MHD_suspend_connection(connection)
                exchange.stage = .answering
                guard server.beganWaiting(exchange) else {
                    exchange.response = .failure(503, "expected a worker that runs, got: one that stops")
                    unsafe MHD_resume_connection(connection)
                    return goesOn(true)
                }
                exchange.isLate = true
                start { exchange.finish($0) }
                return goesOn(true)
            }
            fallthrough
        case .answering:
            unsafe server(context).setTime(connection, isOurs: false)
            return goesOn(exchange.send())
        }
    }

    private func endExchange(
        _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?,
        _ request: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, _ how: MHD_RequestTerminationCode
    ) {
        guard let connection = unsafe connection, let object = unsafe request?.pointee else { return }
        unsafe request?.pointee = nil
        let server = unsafe server(context)
        unsafe server.setTime(connection, isOurs: false)
        let exchange = unsafe Unmanaged<HTTPExchange>.fromOpaque(object).takeRetainedValue()
        if exchange.isLate { server.sent() }
    }

    private func noteConnection(
        _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?,
        _ slot: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, _ what: MHD_ConnectionNotificationCode
    ) {
        guard let connection = unsafe connection else { return }
        if afterthought_http_is_start(what) {
            unsafe server(context).opened(connection)
        } else {
            unsafe server(context).closed(connection)
        }
    }
#else
    /// No HTTP server: this build has none.
    package final class HTTPServer: Sendable {
        package static let isBuiltIn = false

        package init(limits: HTTPLimits, decide: @escaping @Sendable (HTTPRequest) -> HTTPOutcome) {}

        package func start(_ socket: ListeningSocket) throws(HTTPServerError) {
            socket.close()
            throw HTTPServerError(
                message: "expected a build with the HTTP endpoint, got: one without it",
                hint: "build without --disable-default-traits, or set --http-port 0")
        }

        package func stop() {}
    }
#endif
