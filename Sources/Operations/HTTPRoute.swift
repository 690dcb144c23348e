import Bytes
import Postgres
import Store

/// One thing that the endpoint does: where, for whom, how, and what it answers.
///
/// The OpenAPI document is made from the same values, so it can't tell of anything else.
package struct HTTPRoute: Sendable {
    /// What a request asks with; `HEAD` is answered as `GET` without the body.
    package enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
    }

    /// Who may ask.
    package enum Access: Sendable {
        case anyone
        /// Whoever has the administrator's key: it changes something, or shows a user.
        case keyHolder
    }

    /// How it is answered.
    package enum Handler: Sendable {
        /// At once, on the network's own thread: without a database, and within microseconds.
        case immediate(@Sendable (HTTPRequest) -> HTTPResponse)
        /// On a thread of its own with a connection, where statements end after a few seconds.
        case database(@Sendable (HTTPRequest, inout Connection) throws -> HTTPResponse)
        /// By asynchronous work elsewhere.
        case concurrent(@Sendable (HTTPRequest) async throws -> HTTPResponse)
    }

    package var method: Method
    /// Such as `/api/v1/cache/{bot_name}/{user_id}`; a place takes one segment that is not empty.
    package var path: String
    /// Its name in the OpenAPI document and in the audit, such as `read_pair`.
    package var name: String
    /// One line.
    package var summary: String
    package var access: Access
    /// Whether requests count against the limits of their address; health checks do not.
    package var isLimited = true
    package var parameters: [HTTPParameter] = []
    /// Besides those that all routes have: statuses that it answers with, and their shapes.
    package var answers: [HTTPAnswer]
    package var handler: Handler
    /// What the audit says that it was about; asked of routes that change something, which are those of `POST`.
    package private(set) var subject: @Sendable (HTTPRequest) -> BeginAudit.Subject = { _ in .nothing }

    package init(
        _ method: Method, _ path: String, _ name: String, summary: String, access: Access, isLimited: Bool = true,
        parameters: [HTTPParameter] = [], answers: [HTTPAnswer], handler: Handler
    ) {
        self.method = method
        self.path = path
        self.name = name
        self.summary = summary
        self.access = access
        self.isLimited = isLimited
        self.parameters = parameters
        self.answers = answers
        self.handler = handler
    }

    /// Says what the audit is to tell of it.
    package func about(_ subject: @escaping @Sendable (HTTPRequest) -> BeginAudit.Subject) -> HTTPRoute {
        var route = self
        route.subject = subject
        return route
    }

    /// The places of the path.
    var places: [Substring] { path.dropFirst().split(separator: "/") }

    /// What stands at the places of the path; nil: it is another path.
    func match(_ segments: [String]) -> [String: String]? {
        let places = places
        guard places.count == segments.count else { return nil }
        var found: [String: String] = [:]
        for (place, segment) in zip(places, segments) {
            if place.first == "{" {
                guard !segment.isEmpty else { return nil }
                found[String(place.dropFirst().dropLast())] = segment
            } else if place != segment {
                return nil
            }
        }
        return found
    }
}

/// A value that a request carries in its path or its query.
package struct HTTPParameter: Sendable {
    package var name: String
    package var meaning: String
    package var schema: JSONSchema
    /// Whether a query must have it; what is in the path always has to be there.
    package var isRequired = false

    package init(_ name: String, _ meaning: String, _ schema: JSONSchema, isRequired: Bool = false) {
        self.name = name
        self.meaning = meaning
        self.schema = schema
        self.isRequired = isRequired
    }
}

/// What a route answers with.
package struct HTTPAnswer: Sendable {
    package var status: Int
    package var meaning: String
    package var contentType: String
    /// Nil for what is no JSON.
    package var schema: JSONSchema?

    package init(_ status: Int, _ meaning: String, _ schema: JSONSchema?, contentType: String = "application/json") {
        self.status = status
        self.meaning = meaning
        self.schema = schema
        self.contentType = contentType
    }
}

/// All routes of a server.
package struct HTTPRouteTable: Sendable {
    /// What a method and a path lead to.
    package enum Match: Sendable {
        case found(HTTPRoute, parameters: [String: String])
        /// The path is known, the method is not one of these.
        case otherMethods([String])
        case nothing
    }

    package let routes: [HTTPRoute]

    package init(_ routes: [HTTPRoute]) { self.routes = routes }

    /// Finds a request's route.
    ///
    /// - Complexity: O(routes).
    package func match(method: String, segments: [String]) -> Match {
        let wanted = method == "HEAD" ? "GET" : method
        var others: [String] = []
        for route in routes {
            guard let parameters = route.match(segments) else { continue }
            if route.method.rawValue == wanted { return .found(route, parameters: parameters) }
            others += route.method == .get ? ["GET", "HEAD"] : [route.method.rawValue]
        }
        return others.isEmpty ? .nothing : .otherMethods(others)
    }
}
