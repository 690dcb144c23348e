import Bytes
import Testing

@testable import Operations

@Suite("Endpoint: description")
struct OpenAPITests {
    private static let routes = EndpointRoutes(services: .none, page: .shipped, lag: LagHistory()).all
    private static let document = OpenAPIDocument.json(for: routes)

    @Test func everyRouteIsInIt() throws {
        #expect(Self.document["openapi"]?.string == "3.1.0")
        var count = 0
        for route in Self.routes {
            let operation = try #require(
                Self.document["paths"]?[route.path]?[route.method.rawValue.lowercased()], "\(route.path)")
            #expect(operation["operationId"]?.string == route.name)
            #expect((operation["security"] != nil) == (route.access == .keyHolder), "\(route.path)")
            for answer in route.answers { #expect(operation["responses"]?["\(answer.status)"] != nil) }
            for place in route.places where place.first == "{" {
                let name = String(place.dropFirst().dropLast())
                let parameter = operation["parameters"]?.array?.first { $0["name"]?.string == name }
                #expect(parameter?["in"]?.string == "path" && parameter?["required"]?.bool == true, "\(route.path)")
            }
            count += 1
        }
        let listed = Self.document["paths"]?.members?.reduce(0) { $0 + ($1.value.members?.count ?? 0) }
        #expect(listed == count && Set(Self.routes.map(\.name)).count == count)
    }

    @Test func everyPathOfTheDesignIsThere() {
        let known = Set(Self.routes.map { "\($0.method.rawValue) \($0.path)" })
        for path in [
            "GET /health/live", "GET /health/ready", "GET /metrics", "GET /", "GET /openapi.json",
            "GET /api/clustering/background-status", "POST /api/clustering/background-force",
            "POST /api/messages/{message_id}/trigger-analysis", "POST /api/v1/chat/personality/update/{user_id}",
            "POST /api/v1/admin/tasks/{task}/trigger", "GET /api/v1/admin/system/health",
            "GET /api/v1/admin/tasks/history", "GET /api/v1/cache/{bot_name}/{user_id}",
        ] { #expect(known.contains(path), "\(path)") }
    }

    @Test func whateverChangesSomethingOrShowsAUserNeedsTheKey() {
        for route in Self.routes where route.method == .post || route.path.contains("{user_id}") {
            #expect(route.access == .keyHolder, "\(route.path)")
        }
        #expect(Self.routes.filter { $0.access == .keyHolder }.count == 10)
    }
}
