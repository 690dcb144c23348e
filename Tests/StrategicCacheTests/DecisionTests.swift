import Bytes
import Model
import Testing

@testable import StrategicCache

@Suite struct CircuitBreakerTests {
    @Test func opensAfterFailuresAndLetsOneProbePass() {
        var breaker = CircuitBreaker()
        for _ in 0..<CircuitBreaker.failuresMax {
            #expect(breaker.handle(.request, now: 0) == .allow)
            breaker.handle(.failure, now: 0)
        }
        #expect(breaker.handle(.request, now: 99_999_999) == .refuse)
        #expect(breaker.handle(.request, now: 100_000_000) == .allow)
        #expect(breaker.handle(.request, now: 100_000_001) == .refuse)
        breaker.handle(.failure, now: 100_000_001)
        #expect(breaker.handle(.request, now: 300_000_000) == .refuse)
        #expect(breaker.handle(.request, now: 300_000_001) == .allow)
        breaker.handle(.success, now: 300_000_002)
        #expect(breaker.handle(.request, now: 300_000_003) == .allow)
        #expect(!breaker.isOpen)
    }

    @Test func aSuccessInBetweenStartsTheCountAgain() {
        var breaker = CircuitBreaker()
        for _ in 0..<100 {
            for _ in 1..<CircuitBreaker.failuresMax { breaker.handle(.failure, now: 0) }
            breaker.handle(.success, now: 0)
        }
        #expect(breaker.handle(.request, now: 0) == .allow)
    }

    @Test func waitsNoLongerThanItsBound() {
        var breaker = CircuitBreaker()
        var now: UInt64 = 0
        for _ in 0..<50 {
            breaker.handle(.failure, now: now)
            now += CircuitBreaker.openNanosecondsMax
            #expect(breaker.handle(.request, now: now) == .allow)
        }
    }
}

@Suite struct RefreshLedgerTests {
    @Test func asksOnceAPairAndInterval() {
        var ledger = RefreshLedger()
        let pair = Pair(userID: "u", botName: "b")
        let first = ledger.ask(pair, now: 5)
        let tooSoon = ledger.ask(pair, now: 5 + RefreshLedger.intervalNanoseconds - 1)
        let other = ledger.ask(Pair(userID: "b", botName: "u"), now: 6)
        #expect(first && !tooSoon && other)
        #expect(ledger.waiting.count == 2)
        _ = ledger.take()
        #expect(ledger.waiting.isEmpty)
        let again = ledger.ask(pair, now: 5 + RefreshLedger.intervalNanoseconds)
        #expect(again)
    }

    @Test func isBounded() {
        var ledger = RefreshLedger()
        var taken = 0
        for index in 0..<10_000 where ledger.ask(Pair(userID: "\(index)", botName: "b"), now: 1) {
            taken += 1
            if ledger.waiting.count == RefreshLedger.waitingMax { _ = ledger.take() }
        }
        #expect(taken == RefreshLedger.pairsMax)
        let later = ledger.ask(Pair(userID: "new", botName: "b"), now: 1 + RefreshLedger.intervalNanoseconds)
        #expect(later)
    }
}

@Suite("C3 Judging a row by its shard's watermark") struct WatermarksTests {
    private let now = Timestamp(seconds: 1_700_000_000)

    private func watermarks(_ verifiedAt: Timestamp?, ttlSeconds: Int64 = 300) -> Watermarks {
        let shard = Watermarks.Shard(
            verifiedAt: verifiedAt, ttlMicroseconds: ttlSeconds * 1_000_000, engineVersion: 3, configHash: "c")
        return Watermarks(
            sentAt: 1_000_000_000_000, databaseNow: now, shards: Array(repeating: shard, count: 64))
    }

    private func freshUntil(
        _ watermarks: Watermarks, shard: Int = 7, version: Int32 = 3, hash: String = "c", reason: String? = nil
    ) -> UInt64 {
        watermarks.judge(shard: shard, engineVersion: version, configHash: hash, staleReason: reason).freshUntil
    }

    @Test func countsFromBeforeTheQueryWasSent() {
        #expect(freshUntil(watermarks(now)) == 1_300_000_000_000)
        #expect(freshUntil(watermarks(now.advanced(bySeconds: -299.5))) == 1_000_500_000_000)
        #expect(freshUntil(watermarks(now.advanced(bySeconds: -301))) == 999_000_000_000)
        #expect(freshUntil(watermarks(now.advanced(bySeconds: 1))) == 1_301_000_000_000)
    }

    @Test func neverFresh() {
        #expect(freshUntil(watermarks(nil)) == 0)
        #expect(freshUntil(watermarks(.infinity)) == 0)
        #expect(freshUntil(watermarks(now.advanced(bySeconds: 1.000001))) == 0)
        #expect(freshUntil(watermarks(now), version: 2) == 0)
        #expect(freshUntil(watermarks(now), hash: "d") == 0)
        #expect(freshUntil(watermarks(now), reason: "quarantined") == 0)
        #expect(freshUntil(watermarks(now), shard: 64) == 0)
        #expect(freshUntil(watermarks(now), shard: -1) == 0)
        #expect(freshUntil(watermarks(Timestamp(seconds: 0))) == 0)
    }
}

@Suite struct RowStoreTests {
    private func row(_ user: String, readAt: UInt64 = 1, freshUntil: UInt64 = 10) -> StoredRow {
        let content = RowContent(
            databaseNow: Timestamp(seconds: 1), shard: 5, engineVersion: 1, configHash: "c", staleReason: nil,
            computedAt: Timestamp(seconds: 1), reflectsThrough: nil, messagesReflected: 1, unvalidated: [])
        return StoredRow(
            pair: Pair(userID: user, botName: "b"), content: content, readAt: readAt,
            verdict: Watermarks.Verdict(freshUntil: freshUntil, completeThrough: Timestamp(seconds: 1)))
    }

    @Test func isBoundedAndKeepsWhatIsAskedFor() {
        let store = RowStore(entriesMax: 640)
        store.store(row("favourite"))
        for index in 0..<20_000 {
            store.store(row("\(index)"))
            _ = store.find(user: "favourite", bot: "b")
        }
        #expect(store.count == 640)
        #expect(store.find(user: "favourite", bot: "b") != nil)
        #expect(store.find(user: "0", bot: "b") == nil)
    }

    @Test func tellsUserFromBot() {
        let store = RowStore(entriesMax: 64)
        store.store(row("u"))
        #expect(store.find(user: "b", bot: "u") == nil)
        #expect(store.find(user: "u", bot: "b")?.pair.userID == "u")
    }

    @Test func theReadThatAskedLaterWins() {
        let store = RowStore(entriesMax: 64)
        store.store(row("u", readAt: 9))
        store.store(row("u", readAt: 8))
        #expect(store.find(user: "u", bot: "b")?.readAt == 9)
        store.store(row("u", readAt: 10))
        #expect(store.find(user: "u", bot: "b")?.readAt == 10)
    }

    @Test func removesAndExpires() {
        // Room for all three even if they fall into one slice.
        let store = RowStore(entriesMax: 64 * 3)
        for user in ["a", "b", "c"] { store.store(row(user)) }
        store.remove(Pair(userID: "a", botName: "b"))
        store.expire { $0.pair.userID == "b" }
        #expect(store.find(user: "a", bot: "b") == nil)
        #expect(store.find(user: "b", bot: "b")?.freshUntil == 0)
        #expect(store.find(user: "c", bot: "b")?.freshUntil == 10)
        #expect(store.count == 2)
    }
}

@Suite struct RuleChangesTests {
    private let moment = Timestamp(seconds: 1_700_000_000)

    @Test func onlyRowsReadBeforeARuleOfTheirScopeAreOutdated() {
        let pair = Pair(userID: "u", botName: "b")
        func outdates(_ user: String, _ bot: String, readAfter seconds: Double) -> Bool {
            RuleChanges([(about: Pair(userID: user, botName: bot), at: moment)])
                .outdates(pair, readAt: moment.advanced(bySeconds: seconds))
        }
        for (user, bot) in [("u", "b"), ("u", ""), ("", "b"), ("", "")] {
            #expect(outdates(user, bot, readAfter: -1) && outdates(user, bot, readAfter: 0.5))
            #expect(!outdates(user, bot, readAfter: 2))
        }
        for (user, bot) in [("v", "b"), ("u", "c"), ("v", ""), ("", "c")] {
            #expect(!outdates(user, bot, readAfter: -1))
        }
        #expect(RuleChanges([]).isEmpty && !RuleChanges([]).outdates(pair, readAt: moment))
        let flood = RuleChanges((0..<1000).map { (about: Pair(userID: "x\($0)", botName: ""), at: moment) })
        #expect(flood.outdates(pair, readAt: moment.advanced(bySeconds: 5)))
    }
}

@Suite struct InvalidationTests {
    @Test func readsPayloads() {
        let pairs = Invalidation(payload: #"{"shard":5,"generation":9,"pairs":["00000000000000ff"]}"#)
        #expect(pairs?.shard == 5 && pairs?.pairs == [255])
        #expect(Invalidation(payload: #"{"shard":5}"#)?.pairs == .some(nil))
        #expect(Invalidation(payload: #"{"shard":5,"pairs":["short"]}"#)?.pairs == .some(nil))
        #expect(Invalidation(payload: #"{"shard":"5"}"#) == nil)
        #expect(Invalidation(payload: "") == nil)
    }
}

@Suite struct ConfigurationTests {
    @Test func readsTheEnvironment() throws {
        let configuration = StrategicCache.Configuration(environment: [
            "DATABASE_URL": "postgresql:///second", "AFTERTHOUGHT_DATABASE_URL": "postgresql:///first",
            "AFTERTHOUGHT_READ_DEADLINE_MILLISECONDS": "7", "AFTERTHOUGHT_READ_POOL_SIZE": "3",
            "AFTERTHOUGHT_STALE_SECONDS_MAX": "60", "AFTERTHOUGHT_LAST_KNOWN_ENTRIES_MAX": "100",
            "AFTERTHOUGHT_PREPARED_STATEMENTS": "off",
        ])
        #expect(configuration.url == "postgresql:///first")
        #expect(configuration.deadlineMilliseconds == 7)
        #expect(configuration.poolSize == 3)
        #expect(configuration.staleSecondsMax == 60)
        #expect(configuration.lastKnownEntriesMax == 100)
        #expect(!configuration.preparesStatements)
    }

    @Test(arguments: [
        ("AFTERTHOUGHT_READ_DEADLINE_MILLISECONDS", "soon"), ("AFTERTHOUGHT_READ_DEADLINE_MILLISECONDS", "0"),
        ("AFTERTHOUGHT_READ_POOL_SIZE", "65"), ("AFTERTHOUGHT_PREPARED_STATEMENTS", "maybe"),
        ("AFTERTHOUGHT_DATABASE_URL", "postgresql://user:secret@[bad"),
    ])
    func refusesWhatCannotBeUsed(key: String, value: String) {
        let configuration = StrategicCache.Configuration(environment: [key: value])
        let error = #expect(throws: ConfigurationError.self) { try StrategicCache(configuration) }
        #expect(error?.message.hasPrefix("expected ") == true)
        #expect(error?.message.contains("secret") == false)
    }
}

@Suite struct HeuristicsTests {
    @Test func conversationPatterns() {
        let context = RecentContext(messages: [
            .init(isFromUser: true, text: "By the way, what about Zoë's garden?", secondsAgo: 10)
        ])
        let guess = ConversationPatternsHeuristic(context)
        #expect(guess.averageUserWords == 7)
        #expect(guess.preferredDepth == "brief")
        #expect(guess.questionShare == 1)
        #expect(guess.isTopicChangeLikely)
        let none = ConversationPatternsHeuristic(RecentContext())
        #expect(none.averageUserWords == nil && none.suggestedResponseWords == nil && !none.isTopicChangeLikely)
        let silent = RecentContext(messages: [.init(isFromUser: false, text: "Bye!", secondsAgo: 1800)])
        #expect(ConversationPatternsHeuristic(silent).isTopicChangeLikely)
        let word = RecentContext(messages: [.init(isFromUser: true, text: "anyways the boat")])
        #expect(!ConversationPatternsHeuristic(word).isTopicChangeLikely)
    }

    @Test func memoryAndTone() {
        let context = RecentContext(messages: [
            .init(isFromUser: true, text: "Sailing! My garden and SAILING 🌱"),
            .init(isFromUser: false, text: "Taxes taxes taxes"),
        ])
        #expect(MemoryHealthHeuristic(context).recentWords == ["sailing", "garden"])
        #expect(PersonalityProfileHeuristic(context).exclamationShare == 1)
        #expect(PersonalityProfileHeuristic(context).usesEmoji)
        #expect(abs(MemoryBehaviorHeuristic().recallChance(afterHours: 72) - 0.9) < 1e-12)
        #expect(MemoryBehaviorHeuristic().recallChance(afterHours: -1) == 1)
    }

    @Test func engagement() {
        func guess(hour: Int?, hours: Double?) -> EngagementHeuristic {
            EngagementHeuristic(
                RecentContext(
                    messages: [.init(isFromUser: true, text: "hi", secondsAgo: hours.map { $0 * 3600 })], hour: hour))
        }
        #expect(guess(hour: 9, hours: 4).mayWriteFirst)
        #expect(!guess(hour: 21, hours: 4).mayWriteFirst)
        #expect(!guess(hour: 9, hours: 3.9).mayWriteFirst)
        #expect(!guess(hour: nil, hours: 9).mayWriteFirst)
        #expect(guess(hour: nil, hours: nil).silenceHours == nil)
    }
}
