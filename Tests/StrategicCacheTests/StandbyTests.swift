import Postgres
import Support
import Testing

@testable import StrategicCache

@Suite("C5 Reads from a standby") struct StandbyTests {
    @Test func readsAreJudgedAndRefreshRequestsAreDropped() throws {
        let primary = try TestCluster.makeBareCluster()
        defer { primary.remove() }
        do {
            var connection = try primary.connect()
            try Schema.apply(to: &connection)
            try connection.execute(
                """
                update afterthought.shard_progress
                set verified_at = now(), ttl = '1 day', engine_version = 1, config_hash = 'c';
                insert into afterthought.strategic_cache
                    (computed_at, generation, messages_reflected, engine_version, shard, bot_name, user_id, config_hash,
                     null_reasons, unvalidated, stale_reason)
                select now(), 1, 1, 1, afterthought.shard_of(u, 'elena'), 'elena', u, 'c', '{}', '{}', reason
                from (values ('u1', null), ('u2', 'quarantined')) as v (u, reason)
                """)
        }
        let standby = try primary.createStandby()
        defer { standby.remove() }
        var configuration = StrategicCache.Configuration(url: standby.url())
        configuration.deadlineMilliseconds = 20_000
        configuration.servesHits = false
        let cache = try StrategicCache(configuration)
        defer { cache.close() }
        #expect(cache.waitUntilReady(milliseconds: 30_000))
        #expect(cache.read(user: "u1", bot: "elena").freshness == .fresh)
        guard case .stale = cache.read(user: "u2", bot: "elena").freshness else {
            Issue.record("expected the quarantined pair to be stale")
            return
        }
        // The request was refused by the standby; reads go on as before.
        #expect(cache.waitUntilReady(milliseconds: 30_000))
        #expect(cache.read(user: "u1", bot: "elena").freshness == .fresh)
    }
}
