import Foundation
import Model
import Postgres
import Support
import Testing

@testable import StrategicCache

@Suite("C3 Views and functions for SQL users", .database)
struct ViewsTests {
    static let pairViews = [
        "strategic_memory_health", "strategic_personality_profiles", "strategic_conversation_patterns",
        "strategic_memory_behavior", "strategic_engagement_opportunities",
    ]

    private func connect() throws -> Connection {
        var connection = try TestDatabase.current.connect()
        try ViewRows.prepare(&connection)
        return connection
    }

    @Test func queriesOfOldWorkAsTheyStand() throws {
        var connection = try connect()
        try ViewRows.insert(&connection, user: "u1")
        try connection.execute("set search_path = afterthought")
        for view in ViewsTests.pairViews {
            let rows = try connection.textRows(
                """
                select id, user_id, bot_name, computed_at, expires_at from \(view)
                where user_id = 'u1' and bot_name = 'elena' and expires_at > now() order by computed_at desc limit 1
                """)
            #expect(rows.count == 1, "\(view)")
            #expect(UUID(uuidString: rows[0][0] ?? "") != nil)
        }
        let columns = [
            "memory_snapshot, avg_memory_age_hours, retrieval_frequency_trend, forgetting_risk_memories from "
                + "strategic_memory_health",
            "bot_name, time_window_hours, engagement_score_avg, satisfaction_score_avg, coherence_score_avg, "
                + "personality_consistency_index, quality_trend, recent_anomalies, computed_at, expires_at from "
                + "strategic_character_performance where bot_name = 'elena' and expires_at > now()",
            "dominant_traits, user_response_patterns, adaptation_suggestions, trait_evolution_history from "
                + "strategic_personality_profiles",
            "recent_topics, avg_topic_duration_minutes, context_switch_frequency, predicted_switch_likelihood, "
                + "topic_transition_graph, communication_style, preferred_depth, emotional_engagement, "
                + "optimal_response_length from strategic_conversation_patterns",
            "forgetting_curve_params, high_retention_memories, low_retention_memories, recall_simulation_score from "
                + "strategic_memory_behavior",
            "optimal_timing_hours, receptivity_score, suggested_topics, last_engagement_gap_hours, "
                + "proactive_success_rate from strategic_engagement_opportunities",
        ]
        for query in columns { try connection.execute("select " + query) }
    }

    @Test func idsFollowFromTheKeyAndDifferByView() throws {
        var connection = try connect()
        try ViewRows.insert(&connection, user: "u1")
        try ViewRows.insert(&connection, user: "u2")
        let query = ViewsTests.pairViews.map { "select id from afterthought.\($0)" }.joined(separator: " union all ")
        let ids = try connection.textRows(query + " order by 1")
        #expect(Set(ids.map { $0[0] }).count == 10)
        try connection.execute("update afterthought.strategic_cache set generation = 2, computed_at = now()")
        #expect(try connection.textRows(query + " order by 1") == ids)
    }

    @Test func theViewsCantBeWrittenAndEveryColumnIsExplained() throws {
        var connection = try connect()
        for view in ViewsTests.pairViews {
            #expect(throws: PostgresError.self) {
                try connection.execute("update afterthought.\(view) set user_id = 'x'")
            }
        }
        let unexplained = try connection.textRows(
            """
            select c.relname || '.' || a.attname from pg_class as c
            join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0
            where c.relnamespace = 'afterthought'::regnamespace and c.relkind = 'v' and c.relname not like '%rows'
                and col_description(c.oid, a.attnum) is null
            """)
        #expect(unexplained.isEmpty)
    }

    @Test(arguments: [
        ("stale_reason", "'quarantined'"), ("engine_version", "2"), ("config_hash", "'d'"),
    ])
    func aRowKnownToBeBehindHasExpired(column: String, value: String) throws {
        var connection = try connect()
        try ViewRows.insert(&connection, user: "u1", [column: value])
        for view in ViewsTests.pairViews {
            #expect(try connection.textRows("select expires_at from afterthought.\(view)") == [["-infinity"]])
        }
        #expect(
            try connection.textRows("select freshness from afterthought.read_strategic('u1', 'elena')") == [["stale"]])
    }

    @Test(arguments: ["null", "'infinity'", "now() + interval '2 seconds'"])
    func anUnverifiedShardHasExpired(verifiedAt: String) throws {
        var connection = try connect()
        try ViewRows.insert(&connection, user: "u1")
        try connection.execute("update afterthought.shard_progress set verified_at = \(verifiedAt)")
        let rows = try connection.textRows("select expires_at, age >= '0' from afterthought.strategic_memory_health")
        #expect(rows == [["-infinity", "t"]])
    }

    @Test func aBotIsAsFreshAsTheLeastOfItsShards() throws {
        var connection = try connect()
        try connection.execute(
            """
            insert into afterthought.character_cache
                (bot_name, time_window_hours, computed_at, generation, engine_version, config_hash, hours, sources,
                 null_reasons, unvalidated)
            values ('elena', 168, now(), 1, 1, 'c', '[]', '{}', '{}', '{}')
            """)
        let query = """
            select expires_at > now(), expires_at > now() - interval '1 hour', engagement_score_avg
            from afterthought.strategic_character_performance
            """
        #expect(try connection.textRows(query) == [["t", "t", nil]])
        try connection.execute(
            "update afterthought.shard_progress set verified_at = now() - interval '20 minutes' where shard = 9")
        #expect(try connection.textRows(query) == [["f", "t", nil]])
        try connection.execute("update afterthought.shard_progress set verified_at = null where shard = 11")
        #expect(try connection.textRows(query) == [["f", "f", nil]])
        try connection.execute(
            """
            update afterthought.shard_progress set verified_at = now();
            update afterthought.character_cache set merged_through = now() - interval '10 minutes'
            """)
        #expect(try connection.textRows(query) == [["t", "t", nil]])
        try connection.execute("insert into afterthought.bot_changes (bot_name) values ('elena')")
        #expect(try connection.textRows(query) == [["f", "t", nil]])
    }

    @Test func readStrategicAlwaysAnswersWithOneRow() throws {
        var connection = try connect()
        try ViewRows.insert(
            &connection, user: "u1", ["communication_style": "'casual'", "null_reasons": #"'{"memory_aging": "x"}'"#])
        let query = """
            select freshness, age_seconds >= 0, messages_reflected, null_reasons ->> 'memory_aging',
                null_reasons ->> 'retrieval_frequency_trend',
                signals -> 'conversation_patterns' ->> 'communication_style',
                signals -> 'memory_health' = 'null'
            from afterthought.read_strategic
            """
        #expect(
            try connection.textRows(query + "('u1', 'elena')")
                == [["fresh", "t", "3", "x", "no retrievals yet", "casual", "f"]])
        #expect(try connection.textRows(query + "('u2', 'elena')") == [["missing", nil, nil, nil, nil, nil, "t"]])
        try connection.execute("update afterthought.shard_progress set verified_at = now() - interval '1 hour'")
        #expect(try connection.textRows(query + "('u1', 'elena')")[0][0] == "stale")
    }
}

@Suite("The digest is the same in SQL and in the reader", .database)
struct ViewsDigestTests {
    private static let columns = [
        "recent_topics":
            #"'[{"topic":"Zoë’s 👩‍👩‍👧"},{"topic":"tax\n\"returns\""},{"topic":"tax\n\"returns\""},{"topic":""}]'"#,
        "switch_logit": "-1", "switch_gap_weight": "0", "last_message_at": "'2020-01-01Z'",
        "communication_style": "'casual'", "preferred_depth": "'brief'", "optimal_response_length": "42",
        "unvalidated": "'{context_switch,proactive_engagement}'",
        "memory_candidates": #"""
        '[{"id":"a","kind":"topic","label":"boats","first":1,"last":1,"stability":2},
          {"id":"b","kind":"topic","label":"far away in the future","first":9e9,"last":9e9,"stability":2}]'
        """#,
        "dominant_traits": #"'[{"trait":"warm"},{"trait":"curious"}]'"#,
        "suggested_topics": #"'[{"topic":"\#(String(repeating: "long ", count: 13))"}]'"#,
        "receptivity_intercept": "0.5", "receptivity_recency_weight": "0", "last_user_message_at": "'2020-01-01Z'",
        "receptivity_hour_logits": "array_fill(0::float8, array[24])",
    ]

    @Test(arguments: [false, true])
    func identicalAtEveryLimit(stale: Bool) throws {
        var connection = try TestDatabase.current.connect()
        try ViewRows.prepare(&connection)
        var columns = ViewsDigestTests.columns
        if stale {
            columns["stale_reason"] = "'quarantined'"
            columns["computed_at"] = "now() - interval '3 days 1 hour'"
        }
        try ViewRows.insert(&connection, user: "u1", columns)
        var configuration = StrategicCache.Configuration(url: TestDatabase.current.url)
        configuration.deadlineMilliseconds = 20_000
        let cache = try StrategicCache(configuration)
        defer { cache.close() }
        #expect(cache.waitUntilReady(milliseconds: 30_000))
        let view = cache.read(user: "u1", bot: "elena")
        #expect((view.freshness == .fresh) == !stale)
        let whole = view.digest(charactersMax: 10_000)
        #expect(whole.contains(stale ? "last complete 3 days ago. Recent" : "Preferred depth: \"brief\"."))
        #expect(whole.contains("Fading memories: \"boats\""))
        #expect(whole.contains("(unvalidated)"))
        #expect(!whole.contains("long"))
        for limit in [-1, 0, 1, 20] + Array(stride(from: 21, through: whole.unicodeScalars.count + 1, by: 7)) + [10_000]
        {
            let digest = try connection.textRows(
                "select d, char_length(d) from afterthought.prompt_digest('u1', 'elena', \(limit)) as d")
            #expect(digest[0][0] == view.digest(charactersMax: limit))
            #expect(Int(digest[0][1]!)! <= max(limit, 0))
        }
        #expect(try connection.textRows("select afterthought.prompt_digest('u2', 'elena', 500)") == [[""]])
    }
}

@Suite("What applications record", .database)
struct ViewsRecordingTests {
    private func connect() throws -> Connection {
        var connection = try TestDatabase.current.connect()
        try Schema.apply(to: &connection)
        return connection
    }

    @Test func messagesAreRecordedOnceByExternalID() throws {
        var connection = try connect()
        let record = "select afterthought.record_message('u', 'b', 'user', $1, external_id => $2)"
        func send(_ content: String, _ id: String?) throws -> Int64 {
            try connection.query(sql: record) {
                $0.append(content)
                $0.append(id)
            } decode: {
                try $0.decode(0, as: Int64.self)
            }[0]
        }
        let first = try send("hi", "e1")
        #expect(try send("hi again", "e1") == first)
        #expect(try send("hi", "e2") != first)
        #expect(try send("hi", nil) != send("hi", nil))
        #expect(try connection.textRows("select count(*) from afterthought.messages") == [["4"]])
    }

    @Test func everyKindOfRowIsOneCall() throws {
        var connection = try connect()
        try connection.execute(
            """
            select afterthought.record_recall('u', 'b', 'm1', 0.5, 'recalled');
            select afterthought.record_metric('b', 'engagement', 0.7);
            select afterthought.record_trait('u', 'b', 'warm', 0.9);
            """)
        let id = try connection.textRows("select afterthought.record_outreach('u', 'b', 'garden')")[0][0]!
        let answer = "select afterthought.record_outreach_answer(\(id))"
        #expect(try connection.textRows(answer) == [["t"]])
        #expect(try connection.textRows(answer) == [["f"]])
        #expect(try connection.textRows("select afterthought.record_outreach_answer(-1)") == [["f"]])
        let tables = ["memory_retrievals", "metric_points", "trait_activations", "outreach_attempts"]
        for table in tables {
            #expect(try connection.textRows("select count(*) from afterthought.\(table)") == [["1"]])
        }
    }

    @Test(arguments: [
        "record_message('', 'b', 'user', 'x')", "record_message('u', 'b', 'robot', 'x')",
        "record_recall('u', 'b', 'm', 1, 'perhaps')", "record_metric('b', '', 1)", "record_trait('u', 'b', 'warm', 2)",
        "record_outreach('u', 'b', null, 7)", "record_message('u', 'b', 'user', 'x', created_at => 'infinity')",
    ])
    func constraintsHold(call: String) throws {
        var connection = try connect()
        let error = #expect(throws: PostgresError.self) { try connection.execute("select afterthought.\(call)") }
        #expect(error?.sqlState == "23514")
    }

    @Test func rolesGrantNoMoreThanNeeded() throws {
        var connection = try connect()
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "../../sql/roles.sql")
        // Roles belong to the whole cluster, which other tests share: a lock keeps two of them from making the same
        // ones.
        try connection.execute("begin; select pg_advisory_xact_lock(4711)")
        try connection.execute(try String(contentsOf: file, encoding: .utf8))
        try connection.execute("commit")
        func attempt(_ role: String, _ sql: String) throws -> String? {
            try connection.execute("set role \(role)")
            defer { try! connection.execute("reset role") }
            do throws(PostgresError) {
                try connection.execute(sql.replacing("$1", with: "'{b}'").replacing("$2", with: "'{u}'"))
                return nil
            } catch {
                return error.sqlState
            }
        }
        let record = "select afterthought.record_message('u', 'b', 'user', 'x')"
        let message = "insert into afterthought.messages (user_id, bot_name, role, content"
        let allowed = [
            ("afterthought_reader", "select * from afterthought.strategic_memory_health"),
            ("afterthought_reader", "select * from afterthought.read_strategic('u', 'b')"),
            ("afterthought_reader", "select afterthought.prompt_digest('u', 'b', 100)"),
            ("afterthought_reader", RequestRefresh.sql), ("afterthought_reader", ReadWatermarks.sql),
            ("afterthought_reader", ReadCharacters.sql), ("afterthought_reader", ReadNotificationKey.sql),
            ("afterthought_app", record), ("afterthought_app", message + ") values ('u', 'b', 'user', 'x')"),
            ("afterthought_worker", "select content from afterthought.messages"),
        ]
        for (role, sql) in allowed { #expect(try attempt(role, sql) == nil, "\(role): \(sql)") }
        let refused = [
            ("afterthought_reader", "select content from afterthought.messages"),
            ("afterthought_reader", "select owner from afterthought.shard_progress"),
            ("afterthought_reader", "update afterthought.strategic_cache set generation = 0"),
            ("afterthought_reader", record), ("afterthought_app", "select content from afterthought.messages"),
            ("afterthought_app", message + ", tx) values ('u', 'b', 'user', 'x', '9')"),
            ("afterthought_app", "update afterthought.outreach_attempts set answered_at = now()"),
            ("afterthought_worker", message + ") values ('u', 'b', 'user', 'x')"),
        ]
        for (role, sql) in refused { #expect(try attempt(role, sql) == "42501", "\(role): \(sql)") }
    }

    @Test func theQueriesForPeopleRun() throws {
        var connection = try connect()
        try ViewRows.insert(&connection, user: "u1")
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "../../sql/inspect")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(files.count >= 4)
        for file in files {
            // psql puts its variables in.
            let sql = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
                .replacingOccurrences(of: ":'user'", with: "'u1'").replacingOccurrences(of: ":'bot'", with: "'bot'")
            let rows = try sql.components(separatedBy: ";\n").filter { $0.contains("select") }
                .flatMap { try connection.textRows($0) }
            #expect(rows.isEmpty == (file == "quarantine.sql"), "\(file)")
        }
    }
}
