import Bytes
import Postgres
import Store

extension EndpointRoutes {
    /// What each engine takes and how much of it is null, now and over the last day.
    var engines: HTTPRoute {
        let engine: JSONSchema = .object([
            ("name", .string), ("batches", .integer(minimum: 0)), ("seconds", .number),
            ("seconds_day", .number), ("null_ratio", .optional(.number)),
            ("null_ratio_samples", .array(.optional(.number))),
        ])
        return HTTPRoute(
            .get, "/api/v1/admin/engines", "list_engines",
            summary: "What each engine takes, and what share of the cache rows has nulls of it.", access: .anyone,
            answers: [
                HTTPAnswer(
                    200,
                    "Of this process: times since it started and over at most its last day; samples are evenly spread "
                        + "over that day, and null where nothing was known.",
                    .object([
                        ("messages_processed", .integer(minimum: 0)), ("messages_processed_day", .integer(minimum: 0)),
                        ("sampled_at", .array(.moment)), ("engines", .array(engine)),
                    ]))
            ],
            handler: .immediate { [services, lag] _ in .json(lag.engines(services.figures())) })
    }
}
