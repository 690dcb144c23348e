import Bytes
import Postgres
import Store

extension EndpointRoutes {
    /// The clustering of conversations, and looking at one message.
    var clustering: [HTTPRoute] { [backgroundStatus, backgroundForce, analysis, clusters] }

    /// What a request gets that put a job into the queue.
    static let queued: JSONSchema = .object([
        ("success", .flag), ("job_id", .integer()), ("status", .choice(["queued"])), ("scheduler_running", .flag),
    ])

    func queued(_ id: Int64) -> HTTPResponse {
        services.wakeJobs()
        return .json(
            jsonObject([
                ("success", .bool(true)), ("job_id", .whole(id)), ("status", .string("queued")),
                ("scheduler_running", .bool(services.worker().runsJobs)),
            ]), status: 202)
    }

    private var backgroundStatus: HTTPRoute {
        HTTPRoute(
            .get, "/api/clustering/background-status", "clustering_status",
            summary: "Where the clustering of conversations stands.", access: .anyone,
            answers: [
                HTTPAnswer(
                    200, "Its state, its settings and its latest run.",
                    .object([
                        ("enabled", .flag), ("clustering_in_progress", .flag),
                        ("unprocessed_messages", .integer(minimum: 0)),
                        ("minutes_since_last_clustering", .optional(.number)), ("should_trigger_clustering", .flag),
                        ("trigger_reason", .optional(.string)), ("configuration", .object([], isOpen: true)),
                        ("latest_clustering_run", .optional(.object([], isOpen: true))),
                    ]))
            ],
            handler: .database { _, connection in
                guard let status = try connection.first(ClusteringStatus()) else { throw MissingRow() }
                return .json(try JSONValue(parsing: status.text))
            })
    }

    private var backgroundForce: HTTPRoute {
        HTTPRoute(
            .post, "/api/clustering/background-force", "force_clustering",
            summary: "Asks for a clustering that computes everything anew.", access: .keyHolder,
            answers: [HTTPAnswer(202, "It waits for a worker, or waited already.", Self.queued)],
            handler: .database { [self] _, connection in
                guard let id = try connection.first(EnqueueJob.forcedClustering(reason: "by HTTP")) else {
                    throw MissingRow()
                }
                return queued(id)
            }
        ).about { _ in .thing("clustering") }
    }

    private var analysis: HTTPRoute {
        HTTPRoute(
            .post, "/api/messages/{message_id}/trigger-analysis", "analyze_message",
            summary: "Looks at one message: its concepts, its emotion, whether it changed the topic.",
            access: .keyHolder,
            parameters: [HTTPParameter("message_id", "afterthought.messages.id", .integer(minimum: 1, maximum: .max))],
            answers: [
                HTTPAnswer(
                    200, "What was found, which is kept in message_analysis; never the text itself.",
                    .object([
                        ("success", .flag),
                        (
                            "data",
                            .object([
                                ("message_id", .integer()), ("concepts", .array(.anything)),
                                ("emotion", .object([], isOpen: true)), ("dominant_emotion", .string),
                                ("valence", .number), ("arousal", .number), ("switch_probability", .optional(.number)),
                                ("is_switch", .optional(.flag)), ("topic", .optional(.string)),
                                ("cluster_id", .optional(.integer())), ("null_reason", .optional(.string)),
                            ])
                        ),
                    ]))
            ],
            handler: .database { [services] request, connection in
                guard let found = try services.analyzeMessage(try request.number("message_id"), &connection) else {
                    throw RequestFault(404, "expected the number of a message, got: one that no message has")
                }
                return .json(jsonObject([("success", .bool(true)), ("data", found)]))
            }
        ).about { .thing($0.parameters["message_id"] ?? "") }
    }

    /// Labels are words of conversations, so they are shown with the key alone.
    private var clusters: HTTPRoute {
        HTTPRoute(
            .get, "/api/v1/clusters", "list_clusters",
            summary: "The clusters of conversations with their places in a picture.", access: .keyHolder,
            parameters: [HTTPParameter("limit", "how many, the largest first", .integer(minimum: 1, maximum: 500))],
            answers: [
                HTTPAnswer(
                    200, "The clusters; x and y are −1…1.",
                    .object([
                        ("computed_at", .optional(.moment)),
                        (
                            "clusters",
                            .array(
                                .object([
                                    ("cluster_id", .integer()), ("label", .string), ("keywords", .array(.anything)),
                                    ("conversations", .integer(minimum: 0)), ("silhouette", .number), ("x", .number),
                                    ("y", .number),
                                ]))
                        ),
                    ]))
            ],
            handler: .database { request, connection in
                let limit = try request.number("limit", 1...500, default: 200)
                let rows = try connection.query(ClusterCentroids(clustersMax: limit))
                let places = ClusterMap.places(rows.map(\.centroid))
                let clusters = try zip(rows, places).map { row, place in
                    jsonObject([
                        ("cluster_id", .whole(row.id)), ("label", .string(row.label)),
                        ("keywords", try JSONValue(parsing: row.keywords.text)),
                        ("conversations", .whole(Int64(row.conversations))), ("silhouette", .number(row.silhouette)),
                        ("x", .number(place.x)), ("y", .number(place.y)),
                    ])
                }
                return .json(
                    jsonObject([
                        ("computed_at", .text(rows.first?.computedAt?.rfc3339)), ("clusters", .array(clusters)),
                    ]))
            })
    }
}

/// A statement that always gives a row gave none.
struct MissingRow: Error {}
