import Foundation
import Support
import Testing

@testable import Operations

@Suite("Metrics registry")
struct MetricsRegistryTests {
    @Test func everySeriesIsThereFromTheStart() throws {
        let registry = MetricsRegistry()
        _ = registry.counter(
            "runs_total", "Runs.", MetricLabel("job", ["a", "b"]), MetricLabel("status", ["ok"], isOpen: true))
        _ = registry.gauge("depth", "Depth.")
        _ = registry.histogram("wait_seconds", "Waits.", bounds: [0.5, 2])
        #expect(
            registry.exposition() == """
                # HELP runs_total Runs.
                # TYPE runs_total counter
                runs_total{job="a",status="ok"} 0
                runs_total{job="a",status="other"} 0
                runs_total{job="b",status="ok"} 0
                runs_total{job="b",status="other"} 0
                # HELP depth Depth.
                # TYPE depth gauge
                # HELP wait_seconds Waits.
                # TYPE wait_seconds histogram
                wait_seconds_bucket{le="0.5"} 0
                wait_seconds_bucket{le="2"} 0
                wait_seconds_bucket{le="+Inf"} 0
                wait_seconds_sum 0
                wait_seconds_count 0

                """)
    }

    @Test func valuesGoToTheSeriesOfTheirLabels() throws {
        let registry = MetricsRegistry()
        let runs = registry.counter(
            "runs_total", "Runs.", MetricLabel("job", ["a", "b"]), MetricLabel("status", ["ok"], isOpen: true))
        let depth = registry.gauge("depth", "Depth.", MetricLabel("queue", ["q"]))
        let waits = registry.histogram("wait_seconds", "Waits.", bounds: [0.5, 2], MetricLabel("lane", ["1", "2"]))
        runs.add(1, "b", "ok")
        runs.add(2.5, "a", "never heard of")
        depth.set(-3, "q")
        for value in [0.5, 0.51, 7, .nan, .infinity] { waits.observe(value, "2") }
        let page = try Exposition(registry.exposition())
        #expect(page.value("runs_total", ["job": "b", "status": "ok"]) == 1)
        #expect(page.value("runs_total", ["job": "a", "status": "other"]) == 2.5)
        #expect(page.value("runs_total", ["job": "a", "status": "ok"]) == 0)
        #expect(page.value("depth", ["queue": "q"]) == -3)
        #expect(page.value("wait_seconds_bucket", ["lane": "2", "le": "0.5"]) == 1)
        #expect(page.value("wait_seconds_bucket", ["lane": "2", "le": "2"]) == 2)
        #expect(page.value("wait_seconds_bucket", ["lane": "2", "le": "+Inf"]) == 3)
        #expect(page.value("wait_seconds_sum", ["lane": "2"]) == 8.01)
        #expect(page.value("wait_seconds_count", ["lane": "1"]) == 0)
        depth.set(nil, "q")
        #expect(try Exposition(registry.exposition()).value("depth", ["queue": "q"]) == nil)
    }

    @Test func textIsEscaped() throws {
        let registry = MetricsRegistry()
        let odd = "a\"b\\c\nd"
        registry.gauge("info", "Says \"so\" \\ and\nmore.", MetricLabel("version", [odd])).set(1, odd)
        let text = registry.exposition()
        #expect(text.contains(#"# HELP info Says "so" \\ and\nmore."# + "\n"))
        #expect(text.contains(#"info{version="a\"b\\c\nd"} 1"# + "\n"))
        #expect(try Exposition(text).value("info", ["version": odd]) == 1)
    }

    @Test func countsFromManyThreadsAreAllThere() async throws {
        let registry = MetricsRegistry()
        let counter = registry.counter("n_total", "N.")
        let histogram = registry.histogram("h", "H.", bounds: [1])
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1000 {
                        counter.add()
                        histogram.observe(0.5)
                    }
                }
            }
        }
        let page = try Exposition(registry.exposition())
        #expect(page.value("n_total") == 8000)
        #expect(page.value("h_sum") == 4000)
        #expect(page.value("h_bucket", ["le": "+Inf"]) == 8000)
    }

    @Test func theWorkersMetricsParseAndNameNoUser() throws {
        let metrics = WorkerMetrics(version: "1.2.3", jobs: ["j"], engines: ["e"], parts: ["text", "e"])
        let page = try Exposition(metrics.registry.exposition())
        #expect(page.value("afterthought_build_info", ["version": "1.2.3"]) == 1)
        #expect(page.value("afterthought_messages_processed_total") == 0)
        #expect(page.value("afterthought_job_runs_total", ["job": "j", "status": "failed"]) == 0)
        #expect(page.value("afterthought_quarantined_total", ["reason": "worker_died"]) == 0)
        #expect(page.value("afterthought_audit_mismatch_total") == 0)
        #expect(page.value("afterthought_engine_duration_seconds_bucket", ["engine": "e", "le": "5e-05"]) == 0)
        // What nobody has asked the database yet is not known.
        #expect(page.value("afterthought_watermark_lag_seconds") == nil)
        #expect((page.value("process_cpu_seconds_total") ?? 0) > 0)
        #expect((page.value("process_resident_memory_bytes") ?? 0) > 1_000_000)
        let labels = Set(page.samples.flatMap(\.labels.keys))
        #expect(labels == ["version", "reason", "phase", "engine", "job", "status", "outcome", "le"])
        #expect(page.samples.count < 1000)
    }

    @Test func theFileIsReplacedInOneStep() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "afterthought-metrics-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "afterthought.prom").path
        for text in [String(repeating: "x", count: 100_000), "a 1\n"] {
            try MetricsFile.write(text, to: file)
            #expect(try String(contentsOfFile: file, encoding: .utf8) == text)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["afterthought.prom"])
        let missing = folder.appending(path: "none/afterthought.prom").path
        let error = #expect(throws: MetricsFileError.self) { try MetricsFile.write("a 1\n", to: missing) }
        #expect(error?.description == "expected to write the metrics to \(missing), got: No such file or directory")
    }
}
