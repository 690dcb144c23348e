import Support
import Testing

@testable import StrategicCache

@Suite("Read statistics", .database)
struct ReadStatisticsTests {
    @Test func nothingWasReadYet() throws {
        let page = try Exposition(ReadStatistics().exposition())
        for outcome in ReadMetrics.Outcome.allCases {
            #expect(page.value("afterthought_cache_reads_total", ["outcome": outcome.rawValue]) == 0)
        }
        #expect(page.value("afterthought_cache_age_seconds_count") == 0)
        #expect(page.value("afterthought_cache_read_duration_seconds_bucket", ["le": "5e-05"]) == 0)
    }

    @Test func eachReadIsCountedOnce() async throws {
        let statistics = ReadStatistics()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<500 {
                        statistics.record(ReadMetrics(outcome: .hit, duration: .nanoseconds(200), age: .seconds(7)))
                    }
                }
            }
        }
        statistics.record(ReadMetrics(outcome: .lastKnown, duration: .milliseconds(6), age: .seconds(90_000)))
        statistics.record(ReadMetrics(outcome: .unavailable, duration: .seconds(2), age: nil))
        let page = try Exposition(statistics.exposition())
        func reads(_ outcome: String) -> Double? { page.value("afterthought_cache_reads_total", ["outcome": outcome]) }
        #expect(reads("hit") == 2000 && reads("last_known") == 1 && reads("unavailable") == 1 && reads("fresh") == 0)
        func age(_ bound: String) -> Double? { page.value("afterthought_cache_age_seconds_bucket", ["le": bound]) }
        #expect(age("5") == 0 && age("10") == 2000 && age("86400") == 2000 && age("+Inf") == 2001)
        #expect(page.value("afterthought_cache_age_seconds_sum") == 104_000)
        func time(_ bound: String) -> Double? {
            page.value("afterthought_cache_read_duration_seconds_bucket", ["le": bound])
        }
        #expect(time("5e-05") == 2000 && time("0.01") == 2001 && time("1") == 2001 && time("+Inf") == 2002)
        #expect(page.value("afterthought_cache_read_duration_seconds_sum") == 2.0064)
    }

    @Test func aCacheFillsIt() throws {
        let fixture = try CacheFixture()
        try fixture.insert("u1")
        let statistics = ReadStatistics()
        let configuration = fixture.configuration { $0.onRead = { statistics.record($0) } }
        try fixture.withCache(configuration) { cache in
            _ = cache.read(user: "u1", bot: "elena")
            _ = cache.read(user: "u1", bot: "elena")
            _ = cache.read(user: "nobody", bot: "elena")
        }
        let page = try Exposition(statistics.exposition())
        #expect(page.value("afterthought_cache_reads_total", ["outcome": "missing"]) == 1)
        let rows = ["hit", "fresh", "stale"].map { page.value("afterthought_cache_reads_total", ["outcome": $0]) ?? 0 }
        #expect(rows.reduce(0, +) == 2)
        #expect(page.value("afterthought_cache_age_seconds_count") == 2)
        #expect(page.value("afterthought_cache_read_duration_seconds_count") == 3)
    }
}
