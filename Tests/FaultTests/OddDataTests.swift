import Bytes
import Model
import Postgres
import Store
import Support
import Testing
import Worker

@Suite("C1 clocks and odd data", .database)
struct OddDataTests {
    private struct Insert: Statement {
        static let name = "test_odd_message"
        static let sql = """
            insert into afterthought.messages (user_id, bot_name, role, content, created_at, embedding, emotion)
            values ($1, $2, 'user', $3, $4::text::timestamptz, $5, $6)
            """
        var user: String
        var bot = "bot"
        var content = "I planted tomatoes today, do you think they will grow?"
        var at = "2026-01-01 12:00:00+00"
        var embedding: [Float]?
        var emotion: String?

        func bind(to parameters: inout Parameters) {
            parameters.append(user)
            parameters.append(bot)
            parameters.append(content)
            parameters.append(at)
            parameters.append(embedding)
            parameters.append(emotion.map { JSONText($0) })
        }
    }

    /// Applies what was inserted in small batches, and compares with one run over everything.
    private static func expectSame(_ options: ConnectionOptions, quarantined: Int = 0) async throws {
        var configuration = WorkerConfiguration()
        configuration.batchRowsMax = 3
        configuration.historyRowsMax = 2
        let report = try await Workbench.runOnce(options, configuration: configuration)
        #expect(report.failed == quarantined)
        try await FaultBench.expectUndisturbed(options)
    }

    @Test("times from the first to the last that the database can hold")
    func clocks() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        let times = [
            "4713-01-01 00:00:00+00 BC", "0001-01-01 00:00:00+00", "1684-01-01 00:00:00+00",
            "1969-12-31 23:59:59.999999+00",
            "1970-01-01 00:00:00+00", "2026-03-29 01:30:00+00", "2026-03-29 02:30:00+02", "2099-01-01 00:00:00+00",
            "2255-06-06 00:00:00+00", "294276-12-31 23:59:59.999999+00",
        ]
        for (index, time) in times.enumerated() {
            _ = try connection.run(Insert(user: "all", at: time))
            _ = try connection.run(Insert(user: "alone \(index)", at: time))
            // As others of the same moment.
            _ = try connection.run(Insert(user: "all", at: time))
        }
        for (table, column, extra, values) in [
            ("memory_retrievals", "retrieved_at", "memory_id", "'m'"),
            ("metric_points", "recorded_at", "metric, value", "'engagement', 1"),
            ("trait_activations", "activated_at", "trait, intensity", "'warmth', 0.5"),
            ("outreach_attempts", "sent_at", "topic", "'t'"),
        ] {
            for time in times {
                try connection.execute(
                    "insert into afterthought.\(table) (user_id, bot_name, \(column), \(extra)) "
                        + "values ('all', 'bot', '\(time)', \(values))")
            }
        }
        for time in ["-infinity", "infinity"] {
            let refusal = #expect(throws: PostgresError.self) { _ = try connection.run(Insert(user: "all", at: time)) }
            #expect(refusal?.constraint == "messages_time_is_finite")
        }
        try await Self.expectSame(options)
        // A clock that says 2099 does not make what comes after it late for ever.
        let before = try await Workbench.runOnce(options).rebuilt
        try connection.execute(
            "insert into afterthought.messages (user_id, bot_name, role, content) "
                + "values ('alone 7', 'bot', 'user', 'hi')"
        )
        #expect(before == 0)
        try await Self.expectSame(options)
    }

    @Test("names of any script, names that differ in composition only, and names that look like SQL")
    func names() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        let names = [
            "🧑‍🚀🇩🇪", "مستخدم‏", "Jos\u{E9}", "Jose\u{301}", "quote'\"\\", "line\nbreak\ttab", "%s{}$1", "{a,b}", "NULL",
            " ", "\u{1F}",
            "\u{FEFF}bom", "\u{212B}", "\u{C5}", "A\u{30A}", String(repeating: "é", count: 128),
        ]
        for user in names {
            for bot in names { _ = try connection.run(Insert(user: user, bot: bot)) }
        }
        // Both spellings of a name in one shard: told apart wherever pairs are looked up.
        let twins = try connection.textRows(
            """
            select i from generate_series(1, 5000) as i
            where afterthought.shard_of(U&'Jos\\00E9 ' || i, 'bot') = afterthought.shard_of(U&'Jose\\0301 ' || i, 'bot')
            limit 5
            """
        ).compactMap { $0[0] }
        #expect(twins.count == 5)
        for twin in twins {
            for user in ["Jos\u{E9} \(twin)", "Jose\u{301} \(twin)"] {
                for minute in 10..<14 {
                    _ = try connection.run(Insert(user: user, at: "2026-01-01 12:\(minute):00+00"))
                }
            }
        }
        try await Self.expectSame(options)
        let count = "select count(*) from afterthought.strategic_cache"
        #expect(try Workbench.count(&connection, count) == names.count * names.count + 2 * twins.count)
        #expect(
            try Workbench.count(&connection, "select count(*) from afterthought.character_cache") == names.count + 1)
    }

    @Test("contents up to the limit, empty ones, and what is no text at all")
    func contents() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        let contents = [
            "", " ", "\n\n\n", "?", String(repeating: "a", count: 65_536), String(repeating: "é", count: 32_768),
            String(repeating: "word ", count: 13_107), String(repeating: "🧑‍🚀", count: 5_957), "\u{301}\u{301}",
            "\u{202E}abc",
            String(repeating: "?!", count: 32_768), String(repeating: "\u{200D}", count: 21_845), "a\u{1}b\u{7F}",
        ]
        for (index, content) in contents.enumerated() {
            _ = try connection.run(Insert(user: "all", content: content, at: "2026-01-01 12:\(10 + index):00+00"))
            _ = try connection.run(Insert(user: "alone \(index)", content: content))
        }
        #expect(throws: PostgresError.self) {
            _ = try connection.run(Insert(user: "u", content: String(repeating: "a", count: 65_537)))
        }
        #expect(throws: PostgresError.self) { _ = try connection.run(Insert(user: "u", content: "nul \u{0} inside")) }
        try await Self.expectSame(options)
    }

    @Test("embeddings, emotions, scores and metrics that make no sense are left out or bounded, not fatal")
    func values() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        let embeddings: [[Float]] = [
            [.nan], [.infinity, 1], [-.infinity, .nan, 0], [0, 0, 0, 0], [1], Array(repeating: 1e38, count: 64),
            Array(repeating: -1e-38, count: 256), Array(repeating: 0.5, count: 4096),
            [Float](repeating: .nan, count: 64),
            (0..<64).map { Float($0) }, (0..<64).map { Float(-$0) },
        ]
        let emotions = [
            "{}", #"{"joy": 1}"#, #"{"joy": 2}"#, #"{"joy": -1}"#, #"{"joy": "high"}"#, #"{"joy": {"a": [1, null]}}"#,
            #"{"": 0.5}"#, #"{"joy": 1e400, "anger": 0.5}"#, #"{"joy": 0.1, "Joy": 0.9}"#,
            "{" + (0..<500).map { "\"e\($0)\": 0.5" }.joined(separator: ",") + "}",
        ]
        for index in 0..<max(embeddings.count, emotions.count) {
            let at = "2026-01-01 12:\(10 + index):00+00"
            let embedding = embeddings[index % embeddings.count]
            let emotion = emotions[index % emotions.count]
            for user in ["all", "alone \(index)"] {
                _ = try connection.run(Insert(user: user, at: at, embedding: embedding, emotion: emotion))
            }
        }
        try connection.execute(
            """
            insert into afterthought.metric_points (user_id, bot_name, metric, value, recorded_at)
            select u, 'bot', m, v::double precision, '2026-01-01 12:00:00+00'
            from unnest(array['all', 'alone 1', null]) as u,
                unnest(array['engagement', 'coherence', 'own', repeat('x', 256)]) as m,
                unnest(array['NaN', 'Infinity', '-Infinity', '1e308', '-1e308', '1e-308', '0', '-0']) as v;
            insert into afterthought.memory_retrievals (user_id, bot_name, memory_id, score, outcome, retrieved_at)
            select 'all', 'bot', i, s::double precision, 'recalled', '2026-01-01 12:00:00+00'
            from unnest(array['', 'm', repeat('é', 128), 'm"quoted"\\']) as i,
                unnest(array['NaN', 'Infinity', '-Infinity', '-1', '0.4', '2', '1e308', null]) as s;
            insert into afterthought.trait_activations (user_id, bot_name, trait, intensity, message_id, activated_at)
            select 'all', 'bot', t || i, i % 2, -i, '2026-01-01 12:00:00+00'
            from unnest(array['warmth', repeat('ü', 120)]) as t, generate_series(1, 40) as i;
            insert into afterthought.outreach_attempts (user_id, bot_name, topic, propensity, sent_at, answered_at)
            select 'all', 'bot', t, 0, '2026-01-01 12:00:00+00', a
            from unnest(array[null, '', repeat('日', 85)]) as t,
                unnest(array[null, '2020-01-01'::timestamptz, '294276-12-31'::timestamptz]) as a;
            """)
        for refused in ["'NaN'", "1.5", "-0.1"] {
            let refusal = #expect(throws: PostgresError.self) {
                try connection.execute(
                    "insert into afterthought.trait_activations (user_id, bot_name, trait, intensity) "
                        + "values ('all', 'bot', 't', \(refused))")
            }
            #expect(refusal?.constraint == "trait_activations_intensity_is_a_share")
        }
        try await Self.expectSame(options)
        // The views evaluate whatever was stored.
        for view in [
            "memory_health", "character_performance", "personality_profiles", "conversation_patterns",
            "memory_behavior",
            "engagement_opportunities",
        ] {
            #expect(try connection.textRows("select * from afterthought.strategic_\(view)").isEmpty == false)
        }
    }
}
