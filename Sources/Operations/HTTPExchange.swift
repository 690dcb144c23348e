#if Operations
    import CMicroHTTP
    import Postgres

    /// One request of a connection in libmicrohttpd's hands, and its answer.
    @safe
    final class HTTPExchange: @unchecked Sendable {
        // Unchecked because only the server's thread touches what changes, but for `response`: that is written before
        // the connection is resumed, and read after.

        /// How far it has come.
        enum Stage {
            case began, receiving, answering
        }

        var stage = Stage.began
        var response: HTTPResponse?
        /// Whether the answer came from elsewhere.
        var isLate = false
        private unowned let server: HTTPServer
        private let connection: OpaquePointer
        private let target: [UInt8]
        private var method = ""
        private var headers: [String: String] = [:]
        private var body: [UInt8] = []

        init(_ server: HTTPServer, _ connection: OpaquePointer, target: [UInt8]) {
            self.server = server
            unsafe self.connection = unsafe connection
            self.target = target
        }

        /// Takes the request line and the headers; refuses at once what could only be refused later.
        ///
        /// - Returns: false: the connection is of no more use.
        func takeHead(method: String) -> Bool {
            self.method = method
            stage = .receiving
            let collector = HeaderCollector()
            let context = unsafe Unmanaged.passUnretained(collector).toOpaque()
            unsafe afterthought_http_headers(connection, collectHeader, context)
            headers = collector.headers
            if target.count > RequestTarget.bytesMax {
                return refuse(414, "expected a target of at most \(RequestTarget.bytesMax) bytes, got: a longer one")
            }
            if let text = headers["content-length"] {
                guard let length = Int(text), length >= 0, headers["transfer-encoding"] == nil else {
                    return refuse(400, "expected one length of the body, got: another header")
                }
                if length > server.limits.bodyBytesMax { return refuseBody() }
            }
            return true
        }

        /// Takes a piece of the body.
        func take(_ piece: UnsafeRawBufferPointer) -> Bool {
            // A chunked body tells its size only by its end, and there is no answering before that.
            guard piece.count <= server.limits.bodyBytesMax - body.count else { return false }
            unsafe body.append(contentsOf: piece)
            return true
        }

        /// What becomes of the request, now that it is whole.
        func outcome() -> HTTPOutcome {
            guard let target = RequestTarget(target) else {
                return .now(.failure(400, "expected a target of UTF-8 escapes without NUL, got: another one"))
            }
            return server.decide(
                HTTPRequest(method: method, target: target, headers: headers, body: body, address: address))
        }

        /// Answers from any thread; only the first answer counts.
        func finish(_ response: HTTPResponse) {
            guard server.endedWaiting(self) else { return }
            self.response = response
            unsafe MHD_resume_connection(connection)
        }

        /// Hands the answer to libmicrohttpd.
        func send() -> Bool {
            guard let response else { return false }
            guard let answer = unsafe Self.answer(response) else { return false }
            for (name, value) in response.headers + [("Content-Type", response.contentType)] {
                unsafe MHD_add_response_header(answer, name, value)
            }
            // Whoever is refused may be sending garbage: it is not to be taken for the next request.
            if response.status >= 400 { unsafe MHD_add_response_header(answer, "Connection", "close") }
            let result = unsafe MHD_queue_response(connection, UInt32(response.status), answer)
            unsafe MHD_destroy_response(answer)
            return afterthought_http_is_yes(result)
        }

        private static func answer(_ response: HTTPResponse) -> OpaquePointer? {
            unsafe response.body.withUnsafeBytes { bytes in
                unsafe afterthought_http_response(bytes.baseAddress, bytes.count)
            }
        }

        private func refuseBody() -> Bool {
            refuse(413, "expected a body of at most \(server.limits.bodyBytesMax) bytes, got: a larger one")
        }

        private func refuse(_ status: Int, _ message: String) -> Bool {
            response = SecurityHeaders.added(to: .failure(status, message))
            stage = .answering
            return send()
        }

        /// The peer's address as digits; empty if it has none.
        private var address: String {
            var text = [CChar](repeating: 0, count: 64)
            let isKnown = unsafe text.withUnsafeMutableBufferPointer { buffer in
                unsafe afterthought_http_address(connection, buffer.baseAddress, buffer.count)
            }
            guard isKnown else { return "" }
            return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }

    /// Takes the headers of a request.
    private final class HeaderCollector {
        var headers: [String: String] = [:]

        func add(_ name: String, _ value: String) {
            let name = name.lowercased()
            headers[name] = headers[name].map { "\($0), \(value)" } ?? value
        }
    }

    private func collectHeader(
        _ context: UnsafeMutableRawPointer?, _ kind: MHD_ValueKind, _ name: UnsafePointer<CChar>?, _ nameCount: Int,
        _ value: UnsafePointer<CChar>?, _ valueCount: Int
    ) -> MHD_Result {
        guard let context = unsafe context, let name = unsafe name else { return afterthought_http_result(false) }
        let collector = unsafe Unmanaged<HeaderCollector>.fromOpaque(context).takeUnretainedValue()
        unsafe collector.add(text(name, nameCount), unsafe value.map { unsafe text($0, valueCount) } ?? "")
        return afterthought_http_result(true)
    }

    private func text(_ start: UnsafePointer<CChar>, _ count: Int) -> String {
        unsafe String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    }
#endif
