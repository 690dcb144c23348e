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
    private let lag = LagHistory()
    private let sampling = Gate(conditions: 1)
    private let pool: ConnectionPool
    let threads: RequestThreads
    let running = Mutex(Running())

    struct Running {
        var server: HTTPServer?
        var port = 0
        var sampler: PosixThread?
        var isStopping = false
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
        page: DashboardPage = .shipped
    ) {
        self.configuration = configuration
        self.services = services
        table = HTTPRouteTable(EndpointRoutes(services: services, page: page, lag: lag).all)
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
        // One more for the look at the shards.
        limits.connectionsMax = configuration.threads + 1
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
            $0.sampler = PosixThread { self.sample() }
        }
        let host = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
        services.log(
            .started(
                url: "http://\(host):\(socket.port)", hasKey: configuration.adminKey != nil,
                isLoopback: socket.isLoopback))
        return socket.port
    }

    /// Stops within a few seconds, and closes all connections; blocks meanwhile.
    package func stop() {
        let (server, sampler, jobs) = running.withLock { running in
            running.isStopping = true
            return (running.server.take(), running.sampler.take(), Array(running.jobs.values))
        }
        for job in jobs { job.cancel() }
        sampling.lock()
        sampling.broadcast()
        sampling.unlock()
        server?.stop()
        threads.stop()
        sampler?.join()
        pool.close()
    }

    /// Looks at the shards once a minute, until the endpoint stops.
    private func sample() {
        var isStopping = false
        while !isStopping {
            // A database that is away leaves a gap, which is what there is to show.
            if let overview = try? withConnection(nil, { try $0.first(OperationsOverview()) }) {
                lag.add(overview: overview, figures: services.figures())
            }
            let deadline = Deadline.after(milliseconds: UInt64(configuration.sampleSeconds * 1000))
            sampling.lock()
            isStopping = running.withLock { $0.isStopping }
            while !isStopping, sampling.wait(until: deadline) { isStopping = running.withLock { $0.isStopping } }
            sampling.unlock()
            isStopping = isStopping || running.withLock { $0.isStopping }
        }
    }

    /// Runs a closure with a connection, on one of the endpoint's threads.
    func withConnection<Value>(
        _ interruption: Interruption?, _ body: (inout Connection) throws -> Value
    ) throws -> Value {
        try pool.withConnection(deadline: .after(milliseconds: 2_000)) { connection in
            connection.interruption = interruption
            defer { connection.interruption = nil }
            return try body(&connection)
        }
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
}
