import Foundation
import Postgres
import StrategicCache
import Support
import Testing

@testable import Operations
@testable import Store

/// The files for Prometheus and Grafana name only what there is.
@Suite("Metrics files")
struct MetricsFilesTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    private static func rules() throws -> String { try text("docker/prometheus/afterthought.rules.yml") }

    /// What workers, readers and the recording rules give.
    private static func known() throws -> Set<String> {
        let worker = WorkerMetrics(version: "1", jobs: ["j"], engines: ["e"], parts: ["e"])
        let reader = try Exposition(ReadStatistics().exposition())
        return worker.registry.sampleNames.union(reader.samples.map(\.name)).union(try values("record", in: rules()))
    }

    /// The metrics that a text names: a word with the product's prefix, or of those that every client has.
    private static func metrics(in text: String) -> Set<String> {
        let names = text.matches(of: /\b(?:afterthought[:_][a-z0-9_:]+|process_[a-z_]+)/).map { String($0.output) }
        // Groups of rules and the monitor's role are no metrics.
        return Set(names).subtracting(["afterthought_recording", "afterthought_alerts", "afterthought_monitor"])
    }

    /// The values of a key, each on a line of its own.
    private static func values(_ key: String, in text: String) throws -> [String] {
        text.split(separator: "\n").compactMap { line in
            let words = line.drop { $0 == " " || $0 == "-" }
            return words.hasPrefix(key + ": ") ? String(words.dropFirst(key.count + 2)) : nil
        }
    }

    @Test func theRulesNameOnlyWhatThereIs() throws {
        let rules = try Self.rules()
        let named = Self.metrics(in: rules)
        #expect(named.count > 20)
        #expect(named.subtracting(try Self.known()) == [])
        // The test of this test: a name that is not there is seen.
        #expect(Self.metrics(in: "max(afterthought_no_such_total) > 0") == ["afterthought_no_such_total"])
    }

    @Test func everyAlertSaysWhatToDoAndIsTestedBothWays() throws {
        let rules = try Self.rules()
        let tests = try Self.text("Tests/metrics/rules_test.yml")
        let blocks = rules.components(separatedBy: "- alert: ").dropFirst()
        #expect(blocks.count == 11)
        for block in blocks {
            let name = String(block.prefix { $0.isLetter })
            for key in ["expr:", "severity:", "summary:", "description:", "action:"] {
                #expect(block.contains(key), "\(name) has no \(key)")
            }
            #expect(tests.contains("{alertname: \(name), eval_time: 2h, exp_alerts: []}"), "\(name) is not seen quiet")
            let firing = [
                "ALERTS{alertname=\"\(name)\",alertstate=\"firing\"}", "alertname: \(name)\n        eval_time: 13m",
            ]
            #expect(firing.contains { tests.contains($0) }, "\(name) is not seen firing")
        }
    }

    @Test func theDashboardNamesOnlyWhatThereIs() throws {
        let targets = try Self.targets()
        let expressions = targets.compactMap { $0["expr"] as? String }
        #expect(expressions.count > 30)
        let known = try Self.known()
        for expression in expressions {
            let named = Self.metrics(in: expression)
            #expect(!named.isEmpty, "\(expression)")
            #expect(named.subtracting(known) == [], "\(expression)")
        }
    }

    /// All queries of all panels.
    private static func targets() throws -> [[String: Any]] {
        let data = try Data(contentsOf: root.appending(path: "docker/grafana/dashboards/afterthought.json"))
        let dashboard = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let panels = try #require(dashboard["panels"] as? [[String: Any]])
        let ids = panels.compactMap { $0["id"] as? Int }
        #expect(ids.count == panels.count && Set(ids).count == ids.count)
        return panels.flatMap { $0["targets"] as? [[String: Any]] ?? [] }
    }

    @Test("the dashboard's SQL runs as the monitor, which sees no user", .database)
    func theMonitorsRole() throws {
        var connection = try TestDatabase.current.connect()
        try Migrator.applyRoles(&connection)
        try connection.execute("set role afterthought_monitor")
        let queries = try Self.targets().compactMap { $0["rawSql"] as? String }
        #expect(queries.count == 4)
        for query in queries {
            let macro = "$__timeFilter(executed_at)"
            let sql = query.replacingOccurrences(
                of: macro, with: "executed_at between now() - interval '1 day' and now()")
            #expect(!sql.contains("$__"), "\(query)")
            _ = try connection.textRows(sql)
        }
        for refused in [
            "select content from afterthought.messages", "select user_id from afterthought.quarantine",
            "select error from afterthought.quarantine", "select metadata from afterthought.system_tasks",
            "select error_message from afterthought.system_tasks",
            "select last_metadata from afterthought.job_overview",
            "select last_error_message from afterthought.job_overview", "select 1 from afterthought.strategic_cache",
            "select 1 from afterthought.jobs", "update afterthought.job_schedules set cron = null",
        ] {
            let error = #expect(throws: PostgresError.self) { try connection.execute(refused) }
            #expect(error?.sqlState == "42501", "\(refused)")
        }
        try connection.execute("reset role")
    }
}
