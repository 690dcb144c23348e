import LanguageModel

/// One setting of a process: a flag, else a variable, else a line of the configuration file, else a default.
///
/// The table of all of them is what help pages, the README and `afterthought config` are made from: options that a
/// variable can stand in for, and variables without an option.
struct ConfigurationKey: Sendable {
    /// The variable, which is also the key in the file.
    let name: String
    /// What stands for the value in tables.
    let value: String
    /// What it does, with its default.
    let help: String
    var check = Option.Check.text
    /// The option without its dashes; nil: there is none.
    var option: String?
    /// The commands that look at it; empty: programs that use the library, and whatever else connects.
    var commands: [String] = []

    /// Whether its value is shown nowhere.
    var isSecret: Bool { Self.secrets.contains(name) }
    /// Whether a running worker takes a new value from the file on SIGHUP.
    var isReloadable: Bool { Self.reloadable.contains(name) }

    private static let secrets: Set = [
        "AFTERTHOUGHT_DATABASE_URL", "AFTERTHOUGHT_LLM_API_KEY", "AFTERTHOUGHT_ADMIN_KEY",
    ]
    /// What can change under way: neither results nor what workers have agreed on depend on it.
    static let reloadable: Set = [
        "AFTERTHOUGHT_CYCLE_SECONDS", "AFTERTHOUGHT_JOB_POLL_SECONDS", "AFTERTHOUGHT_LOG_LEVEL",
    ]

    /// Every key, options first, in the order of commands.
    static func all(_ commands: [Command]) -> [ConfigurationKey] {
        var keys: [ConfigurationKey] = []
        for command in commands {
            for option in command.allOptions {
                guard let name = option.environmentKey else { continue }
                if let known = keys.firstIndex(where: { $0.name == name }) {
                    keys[known].commands.append(command.name)
                } else {
                    keys.append(
                        ConfigurationKey(
                            name: name, value: option.value ?? "", help: option.help, check: option.check,
                            option: option.name, commands: [command.name]))
                }
            }
        }
        return keys + withoutOption
    }

    /// Variables that no option gives.
    private static let withoutOption = [
        ConfigurationKey(
            name: "AFTERTHOUGHT_DATABASE_URL", value: "URL",
            help: "the database, unless --database-url names one; then comes DATABASE_URL, then libpq's PG* variables"),
        ConfigurationKey(
            name: DatabaseURLFile.environmentKey, value: "PATH",
            help: "a file with the database's URL, as container platforms hand secrets over (default none)"),
        ConfigurationKey(
            name: "AFTERTHOUGHT_ADMIN_KEY", value: "KEY",
            help: "the key of whoever may change something by HTTP, of 16 characters or more (default none: nobody may)"
        ),
        ConfigurationKey(
            name: "AFTERTHOUGHT_POSTGRES_BIN", value: "PATH",
            help: "where initdb and postgres of the private server are (default: the newest that is installed)"),
        ConfigurationKey(
            name: "AFTERTHOUGHT_LLM_URL", value: "URL",
            help: "an OpenAI-compatible endpoint; without one nothing is asked and no content leaves (default none)"),
        ConfigurationKey(
            name: "AFTERTHOUGHT_LLM_MODEL", value: "NAME", help: "the model, as the endpoint knows it (default none)"),
        ConfigurationKey(
            name: "AFTERTHOUGHT_LLM_API_KEY", value: "KEY", help: "the endpoint's key (default none)"),
        ConfigurationKey(
            name: "AFTERTHOUGHT_LLM_API_KEY_FILE", value: "PATH", help: "a file that holds it (default none)"),
        ConfigurationKey(
            name: "AFTERTHOUGHT_LLM_CONNECT_SECONDS", value: "N",
            help: "how long connecting to the endpoint may take (default 10)", check: .number(0.01...300)),
        ConfigurationKey(
            name: "AFTERTHOUGHT_LLM_TIMEOUT_SECONDS", value: "N",
            help: "how long one attempt at an answer may take (default 60)", check: .number(0.01...3600)),
        ConfigurationKey(
            name: "AFTERTHOUGHT_LLM_ATTEMPTS", value: "N", help: "attempts at an answer (default 4)",
            check: .integer(1...10)),
        ConfigurationKey(
            name: "AFTERTHOUGHT_READ_DEADLINE_MILLISECONDS", value: "N",
            help: "reader library: how long a read may take (default 5)", check: .integer(1...60_000)),
        ConfigurationKey(
            name: "AFTERTHOUGHT_READ_POOL_SIZE", value: "N",
            help: "reader library: connections that reads share (default 2)", check: .integer(1...64)),
        ConfigurationKey(
            name: "AFTERTHOUGHT_STALE_SECONDS_MAX", value: "N",
            help: "reader library: how old a last known row may be to stand in (default 86400)",
            check: .integer(0...31_622_400)),
        ConfigurationKey(
            name: "AFTERTHOUGHT_LAST_KNOWN_ENTRIES_MAX", value: "N",
            help: "reader library: rows kept in the process (default 8192)", check: .integer(64...1_000_000)),
        ConfigurationKey(
            name: "AFTERTHOUGHT_PREPARED_STATEMENTS", value: "on|off",
            help: "reader library: off works through a transaction pooler (default on)", check: .choice(["on", "off"])),
    ]
}

/// The settings of a process from all sources but its flags.
struct Settings: Sendable {
    /// Every variable: the process's own, and under them the file's.
    private(set) var values: [String: String]
    /// Where the values of the file are from, for people: the file and the line, by key.
    private(set) var lines: [String: String] = [:]

    /// The process's variables alone.
    init(_ variables: [String: String]) { values = variables }

    /// Lays a file under the variables: they win.
    ///
    /// - Parameters:
    ///   - file: its lines.
    ///   - keys: what it may hold.
    /// - Throws: `CommandFailure` for a key that nobody knows, or a value that is not what it has to be.
    mutating func add(_ file: ConfigurationFile, keys: [ConfigurationKey]) throws(CommandFailure) {
        let namesDatabase = Self.databaseKeys.contains { !(values[$0] ?? "").isEmpty }
        for line in file.lines {
            let place = "\(file.path) line \(line.number)"
            guard let key = keys.first(where: { $0.name == line.key }) else {
                throw CommandFailure(
                    .usage, "expected a key that afterthought knows in \(place), got: `\(line.key)`",
                    hint: ArgumentParser.suggestion(line.key, among: keys.map(\.name))
                        ?? "`afterthought config` lists the keys; jobs are set up by `afterthought schedule --set`")
            }
            guard key.name != Self.fileKey else {
                throw CommandFailure(
                    .usage, "expected no \(Self.fileKey) in \(place): a file can't name another", hint: "remove it")
            }
            if let expected = key.check.unmetExpectation(line.value) {
                let got = key.isSecret ? "another text" : line.value.isEmpty ? "nothing" : line.value
                throw CommandFailure(
                    .usage, "expected \(key.name) to be \(expected) in \(place), got: \(got)", hint: key.help)
            }
            // A database that a variable names in whatever way is not the file's to change.
            if namesDatabase, Self.databaseKeys.contains(key.name) { continue }
            if values[key.name] != nil { continue }
            values[key.name] = line.value
            lines[key.name] = place
        }
    }

    /// The variable that names the file.
    static let fileKey = "AFTERTHOUGHT_CONFIG_FILE"
    private static let databaseKeys = ["AFTERTHOUGHT_DATABASE_URL", "AFTERTHOUGHT_DATABASE_URL_FILE", "DATABASE_URL"]
}
