import Bytes
import Postgres
import Store

/// All that the endpoint can be asked.
struct EndpointRoutes: Sendable {
    let services: EndpointServices
    let page: DashboardPage
    let lag: LagHistory
    let figures = FigureCache()

    var all: [HTTPRoute] {
        let routes = health + [metrics, dashboard] + clustering + admin + jobs + pairs + explanations
        return routes + [OpenAPIDocument.route(for: routes)]
    }

    /// The name of a user or a bot, in a path.
    static let nameSchema = JSONSchema.name(lengthMax: HTTPRequest.nameBytesMax)

    static let metricsType = "text/plain; version=0.0.4; charset=utf-8"

    private var metrics: HTTPRoute {
        HTTPRoute(
            .get, "/metrics", "metrics", summary: "Metrics in Prometheus' text format.", access: .anyone,
            answers: [HTTPAnswer(200, "The metrics.", nil, contentType: Self.metricsType)],
            handler: .immediate { [services] _ in
                HTTPResponse(contentType: Self.metricsType, body: Array(services.metrics().utf8))
            })
    }

    private var dashboard: HTTPRoute {
        let answer = page.response
        return HTTPRoute(
            .get, "/", "dashboard", summary: "The dashboard, a page for people.", access: .anyone,
            answers: [HTTPAnswer(200, "The page.", nil, contentType: answer.contentType)],
            handler: .immediate { _ in answer })
    }
}

/// Builds an object of JSON from names and values.
func jsonObject(_ members: [(String, JSONValue)]) -> JSONValue {
    .object(members.map { JSONMember(key: $0.0, value: $0.1) })
}

extension JSONValue {
    /// A whole number.
    static func whole(_ number: Int64) -> JSONValue { .number(JSONNumber(number)) }
    static func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
    static func number(_ number: Double?) -> JSONValue { number.map { .number(JSONNumber($0)) } ?? .null }

    /// The same object without a member.
    func removing(_ key: String) -> JSONValue {
        guard let members else { return self }
        return .object(members.filter { $0.key != key })
    }
}
