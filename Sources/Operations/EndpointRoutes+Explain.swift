import Bytes
import Postgres
import Store

extension EndpointRoutes {
    /// Where a pair's numbers come from, and when its user wrote.
    var explanations: [HTTPRoute] { [explain, activity] }

    static let noPair = RequestFault(
        404, "expected a user and a bot with processed messages, got: a pair without a row",
        hint: "the bot comes first, then the user")

    private var explain: HTTPRoute {
        let text: JSONSchema = .optional(.string)
        return HTTPRoute(
            .get, "/api/v1/explain/{bot_name}/{user_id}", "explain_signal",
            summary: "Where one signal comes from: formula, inputs, value recomputed from the pair's history.",
            access: .keyHolder,
            parameters: Self.pairParameters + [
                HTTPParameter(
                    "signal", "a column of a view of pairs or of the bot", .choice(services.signals), isRequired: true)
            ],
            answers: [
                HTTPAnswer(
                    200, "As `afterthought explain --json` has it; ids of messages and no texts.",
                    .object(
                        [
                            ("view", .string), ("column", .string), ("engine", .string), ("meaning", text),
                            ("formula", .string), ("method", .string), ("value", .anything), ("recomputed", .anything),
                            ("equal", .optional(.flag)), ("null_reason", text), ("validated", .flag),
                            ("engine_version", .optional(.integer())), ("config_hash", text),
                            ("computed_at", .optional(.moment)),
                            ("inputs", .optional(.array(.object([], isOpen: true)))),
                        ], isOpen: true))
            ],
            handler: .database { [services] request, connection in
                let column = try request.choice("signal", services.signals)
                let (user, bot) = (try request.name("user_id"), try request.name("bot_name"))
                switch try services.explain(column, user, bot, &connection) {
                case .found(let json): return HTTPResponse(contentType: "application/json", body: Array(json.utf8))
                case .noPair: throw Self.noPair
                case .busy:
                    throw RequestFault(
                        503, "expected a pair whose shard is caught up, got: one in a backlog",
                        hint: "try again in a while")
                }
            })
    }

    private var activity: HTTPRoute {
        let hour: JSONSchema = .object([
            ("weekday", .integer(minimum: 1, maximum: 7)), ("hour", .integer(minimum: 0, maximum: 23)),
            ("messages", .integer(minimum: 1)),
        ])
        let emotion: JSONSchema = .object([
            ("at", .moment), ("role", .string), ("valence", .number), ("arousal", .number),
            ("dominant_emotion", .string),
        ])
        return HTTPRoute(
            .get, "/api/v1/activity/{bot_name}/{user_id}", "read_activity",
            summary: "When a user writes to a bot, and the emotions of messages that were looked at.",
            access: .keyHolder, parameters: Self.pairParameters,
            answers: [
                HTTPAnswer(
                    200,
                    "Hours of the pair's newest \(PairActivity.messagesMax) messages, emotions of the newest "
                        + "\(PairActivity.emotionsMax) that were looked at; weekday 1 is Monday, hours are UTC.",
                    .object([
                        ("messages", .integer(minimum: 1)), ("first_at", .moment), ("last_at", .moment),
                        ("hours", .array(hour)), ("emotions", .array(emotion)),
                    ]))
            ],
            handler: .database { request, connection in
                let wanted = PairActivity(user: try request.name("user_id"), bot: try request.name("bot_name"))
                guard let found = try connection.first(wanted), found["messages"]?.int64 ?? 0 > 0 else {
                    throw Self.noPair
                }
                return .json(found)
            })
    }
}
