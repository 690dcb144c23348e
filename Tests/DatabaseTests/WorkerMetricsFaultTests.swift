import Foundation
import Model
import Operations
import Postgres
import Store
import Support
import Testing
import Worker

@testable import Jobs
@testable import afterthought

/// Named like the fault tests, so that it runs with them: workers need the pool that tests that block fill.
@Suite("Worker metrics", .database)
struct WorkerMetricsFaultTests {
    private func page(_ telemetry: WorkerTelemetry) throws -> Exposition { try Exposition(telemetry.exposition()) }

    private func run(
        _ telemetry: WorkerTelemetry, failpoints: Failpoints = Failpoints()
    ) async throws -> CycleReport {
        try await Worker(
            configuration: WorkerConfiguration(), options: try TestDatabase.current.options,
            analyzer: Workbench.analyzer, failpoints: failpoints, log: { telemetry.note($0) }
        ).runOnce()
    }

    @Test("what a worker did is what its counters say, and they never go down")
    func counters() async throws {
        let database = TestDatabase.current
        var connection = try database.connect()
        let telemetry = WorkerTelemetry()
        var before = try page(telemetry)
        let rows = SampleRows.ofPairs(6)
        try SampleRows.insert(rows, into: &connection)
        try connection.execute(
            "insert into afterthought.metric_points (bot_name, metric, value) values ('b', 'engagement', 1)")
        for round in 0..<3 {
            if round == 1 {
                let pair = rows[0].pair
                try connection.execute(
                    """
                    insert into afterthought.messages (user_id, bot_name, role, content, created_at)
                    values ('\(pair.userID)', '\(pair.botName)', 'user', 'late', now() - interval '20 years')
                    """)
            }
            let report = try await run(telemetry)
            let after = try page(telemetry)
            for (series, value) in before.growing { #expect((after.growing[series] ?? -1) >= value, "\(series)") }
            func grown(_ name: String, _ labels: [String: String] = [:]) -> Double {
                (after.value(name, labels) ?? -1) - (before.value(name, labels) ?? 0)
            }
            #expect(grown("afterthought_rows_processed_total") == Double(report.rows))
            #expect(grown("afterthought_pairs_processed_total") == Double(report.pairs))
            #expect(grown("afterthought_pairs_rebuilt_total") == Double(report.rebuilt))
            #expect(grown("afterthought_rows_reread_total") == Double(report.rowsReread))
            let messages = [Double(rows.count), 1, 0][round]
            #expect(grown("afterthought_messages_processed_total") == messages)
            let batches = grown("afterthought_batch_duration_seconds_count", ["phase": "write"])
            #expect((batches > 0) == (report.rows > 0))
            for engine in EngineName.allCases.map(\.rawValue) + ["text", "topics"] {
                #expect(grown("afterthought_engine_duration_seconds_count", ["engine": engine]) == batches)
                let seconds = grown("afterthought_engine_duration_seconds_sum", ["engine": engine])
                #expect((seconds > 0) == (batches > 0), "\(engine)")
            }
            before = after
        }
        #expect(before.value("afterthought_rows_processed_total") == Double(rows.count + 2))
        #expect((before.value("afterthought_pairs_rebuilt_total") ?? 0) >= 1)
        // The parts are within the computing that they are part of: they are a sample of it, scaled up.
        let computing = before.value("afterthought_batch_duration_seconds_sum", ["phase": "compute"]) ?? 0
        let parts = before.samples.filter { $0.name == "afterthought_engine_duration_seconds_sum" }
        let total = parts.reduce(0) { $0 + $1.value }
        #expect(total > 0 && computing > 0)
    }

    @Test("a pair that fails is counted by its reason; one never heard of counts as other")
    func failures() async throws {
        var connection = try TestDatabase.current.connect()
        let rows = SampleRows.ofPairs(3)
        try SampleRows.insert(rows, into: &connection)
        let telemetry = WorkerTelemetry()
        let pairs = Set(rows.map(\.pair)).sorted()
        let failpoints = Failpoints { place in
            if place == .pair(pairs[0]) { throw PairError(reason: "state_too_large", description: "too large") }
            if place == .pair(pairs[1]) { throw PairError(reason: "for this test", description: "some reason") }
        }
        let report = try await run(telemetry, failpoints: failpoints)
        #expect(report.failed == 2)
        let page = try page(telemetry)
        #expect(page.value("afterthought_quarantined_total", ["reason": "state_too_large"]) == 1)
        #expect(page.value("afterthought_quarantined_total", ["reason": "other"]) == 1)
        #expect(page.value("afterthought_quarantined_total", ["reason": "worker_died"]) == 0)
    }

    @Test("job runs are counted by how the attempt ended")
    func jobs() throws {
        let telemetry = WorkerTelemetry()
        func claim(_ name: String) -> JobClaim {
            JobClaim(
                id: 1, name: name, attempt: 1, token: UUID.random(), arguments: .object([]), tally: .null,
                cursor: .null, dueAt: .negativeInfinity, timeoutSeconds: 1, attemptsMax: 1)
        }
        func note(_ outcome: EndJobAttempt.Outcome?, failed: Int = 0, job: String = "clustering") {
            var tally = JobTally()
            tally.failedUpdates = failed
            telemetry.note(
                .ended(JobReport(claim: claim(job), state: nil, outcome: outcome, error: nil, tally: tally)))
        }
        note(.completed)
        note(.completed)
        note(.completed, failed: 1)
        note(.failed)
        note(.cancelled)
        note(.interrupted)
        note(nil)
        note(.failed, job: "a job of a newer version")
        telemetry.note(.failure("away", retrySeconds: 1))
        telemetry.note(.lostAttempts(3))
        let page = try page(telemetry)
        func runs(_ status: String, _ job: String = "clustering") -> Double? {
            page.value("afterthought_job_runs_total", ["job": job, "status": status])
        }
        #expect(runs("completed") == 2 && runs("completed_with_errors") == 1 && runs("failed") == 1)
        #expect(runs("cancelled") == 1 && runs("interrupted") == 1 && runs("lost") == 1)
        #expect(runs("failed", "other") == 1 && runs("completed", "learning_report") == 0)
        #expect(page.value("afterthought_job_runner_failures_total") == 1)
    }

    @Test("the program writes its metrics to the file at the pace that it is told")
    func file() async throws {
        let database = TestDatabase.current
        let folder = FileManager.default.temporaryDirectory.appending(path: "afterthought-metrics-\(UUID.random())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "afterthought.prom").path
        let process = Program.prepared(
            ["worker", "--no-jobs", "--cycle-seconds", "0.2"],
            [
                "AFTERTHOUGHT_DATABASE_URL": database.url, "AFTERTHOUGHT_METRICS_FILE": file,
                "AFTERTHOUGHT_METRICS_SECONDS": "0.1",
            ])
        try process.run()
        defer { process.waitUntilExit() }
        defer { process.terminate() }
        var last: Exposition?
        var connection = try database.connect()
        for _ in 0..<6000 {
            let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
            last = try Exposition(text)
            let isThere = (last?.value("afterthought_samples_total", ["outcome": "ok"]) ?? 0) >= 3
            // Fifteen seconds between samples would be forty at least for the third; ten a second are there before.
            if isThere, (last?.value("afterthought_cycle_duration_seconds_count") ?? 0) > 0 { break }
            try connection.execute("select pg_sleep(0.05)")
        }
        #expect((last?.value("afterthought_samples_total", ["outcome": "ok"]) ?? 0) >= 3)
        #expect(last?.value("afterthought_shards_held") == 64)
        #expect((last?.value("afterthought_last_cycle_timestamp_seconds") ?? 0) > 1.7e9)
        #expect(last?.value("afterthought_build_info", ["version": afterthoughtVersion]) == 1)
    }
}
