import Foundation
import Postgres
import Store
import Support
import Testing
import Worker

@Suite("C1 kills and freezes", .database)
struct KillTests {
    /// `FAULT_KILL_ROUNDS` rounds; `kill-rounds` runs many.
    @Test("workers killed at random moments lose nothing and repeat nothing")
    func kills() async throws {
        let database = TestDatabase.current
        let options = try database.options
        let url = database.url
        let rounds = FaultBench.number("FAULT_KILL_ROUNDS", default: 8)
        let seed: UInt64 = .random(in: 0...1_000_000)
        let isLong = rounds > 20
        try await onOwnThread {
            var random = SeededRandom(seed: seed)
            var workers: [WorkerProcess] = []
            defer { for worker in workers { worker.kill() } }
            func start() throws {
                workers.append(
                    try .start(url: url, cycleSeconds: 0.02, leaseSeconds: 1, batchRowsMax: Int.random(in: 5...80)))
            }
            try start()
            try start()
            var writer = try FaultWriter(options, number: 0, seed: seed, delayMicrosecondsMax: 2_000)
            var second = try FaultWriter(options, number: 1, seed: seed, delayMicrosecondsMax: 2_000)
            var connection = try Connection(options)
            let commits = "select sum(generation) from afterthought.shard_progress"
            for round in 1...rounds {
                // Workers have to come to something between two kills, or nothing but their start would be killed.
                let goal = try Workbench.count(&connection, commits) + Int.random(in: 1...200, using: &random)
                let end = Deadline.after(milliseconds: 120_000)
                repeat {
                    try writer.write()
                    try second.write()
                    if end.remainingNanoseconds == 0 {
                        throw BenchError(
                            "expected commits in round \(round), got too few; " + workers.map(\.said).joined())
                    }
                } while try Workbench.count(&connection, commits) < goal
                usleep(UInt32.random(in: 0...30_000, using: &random))
                workers.remove(at: Int.random(in: 0..<2, using: &random)).kill()
                try start()
                if isLong, round % 10 == 0 { print("kill-rounds: \(round) of \(rounds)") }
            }
        }
        try await FaultBench.settle(options)
        try await FaultBench.expectUndisturbed(options)
        if isLong { print("kill-rounds: compared with an undisturbed run, seed \(seed)") }
    }

    @Test("a worker frozen inside its write transaction holds up nobody, and writes nothing when it wakes")
    func frozen() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        try SampleRows.insert(SampleRows.ofPairs(6), into: &connection)
        let freezeFile = "/tmp/afterthought-freeze-\(getpid())-\(database.name)"
        _ = FileManager.default.createFile(atPath: freezeFile, contents: nil)
        let frozen = try WorkerProcess.start(
            url: database.url, cycleSeconds: 0.2, leaseSeconds: 5, batchRowsMax: 10_000,
            environment: ["FAULT_FREEZE_FILE": freezeFile])
        defer { frozen.kill() }
        try await FaultBench.waitUntil("the worker froze; \(frozen.said)") { frozen.isStopped }
        let locked =
            "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in%'"
        #expect(try Workbench.count(&connection, locked) >= 1, "expected it to freeze inside a transaction")

        var configuration = WorkerConfiguration()
        configuration.cycleSeconds = 0.2
        configuration.leaseSeconds = 5
        let successor = Workbench.worker(options, configuration: configuration)
        let running = Task { try await successor.run() }
        // The lease of 5 s and the server's 10 s for a silent transaction, and what a busy machine adds.
        try await FaultBench.waitUntil("the successor applied everything", seconds: 45) {
            var connection = try Connection(options)
            return try Workbench.count(&connection, FaultBench.miscounted) == 0
        }
        successor.stop()
        try await running.value
        // Bots are merged once in a while; whoever is first after that time would do it.
        try await Workbench.runOnce(options)
        let before = try await FaultBench.outcome(options)
        let stored =
            "select string_agg(c.xmin::text, ',' order by bot_name, user_id) from afterthought.strategic_cache c"
        let writers = try connection.textRows(stored)
        frozen.resume()
        try await FaultBench.waitUntil("the frozen worker woke up and found itself cut off") {
            frozen.said.contains("failure")
        }
        // It works on as a worker like any other: it takes the shards that are free by now, and finds nothing to do.
        try await FaultBench.waitUntil("it took over again") {
            var connection = try Connection(options)
            return try Workbench.count(
                &connection, "select count(*) from afterthought.shard_progress where owner is not null") == 64
        }
        #expect(before == (try await FaultBench.outcome(options)))
        #expect(writers == (try connection.textRows(stored)), "expected no row to be written by the one that woke")
        frozen.kill()
        try await FaultBench.settle(options)
        try await FaultBench.expectUndisturbed(options)
    }

    @Test("a pair that kills its worker ends up in quarantine, all others are processed, and it recovers")
    func deadlyPair() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        let rows = SampleRows.ofPairs(6)
        try SampleRows.insert(rows, into: &connection)
        let deadly = rows[0].pair
        let inQuarantine = """
            select reason from afterthought.quarantine
            where user_id = '\(deadly.userID)' and reason = 'worker_died' and not exists (
                select from afterthought.messages as m
                left join afterthought.strategic_cache as c using (user_id, bot_name)
                where c.user_id is null and m.user_id <> '\(deadly.userID)')
            """
        let url = database.url
        func run(until goal: String, deathsMax: Int) async throws -> Int {
            try await onOwnThread {
                var connection = try Connection(options)
                var deaths = 0
                let end = Deadline.after(milliseconds: 60_000)
                while true {
                    let worker = try WorkerProcess.start(
                        url: url, cycleSeconds: 0.05, leaseSeconds: 1, batchRowsMax: 10_000,
                        environment: ["FAULT_ABORT_USER": deadly.userID])
                    defer { worker.kill() }
                    while !worker.hasEnded {
                        if try !connection.textRows(goal).isEmpty { return deaths }
                        if end.remainingNanoseconds == 0 {
                            throw BenchError("expected an end, got none; \(worker.said)")
                        }
                        usleep(10_000)
                    }
                    deaths += 1
                    if deaths > deathsMax { throw BenchError("expected at most \(deathsMax) deaths, got: \(deaths)") }
                }
            }
        }
        let deaths = try await run(until: inQuarantine, deathsMax: 4)
        #expect(deaths >= 1)
        // What the other lanes had at hand when it died is not to blame.
        #expect(try Workbench.count(&connection, "select count(*) from afterthought.quarantine") == 1)
        // Its next tries cost one worker each, not four.
        try connection.execute("update afterthought.quarantine set next_attempt_at = now()")
        let again = try await run(until: inQuarantine + " and attempts = 2", deathsMax: 1)
        #expect(again == 1)
        try await FaultBench.settle(options)
        try await FaultBench.expectUndisturbed(options)
    }

    @Test("a pair that only kills the rebuild after an upgrade is found too")
    func deadlyRebuild() async throws {
        let database = TestDatabase.current
        let options = try database.options
        var connection = try database.connect()
        let rows = SampleRows.ofPairs(4)
        try SampleRows.insert(rows, into: &connection)
        try await Workbench.runOnce(options)
        // As an older version left it.
        try connection.execute(
            """
            update afterthought.shard_progress set engine_version = 0;
            update afterthought.engine_state set engine_version = 0;
            """)
        let deadly = rows[0].pair
        let url = database.url
        let deaths = try await onOwnThread {
            var connection = try Connection(options)
            let goal = "select count(*) from afterthought.quarantine where reason = 'worker_died'"
            for deaths in 0...6 {
                let worker = try WorkerProcess.start(
                    url: url, cycleSeconds: 0.05, leaseSeconds: 1, batchRowsMax: 10_000,
                    environment: ["FAULT_ABORT_USER": deadly.userID])
                defer { worker.kill() }
                let end = Deadline.after(milliseconds: 30_000)
                while !worker.hasEnded, end.remainingNanoseconds != 0 {
                    if try Workbench.count(&connection, goal) > 0 { return deaths }
                    usleep(10_000)
                }
            }
            throw BenchError("expected the pair in quarantine after at most 4 deaths, got: 6 deaths and it is not")
        }
        #expect((1...4).contains(deaths))
        try await FaultBench.settle(options)
        try await FaultBench.expectUndisturbed(options)
    }
}
