import Bytes
import Postgres
import Store

extension EndpointRoutes {
    /// How long a worker may do nothing before it counts as stuck, in seconds.
    static let stuckSeconds = 900.0

    /// Whether the process lives, and whether it can do its work.
    var health: [HTTPRoute] { [live, ready] }

    private static let state: JSONSchema = .object([
        ("status", .choice(["ok", "stuck", "unavailable"])), ("seconds_since_progress", .optional(.number)),
        ("fault", .optional(.string)),
    ])

    private var live: HTTPRoute {
        HTTPRoute(
            .get, "/health/live", "health_live", summary: "Whether the process lives and its cycle goes on.",
            access: .anyone, isLimited: false,
            answers: [
                HTTPAnswer(200, "It does.", Self.state),
                HTTPAnswer(503, "The cycle has not moved for \(Int(Self.stuckSeconds)) s: start it anew.", Self.state),
            ],
            handler: .immediate { [services] _ in
                let worker = services.worker()
                let isStuck = (worker.secondsSinceProgress ?? 0) > Self.stuckSeconds && worker.fault == nil
                return Self.state(worker, isStuck ? "stuck" : "ok", status: isStuck ? 503 : 200)
            })
    }

    private var ready: HTTPRoute {
        HTTPRoute(
            .get, "/health/ready", "health_ready",
            summary: "Whether the worker has its database and has looked for new messages.",
            access: .anyone, isLimited: false,
            answers: [
                HTTPAnswer(200, "It is ready.", Self.state),
                HTTPAnswer(503, "It is not: the database is away, or the first cycle has not ended.", Self.state),
            ],
            handler: .immediate { [services] _ in
                let worker = services.worker()
                let isReady = worker.fault == nil && worker.secondsSinceProgress != nil
                return Self.state(worker, isReady ? "ok" : "unavailable", status: isReady ? 200 : 503)
            })
    }

    private static func state(
        _ worker: EndpointServices.WorkerState, _ text: String, status: Int
    ) -> HTTPResponse {
        var json = JSONWriter()
        json.beginObject()
        json.key("status")
        json.value(text)
        json.key("seconds_since_progress")
        json.value(worker.secondsSinceProgress, decimals: 3)
        json.key("fault")
        json.value(worker.fault)
        json.endObject()
        return HTTPResponse(status: status, contentType: "application/json", body: json.bytes)
    }
}
