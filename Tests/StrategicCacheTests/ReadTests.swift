import Model
import Postgres
import Support
import Testing

@testable import StrategicCache

@Suite("C3 Reads say fresh only where it is promised", .database)
struct ReadTests {
    @Test func freshStaleAndMissing() throws {
        let fixture = try CacheFixture()
        try fixture.insert("u1", "elena", ["communication_style": "'casual'", "optimal_response_length": "40"])
        try fixture.insert("old", "elena", ["engine_version": "0"])
        try fixture.insert("configured", "elena", ["config_hash": "'other'"])
        try fixture.insert("quarantined", "elena", ["stale_reason": "'quarantined'"])
        try fixture.withCache(fixture.configuration()) { cache in
            let view = cache.read(user: "u1", bot: "elena")
            #expect(view.freshness == .fresh)
            #expect(view.messagesReflected == 12)
            #expect(view.conversationPatterns.value?.communicationStyle == "casual")
            #expect(view.conversationPatterns.value?.optimalResponseLength == 40)
            #expect(view.conversationPatterns.isFresh)
            for user in ["old", "configured", "quarantined"] {
                let view = cache.read(user: user, bot: "elena")
                guard case .stale = view.freshness else {
                    Issue.record("expected \(user) to be stale, got: \(view.freshness)")
                    continue
                }
                #expect(!view.memoryHealth.isFresh && view.memoryHealth.value != nil)
            }
            #expect(cache.read(user: "quarantined", bot: "elena").staleReason == "quarantined")
            let nobody = cache.read(user: "nobody", bot: "elena")
            #expect(nobody.freshness == .missing)
            #expect(nobody.memoryHealth.value == nil)
        }
    }

    @Test func anEngineThatFailedItsEvaluationIsUnvalidatedInEveryRow() throws {
        let fixture = try CacheFixture()
        try fixture.insert("u1", "elena", ["communication_style": "'casual'"])
        try fixture.withCache(fixture.configuration()) { cache in
            #expect(cache.read(user: "u1", bot: "elena").conversationPatterns.value?.isValidated == true)
        }
        try fixture.run {
            try $0.execute(
                """
                insert into afterthought.signal_quality
                    (evaluated_at, engine, metric, baseline_name, predictions, pairs, validated, engine_version,
                     config_hash)
                values
                    (now() - interval '1 hour', 'conversation_patterns', 'loss', 'rate', 200, 9, false, 1, ''),
                    (now() - interval '1 hour', 'context_switch', 'loss', 'rate', 200, 9, false, 1, ''),
                    (now(), 'context_switch', 'loss', 'rate', 300, 9, true, 1, '')
                """)
        }
        try fixture.withCache(fixture.configuration()) { cache in
            let view = cache.read(user: "u1", bot: "elena")
            #expect(view.conversationPatterns.value?.isValidated == false)
            #expect(view.memoryHealth.value?.isValidated == true)
            #expect(view.digest(charactersMax: 200).contains("\"casual\" (unvalidated)."))
            try fixture.run { connection in
                let rows = try connection.textRows(
                    """
                    select p.validated, h.validated, r.unvalidated, afterthought.prompt_digest('u1', 'elena', 200)
                    from afterthought.strategic_conversation_patterns as p
                    join afterthought.strategic_memory_health as h using (user_id, bot_name)
                    cross join afterthought.read_strategic('u1', 'elena') as r
                    """)
                #expect(rows[0][..<3] == ["f", "t", "{conversation_patterns}"])
                #expect(rows[0][3] == view.digest(charactersMax: 200))
            }
        }
    }

    @Test(arguments: [
        "verified_at = null", "verified_at = now() + interval '1 hour'", "verified_at = now() - interval '10 minutes'",
    ])
    func aShardThatIsNotVerifiedIsNeverFresh(change: String) throws {
        let fixture = try CacheFixture()
        try fixture.insert("u1")
        try fixture.run { try $0.execute("update afterthought.shard_progress set \(change)") }
        try fixture.withCache(fixture.configuration()) { cache in
            #expect(cache.read(user: "u1", bot: "elena").freshness != .fresh)
            #expect(cache.read(user: "u1", bot: "elena").freshness != .missing)
        }
    }

    @Test func aHitIsFreshUntilItsOwnTimeToLiveEnds() throws {
        let fixture = try CacheFixture()
        try fixture.insert("u1")
        let clock = ShiftedClock()
        let outcomes = Outcomes()
        let configuration = fixture.configuration { $0.onRead = { outcomes.note($0) } }
        try fixture.withCache(configuration, clock: clock.clock) { cache in
            #expect(cache.read(user: "u1", bot: "elena").freshness == .fresh)
            #expect(cache.read(user: "u1", bot: "elena").freshness == .fresh)
            clock.advance(seconds: 200)
            let later = cache.read(user: "u1", bot: "elena")
            #expect(later.freshness == .fresh)
            #expect(later.age! >= .seconds(200))
            #expect(outcomes.all == [.fresh, .hit, .hit])
            clock.advance(seconds: 101)
            // The row is read again; it is fresh or stale by what the keeper fetched since, but no hit.
            _ = cache.read(user: "u1", bot: "elena")
            #expect(outcomes.all.last != .hit)
        }
    }

    @Test func anEndedTimeToLiveIsStale() throws {
        let fixture = try CacheFixture()
        try fixture.insert("u1")
        try fixture.run {
            try $0.execute("update afterthought.shard_progress set verified_at = now() - interval '1 hour'")
        }
        try fixture.withCache(fixture.configuration()) { cache in
            guard case .stale(let age) = cache.read(user: "u1", bot: "elena").freshness else {
                Issue.record("expected stale")
                return
            }
            #expect(age >= .seconds(3600) && age < .seconds(4600))
        }
    }

    @Test func staleReadsAskForARefreshOnceAPair() throws {
        let fixture = try CacheFixture()
        try fixture.insert("u1", "elena", ["stale_reason": "'rebuilding'"])
        try fixture.insert("u2", "elena", ["stale_reason": "'rebuilding'"])
        try fixture.insert("fine")
        try fixture.withCache(fixture.configuration()) { cache in
            for user in ["u1", "u2", "u1", "fine", "u1"] { _ = cache.read(user: user, bot: "elena") }
        }
        #expect(try fixture.rows("select user_id from afterthought.refresh_requests order by 1") == [["u1"], ["u2"]])
    }

    @Test func asynchronousReads() async throws {
        let fixture = try CacheFixture()
        try fixture.insert("u1")
        // Whoever awaits beside all other tests may be called minutes later.
        try fixture.run { try $0.execute("update afterthought.shard_progress set ttl = '1 day'") }
        let cache = try StrategicCache(fixture.configuration { $0.servesHits = false })
        defer { cache.close() }
        #expect(cache.waitUntilReady(milliseconds: 30_000))
        let fresh = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<50 { group.addTask { await cache.read(user: "u1", bot: "elena").freshness == .fresh } }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(fresh == 50)
    }

    @Test func worksWithoutPreparedStatements() throws {
        let fixture = try CacheFixture()
        try fixture.insert("u1")
        try fixture.withCache(fixture.configuration { $0.preparesStatements = false }) { cache in
            #expect(cache.read(user: "u1", bot: "elena").freshness == .fresh)
        }
    }

    @Test func usersWhoseNamesDifferInCompositionOnlyAreTwo() throws {
        let fixture = try CacheFixture()
        try fixture.insert("caf\u{e9}", "elena", ["messages_reflected": "7"])
        try fixture.insert("cafe\u{301}", "elena", ["messages_reflected": "9"])
        try fixture.withCache(fixture.configuration()) { cache in
            for _ in 0..<2 {
                #expect(cache.read(user: "caf\u{e9}", bot: "elena").messagesReflected == 7)
                #expect(cache.read(user: "cafe\u{301}", bot: "elena").messagesReflected == 9)
            }
        }
    }

    @Test func characterPerformanceIsFreshOnItsOwn() throws {
        let fixture = try CacheFixture()
        try fixture.insert("u1", "elena", ["stale_reason": "'quarantined'"])
        try fixture.run {
            try $0.execute(
                """
                insert into afterthought.character_cache
                    (bot_name, time_window_hours, computed_at, generation, engine_version, config_hash, hours,
                     quality_trend, sources, null_reasons, unvalidated)
                select 'elena', 168, now(), 1, 1, 'c',
                    jsonb_build_array(
                        jsonb_build_object(
                            'h', floor(extract(epoch from now()) / 3600)::bigint, 'e', '[2, 1.5]'::jsonb),
                        jsonb_build_object(
                            'h', floor(extract(epoch from now()) / 3600)::bigint - 500, 'e', '[9, 9]'::jsonb)),
                    'stable', '{}', '{}', '{}'
                """)
        }
        try fixture.withCache(fixture.configuration()) { cache in
            let view = cache.read(user: "u1", bot: "elena")
            let performance = try #require(view.characterPerformance)
            #expect(performance.isFresh)
            #expect(performance.value?.engagementScoreAverage == 0.75)
            #expect(performance.value?.satisfactionScoreAverage == nil)
            #expect(cache.read(user: "u1", bot: "nobody").characterPerformance == nil)
        }
    }

    @Test func aNotificationEndsTheHitsOfItsPairsOnly() throws {
        let fixture = try CacheFixture()
        try fixture.insert("u1")
        try fixture.insert("u2")
        let outcomes = Outcomes()
        let configuration = fixture.configuration {
            $0.listensForChanges = true
            $0.onRead = { outcomes.note($0) }
        }
        try fixture.withCache(configuration) { cache in
            let listener = try #require(cache.listener)
            #expect(listener.waitUntilListening(.after(milliseconds: 30_000)))
            for user in ["u1", "u2"] { _ = cache.read(user: user, bot: "elena") }
            let key = try #require(
                try fixture.rows("select encode(notification_key, 'hex') from afterthought.cluster_identity")[0][0])
            let bytes = stride(from: 0, to: 32, by: 2).map { offset in
                let start = key.index(key.startIndex, offsetBy: offset)
                return UInt8(key[start..<key.index(start, offsetBy: 2)], radix: 16)!
            }
            let hash = try #require(PairHash(notificationKey: bytes)).hash(Pair(userID: "u1", botName: "elena"))
            try fixture.run {
                try $0.execute(
                    """
                    select pg_notify('afterthought_cache', json_build_object(
                        'shard', afterthought.shard_of('u1', 'elena'), 'generation', 2,
                        'pairs', array['\(PairHash.text(hash))'])::text)
                    """)
            }
            var reads = 0
            while outcomes.all.last != .fresh || reads == 0, reads < 1_000_000 {
                _ = cache.read(user: "u1", bot: "elena")
                reads += 1
            }
            #expect(outcomes.all.last == .fresh)
            _ = cache.read(user: "u2", bot: "elena")
            #expect(outcomes.all.last == .hit)
        }
    }
}
