import Foundation
import Postgres
import Support
import Testing

@testable import Store
@testable import afterthought

/// Runs whole workers, so it runs with the fault tests.
@Suite("Health of a worker", .database)
struct HealthFaultTests {
    /// Asks until the answer has a status, or the worker has ended.
    private func ask(
        _ words: [String], _ environment: [String: String], of worker: Process, until status: Int32
    ) throws -> Program {
        var answer = try Program.run(words, environment: environment)
        while answer.status != status, worker.isRunning { answer = try Program.run(words, environment: environment) }
        return answer
    }

    @Test func aWorkerIsFoundWellAndThenStuckAndThenGone() throws {
        let scratch = try ScratchFolder()
        defer { withExtendedLifetime(scratch) {} }
        let environment = [
            "AFTERTHOUGHT_DATABASE_URL_FILE": try scratch.write("url", TestDatabase.current.url),
            "AFTERTHOUGHT_HEALTH_FILE": scratch.path + "/health", "AFTERTHOUGHT_LEASE_SECONDS": "300",
        ]
        let worker = Program.prepared(["worker", "--no-jobs", "--cycle-seconds", "0.5"], environment)
        try worker.run()
        defer {
            kill(worker.processIdentifier, SIGKILL)
            worker.waitUntilExit()
        }
        let well = try ask(["status", "--health"], environment, of: worker, until: 0)
        #expect(well.status == 0 && well.output.hasPrefix("healthy: last cycle ") && well.errors.isEmpty, "\(well)")
        #expect(well.output.hasSuffix("64 of 64 shards\n"))
        let alive = try Program.run(["status", "--alive"], environment: environment)
        #expect(alive.status == 0 && alive.output.hasPrefix("healthy: the worker moved "))
        let anybody = try ask(
            ["status", "--health"], ["DATABASE_URL": TestDatabase.current.url], of: worker, until: 0)
        #expect(anybody.output.hasSuffix(" ago, 64 of 64 shards, workers: 1\n"), "\(anybody)")

        kill(worker.processIdentifier, SIGSTOP)
        let limit = ["--health-seconds", "1"]
        let stuck = try ask(["status", "--health"] + limit, environment, of: worker, until: 1)
        #expect(stuck.output.hasPrefix("unhealthy: expected a cycle in "), "\(stuck)")
        let still = try ask(["status", "--alive"] + limit, environment, of: worker, until: 1)
        #expect(still.output.hasPrefix("unhealthy: expected the worker to have moved in "), "\(still)")

        kill(worker.processIdentifier, SIGKILL)
        worker.waitUntilExit()
        let gone = try Program.run(["status", "--health"], environment: environment)
        #expect(gone.status == 1 && gone.output == "unhealthy: expected a worker beside this command, got: none\n")
    }

    @Test func twoWorkersDoNotShareAHealthFile() throws {
        let scratch = try ScratchFolder()
        defer { withExtendedLifetime(scratch) {} }
        let path = scratch.path + "/health"
        let held = try WorkerPulse(path: path, owner: Postgres.UUID.random(), cycleSeconds: 1)
        let second = try Program.run([
            "worker", "--no-jobs", "--health-file", path, "--database-url", TestDatabase.current.url,
        ])
        #expect(second.status == 75 && second.errors.contains("another worker's"), "\(second)")
        withExtendedLifetime(held) {}
    }

    @Test func theDemoWorksInADatabaseThatIsNamed() throws {
        let url = TestDatabase.current.url
        let first = try Program.run(["demo", "--database-url", url])
        #expect(first.status == 0 && first.output.contains("processed 5,210 messages of 64 pairs"), "\(first)")
        #expect(!first.output.contains("psql") && !first.output.contains("--stop"))
        let second = try Program.run(["demo", "--configured", "--json"], environment: ["DATABASE_URL": url])
        #expect(second.status == 0 && second.output.hasPrefix(#"{"changed":false,"#), "\(second.errors)")
        var connection = try TestDatabase.current.connect()
        try connection.execute("select afterthought.record_message('u', 'b', 'user', 'x')")
        let third = try Program.run(["demo", "--database-url", url])
        #expect(third.status == 65 && third.errors.contains("expected a database without messages"), "\(third)")
        #expect(try Program.run(["demo", "--stop", "--database-url", url]).status == 64)
    }
}
