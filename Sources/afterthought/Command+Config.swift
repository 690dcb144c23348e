import Bytes
import Operations
import StrategicCache

extension Command {
    /// The settings of a process.
    static let config = Command(
        name: "config", summary: "show every setting, what holds here and why",
        details: [
            "A flag wins over a variable, a variable over the configuration file, and the file over the default. The "
                + "file has a KEY=VALUE a line, with the names of the variables; --config or "
                + "AFTERTHOUGHT_CONFIG_FILE names it. Keys that nobody knows, and values that contradict each other, "
                + "are refused by every command. Secrets are not shown.",
            "On SIGHUP a worker that has a file reads it again and takes over what can change under way (marked "
                + "`reload`); it says what needs a restart. Settings of jobs are kept in the database: see "
                + "`afterthought schedule --settings`.",
        ],
        options: [
            configurationFile,
            Option(name: "markdown", help: "print the table of all settings, as the README has it"),
            Option(
                name: "metrics", help: "print what each metric tells, as docs/operating.md has it"), Option.json,
        ],
        usesDatabase: false, examples: ["config", "config --config /etc/afterthought.conf --json", "config --metrics"],
        body: .blocking { invocation in
            if invocation.isSet("metrics") {
                Terminal.print(MetricDescription.markdown(metrics))
                return .ok
            }
            let keys = ConfigurationKey.all(Command.all)
            if invocation.isSet("markdown") {
                Terminal.print(markdown(keys))
                return .ok
            }
            let parser = ArgumentParser(commands: Command.all, environment: invocation.environment)
            if case .run(let worker) = try parser.parse(["worker"]) { _ = try workerConfiguration(worker) }
            _ = try LanguageModelChoice.configuration(invocation.environment)
            Terminal.print(invocation.wantsJSON ? json(keys, invocation) : text(keys, invocation))
            return .ok
        })

    /// The option that names the file.
    static let configurationFile = Option(
        name: "config", value: "PATH", help: "a file of settings, see `afterthought help config`",
        environmentKey: Settings.fileKey)

    /// Every metric: a worker's, then those that a bot's reader counts in its own process.
    static var metrics: [MetricDescription] {
        WorkerTelemetry().metrics.registry.descriptions + MetricDescription.list(ReadStatistics().exposition())
    }

    /// The table for the README.
    static func markdown(_ keys: [ConfigurationKey]) -> String {
        var lines = ["| variable | flag | values | what it does |", "|---|---|---|---|"]
        for key in keys {
            let flag = key.option.map { "`--\($0)`" } ?? ""
            let values = key.check.range ?? key.value.lowercased().replacing("|", with: " or ")
            let help = key.help + (key.isReloadable ? "; *reload*" : "")
            lines.append("| `\(key.name)` | \(flag) | \(values) | \(help) |")
        }
        return lines.joined(separator: "\n")
    }

    /// A key's value as it may be shown, and where it is from.
    private static func shown(_ key: ConfigurationKey, _ invocation: Invocation) -> (value: String?, source: String) {
        guard let value = invocation.environment[key.name] else { return (nil, "default") }
        let source = invocation.fileLines[key.name] ?? "environment"
        return (key.isSecret ? "(secret)" : value, source)
    }

    private static func text(_ keys: [ConfigurationKey], _ invocation: Invocation) -> String {
        var table = TextTable([("setting", .left), ("value", .left), ("from", .left), ("what it does", .left)])
        for key in keys {
            let (value, source) = shown(key, invocation)
            table.add(key.name, value ?? "", source, key.help + (key.isReloadable ? "; reload" : ""))
        }
        return table.text()
    }

    private static func json(_ keys: [ConfigurationKey], _ invocation: Invocation) -> String {
        var json = JSONWriter()
        json.beginArray()
        for key in keys {
            let (value, source) = shown(key, invocation)
            json.beginObject()
            json.key("name")
            json.value(key.name)
            json.key("option")
            json.value(key.option)
            json.key("value")
            json.value(value)
            json.key("from")
            json.value(source)
            json.key("secret")
            json.value(key.isSecret)
            json.key("reloadable")
            json.value(key.isReloadable)
            json.key("description")
            json.value(key.help)
            json.endObject()
        }
        json.endArray()
        return json.text
    }
}
