import Bytes
import Postgres
import Store

extension EndpointRoutes {
    /// How the whole is doing.
    var admin: [HTTPRoute] { [systemHealth, history, overview, engines] }

    private static let activeDays = 7

    private var systemHealth: HTTPRoute {
        let job: JSONSchema = .object([
            ("id", .string), ("name", .string), ("next_run_time", .optional(.moment)), ("trigger", .string),
        ])
        let update: JSONSchema = .object([
            ("task_name", .string), ("executed_at", .moment), ("users_processed", .integer()),
            ("successful_updates", .integer()), ("failed_updates", .integer()), ("status", .string),
        ])
        return HTTPRoute(
            .get, "/api/v1/admin/system/health", "system_health",
            summary: "How the worker and its jobs are doing.", access: .anyone,
            answers: [
                HTTPAnswer(
                    200, "Degraded: a shard is behind its time to live, or the last cycle failed.",
                    .object([
                        ("status", .choice(["healthy", "degraded"])), ("scheduler_running", .flag),
                        ("scheduled_jobs", .array(job)), ("last_personality_update", .optional(update)),
                        ("active_users_count", .optional(.integer(minimum: 0))),
                    ]))
            ],
            handler: .database { [services, figures] _, connection in
                guard let overview = try connection.first(OperationsOverview()) else { throw MissingRow() }
                let worker = services.worker()
                let isHealthy = worker.fault == nil && overview["shards_fresh"]?.int64 == 64
                let jobs = try connection.query(ListSchedules()).map(Self.scheduledJob)
                let last = try connection.query(ListSystemTasks(job: "personality_update", rowsMax: 1)).first
                let active = try figures.value("active_users") {
                    try connection.first(CountActiveUsers(days: Self.activeDays)).map { .whole($0) } ?? .null
                }
                return .json(
                    jsonObject([
                        ("status", .string(isHealthy ? "healthy" : "degraded")),
                        ("scheduler_running", .bool(worker.runsJobs)), ("scheduled_jobs", .array(jobs)),
                        ("last_personality_update", last.map(Self.lastUpdate) ?? .null),
                        ("active_users_count", active),
                    ]))
            })
    }

    private static func scheduledJob(_ row: JSONValue) -> JSONValue {
        let zone = row["time_zone"]?.string ?? ""
        let trigger = row["cron"]?.string.map { "cron \($0) (\(zone))" } ?? "when needed"
        return jsonObject([
            ("id", row["job"] ?? .null), ("name", row["summary"] ?? .null), ("next_run_time", row["next_at"] ?? .null),
            ("trigger", .string(trigger)),
        ])
    }

    private static func lastUpdate(_ row: JSONValue) -> JSONValue {
        let keys = ["executed_at", "users_processed", "successful_updates", "failed_updates", "status"]
        var members = keys.map { JSONMember(key: $0, value: row[$0] ?? .null) }
        members.insert(JSONMember(key: "task_name", value: row["name"] ?? .null), at: 0)
        return .object(members)
    }

    private var history: HTTPRoute {
        HTTPRoute(
            .get, "/api/v1/admin/tasks/history", "task_history", summary: "Attempts at jobs that ended, newest first.",
            access: .anyone,
            parameters: [
                HTTPParameter("limit", "how many (50 unless told otherwise)", .integer(minimum: 1, maximum: 1000))
            ],
            answers: [
                HTTPAnswer(
                    200, "The attempts, as in afterthought.system_tasks.",
                    .object([
                        ("count", .integer(minimum: 0)),
                        (
                            "tasks",
                            .array(
                                .object([
                                    ("task_name", .string), ("executed_at", .moment), ("duration_seconds", .number),
                                    ("users_processed", .integer()), ("successful_updates", .integer()),
                                    ("failed_updates", .integer()), ("records_processed", .integer()),
                                    ("status", .choice(["completed", "completed_with_errors", "failed"])),
                                    ("error_message", .optional(.string)), ("metadata", .object([], isOpen: true)),
                                    ("job_id", .integer()), ("attempt", .integer()),
                                ]))
                        ),
                    ]))
            ],
            handler: .database { request, connection in
                let limit = try request.number("limit", 1...1000, default: 50)
                let rows = try connection.query(ListSystemTasks(rowsMax: limit)).map(Self.task)
                return .json(jsonObject([("count", .whole(Int64(rows.count))), ("tasks", .array(rows))]))
            })
    }

    private static func task(_ row: JSONValue) -> JSONValue {
        let keys = [
            "executed_at", "duration_seconds", "users_processed", "successful_updates", "failed_updates",
            "records_processed", "status", "error_message",
        ]
        var members = keys.map { JSONMember(key: $0, value: row[$0] ?? .null) }
        members.insert(JSONMember(key: "task_name", value: row["name"] ?? .null), at: 0)
        // One user's changes are that user's, even without the name.
        let metadata = row["metadata"]?.removing("trait_changes") ?? .object([])
        members.append(JSONMember(key: "metadata", value: metadata))
        for key in ["job_id", "attempt"] { members.append(JSONMember(key: key, value: row[key] ?? .null)) }
        return .object(members)
    }

    private var overview: HTTPRoute {
        let hour: JSONSchema = .object([("hour", .moment), ("messages", .integer(minimum: 0))])
        let sample: JSONSchema = .object([
            ("at", .moment), ("lag_seconds", .optional(.number)), ("shards_fresh", .integer(minimum: 0, maximum: 64)),
            ("messages_processed", .integer(minimum: 0)),
        ])
        return HTTPRoute(
            .get, "/api/v1/admin/overview", "overview",
            summary: "Freshness, lag and throughput, now and over the last day.", access: .anyone,
            parameters: [
                HTTPParameter(
                    "samples", "how many samples, the newest; all unless told otherwise",
                    .integer(minimum: 0, maximum: Int64(LagHistory.samplesMax)))
            ],
            answers: [
                HTTPAnswer(
                    200, "Samples are this process's own, one a minute, as is what it processed; of 64 shards.",
                    .object([
                        ("at", .moment), ("verified_through", .optional(.moment)), ("lag_seconds", .optional(.number)),
                        ("ttl_seconds", .number), ("shards_fresh", .integer(minimum: 0, maximum: 64)),
                        ("shards_leased", .integer(minimum: 0, maximum: 64)),
                        ("shards_rebuilding", .integer(minimum: 0, maximum: 64)), ("workers", .integer(minimum: 0)),
                        ("quarantined", .integer(minimum: 0)), ("refresh_requests", .integer(minimum: 0)),
                        ("jobs_waiting", .integer(minimum: 0)), ("jobs_running", .integer(minimum: 0)),
                        ("lag_samples", .array(sample)), ("messages_by_hour", .optional(.array(hour))),
                    ]))
            ],
            handler: .database { [lag, figures] request, connection in
                let all = Int64(LagHistory.samplesMax)
                let samples = try request.number("samples", 0...all, default: all)
                guard let now = try connection.first(OperationsOverview()) else { throw MissingRow() }
                let hours = try figures.value("messages_by_hour") {
                    .array(
                        try connection.query(MessagesByHour()).map { row in
                            jsonObject([("hour", .string(row.hour.rfc3339)), ("messages", .whole(row.messages))])
                        })
                }
                let lags = lag.json(samplesMax: Int(samples))
                let more = jsonObject([("lag_samples", lags), ("messages_by_hour", hours)])
                return .json(.object((now.members ?? []) + (more.members ?? [])))
            })
    }
}
