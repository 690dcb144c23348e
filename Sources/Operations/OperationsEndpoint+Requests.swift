import Bytes
import Postgres
import Store

/// Answers that take longer than a moment. What changes something is written down before it is done, and completed
/// after: without its row in the audit nothing is changed.
extension OperationsEndpoint {
    typealias Respond = @Sendable (HTTPResponse) -> Void

    static let busy = HTTPResponse.failure(
        503, "expected fewer requests under way, got: too many", hint: "try again a little later"
    ).adding("Retry-After", "1")

    /// Answers on one of the endpoint's threads.
    func answer(
        _ route: HTTPRoute, _ request: HTTPRequest, respond: @escaping Respond,
        with handler: @escaping @Sendable (HTTPRequest, inout Connection) throws -> HTTPResponse
    ) {
        let isTaken = threads.add { interruption in
            let response: HTTPResponse
            do {
                response = try self.withConnection(interruption) { connection in
                    guard route.method == .post else { return try handler(request, &connection) }
                    let audit = try Self.begin(route, request, &connection)
                    let response: HTTPResponse
                    do { response = try handler(request, &connection) } catch { response = self.failure(error, route) }
                    self.end(audit, response, route, &connection)
                    return response
                }
            } catch {
                response = self.failure(error, route)
            }
            respond(SecurityHeaders.added(to: response))
        }
        if !isTaken { respond(SecurityHeaders.added(to: Self.busy)) }
    }

    /// Answers by asynchronous work; a few such requests at a time.
    func answerJob(
        _ route: HTTPRoute, _ request: HTTPRequest, respond: @escaping Respond,
        with handler: @escaping @Sendable (HTTPRequest) async throws -> HTTPResponse
    ) {
        let isTaken = threads.add { interruption in
            do {
                let audit = try self.withConnection(interruption) { try Self.begin(route, request, &$0) }
                let isRunning = self.run {
                    let response: HTTPResponse
                    do { response = try await handler(request) } catch { response = self.failure(error, route) }
                    self.conclude(audit, response, route, respond)
                }
                if !isRunning { self.conclude(audit, Self.busy, route, respond) }
            } catch {
                respond(SecurityHeaders.added(to: self.failure(error, route)))
            }
        }
        if !isTaken { respond(SecurityHeaders.added(to: Self.busy)) }
    }

    /// Starts asynchronous work; false when there is too much of it.
    private func run(_ work: @escaping @Sendable () async -> Void) -> Bool {
        running.withLock { running -> Bool in
            guard !running.isStopping, running.jobs.count < configuration.jobsMax else { return false }
            let number = running.nextJob
            running.nextJob += 1
            running.jobs[number] = Task {
                await work()
                self.running.withLock { $0.jobs[number] = nil }
            }
            return true
        }
    }

    private static func begin(
        _ route: HTTPRoute, _ request: HTTPRequest, _ connection: inout Connection
    ) throws -> Int64 {
        let row = BeginAudit(action: route.name, subject: route.subject(request), address: request.address)
        guard let id = try connection.first(row) else { throw MissingRow() }
        return id
    }

    private func end(_ audit: Int64, _ response: HTTPResponse, _ route: HTTPRoute, _ connection: inout Connection) {
        do { _ = try connection.run(EndAudit(id: audit, status: response.status)) } catch {
            // The change was made or refused already; its row says at least that it was asked for.
            services.log(.failure("\(route.name): the audit's row \(audit) could not be completed"))
        }
    }

    private func conclude(_ audit: Int64, _ response: HTTPResponse, _ route: HTTPRoute, _ respond: @escaping Respond) {
        let isTaken = threads.add(isUrgent: true) { interruption in
            do {
                try self.withConnection(interruption) { self.end(audit, response, route, &$0) }
            } catch {
                self.services.log(.failure("\(route.name): the audit's row \(audit) could not be completed"))
            }
            respond(SecurityHeaders.added(to: response))
        }
        if !isTaken { respond(SecurityHeaders.added(to: response)) }
    }

    /// What a client is told of an error: never its text, which may quote what it was about.
    private func failure(_ error: any Error, _ route: HTTPRoute) -> HTTPResponse {
        EndpointFailure.response(to: error, name: route.name, statementSeconds: configuration.statementSeconds) {
            services.log(.failure($0))
        }
    }
}
