import Bytes
import Postgres
import Store

extension EndpointRoutes {
    /// Jobs: what there is, and running one by hand.
    var jobs: [HTTPRoute] { [listJobs, trigger, updatePersonality] }

    private var listJobs: HTTPRoute {
        HTTPRoute(
            .get, "/api/v1/admin/jobs", "list_jobs", summary: "Each job with its schedule, its state and its last run.",
            access: .anyone,
            answers: [
                HTTPAnswer(
                    200, "The jobs, as in afterthought.job_overview.",
                    .object([
                        (
                            "jobs",
                            .array(
                                .object(
                                    [
                                        ("job", .string), ("summary", .string), ("cron", .optional(.string)),
                                        ("time_zone", .string),
                                        ("state", .choice(["running", "paused", "waiting", "idle"])),
                                        ("next_at", .optional(.moment)), ("last_executed_at", .optional(.moment)),
                                        ("last_status", .optional(.string)),
                                        ("last_duration_seconds", .optional(.number)),
                                    ], isOpen: true))
                        )
                    ]))
            ],
            handler: .database { _, connection in
                let rows = try connection.query(ListSchedules()).map { $0.removing("last_metadata") }
                return .json(jsonObject([("jobs", .array(rows))]))
            })
    }

    private var trigger: HTTPRoute {
        HTTPRoute(
            .post, "/api/v1/admin/tasks/{task}/trigger", "trigger_task", summary: "Puts a job into the queue now.",
            access: .keyHolder,
            parameters: [HTTPParameter("task", "the job, such as personality_update", Self.nameSchema)],
            answers: [HTTPAnswer(202, "It waits for a worker, or waited already.", Self.queued)],
            handler: .database { [self] request, connection in
                guard let id = try connection.first(TriggerJob(job: try request.name("task"), reason: "by HTTP")) else {
                    throw RequestFault(404, "expected a job, got: another name", hint: "/api/v1/admin/jobs lists them")
                }
                return queued(id)
            }
        ).about { .thing(String($0.parameters["task"]?.prefix(64) ?? "")) }
    }

    private var updatePersonality: HTTPRoute {
        HTTPRoute(
            .post, "/api/v1/chat/personality/update/{user_id}", "update_personality",
            summary: "Applies one user's new insights to the user's personality profile, each once.",
            access: .keyHolder, parameters: [HTTPParameter("user_id", "the user", Self.nameSchema)],
            answers: [
                HTTPAnswer(
                    200, "It was done; changes are by trait, in points of 100.",
                    .object([
                        ("success", .flag),
                        (
                            "data",
                            .object([
                                ("insights_processed", .integer(minimum: 0)),
                                ("trait_changes", .object([], isOpen: true)),
                            ])
                        ),
                    ])),
                HTTPAnswer(202, "Another update runs at this moment; this one is done after it.", Self.queued),
            ],
            handler: .concurrent { [self] request in
                let arguments = jsonObject([("user_id", .string(try request.name("user_id")))])
                let outcome = try await services.runJob("personality_update", arguments)
                if outcome.state == nil || outcome.state == "waiting" { return queued(outcome.id) }
                guard outcome.state == "completed", outcome.error == nil else {
                    throw RequestFault(
                        500, "expected the update to end well, got: \(outcome.state ?? "nothing")",
                        hint: "`afterthought jobs --history` tells why")
                }
                func found(_ key: String) -> JSONValue? { outcome.metadata.last { $0.key == key }?.value }
                return .json(
                    jsonObject([
                        ("success", .bool(true)),
                        (
                            "data",
                            jsonObject([
                                ("insights_processed", found("insights_processed") ?? .whole(0)),
                                ("trait_changes", found("trait_changes") ?? .object([])),
                            ])
                        ),
                    ]))
            }
        ).about { .user($0.parameters["user_id"] ?? "") }
    }
}
