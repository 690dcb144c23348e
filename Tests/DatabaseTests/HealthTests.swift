import Foundation
import Postgres
import Support
import Testing

@testable import Store
@testable import Worker
@testable import afterthought

/// Foundation has another.
private typealias WorkerName = Postgres.UUID

@Suite("Health")
struct HealthTests {
    private let owner = WorkerName.random()
    private let present = WorkerPresence(workers: 1, shards: 64, shardsCatchingUp: 0, verifiedSecondsAgo: 3)
    private let start: UInt64 = 1_000_000_000_000

    private func pulse(worked seconds: UInt64?, cycleSeconds: Double = 10) -> Pulse {
        Pulse(
            owner: owner, cycleSeconds: cycleSeconds, aliveAt: start,
            workedAt: seconds.map { start - $0 * 1_000_000_000 })
    }

    @Test func aWorkerIsWellWhileItsCyclesAreYoung() {
        let well = Health.own(pulse(worked: 79), present, now: start, limit: nil)
        #expect(well.isWell && well.text == "last cycle 79 s ago, 64 of 64 shards")
        let old = Health.own(pulse(worked: 81), present, now: start, limit: nil)
        #expect(!old.isWell && old.text == "expected a cycle in 80 s, got: the last one 81 s ago")
        #expect(Health.own(pulse(worked: 81, cycleSeconds: 30), present, now: start, limit: nil).isWell)
        #expect(!Health.own(pulse(worked: 6), present, now: start, limit: 5).isWell)
        #expect(!Health.own(pulse(worked: nil), present, now: start, limit: nil).isWell)
        #expect(!Health.own(nil, present, now: start, limit: nil).isWell)
        let elsewhere = WorkerPresence(workers: 0, shards: 0, shardsCatchingUp: 0, verifiedSecondsAgo: nil)
        let foreign = Health.own(pulse(worked: 1), elsewhere, now: start, limit: nil)
        #expect(!foreign.isWell && foreign.text == "expected the worker to hold a lease in this database, got: none")
    }

    @Test func aWorkerWithoutItsDatabaseMovesAllTheSame() {
        let later = start + 79 * 1_000_000_000
        #expect(Health.alive(pulse(worked: 500), now: later, limit: nil).isWell)
        #expect(!Health.alive(pulse(worked: 500), now: later + 2_000_000_000, limit: nil).isWell)
        #expect(!Health.alive(nil, now: later, limit: nil).isWell)
    }

    @Test func withoutAPulseTheLeasesSpeak() {
        var presence = present
        #expect(Health.anybody(presence, limit: nil).isWell)
        presence.verifiedSecondsAgo = 61
        #expect(!Health.anybody(presence, limit: nil).isWell && Health.anybody(presence, limit: 100).isWell)
        presence.shardsCatchingUp = 3
        #expect(Health.anybody(presence, limit: nil).text == "catching up in 3 shards, workers: 1")
        presence.workers = 0
        #expect(!Health.anybody(presence, limit: nil).isWell)
        presence = WorkerPresence(workers: 1, shards: 64, shardsCatchingUp: 0, verifiedSecondsAgo: nil)
        #expect(Health.anybody(presence, limit: nil).text == "expected a cycle in 60 s, got: none yet")
    }

    @Test func aLaterPulseCoversAnEarlierOne() throws {
        let short = Pulse(owner: owner, cycleSeconds: 10, aliveAt: 1, workedAt: nil)
        let long = Pulse(owner: owner, cycleSeconds: 0.123456789, aliveAt: .max >> 1, workedAt: .max >> 1)
        #expect(short.line.utf8.count == Pulse.lineBytes && long.line.utf8.count == Pulse.lineBytes)
        #expect(Pulse(short.line) == short && Pulse(long.line) == long)
        #expect(Pulse("") == nil && Pulse("{}") == nil)
    }

    @Test func theFileTellsADeadWorkerFromASlowOne() throws {
        let scratch = try ScratchFolder()
        defer { withExtendedLifetime(scratch) {} }
        let path = try scratch.write("health", "left behind by another program, and longer than a pulse is")
        #expect(try WorkerPulse.read(path) == nil)
        do {
            let mine = try WorkerPulse(path: path, owner: owner, cycleSeconds: 7)
            let first = try #require(try WorkerPulse.read(path))
            #expect(first.owner == owner && first.cycleSeconds == 7 && first.workedAt == nil)
            mine.note(.lost(shards: 1))
            #expect(try WorkerPulse.read(path)?.workedAt == nil)
            mine.note(.cycle(seconds: 0.1, shardsHeld: 64))
            #expect(try #require(try WorkerPulse.read(path)?.workedAt) >= first.aliveAt)
            let second = #expect(throws: CommandFailure.self) {
                try WorkerPulse(path: path, owner: owner, cycleSeconds: 7)
            }
            #expect(second?.code == .busy)
            #expect(try WorkerPulse.read(path)?.owner == owner)
            withExtendedLifetime(mine) {}
        }
        // Nobody said goodbye: the lock alone tells.
        #expect(try WorkerPulse.read(path) == nil)
        #expect(try WorkerPulse.read(path + "-none") == nil)
        let folder = #expect(throws: CommandFailure.self) {
            try WorkerPulse(path: "/nowhere/health", owner: owner, cycleSeconds: 7)
        }
        #expect(folder?.code == .usage)
    }
}

@Suite("Health on a database", .database)
struct HealthDatabaseTests {
    @Test func nobodyWorks() throws {
        let url = TestDatabase.current.url
        let none = try Program.run(["status", "--health", "--database-url", url])
        #expect(none.status == 1 && none.output == "unhealthy: expected a worker with a lease, got: none\n")
        let json = try Program.run(["status", "--health", "--json", "--database-url", url])
        #expect(json.status == 1 && json.output.hasPrefix(#"{"healthy":false,"message":"expected a worker"#))
        let scratch = try ScratchFolder()
        defer { withExtendedLifetime(scratch) {} }
        let file = try scratch.write("health", "")
        let own = try Program.run(
            ["status", "--health"], environment: ["AFTERTHOUGHT_HEALTH_FILE": file, "DATABASE_URL": url])
        #expect(own.status == 1 && own.output == "unhealthy: expected a worker beside this command, got: none\n")
        let alive = try Program.run(["status", "--alive", "--health-file", file])
        #expect(alive.status == 1 && alive.output == own.output)
        #expect(try Program.run(["status", "--alive"]).status == 64)
        var connection = try TestDatabase.current.connect()
        _ = try connection.describe(LoadWorkerPresence.self)
        _ = try connection.describe(HasForeignMessages.self)
    }

    @Test func leasesAndWatermarksAreCounted() throws {
        var connection = try TestDatabase.current.connect()
        let owner = WorkerName.random()
        try connection.execute(
            """
            insert into afterthought.worker_leases (owner, configuration, engine_version, config_hash, lease_until)
            values ('\(owner)', '', 1, '', now() + interval '1 minute'), (gen_random_uuid(), '', 1, '', now());
            update afterthought.shard_progress
            set owner = '\(owner)', lease_until = now() + interval '1 minute',
                verified_at = now() - make_interval(secs => 100 + shard)
            where shard < 10;
            update afterthought.shard_progress set rebuild_pending = true where shard in (3, 20);
            """)
        let found = try connection.first(LoadWorkerPresence(owner: owner))
        #expect(found?.workers == 1 && found?.shards == 10 && found?.shardsCatchingUp == 1)
        #expect((100...130).contains(found?.verifiedSecondsAgo ?? 0))
        #expect(try connection.first(LoadWorkerPresence(owner: nil))?.workers == 1)
        let other = try connection.first(LoadWorkerPresence(owner: WorkerName.random()))
        #expect(other == WorkerPresence(workers: 0, shards: 0, shardsCatchingUp: 0, verifiedSecondsAgo: nil))
    }

    @Test func aDatabaseThatCantBeUsedGives69() throws {
        let away = try Program.run(
            ["status", "--health", "--database-url", "postgresql://nobody@127.0.0.1:1/x?connect_timeout=2"])
        #expect(away.status == 69 && away.output.hasPrefix("unhealthy: connection to server") && away.errors.isEmpty)
        var connection = try TestDatabase.current.connect()
        try connection.execute("drop schema afterthought cascade")
        let bare = try Program.run(["status", "--health", "--database-url", TestDatabase.current.url])
        #expect(bare.status == 69 && bare.output.hasPrefix("unhealthy: ") && bare.output.hasSuffix("\n"))
        #expect(bare.output.filter { $0 == "\n" }.count == 1)
    }

    @Test func theURLMayBeInAFile() throws {
        let scratch = try ScratchFolder()
        defer { withExtendedLifetime(scratch) {} }
        let file = try scratch.write("url", "  \(TestDatabase.current.url)\n")
        func run(_ environment: [String: String]) throws -> Program {
            try Program.run(["refresh", "u", "b"], environment: environment)
        }
        // Reached: the pair has no rows, and nothing else is wrong.
        #expect(try run(["AFTERTHOUGHT_DATABASE_URL_FILE": file]).status == 65)
        let elsewhere = "postgresql://nobody@127.0.0.1:1/x?connect_timeout=2"
        #expect(try run(["AFTERTHOUGHT_DATABASE_URL_FILE": file, "DATABASE_URL": elsewhere]).status == 65)
        let both = try run(["AFTERTHOUGHT_DATABASE_URL_FILE": file, "AFTERTHOUGHT_DATABASE_URL": elsewhere])
        #expect(both.status == 64 && both.errors.contains("got: both"))
        let none = try run(["AFTERTHOUGHT_DATABASE_URL_FILE": file + "-none"])
        #expect(none.status == 64 && none.errors.contains("got: No such file or directory"))
        for content in ["", "hunter2\nhunter2", String(repeating: "hunter2", count: 2000)] {
            let wrong = try run(["AFTERTHOUGHT_DATABASE_URL_FILE": try scratch.write("wrong", content)])
            #expect(wrong.status == 64 && wrong.errors.contains("(not shown)") && !wrong.errors.contains("hunter2"))
        }
        let flag = try Program.run(
            ["refresh", "u", "b", "--database-url", TestDatabase.current.url],
            environment: ["AFTERTHOUGHT_DATABASE_URL_FILE": file + "-none"])
        #expect(flag.status == 65)
    }
}
