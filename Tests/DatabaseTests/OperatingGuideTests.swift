import Foundation
import Testing

@testable import Operations
@testable import afterthought

/// What docs/operating.md tells is what there is.
@Suite("Operating guide")
struct OperatingGuideTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    private static func guide() throws -> String { try text("docs/operating.md") }

    /// The cells of the rows that follow a table's header.
    private static func rows(after header: String, in text: String) -> [[String]] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let start = lines.firstIndex(where: { $0.hasPrefix(header) }) else { return [] }
        return lines[(start + 2)...].prefix { $0.hasPrefix("|") }.map { line in
            line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast()
                .map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }

    @Test func everyMetricIsExplainedByTheTableThatTheProgramPrints() throws {
        let metrics = Command.metrics
        #expect(metrics.count > 35 && Set(metrics.map(\.name)).count == metrics.count)
        #expect(Set(MetricAdvice.all.keys) == Set(metrics.map(\.name)))
        for (name, advice) in MetricAdvice.all {
            #expect(!advice.healthy.isEmpty && !advice.otherwise.isEmpty && !advice.otherwise.contains("|"), "\(name)")
        }
        #expect(metrics.contains { $0.name == "afterthought_cache_reads_total" && $0.labels == ["outcome"] })
        #expect(metrics.contains { $0.name == "afterthought_engine_null_ratio" && $0.labels == ["engine"] })
        #expect(
            try Self.guide().contains(MetricDescription.markdown(metrics)),
            "expected docs/operating.md to have what `afterthought config --metrics` prints")
    }

    @Test func everyAlertIsExplainedAndNoOther() throws {
        let rules = try Self.text("docker/prometheus/afterthought.rules.yml")
        let alerts = rules.matches(of: /- alert: (\w+)/).map { String($0.output.1) }
        let rows = Self.rows(after: "| alert |", in: try Self.guide())
        #expect(rows.map { $0[0] } == alerts.map { "`\($0)`" })
        for row in rows {
            #expect(row.count == 4 && row.allSatisfy { !$0.isEmpty }, "\(row[0])")
            #expect(row[3].contains("`"), "\(row[0]) names no command to run first")
        }
    }

    @Test func itNamesOnlyMetricsAlertsAndRulesThatThereAre() throws {
        let guide = try Self.guide()
        let rules = try Self.text("docker/prometheus/afterthought.rules.yml")
        let recorded = rules.matches(of: /- record: (\S+)/).map { String($0.output.1) }
        let named = Set(guide.matches(of: /`(afterthought[_:][a-z0-9_:]+)`/).map { String($0.output.1) })
        // Roles and functions of the schema have names of the same form.
        let roles = Set(try Self.text("sql/roles.sql").matches(of: /afterthought_[a-z]+/).map { String($0.output) })
        #expect(named.subtracting(Command.metrics.map(\.name)).subtracting(recorded).subtracting(roles) == [])
        #expect(Set(recorded).subtracting(named) == [])
        for alert in guide.matches(of: /Afterthought[A-Z]\w+/) {
            #expect(rules.contains("alert: \(alert.output)\n"), "\(alert.output)")
        }
    }

    @Test func itsCommandsAndOptionsAreThose() throws {
        var seen = 0
        for path in ["docs/operating.md", "README.md", "docker/prometheus/afterthought.rules.yml"] {
            let text = try Self.text(path)
            for match in text.matches(of: /(?:`|^|\n)afterthought ([a-z]+)([^`\n]*)/) {
                let name = String(match.output.1)
                guard let command = Command.all.first(where: { $0.name == name }) else {
                    #expect(name == "help", "`afterthought \(name)` is no command")
                    continue
                }
                seen += 1
                let options = Set(command.allOptions.map(\.name))
                // After `#` comes what people read.
                let words = match.output.2.prefix { $0 != "#" && $0 != "|" }
                for option in words.matches(of: /--([a-z-]+)/) where !options.contains(String(option.output.1)) {
                    Issue.record("`afterthought \(name)` has no option --\(option.output.1)")
                }
            }
        }
        #expect(seen > 40)
    }

    @Test func itsDrillsNameTestsThatThereAre() throws {
        let sources = try FileManager.default.subpathsOfDirectory(atPath: Self.root.appending(path: "Tests").path)
            .filter { $0.hasSuffix(".swift") }.map { try Self.text("Tests/\($0)") }.joined()
        let rows = Self.rows(after: "| you see |", in: try Self.guide())
        #expect(rows.count >= 17)
        for row in rows {
            #expect(row.count == 4 && row.allSatisfy { !$0.isEmpty }, "\(row[0])")
            let suites = row[3].matches(of: /`(\w+Tests)`/).map { String($0.output.1) }
            #expect(!suites.isEmpty || row[3] == "by hand", "\(row[0]) names no test")
            for suite in suites { #expect(sources.contains("struct \(suite) {"), "there is no \(suite)") }
        }
    }
}
