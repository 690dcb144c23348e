#if LanguageModel
    import CCurl
    import Glibc

    /// HTTP over libcurl: certificates checked, redirects not followed, sizes and times bounded.
    ///
    /// Proxies are those of the environment (`https_proxy`, `no_proxy`). Nothing is read from `.netrc`, no cookie kept,
    /// no compression asked for, so that a small answer can't unfold into a large one.
    ///
    /// Source: libcurl manual, curl_easy_setopt and libcurl-multi.
    struct CurlTransport: HTTPTransport {
        /// Initialised once a process; libcurl asks for it before anything else.
        private static let isReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

        func post(
            _ body: [UInt8], _ configuration: LanguageModelConfiguration, checkStop: () throws -> Void
        ) throws -> HTTPResponse {
            guard Self.isReady else { throw LanguageModelError(.configuration, "libcurl could not be initialised") }
            let sink = ResponseSink(configuration)
            let exchange = try CurlExchange(body, configuration, sink)
            let result = try exchange.perform(checkStop)
            if let fault = sink.fault { throw fault }
            guard result == CURLE_OK else { throw Self.error(result) }
            return sink.response(status: exchange.status)
        }

        private static func error(_ result: CURLcode) -> LanguageModelError {
            // A text of libcurl's own, without address or content.
            let text = unsafe String(cString: curl_easy_strerror(result))
            switch result {
            case CURLE_OPERATION_TIMEDOUT:
                return LanguageModelError(.timeout, "the endpoint took longer than allowed")
            case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR:
                return LanguageModelError(
                    .configuration, "the endpoint's certificate is not to be trusted: \(text)",
                    hint: "install the authority's certificate on this machine")
            case CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT:
                return LanguageModelError(.configuration, "the endpoint's address can't be used: \(text)")
            case CURLE_COULDNT_CONNECT, CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY:
                return LanguageModelError(.connection, "the endpoint is out of reach: \(text)")
            default:
                return LanguageModelError(.connection, "the connection to the endpoint failed: \(text)")
            }
        }
    }

    /// One request in libcurl's hands; for one thread.
    @safe
    private final class CurlExchange {
        private let easy: UnsafeMutableRawPointer
        private let multi: UnsafeMutableRawPointer
        private let headers: UnsafeMutablePointer<curl_slist>?
        /// Kept, as libcurl holds only its address.
        private let sink: ResponseSink

        init(_ body: [UInt8], _ configuration: LanguageModelConfiguration, _ sink: ResponseSink) throws {
            guard let easy = unsafe curl_easy_init(), let multi = unsafe curl_multi_init() else {
                throw LanguageModelError(.configuration, "expected memory for a request, got: none")
            }
            unsafe self.easy = unsafe easy
            unsafe self.multi = unsafe multi
            self.sink = sink
            var lines = ["Content-Type: application/json", "Accept: application/json", "Expect:"]
            if let key = configuration.key { lines.append("Authorization: Bearer \(key.revealed)") }
            var list: UnsafeMutablePointer<curl_slist>?
            for line in lines { unsafe list = unsafe curl_slist_append(list, line) }
            unsafe headers = unsafe list
            number(CURLOPT_NOSIGNAL, 1)
            number(CURLOPT_FOLLOWLOCATION, 0)
            number(CURLOPT_SSL_VERIFYPEER, 1)
            number(CURLOPT_SSL_VERIFYHOST, 2)
            number(CURLOPT_CONNECTTIMEOUT_MS, Self.milliseconds(configuration.connectSeconds))
            number(CURLOPT_TIMEOUT_MS, Self.milliseconds(configuration.timeoutSeconds))
            unsafe require(afterthought_curl_allow_only_http(easy))
            unsafe require(afterthought_curl_set_text(easy, CURLOPT_URL, configuration.endpoint.chatCompletions))
            unsafe require(afterthought_curl_set_headers(easy, headers))
            // The size first: libcurl copies that many bytes.
            unsafe require(afterthought_curl_set_size(easy, CURLOPT_POSTFIELDSIZE_LARGE, Int(body.count)))
            unsafe body.withUnsafeBytes { bytes in
                unsafe require(
                    afterthought_curl_set_pointer(
                        easy, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: bytes.baseAddress)))
            }
            let context = unsafe Unmanaged.passUnretained(sink).toOpaque()
            unsafe require(afterthought_curl_set_sink(easy, CURLOPT_WRITEFUNCTION, takeBody))
            unsafe require(afterthought_curl_set_pointer(easy, CURLOPT_WRITEDATA, context))
            unsafe require(afterthought_curl_set_sink(easy, CURLOPT_HEADERFUNCTION, takeHeader))
            unsafe require(afterthought_curl_set_pointer(easy, CURLOPT_HEADERDATA, context))
            unsafe curl_multi_add_handle(multi, easy)
        }

        deinit {
            unsafe curl_multi_remove_handle(multi, easy)
            unsafe curl_multi_cleanup(multi)
            unsafe curl_easy_cleanup(easy)
            unsafe curl_slist_free_all(headers)
        }

        var status: Int { unsafe afterthought_curl_status(easy) }

        /// Runs the request to its end.
        func perform(_ checkStop: () throws -> Void) throws -> CURLcode {
            var running: Int32 = 1
            while true {
                guard unsafe curl_multi_perform(multi, &running) == CURLM_OK else { return CURLE_FAILED_INIT }
                if running == 0 { break }
                try checkStop()
                guard unsafe curl_multi_poll(multi, nil, 0, 200, nil) == CURLM_OK else { return CURLE_FAILED_INIT }
            }
            var left: Int32 = 0
            guard let message = unsafe curl_multi_info_read(multi, &left) else { return CURLE_FAILED_INIT }
            return unsafe message.pointee.data.result
        }

        private func number(_ option: CURLoption, _ value: Int) {
            unsafe require(afterthought_curl_set_number(easy, option, value))
        }

        /// None of the options can fail but for want of memory; a request without one of them must not be sent.
        private func require(_ result: CURLcode) {
            precondition(result == CURLE_OK, "expected libcurl to take an option, got: error \(result.rawValue)")
        }

        private static func milliseconds(_ seconds: Double) -> Int { max(1, Int((seconds * 1000).rounded())) }
    }

    /// Takes what arrives, up to the limits.
    private final class ResponseSink {
        private let bodyBytesMax: Int
        private let headerBytesMax: Int
        private var headerBytes = 0
        private var body: [UInt8] = []
        private var fields: [(name: String, value: String)] = []
        private(set) var fault: LanguageModelError?

        init(_ configuration: LanguageModelConfiguration) {
            bodyBytesMax = configuration.bodyBytesMax
            headerBytesMax = configuration.headerBytesMax
        }

        func response(status: Int) -> HTTPResponse {
            func value(_ name: String) -> String? { fields.last { $0.name == name }?.value }
            return HTTPResponse(
                status: status, contentType: value("content-type") ?? "", retryAfter: value("retry-after"),
                date: value("date"), body: body)
        }

        /// Takes a piece of the body; false ends the request.
        func append(body piece: UnsafeRawBufferPointer) -> Bool {
            guard piece.count <= bodyBytesMax - body.count else {
                fault = LanguageModelError(
                    .tooLarge, "expected an answer of at most \(bodyBytesMax) bytes, got: a larger one")
                return false
            }
            unsafe body.append(contentsOf: piece)
            return true
        }

        /// Takes one line of the header; false ends the request.
        func append(header line: UnsafeRawBufferPointer) -> Bool {
            headerBytes += line.count
            guard headerBytes <= headerBytesMax else {
                fault = LanguageModelError(
                    .tooLarge, "expected a header of at most \(headerBytesMax) bytes, got: a larger one")
                return false
            }
            let text = unsafe String(decoding: line, as: UTF8.self)
            // A new status line: what came before was an interim response or a proxy's.
            if text.hasPrefix("HTTP/") { fields = [] }
            guard let colon = text.firstIndex(of: ":") else { return true }
            let name = text[..<colon].lowercased()
            guard ["content-type", "retry-after", "date"].contains(name) else { return true }
            let value = text[text.index(after: colon)...].split(whereSeparator: \.isWhitespace)
            fields.append((name, value.joined(separator: " ")))
            return true
        }
    }

    // libcurl's callbacks: free functions, as a closure formed elsewhere could be bound to an actor. Any other count
    // than the one they were given makes libcurl end the request.

    private func takeBody(
        _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
    ) -> Int {
        guard let context = unsafe context else { return 0 }
        let sink = unsafe Unmanaged<ResponseSink>.fromOpaque(context).takeUnretainedValue()
        let piece = unsafe UnsafeRawBufferPointer(start: bytes, count: size * count)
        return unsafe sink.append(body: piece) ? size * count : size * count + 1
    }

    private func takeHeader(
        _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
    ) -> Int {
        guard let context = unsafe context else { return 0 }
        let sink = unsafe Unmanaged<ResponseSink>.fromOpaque(context).takeUnretainedValue()
        let piece = unsafe UnsafeRawBufferPointer(start: bytes, count: size * count)
        return unsafe sink.append(header: piece) ? size * count : size * count + 1
    }
#endif
