import Bytes

/// Decides who comes in: by the name that the client called, the path, the rate and the key, in this order.
struct RequestDoor: Sendable {
    /// What becomes of a request.
    enum Decision: Sendable {
        case enter(HTTPRoute, HTTPRequest)
        case refuse(HTTPResponse)
        /// Like `refuse`, for a key that is missing or wrong.
        case refuseKey(HTTPResponse)
    }

    let table: HTTPRouteTable
    let adminKey: Secret?
    /// Whether the server is reached from this machine alone.
    var isLoopback: Bool
    var requests: RateLimiter
    var keyRequests: RateLimiter

    /// Decides about a request.
    ///
    /// - Parameters:
    ///   - request: whole.
    ///   - now: nanoseconds of the monotonic clock.
    /// - Returns: the decision.
    mutating func decide(_ request: HTTPRequest, now: UInt64) -> Decision {
        // A page of another site may have its own name lead here (DNS rebinding); the browser still says which.
        if isLoopback, !Self.isOfThisMachine(request.headers["host"]) {
            return .refuse(
                .failure(
                    421, "expected the host to be localhost or a loopback address, got: another name",
                    hint: "--http-host lets the endpoint be reached by other names"))
        }
        let (route, parameters): (HTTPRoute, [String: String])
        switch table.match(method: request.method, segments: request.target.segments) {
        case .nothing:
            return .refuse(.failure(404, "expected a path of the endpoint, got: another", hint: Self.pathHint))
        case .otherMethods(let methods):
            let allowed = methods.joined(separator: ", ")
            return .refuse(.failure(405, "expected \(allowed), got: another method").adding("Allow", allowed))
        case .found(let found, let values): (route, parameters) = (found, values)
        }
        if route.isLimited, let refusal = limit(route, request, now) { return .refuse(refusal) }
        if route.access == .keyHolder, let refusal = check(request) { return .refuseKey(refusal) }
        var request = request
        request.parameters = parameters
        return .enter(route, request)
    }

    private static let pathHint = "/openapi.json lists them"

    private mutating func limit(_ route: HTTPRoute, _ request: HTTPRequest, _ now: UInt64) -> HTTPResponse? {
        var wait = requests.take(request.address, now: now)
        if wait == nil, route.access == .keyHolder { wait = keyRequests.take(request.address, now: now) }
        guard let wait else { return nil }
        return .failure(429, "expected fewer requests, got: too many at once", hint: "try again a little later")
            .adding("Retry-After", String(Int(max(1, wait.rounded(.up)))))
    }

    private func check(_ request: HTTPRequest) -> HTTPResponse? {
        guard let adminKey else {
            return .failure(
                403, "expected a worker with an administrator's key, got: one without",
                hint: "start it with AFTERTHOUGHT_ADMIN_KEY or --admin-key-file, and send the key as X-Admin-Key")
        }
        guard let given = request.headers["x-admin-key"], adminKey.matches(given) else {
            return .failure(
                401,
                "expected X-Admin-Key to be the administrator's key, got: "
                    + (request.headers["x-admin-key"] == nil ? "none" : "another"),
                hint: "it is what the worker was given as AFTERTHOUGHT_ADMIN_KEY or --admin-key-file"
            ).adding("WWW-Authenticate", "X-Admin-Key")
        }
        return nil
    }

    /// Whether a `Host` header names this machine as only itself can call it; HTTP/1.0 needs none.
    static func isOfThisMachine(_ header: String?) -> Bool {
        guard let header else { return true }
        var host = header.lowercased()[...]
        if host.hasPrefix("[") {
            guard let end = host.firstIndex(of: "]") else { return false }
            let rest = host[host.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") && isPort(rest.dropFirst()) else { return false }
            return host[...end] == "[::1]"
        }
        if let colon = host.firstIndex(of: ":") {
            guard isPort(host[host.index(after: colon)...]) else { return false }
            host = host[..<colon]
        }
        if host == "localhost" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0).map { "\($0)" } == String($0) }
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } && text.utf8.count <= 5
    }
}
