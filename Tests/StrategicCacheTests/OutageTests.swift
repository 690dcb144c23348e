import Postgres
import Support
import Testing

@testable import StrategicCache

@Suite("C5 The hot path never waits and never fails", .database)
struct OutageTests {
    private func fallbackLength(_ view: StrategicView) -> Int? {
        guard case .fallback(let guess) = view.conversationPatterns else { return nil }
        return guess.suggestedResponseWords
    }

    @Test func withoutADatabaseTheFallbackAnswers() throws {
        var configuration = StrategicCache.Configuration(url: "postgresql:///nothing?host=/nonexistent")
        configuration.deadlineMilliseconds = 5
        let outcomes = Outcomes()
        configuration.onRead = { outcomes.note($0) }
        let cache = try StrategicCache(configuration)
        defer { cache.close() }
        let context = RecentContext(messages: [.init(isFromUser: true, text: "How do I sail to the wind?")], hour: 12)
        let view = cache.read(user: "u1", bot: "elena", context: context)
        #expect(view.freshness == .missing)
        #expect(fallbackLength(view) == 20)
        #expect(view.digest(charactersMax: 1000) == "")
        #expect(outcomes.all == [.unavailable])
    }

    @Test func aLockedTableLeavesTheLastKnownRow() throws {
        let fixture = try CacheFixture()
        try fixture.insert("u1", "elena", ["communication_style": "'casual'"])
        let outcomes = Outcomes()
        let configuration = fixture.configuration {
            $0.servesHits = false
            $0.onRead = { outcomes.note($0) }
        }
        try fixture.withCache(configuration) { known in
            #expect(known.read(user: "u1", bot: "elena").freshness == .fresh)
        }
        let impatient = fixture.configuration {
            $0.servesHits = false
            $0.deadlineMilliseconds = 200
            $0.onRead = { outcomes.note($0) }
        }
        try fixture.withCache(impatient) { cache in
            // The first reads may be slow on a busy machine; what matters is that one was kept.
            var tries = 0
            while cache.read(user: "u1", bot: "elena").freshness != .fresh, tries < 1000 { tries += 1 }
            try fixture.run { connection in
                try connection.execute("begin; lock table afterthought.strategic_cache in access exclusive mode")
                let view = cache.read(user: "u1", bot: "elena")
                #expect(view.conversationPatterns.value?.communicationStyle == "casual")
                #expect(view.freshness != .fresh && view.freshness != .missing)
                #expect(outcomes.all.last == .lastKnown)
                let stranger = cache.read(user: "u2", bot: "elena")
                #expect(stranger.freshness == .missing)
                #expect(outcomes.all.last == .unavailable)
                try connection.execute("rollback")
            }
        }
    }

    @Test func lastKnownRowsAreForgottenWhenTooOld() throws {
        let fixture = try CacheFixture()
        try fixture.insert("u1")
        let clock = ShiftedClock()
        let outcomes = Outcomes()
        let configuration = fixture.configuration {
            $0.staleSecondsMax = 3600
            $0.onRead = { outcomes.note($0) }
        }
        try fixture.withCache(configuration, clock: clock.clock) { cache in
            #expect(cache.read(user: "u1", bot: "elena").freshness == .fresh)
            // Closed on purpose: from here on no database answers.
            cache.close()
            clock.advance(seconds: 1800)
            guard case .stale(let age) = cache.read(user: "u1", bot: "elena").freshness else {
                Issue.record("expected the last known row")
                return
            }
            #expect(age >= .seconds(1800) && age < .seconds(3000))
            clock.advance(seconds: 1900)
            #expect(cache.read(user: "u1", bot: "elena").freshness == .missing)
            #expect(outcomes.all == [.fresh, .lastKnown, .unavailable])
        }
    }

    @Test func reconnectsAfterTheServerDroppedEveryConnection() throws {
        let fixture = try CacheFixture()
        try fixture.insert("u1")
        try fixture.withCache(fixture.configuration { $0.servesHits = false }) { cache in
            #expect(cache.read(user: "u1", bot: "elena").freshness == .fresh)
            try fixture.run {
                try $0.execute(
                    """
                    select pg_terminate_backend(pid, 10000) from pg_stat_activity
                    where application_name = 'afterthought-reader' and datname = current_database()
                    """)
            }
            var freshness = Freshness.missing
            for _ in 0..<100 where freshness != .fresh {
                #expect(cache.waitUntilReady(milliseconds: 30_000))
                freshness = cache.read(user: "u1", bot: "elena").freshness
                #expect(freshness != .missing)
            }
            #expect(freshness == .fresh)
        }
    }

    @Test func oddNamesHarmNobodyElse() throws {
        let fixture = try CacheFixture()
        try fixture.insert("u1")
        try fixture.withCache(fixture.configuration { $0.servesHits = false }) { cache in
            for _ in 0..<2 * CircuitBreaker.failuresMax {
                #expect(cache.read(user: "nul\0", bot: "elena").freshness == .missing)
                #expect(cache.read(user: String(repeating: "x", count: 100_000), bot: "").freshness == .missing)
            }
            #expect(cache.read(user: "u1", bot: "elena").freshness == .fresh)
        }
    }
}
