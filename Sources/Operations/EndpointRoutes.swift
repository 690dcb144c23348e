import Bytes
import Postgres
import Store

/// All that the endpoint can be asked.
struct EndpointRoutes: Sendable {
    let services: EndpointServices
    let page: DashboardPage

    var all: [HTTPRoute] {
        let routes = health + [metrics, dashboard]
        return routes + [OpenAPIDocument.route(for: routes)]
    }

    private var metrics: HTTPRoute {
        HTTPRoute(
            .get, "/metrics", "metrics", summary: "Metrics in Prometheus' text format.", access: .anyone,
            answers: [HTTPAnswer(200, "The metrics.", nil, contentType: "text/plain; version=0.0.4; charset=utf-8")],
            handler: .immediate { [services] _ in
                HTTPResponse(
                    contentType: "text/plain; version=0.0.4; charset=utf-8", body: Array(services.metrics().utf8))
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
