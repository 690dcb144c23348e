import Foundation
import LanguageModel
import Postgres
import Support
import Testing

@testable import Store
@testable import StrategicCache
@testable import afterthought

@Suite("Configuration")
struct ConfigurationTests {
    private static let keys = ConfigurationKey.all(Command.all)

    private func invocation(_ words: [String], _ environment: [String: String] = [:]) throws -> Invocation {
        let parser = ArgumentParser(commands: Command.all, environment: environment)
        guard case .run(let invocation) = try parser.parse(words) else {
            throw TestFailure("expected an invocation of \(words)")
        }
        return invocation
    }

    private struct TestFailure: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    /// For each key of the program a value, and what shows that it makes a difference.
    private func programEffects(_ scratch: ScratchFolder) throws -> [String: (value: String, of: Effect)] {
        let file = try scratch.write("other.conf", "AFTERTHOUGHT_CYCLE_SECONDS=3\n")
        let adminKey = try scratch.write("admin", "0123456789abcdef")
        let url = try scratch.write("url", "postgresql://elsewhere/x\n")
        func worker(_ path: @escaping (Invocation) throws -> String) -> Effect {
            { try path(try self.invocation(["worker"], $0)) }
        }
        let configuration = worker { "\(try Command.workerConfiguration($0))" }
        let runner = worker { invocation in
            var configuration = Command.runnerConfiguration(invocation)
            configuration.settings = [:]
            return "\(configuration)"
        }
        let endpoint = worker { invocation in
            let found = try EndpointChoice.configuration(invocation)
            return "\(found?.host ?? "") \(found?.port ?? 0) \(found?.adminKey == nil)"
        }
        return [
            "AFTERTHOUGHT_CYCLE_SECONDS": ("7", configuration), "AFTERTHOUGHT_TTL_SECONDS": ("77", configuration),
            "AFTERTHOUGHT_LEASE_SECONDS": ("44", configuration), "AFTERTHOUGHT_LANES": ("5", configuration),
            "AFTERTHOUGHT_BATCH_ROWS": ("123", configuration), "AFTERTHOUGHT_CONFIG_FILE": (file, configuration),
            "AFTERTHOUGHT_JOB_LANES": ("7", runner), "AFTERTHOUGHT_JOB_POLL_SECONDS": ("7", runner),
            "AFTERTHOUGHT_LOG_LEVEL": ("debug", worker { Command.logLevel($0).name }),
            "AFTERTHOUGHT_LOG_FORMAT": ("json", worker { "\(Command.logsJSON($0))" }),
            "AFTERTHOUGHT_DATA_FOLDER": ("/tmp/x", worker { $0.value("data-folder") ?? "" }),
            "AFTERTHOUGHT_DATABASE_URL": (
                "postgresql://elsewhere/x", worker { try DatabaseChoice($0).options[keyword: "host"] ?? "" }
            ),
            "AFTERTHOUGHT_DATABASE_URL_FILE": (
                url, worker { try DatabaseChoice($0).options[keyword: "host"] ?? "" }
            ),
            "AFTERTHOUGHT_HTTP_HOST": ("0.0.0.0", endpoint), "AFTERTHOUGHT_HTTP_PORT": ("99", endpoint),
            "AFTERTHOUGHT_ADMIN_KEY": ("0123456789abcdef", endpoint),
            "AFTERTHOUGHT_ADMIN_KEY_FILE": (adminKey, endpoint),
            "AFTERTHOUGHT_AUDIT_SECONDS": ("7", worker { $0.value("audit-seconds") ?? "" }),
            "AFTERTHOUGHT_METRICS_SECONDS": ("7", worker { $0.value("metrics-seconds") ?? "" }),
            "AFTERTHOUGHT_METRICS_FILE": ("/tmp/x", worker { $0.value("metrics-file") ?? "" }),
            "AFTERTHOUGHT_HEALTH_FILE": ("/tmp/x", worker { $0.value("health-file") ?? "" }),
            "AFTERTHOUGHT_POSTGRES_BIN": (
                "/nonexistent",
                { variables in
                    // Nothing is there to start a server with.
                    let folder = scratch.path + "/data-\(variables.count)"
                    let run = try Program.run(
                        ["status", "--embedded", "--data-folder", folder], environment: variables)
                    return run.errors.components(separatedBy: "\n")[0]
                }
            ),
        ]
    }

    /// The same for the language model and the reader library.
    private func libraryEffects(_ scratch: ScratchFolder) throws -> [String: (value: String, of: Effect)] {
        let key = try scratch.write("key", "sk-1")
        let model: Effect = { variables in
            let least = ["AFTERTHOUGHT_LLM_URL": "http://127.0.0.1:1/v1", "AFTERTHOUGHT_LLM_MODEL": "m"]
            let found = try LanguageModelConfiguration(environment: least.merging(variables) { $1 })
            let parts: [Any?] = [
                found?.endpoint.authority, found?.model, found?.key == nil, found?.connectSeconds,
                found?.timeoutSeconds,
                found?.attemptsMax,
            ]
            return "\(parts)"
        }
        let reader: Effect = { variables in
            var found = StrategicCache.Configuration(environment: variables)
            found.onRead = nil
            return "\(found)"
        }
        return [
            "AFTERTHOUGHT_LLM_URL": ("http://127.0.0.1:2/v1", model), "AFTERTHOUGHT_LLM_MODEL": ("n", model),
            "AFTERTHOUGHT_LLM_API_KEY": ("sk-2", model), "AFTERTHOUGHT_LLM_API_KEY_FILE": (key, model),
            "AFTERTHOUGHT_LLM_CONNECT_SECONDS": ("3", model), "AFTERTHOUGHT_LLM_TIMEOUT_SECONDS": ("3", model),
            "AFTERTHOUGHT_LLM_ATTEMPTS": ("3", model), "AFTERTHOUGHT_READ_DEADLINE_MILLISECONDS": ("33", reader),
            "AFTERTHOUGHT_READ_POOL_SIZE": ("3", reader), "AFTERTHOUGHT_STALE_SECONDS_MAX": ("3", reader),
            "AFTERTHOUGHT_LAST_KNOWN_ENTRIES_MAX": ("333", reader), "AFTERTHOUGHT_PREPARED_STATEMENTS": ("off", reader),
        ]
    }

    private typealias Effect = ([String: String]) throws -> String

    @Test func everyKeyIsRealAndHasOneTestThatItMakesADifference() throws {
        let scratch = try ScratchFolder()
        let effects = try programEffects(scratch).merging(try libraryEffects(scratch)) { $1 }
        #expect(Set(Self.keys.map(\.name)) == Set(effects.keys))
        #expect(Set(Self.keys.map(\.name)).count == Self.keys.count)
        for (key, effect) in effects {
            #expect(try effect.of([:]) != effect.of([key: effect.value]), "\(key)")
        }
        #expect(ConfigurationKey.reloadable.isSubset(of: effects.keys))
        for key in LanguageModelConfiguration.environmentKeys { #expect(effects[key] != nil, "\(key)") }
    }

    @Test func theReadmeHasTheTable() throws {
        let readme = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("README.md")
        let text = try String(contentsOf: readme, encoding: .utf8)
        #expect(
            text.contains(Command.markdown(Self.keys)),
            "expected README.md to have what `afterthought config --markdown` prints")
    }

    @Test func aFlagWinsOverAVariableOverTheFileOverTheDefault() throws {
        let scratch = try ScratchFolder()
        let file = try scratch.write(
            "a.conf", "# comment\n\n AFTERTHOUGHT_CYCLE_SECONDS = \"4\" \nAFTERTHOUGHT_LANES='3'\r\n")
        func cycle(_ words: [String], _ environment: [String: String] = [:]) throws -> Double {
            try Command.workerConfiguration(invocation(["worker"] + words, environment)).cycleSeconds
        }
        let variables = ["AFTERTHOUGHT_CYCLE_SECONDS": "5"]
        #expect(try cycle([]) == 10 && cycle(["--config", file]) == 4)
        #expect(try cycle(["--config", file], variables) == 5)
        #expect(try cycle(["--config", file, "--cycle-seconds", "6"], variables) == 6)
        #expect(try cycle([], ["AFTERTHOUGHT_CONFIG_FILE": file]) == 4)
        let found = try invocation(["worker", "--config", file])
        #expect(try Command.workerConfiguration(found).lanes == 3)
        #expect(found.fileLines["AFTERTHOUGHT_LANES"] == "\(file) line 4")
    }

    @Test func aDatabaseThatAVariableNamesIsNotTheFilesToChange() throws {
        let scratch = try ScratchFolder()
        let file = try scratch.write("a.conf", "AFTERTHOUGHT_DATABASE_URL=postgresql://file/x\n")
        func host(_ environment: [String: String]) throws -> String? {
            try DatabaseChoice(invocation(["status", "--config", file], environment)).options[keyword: "host"]
        }
        #expect(try host([:]) == "file")
        #expect(try host(["DATABASE_URL": "postgresql://variable/x"]) == "variable")
        #expect(try host(["AFTERTHOUGHT_DATABASE_URL": "postgresql://variable/x"]) == "variable")
    }

    @Test(arguments: [
        (
            "AFTERTHOUGHT_CYLCE_SECONDS=4",
            "a key that afterthought knows in PATH line 1, got: `AFTERTHOUGHT_CYLCE_SECONDS`"
        ),
        ("\nAFTERTHOUGHT_LANES=900", "AFTERTHOUGHT_LANES to be 1…64 in PATH line 2, got: 900"),
        ("AFTERTHOUGHT_LANES=1\nAFTERTHOUGHT_LANES=2", "AFTERTHOUGHT_LANES once in PATH, got: it in lines 1 and 2"),
        ("hunter2", "KEY=VALUE in PATH line 1, got: another text"),
        ("AFTERTHOUGHT_CONFIG_FILE=/x", "no AFTERTHOUGHT_CONFIG_FILE in PATH line 1"),
        ("PGPASSWORD=hunter2", "a key that afterthought knows in PATH line 1, got: `PGPASSWORD`"),
        (
            "AFTERTHOUGHT_TTL_SECONDS=10\nAFTERTHOUGHT_CYCLE_SECONDS=8",
            "`--ttl-seconds` to be at least 2 × `--cycle-seconds` = 16.0, got: 10.0"
        ),
    ]) func whatCantBeIsRefusedByEveryCommandThatReadsIt(text: String, expected: String) throws {
        let scratch = try ScratchFolder()
        let file = try scratch.write("a.conf", text)
        let run = try Program.run(["config", "--config", file])
        #expect(run.status == 64 && run.output.isEmpty)
        let message = expected.replacingOccurrences(of: "PATH", with: file)
        #expect(run.errors.hasPrefix("afterthought: expected \(message)"), "\(run.errors)")
        #expect(!run.errors.contains("hunter2"))
    }

    @Test func aFileThatIsNoneIsSaidSo() throws {
        for path in ["/nonexistent/a.conf", "/tmp", "/dev/null"] {
            let run = try Program.run(["config", "--config", path])
            #expect(run.status == 64 && run.errors.contains("got: "), "\(run.errors)")
        }
    }

    @Test func configSaysWhatHoldsAndWhyButNoSecret() throws {
        let scratch = try ScratchFolder()
        let file = try scratch.write("a.conf", "AFTERTHOUGHT_DATABASE_URL=postgresql://u:hunter2@h/x\n")
        let variables = ["AFTERTHOUGHT_LANES": "3", "AFTERTHOUGHT_CONFIG_FILE": file]
        let text = try Program.run(["config"], environment: variables)
        #expect(text.status == 0 && !text.output.contains("hunter2"), "\(text.errors)")
        #expect(text.output.contains("(secret)") && text.output.contains("\(file) line 1"))
        let json = try Program.run(["config", "--json"], environment: variables)
        let rows = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]] ?? []
        #expect(rows.count == Self.keys.count && !json.output.contains("hunter2"))
        let lanes = rows.first { $0["name"] as? String == "AFTERTHOUGHT_LANES" }
        #expect(lanes?["value"] as? String == "3" && lanes?["from"] as? String == "environment")
        let cycle = rows.first { $0["name"] as? String == "AFTERTHOUGHT_CYCLE_SECONDS" }
        #expect(cycle?["value"] is NSNull && cycle?["from"] as? String == "default")
    }
}
