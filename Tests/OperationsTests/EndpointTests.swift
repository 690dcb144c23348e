#if Operations
    import Bytes
    import Foundation
    import Postgres
    import Support
    import Synchronization
    import Testing

    @testable import Operations
    @testable import Store

    /// An endpoint on the test's database.
    struct EndpointBench {
        static let key = "a-key-of-more-than-sixteen"
        let endpoint: OperationsEndpoint
        let log: Mutexed<[String]>

        init(
            key: String? = key, options: ConnectionOptions? = nil, services: EndpointServices = .none,
            change: (inout EndpointConfiguration) -> Void = { _ in }
        ) throws {
            var configuration = EndpointConfiguration()
            configuration.port = 0
            configuration.adminKey = try key.map { try Secret($0, source: "the key", bytesMin: 16) }
            configuration.limits.stopSeconds = 0.5
            change(&configuration)
            let log = Mutexed<[String]>([])
            var services = services
            services.log = { event in log.change { $0.append("\(event)") } }
            endpoint = OperationsEndpoint(
                configuration: configuration, options: try options ?? TestDatabase.current.options, services: services)
            try endpoint.start()
            self.log = log
        }

        /// Asks on a thread of its own: answers may need those of the cooperative pool.
        func ask(_ method: String, _ path: String, _ headers: [String] = []) async throws -> RawClient.Reply {
            let port = endpoint.port
            return try await onOwnThread { try RawClient.ask(port, method, path, headers) }
        }

        func askWithKey(_ method: String, _ path: String) async throws -> RawClient.Reply {
            try await ask(method, path, ["X-Admin-Key: \(Self.key)"])
        }

        func stop() { endpoint.stop() }
    }

    /// A value that threads share.
    final class Mutexed<Value: Sendable>: Sendable {
        private let mutex: Mutex<Value>
        init(_ value: Value) { mutex = Mutex(value) }
        var value: Value { mutex.withLock { $0 } }
        func change(_ body: (inout Value) -> Void) { mutex.withLock { body(&$0) } }
    }

    @Suite("Endpoint: answers", .database)
    struct EndpointTests {
        /// A pair with a row, one in quarantine, two clusters and a run of a job.
        private func fill() throws {
            var connection = try TestDatabase.current.connect()
            try connection.execute(
                """
                select afterthought.record_message('u1', 'elena', 'user', 'a secret about sailing');
                -- Fresh for long: a test that awaits beside all others may go on minutes later.
                update afterthought.shard_progress set verified_at = now(), ttl = '1 day';
                insert into afterthought.quarantine
                    (shard, bot_name, user_id, reason, error, attempts, next_attempt_at)
                values (afterthought.shard_of('u/2', 'elena'), 'elena', 'u/2', 'test', 'an error', 3, now() + '1 day');
                insert into afterthought.system_tasks (
                    name, executed_at, duration_seconds, users_processed, status, metadata, job_id, attempt)
                values (
                    'personality_update', now(), 0.25, 7, 'completed',
                    '{"trait_changes": {"openness": {}}, "insights_processed": 3}', 1, 1);
                insert into afterthought.clustering_runs (run_id, status, trigger_reason, attempt, started_at)
                values (1, 'running', 'by hand', 1, now());
                update afterthought.clustering_state set current_run = 1, full_run_at = now();
                insert into afterthought.conversation_clusters (
                    run_id, cluster_id, label, keywords, size, silhouette, space, vector_version, since_run, centroid)
                select 1, g, 'cluster ' || g, '[]', 10 - g, 0.5, 1, 1, 1,
                    decode(repeat(lpad(to_hex(g), 2, '0') || '00', 128) || repeat('0001', 128), 'hex')
                from generate_series(1, 3) as g;
                """)
        }

        /// Each route, the path to ask and the status to expect.
        private static let paths: [(method: String, path: String, status: Int, name: String)] = [
            ("GET", "/health/live", 200, "health_live"), ("GET", "/health/ready", 503, "health_ready"),
            ("GET", "/metrics", 200, "metrics"), ("GET", "/", 200, "dashboard"),
            ("GET", "/openapi.json", 200, "openapi"),
            ("GET", "/api/clustering/background-status", 200, "clustering_status"),
            ("POST", "/api/clustering/background-force", 202, "force_clustering"),
            ("POST", "/api/messages/1/trigger-analysis", 404, "analyze_message"),
            ("GET", "/api/v1/clusters?limit=2", 200, "list_clusters"),
            ("GET", "/api/v1/admin/system/health", 200, "system_health"),
            ("GET", "/api/v1/admin/tasks/history?limit=5", 200, "task_history"),
            ("GET", "/api/v1/admin/overview", 200, "overview"), ("GET", "/api/v1/admin/jobs", 200, "list_jobs"),
            ("POST", "/api/v1/admin/tasks/signal_quality/trigger", 202, "trigger_task"),
            ("POST", "/api/v1/chat/personality/update/u1", 202, "update_personality"),
            ("GET", "/api/v1/cache/elena/u1", 404, "read_pair"),
            ("GET", "/api/v1/admin/quarantine", 200, "list_quarantine"),
            ("POST", "/api/v1/admin/quarantine/elena/u%2F2/retry", 202, "retry_quarantined"),
            ("GET", "/api/v1/admin/engines", 200, "list_engines"),
            ("GET", "/api/v1/explain/elena/u1?signal=topic_drift", 200, "explain_signal"),
            ("GET", "/api/v1/activity/elena/u1", 200, "read_activity"),
        ]

        @Test func everyAnswerHasTheShapeThatTheDescriptionGives() async throws {
            try fill()
            let bench = try EndpointBench()
            defer { bench.stop() }
            for route in bench.endpoint.table.routes {
                let entry = try #require(Self.paths.first { $0.name == route.name }, "\(route.name)")
                let reply = try await bench.askWithKey(entry.method, entry.path)
                #expect(reply.status == entry.status, "\(entry): \(reply)")
                for (name, value) in SecurityHeaders.all { #expect(reply.headers[name.lowercased()] == value) }
                let policy = reply.headers["content-security-policy"] ?? ""
                #expect(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"))
                guard let answer = route.answers.first(where: { $0.status == reply.status }) else {
                    #expect(OpenAPIDocument.failure.faults(reply.json).isEmpty, "\(entry): \(reply.text)")
                    #expect(OpenAPIDocument.refusals(route).contains { $0.status == reply.status })
                    continue
                }
                #expect(reply.headers["content-type"] == answer.contentType, "\(entry)")
                let faults = answer.schema?.faults(reply.json) ?? []
                #expect(faults.isEmpty, "\(entry): \(faults) in \(reply.text)")
            }
        }

        @Test func theKeysThatUsersKnowAreThere() async throws {
            try fill()
            let bench = try EndpointBench()
            defer { bench.stop() }
            let health = try await bench.ask("GET", "/api/v1/admin/system/health").json
            #expect(health["status"]?.string == "healthy" && health["scheduler_running"]?.bool == false)
            #expect(health["active_users_count"]?.int64 == 1)
            #expect(health["last_personality_update"]?["users_processed"]?.int64 == 7)
            let jobs = health["scheduled_jobs"]?.array ?? []
            let update = jobs.first { $0["id"]?.string == "personality_update" }
            #expect(update?["trigger"]?.string == "cron 0 2 * * * (UTC)" && update?["next_run_time"]?.string != nil)
            let history = try await bench.ask("GET", "/api/v1/admin/tasks/history?limit=1").json
            #expect(history["tasks"]?[0]?["task_name"]?.string == "personality_update")
            // What changed about a user is not for everybody.
            #expect(history["tasks"]?[0]?["metadata"]?["trait_changes"] == nil)
            #expect(history["tasks"]?[0]?["metadata"]?["insights_processed"]?.int64 == 3)
            let overview = try await bench.ask("GET", "/api/v1/admin/overview").json
            #expect(overview["shards_fresh"]?.int64 == 64 && overview["quarantined"]?.int64 == 1)
            #expect(overview["messages_by_hour"]?[0]?["messages"]?.int64 == 1)
            let clusters = try await bench.askWithKey("GET", "/api/v1/clusters").json["clusters"]?.array ?? []
            #expect(clusters.map { $0["label"]?.string } == ["cluster 1", "cluster 2", "cluster 3"])
            // The first and the last of them are at the ends of the picture.
            #expect(abs(clusters[0]["x"]?.double ?? 0) > abs(clusters[1]["x"]?.double ?? 1))
        }

        @Test func whatChangesSomethingIsWrittenDownWithoutUserAndKey() async throws {
            try fill()
            let bench = try EndpointBench()
            defer { bench.stop() }
            #expect(try await bench.askWithKey("POST", "/api/clustering/background-force").status == 202)
            #expect(try await bench.askWithKey("POST", "/api/v1/admin/quarantine/elena/u%2F2/retry").status == 202)
            #expect(try await bench.askWithKey("POST", "/api/v1/admin/quarantine/elena/u%2F3/retry").status == 404)
            #expect(try await bench.askWithKey("POST", "/api/v1/chat/personality/update/u%2F2").status == 202)
            #expect(
                try await bench.ask("POST", "/api/clustering/background-force", ["X-Admin-Key: wrong"]).status == 401)
            #expect(try await bench.askWithKey("GET", "/api/v1/admin/quarantine").status == 200)
            var connection = try TestDatabase.current.connect()
            let rows = try connection.textRows(
                """
                select action, subject, length(user_hash), address, status, finished_at >= at
                from afterthought.operations_audit order by id
                """)
            #expect(
                rows == [
                    ["force_clustering", "clustering", nil, "127.0.0.1", "202", "t"],
                    ["retry_quarantined", nil, "32", "127.0.0.1", "202", "t"],
                    ["retry_quarantined", nil, "32", "127.0.0.1", "404", "t"],
                    ["update_personality", nil, "32", "127.0.0.1", "202", "t"],
                ])
            let whole = try connection.textRows("select a::text from afterthought.operations_audit as a")
            for row in whole { #expect(!(row[0] ?? "").contains("u/2") && !(row[0] ?? "").contains(EndpointBench.key)) }
            #expect(try connection.textRows("select next_attempt_at <= now() from afterthought.quarantine") == [["t"]])
            // The same user has the same hash, another one another.
            #expect(
                try connection.textRows(
                    "select count(distinct user_hash) from afterthought.operations_audit") == [["2"]])
            #expect(bench.log.value.contains { $0.contains("refusedKeys(1)") })
            #expect(!bench.log.value.joined().contains(EndpointBench.key))
        }

        @Test func theWorkersRoleIsEnoughAndCanTakeNothingBack() async throws {
            try fill()
            var connection = try TestDatabase.current.connect()
            // Roles belong to the whole cluster, which other tests share: a lock keeps two from making the same.
            try connection.execute("begin; select pg_advisory_xact_lock(4711)")
            try connection.execute(Migration.rolesSQL)
            try connection.execute("commit")
            var options = try TestDatabase.current.options
            options.sessionSettings.append(("role", "afterthought_worker"))
            let bench = try EndpointBench(options: options)
            defer { bench.stop() }
            for entry in Self.paths {
                let reply = try await bench.askWithKey(entry.method, entry.path)
                #expect(reply.status == entry.status, "\(entry): \(reply)")
            }
            #expect(bench.log.value.count == 1, "\(bench.log.value)")
            for (role, sql) in [
                ("worker", "delete from afterthought.operations_audit"),
                ("worker", "update afterthought.operations_audit set action = 'x'"),
                ("worker", "truncate afterthought.operations_audit"),
                ("reader", "select from afterthought.operations_audit"),
                ("app", "select from afterthought.operations_audit"),
            ] {
                try connection.execute("set role afterthought_\(role)")
                let error = #expect(throws: PostgresError.self, "\(role): \(sql)") { try connection.execute(sql) }
                #expect(error?.sqlState == "42501")
                try connection.execute("reset role")
            }
        }

        @Test func withoutTheAuditNothingIsChanged() async throws {
            try fill()
            var connection = try TestDatabase.current.connect()
            try connection.execute("drop table afterthought.operations_audit")
            let bench = try EndpointBench()
            defer { bench.stop() }
            #expect(try await bench.askWithKey("POST", "/api/clustering/background-force").status == 500)
            #expect(try connection.textRows("select count(*) from afterthought.jobs") == [["0"]])
        }

        @Test func withoutAKeyChangesAndUsersAreOff() async throws {
            let bench = try EndpointBench(key: nil)
            defer { bench.stop() }
            for entry in Self.paths {
                let route = try #require(bench.endpoint.table.routes.first { $0.name == entry.name })
                let reply = try await bench.ask(entry.method, entry.path, ["X-Admin-Key: "])
                #expect((reply.status == 403) == (route.access == .keyHolder), "\(entry): \(reply.status)")
            }
            #expect(bench.log.value.contains { $0.contains("hasKey: false") })
        }

        @Test func aDatabaseThatIsAwayIsSaidAtOnceAndHealthStillAnswers() async throws {
            let nowhere = try ConnectionOptions(url: "host=/nonexistent dbname=none")
            let bench = try EndpointBench(options: nowhere)
            defer { bench.stop() }
            let reply = try await bench.ask("GET", "/api/v1/admin/overview")
            #expect(reply.status == 503 && reply.headers["retry-after"] != nil, "\(reply)")
            #expect(!reply.text.contains("nonexistent"))
            #expect(try await bench.ask("GET", "/health/live").status == 200)
        }

        @Test func aStatementThatWaitsHoldsUpNeitherHealthNorTheEnd() async throws {
            try fill()
            let bench = try EndpointBench { $0.statementSeconds = 60 }
            var connection = try TestDatabase.current.connect()
            try connection.execute("begin; lock table afterthought.quarantine in access exclusive mode")
            let isWaiting = """
                select exists (
                    select from pg_stat_activity
                    where wait_event_type = 'Lock' and application_name = 'afterthought http'
                        and datname = current_database())
                """
            // On a full machine one is refused because no connection came in time: until one waits for the lock.
            var held: RawClient?
            for _ in 0..<100 where held == nil {
                let client = try RawClient(port: bench.endpoint.port)
                client.send("GET /api/v1/admin/quarantine HTTP/1.1\r\nHost: localhost\r\n")
                client.send("X-Admin-Key: \(EndpointBench.key)\r\n\r\n")
                while held == nil, !client.hasAnswer(milliseconds: 5) {
                    if try connection.textRows(isWaiting) == [["t"]] { held = client }
                }
                if held == nil { client.close() }
            }
            let client = try #require(held)
            defer { client.close() }
            #expect(try await bench.ask("GET", "/health/live").status == 200)
            bench.stop()
            #expect(RawClient.parse(client.receiveToEnd()).status == 503)
            try connection.execute("rollback")
        }

        @Test(arguments: ["limit=0", "limit=1001", "limit=x", "limit=1&limit=2", "limit=-1", "limit=", "limit=1.0"])
        func oddNumbersAreRefused(query: String) async throws {
            let bench = try EndpointBench()
            defer { bench.stop() }
            let reply = try await bench.ask("GET", "/api/v1/admin/tasks/history?\(query)")
            #expect(reply.status == 400 && OpenAPIDocument.failure.faults(reply.json).isEmpty, "\(reply)")
        }

        @Test func namesAreDataAndNothingElse() async throws {
            try fill()
            let bench = try EndpointBench()
            defer { bench.stop() }
            let long = String(repeating: "x", count: 300)
            for name in [
                "'%3B%20drop%20table%20afterthought.jobs%3B--", "%3Cscript%3E", "..%2F..%2Fetc%2Fpasswd", long,
            ] {
                #expect(try await bench.askWithKey("GET", "/api/v1/cache/\(name)/\(name)").status == 404, "\(name)")
                #expect(
                    try await bench.askWithKey("POST", "/api/v1/admin/tasks/\(name)/trigger").status == 404, "\(name)")
            }
            var connection = try TestDatabase.current.connect()
            #expect(try connection.textRows("select count(*) from afterthought.jobs") == [["0"]])
        }

        @Test func aSignalIsExplainedOrItIsSaidWhyNot() async throws {
            try fill()
            let bench = try EndpointBench()
            defer { bench.stop() }
            for (query, user, status) in [
                ("?signal=topic_drift", "u1", 200), ("?signal=quality_trend", "u1", 200), ("", "u1", 400),
                ("?signal=", "u1", 400), ("?signal=user_id", "u1", 400),
                ("?signal=topic_drift&signal=topic_drift", "u1", 400), ("?signal=topic_drift", "nobody", 404),
                ("?signal=topic_drift", "behind", 503),
            ] {
                let reply = try await bench.askWithKey("GET", "/api/v1/explain/elena/\(user)\(query)")
                #expect(reply.status == status, "\(query) \(user): \(reply)")
                if status == 200 {
                    #expect(reply.json["column"]?.string == String(query.split(separator: "=")[1]))
                    #expect(reply.json["view"]?.string == "elena")
                }
            }
            #expect(try await bench.ask("GET", "/api/v1/explain/elena/u1?signal=topic_drift").status == 401)
            #expect(try await bench.ask("GET", "/api/v1/activity/elena/u1").status == 401)
            #expect(try await bench.askWithKey("GET", "/api/v1/activity/u1/elena").status == 404)
        }

        @Test func theHoursOfTheWeekAreThoseOfTheUsersMessages() async throws {
            var connection = try TestDatabase.current.connect()
            try connection.execute(
                """
                insert into afterthought.messages (user_id, bot_name, role, content, created_at) values
                    ('u1', 'elena', 'user', 'a', '2026-01-05 23:10Z'),
                    ('u1', 'elena', 'user', 'b', '2026-01-05 23:50Z'),
                    ('u1', 'elena', 'bot', 'c', '2026-01-06 00:10Z'), ('u1', 'elena', 'user', 'd', '2026-01-11 07:00Z'),
                    ('u2', 'elena', 'user', 'e', '2026-01-05 23:00Z');
                insert into afterthought.message_analysis (
                    message_id, bot_name, user_id, concepts, emotion, dominant_emotion, valence, arousal,
                    engine_version, config_hash, null_reason)
                select id, bot_name, user_id, '[]', '{}', 'joy', 0.5, 0.25, 1, 'x', 'y' from afterthought.messages
                where content in ('d', 'e')
                """)
            let bench = try EndpointBench()
            defer { bench.stop() }
            let told = try await bench.askWithKey("GET", "/api/v1/activity/elena/u1").json
            // 5 January 2026 was a Monday, the 11th a Sunday.
            let hours = (told["hours"]?.array ?? []).map { hour in
                ["weekday", "hour", "messages"].map { hour[$0]?.int64 }
            }
            #expect(hours == [[1, 23, 2], [7, 7, 1]])
            #expect(told["messages"]?.int64 == 4)
            #expect(told["emotions"]?.array?.count == 1 && told["emotions"]?[0]?["valence"]?.double == 0.5)
            #expect(told["emotions"]?[0]?["role"]?.string == "user")
            #expect(!told.text.contains("\"d\""))
        }

        @Test func everyStatementIsUnderstood() throws {
            var connection = try TestDatabase.current.connect()
            _ = try connection.describe(BeginAudit.self)
            _ = try connection.describe(EndAudit.self)
            _ = try connection.describe(OperationsOverview.self)
            _ = try connection.describe(MessagesByHour.self)
            _ = try connection.describe(CountActiveUsers.self)
            _ = try connection.describe(TriggerJob.self)
            _ = try connection.describe(ListQuarantine.self)
            _ = try connection.describe(RetryQuarantine.self)
            _ = try connection.describe(ClusterCentroids.self)
            _ = try connection.describe(ReadPairSignals.self)
            _ = try connection.describe(PairActivity.self)
        }
    }
#endif
