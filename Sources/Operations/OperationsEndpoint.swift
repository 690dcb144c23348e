import Bytes
import Postgres
import Store
import Synchronization

/// The HTTP endpoint of a worker: health, metrics, the dashboard, and what an administrator may ask for.
///
/// It has threads and connections of its own, a few of each, so that no request slows the worker's cycle.
package final class OperationsEndpoint: Sendable {
    package let configuration: EndpointConfiguration
    package let services: EndpointServices
    package let table: HTTPRouteTable
    private let door: Mutex<RequestDoor>
    private let pool: ConnectionPool
    private let threads: RequestThreads
    private let running = Mutex(Running())

    private struct Running {
        var server: HTTPServer?
        var port = 0
        var jobs: [Int: Task<Void, Never>] = [:]
        var nextJob = 0
        var refusedKeys = 0
        var saysRefusedAt: UInt64 = 0
    }

    /// Makes the endpoint; it listens once started.
    ///
    /// - Parameters:
    ///   - configuration: where it listens and what it bears.
    ///   - options: how to connect; session settings of its own are added.
    ///   - services: what it can't do itself.
    ///   - page: what stands at `/`.
    package init(
        configuration: EndpointConfiguration, options: ConnectionOptions, services: EndpointServices,
        page: DashboardPage = .links
    ) {
        self.configuration = configuration
        self.services = services
        table = HTTPRouteTable(EndpointRoutes(services: services, page: page).all)
        door = Mutex(
            RequestDoor(
                table: table, adminKey: configuration.adminKey, isLoopback: true,
                requests: RateLimiter(each: configuration.requests, all: configuration.requestsOfAll),
                keyRequests: RateLimiter(each: configuration.keyRequests, all: configuration.keyRequestsOfAll)))
        var session = options
        session.applicationName = "afterthought http"
        session.sessionSettings += [
            ("statement_timeout", "\(Int(configuration.statementSeconds * 1000))"), ("lock_timeout", "2s"),
            ("idle_in_transaction_session_timeout", "10s"), ("timezone", "UTC"), ("jit", "off"),
        ]
        var limits = ConnectionPool.Limits()
        limits.connectionsMax = configuration.threads
        limits.connectionsMin = 0
        pool = ConnectionPool(session, limits: limits)
        threads = RequestThreads(count: configuration.threads, waitingMax: configuration.waitingMax)
    }

    /// Listens and answers from now on.
    ///
    /// - Returns: the port.
    /// - Throws: `HTTPServerError` when it can't listen there, or this build has no server.
    @discardableResult
    package func start() throws(HTTPServerError) -> Int {
        let socket = try ListeningSocket(host: configuration.host, port: configuration.port)
        door.withLock { $0.isLoopback = socket.isLoopback }
        let server = HTTPServer(limits: configuration.limits) { [unowned self] in outcome($0) }
        try server.start(socket)
        running.withLock {
            $0.server = server
            $0.port = socket.port
        }
        let host = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
        services.log(.started(url: "http://\(host):\(socket.port)", hasKey: configuration.adminKey != nil))
        return socket.port
    }

    /// Stops within a few seconds, and closes all connections; blocks meanwhile.
    package func stop() {
        let (server, jobs) = running.withLock { ($0.server.take(), Array($0.jobs.values)) }
        for job in jobs { job.cancel() }
        server?.stop()
        threads.stop()
        pool.close()
    }

    /// The port it listens on; 0 before it was started.
    package var port: Int { running.withLock { $0.port } }

    /// Decides about a request, on the server's thread.
    func outcome(_ request: HTTPRequest) -> HTTPOutcome {
        let now = Deadline.now
        switch door.withLock({ $0.decide(request, now: now) }) {
        case .refuse(let response): return .now(SecurityHeaders.added(to: response))
        case .refuseKey(let response):
            noteRefusedKey(now)
            return .now(SecurityHeaders.added(to: response))
        case .enter(let route, let request):
            switch route.handler {
            case .immediate(let answer): return .now(SecurityHeaders.added(to: answer(request)))
            case .database(let answer): return .later { self.answer(route, request, respond: $0, with: answer) }
            case .concurrent(let answer): return .later { self.answerJob(route, request, respond: $0, with: answer) }
            }
        }
    }

    /// One line a minute, however many there are.
    private func noteRefusedKey(_ now: UInt64) {
        let count = running.withLock { running -> Int in
            running.refusedKeys += 1
            guard now >= running.saysRefusedAt else { return 0 }
            running.saysRefusedAt = now + 60_000_000_000
            defer { running.refusedKeys = 0 }
            return running.refusedKeys
        }
        if count > 0 { services.log(.refusedKeys(count)) }
    }

    private static let busy = HTTPResponse.failure(
        503, "expected fewer requests under way, got: too many", hint: "try again a little later"
    ).adding("Retry-After", "1")

    private func answer(
        _ route: HTTPRoute, _ request: HTTPRequest, respond: @escaping @Sendable (HTTPResponse) -> Void,
        with handler: @escaping @Sendable (HTTPRequest, inout Connection) throws -> HTTPResponse
    ) {
        let isTaken = threads.add { interruption in
            let response: HTTPResponse
            do {
                response = try self.withConnection(interruption) { try handler(request, &$0) }
            } catch {
                response = self.failure(error, route)
            }
            respond(SecurityHeaders.added(to: response))
        }
        if !isTaken { respond(SecurityHeaders.added(to: Self.busy)) }
    }

    /// Runs a closure with a connection, on one of the endpoint's threads.
    private func withConnection<Value>(
        _ interruption: Interruption, _ body: (inout Connection) throws -> Value
    ) throws -> Value {
        try pool.withConnection(deadline: .after(milliseconds: 2_000)) { connection in
            connection.interruption = interruption
            defer { connection.interruption = nil }
            return try body(&connection)
        }
    }

    private func answerJob(
        _ route: HTTPRoute, _ request: HTTPRequest, respond: @escaping @Sendable (HTTPResponse) -> Void,
        with handler: @escaping @Sendable (HTTPRequest) async throws -> HTTPResponse
    ) {
        let isTaken = running.withLock { running -> Bool in
            guard running.server != nil, running.jobs.count < configuration.jobsMax else { return false }
            let number = running.nextJob
            running.nextJob += 1
            running.jobs[number] = Task {
                let response: HTTPResponse
                do { response = try await handler(request) } catch { response = self.failure(error, route) }
                self.running.withLock { $0.jobs[number] = nil }
                respond(SecurityHeaders.added(to: response))
            }
            return true
        }
        if !isTaken { respond(SecurityHeaders.added(to: Self.busy)) }
    }

    /// What a client is told of an error: never its text, which may quote what it was about.
    private func failure(_ error: any Error, _ route: HTTPRoute) -> HTTPResponse {
        EndpointFailure.response(to: error, name: route.name, statementSeconds: configuration.statementSeconds) {
            services.log(.failure($0))
        }
    }
}
