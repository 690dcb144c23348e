import Bytes

/// The OpenAPI 3.1 description of the endpoint, made from its routes.
///
/// Source: OpenAPI Specification 3.1.0.
package enum OpenAPIDocument {
    /// The route that serves the description of others and of itself.
    static func route(for routes: [HTTPRoute]) -> HTTPRoute {
        var own = HTTPRoute(
            .get, "/openapi.json", "openapi", summary: "This description.", access: .anyone,
            answers: [
                HTTPAnswer(
                    200, "An OpenAPI 3.1 document.",
                    .object([("openapi", .string), ("paths", .object([], isOpen: true))], isOpen: true))
            ],
            handler: .immediate { _ in .failure(500, "") })
        let body = json(for: routes + [own])
        own.handler = .immediate { _ in .json(body) }
        return own
    }

    /// The document.
    ///
    /// - Parameter routes: all routes that it is to tell of.
    /// - Returns: the document.
    package static func json(for routes: [HTTPRoute]) -> JSONValue {
        var paths: [(path: String, operations: [JSONMember])] = []
        for route in routes {
            let operation = JSONMember(key: route.method.rawValue.lowercased(), value: operation(route))
            if let place = paths.firstIndex(where: { $0.path == route.path }) {
                paths[place].operations.append(operation)
            } else {
                paths.append((route.path, [operation]))
            }
        }
        return object([
            ("openapi", .string("3.1.0")),
            (
                "info",
                object([
                    ("title", .string("Afterthought")), ("version", .string("1")),
                    (
                        "description",
                        .string(
                            "The operations endpoint of an Afterthought worker. What changes something or shows a "
                                + "user needs the administrator's key as X-Admin-Key.")
                    ),
                ])
            ),
            ("paths", .object(paths.map { JSONMember(key: $0.path, value: .object($0.operations)) })),
            (
                "components",
                object([
                    (
                        "securitySchemes",
                        object([
                            (
                                "adminKey",
                                object([
                                    ("type", .string("apiKey")), ("in", .string("header")),
                                    ("name", .string("X-Admin-Key")),
                                ])
                            )
                        ])
                    ),
                    ("schemas", object([("Failure", failure.json)])),
                ])
            ),
        ])
    }

    /// What every refusal looks like.
    static let failure: JSONSchema = .object([
        ("success", .flag), ("error", .string), ("hint", .optional(.string)),
    ])

    /// Refusals that a route may answer with beside its own answers.
    static func refusals(_ route: HTTPRoute) -> [(status: Int, meaning: String)] {
        var all = [(400, "The request can't be understood.")]
        if route.access == .keyHolder {
            all.append((401, "The key is missing or wrong."))
            all.append((403, "The worker has no administrator's key, so this is turned off."))
        }
        if !route.places.allSatisfy({ $0.first != "{" }) { all.append((404, "There is no such thing.")) }
        all += [
            (405, "The path has other methods."), (413, "The body is too large."), (414, "The target is too long."),
            (421, "The host is not one that this server may be called by."), (429, "Too many requests."),
            (431, "The headers are too large."),
        ]
        if case .immediate = route.handler { return all }
        return all + [
            (500, "An error; see the worker's log."), (503, "The database is away, or too much is under way."),
        ]
    }

    private static func operation(_ route: HTTPRoute) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("operationId", .string(route.name)), ("summary", .string(route.summary)),
        ]
        if route.access == .keyHolder { members.append(("security", .array([object([("adminKey", .array([]))])]))) }
        if !route.parameters.isEmpty {
            members.append(("parameters", .array(route.parameters.map { parameter($0, route) })))
        }
        var responses = route.answers.map { (String($0.status), answer($0)) }
        for (status, meaning) in refusals(route) where !route.answers.contains(where: { $0.status == status }) {
            responses.append((String(status), refusal(meaning)))
        }
        responses.sort { $0.0 < $1.0 }
        members.append(("responses", object(responses)))
        return object(members)
    }

    private static func parameter(_ parameter: HTTPParameter, _ route: HTTPRoute) -> JSONValue {
        let isPlace = route.places.contains { $0 == "{\(parameter.name)}" }
        return object([
            ("name", .string(parameter.name)), ("in", .string(isPlace ? "path" : "query")),
            ("required", .bool(isPlace || parameter.isRequired)), ("description", .string(parameter.meaning)),
            ("schema", parameter.schema.json),
        ])
    }

    private static func answer(_ answer: HTTPAnswer) -> JSONValue {
        let type = String(answer.contentType.prefix { $0 != ";" })
        let schema = answer.schema?.json ?? JSONSchema.string.json
        return object([
            ("description", .string(answer.meaning)),
            ("content", object([(type, object([("schema", schema)]))])),
        ])
    }

    private static func refusal(_ meaning: String) -> JSONValue {
        let schema = object([("$ref", .string("#/components/schemas/Failure"))])
        return object([
            ("description", .string(meaning)),
            ("content", object([("application/json", object([("schema", schema)]))])),
        ])
    }

    private static func object(_ members: [(String, JSONValue)]) -> JSONValue {
        .object(members.map { JSONMember(key: $0.0, value: $0.1) })
    }
}
