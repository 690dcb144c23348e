import Bytes
import Postgres
import Store

extension EndpointRoutes {
    /// What is known about a user and a bot, and the pairs that could not be processed.
    var pairs: [HTTPRoute] { [readPair, listQuarantine, retryQuarantined] }

    static let pairParameters = [
        HTTPParameter("bot_name", "the bot", nameSchema), HTTPParameter("user_id", "the user", nameSchema),
    ]

    private var readPair: HTTPRoute {
        HTTPRoute(
            .get, "/api/v1/cache/{bot_name}/{user_id}", "read_pair",
            summary: "All signals of a user and a bot, as readers get them now.", access: .keyHolder,
            parameters: Self.pairParameters,
            answers: [
                HTTPAnswer(
                    200, "The row of afterthought.read_strategic.",
                    .object(
                        [
                            ("freshness", .choice(["fresh", "stale"])), ("age_seconds", .optional(.number)),
                            ("reflects_through", .optional(.moment)), ("stale_reason", .optional(.string)),
                            ("signals", .object([], isOpen: true)),
                        ], isOpen: true))
            ],
            handler: .database { request, connection in
                let wanted = ReadPairSignals(user: try request.name("user_id"), bot: try request.name("bot_name"))
                guard let pair = try connection.first(wanted), pair.freshness != "missing" else {
                    throw Self.noPair
                }
                return HTTPResponse(contentType: "application/json", body: Array(pair.json.utf8))
            })
    }

    private var listQuarantine: HTTPRoute {
        HTTPRoute(
            .get, "/api/v1/admin/quarantine", "list_quarantine",
            summary: "Pairs that could not be processed, and why.", access: .keyHolder,
            parameters: [HTTPParameter("limit", "how many, 100 unless told", .integer(minimum: 1, maximum: 1000))],
            answers: [
                HTTPAnswer(
                    200, "The pairs; those that failed last first.",
                    .object([
                        ("count", .integer(minimum: 0)),
                        (
                            "pairs",
                            .array(
                                .object([
                                    ("bot_name", .string), ("user_id", .string), ("reason", .string),
                                    ("error", .string), ("attempts", .integer()), ("since", .moment),
                                    ("last_failed_at", .moment), ("next_attempt_at", .moment),
                                ]))
                        ),
                    ]))
            ],
            handler: .database { request, connection in
                let rows = try connection.query(
                    ListQuarantine(rowsMax: try request.number("limit", 1...1000, default: 100)))
                return .json(jsonObject([("count", .whole(Int64(rows.count))), ("pairs", .array(rows))]))
            })
    }

    private var retryQuarantined: HTTPRoute {
        HTTPRoute(
            .post, "/api/v1/admin/quarantine/{bot_name}/{user_id}/retry", "retry_quarantined",
            summary: "Lets the next cycle try a pair again.", access: .keyHolder, parameters: Self.pairParameters,
            answers: [HTTPAnswer(202, "It will be tried.", .object([("success", .flag)]))],
            handler: .database { request, connection in
                let wanted = RetryQuarantine(user: try request.name("user_id"), bot: try request.name("bot_name"))
                guard try connection.run(wanted) > 0 else {
                    throw RequestFault(404, "expected a pair in quarantine, got: one that is not there")
                }
                return .json(jsonObject([("success", .bool(true))]), status: 202)
            }
        ).about { .user($0.parameters["user_id"] ?? "") }
    }
}
