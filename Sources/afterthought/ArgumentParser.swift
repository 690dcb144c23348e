import LanguageModel

/// Turns words and variables into a checked invocation, or into the reason why not.
struct ArgumentParser {
    /// What the words ask for.
    enum Request {
        /// The overview of all commands.
        case overview
        case help(Command)
        case run(Invocation)
    }

    let commands: [Command]
    let environment: [String: String]

    /// Variables with our prefix that belong to no option.
    static let otherEnvironmentKeys =
        ["AFTERTHOUGHT_DATABASE_URL", "AFTERTHOUGHT_POSTGRES_BIN", "AFTERTHOUGHT_ADMIN_KEY"]
        // The reader library's, which a bot may share its environment with.
        + [
            "AFTERTHOUGHT_READ_DEADLINE_MILLISECONDS", "AFTERTHOUGHT_READ_POOL_SIZE", "AFTERTHOUGHT_STALE_SECONDS_MAX",
            "AFTERTHOUGHT_LAST_KNOWN_ENTRIES_MAX", "AFTERTHOUGHT_PREPARED_STATEMENTS",
        ] + LanguageModelConfiguration.environmentKeys

    /// Understands a command line.
    ///
    /// - Parameter words: what follows the program's name.
    /// - Returns: what is asked for.
    /// - Throws: `CommandFailure` with the status for usage errors.
    func parse(_ words: [String]) throws(CommandFailure) -> Request {
        guard let first = words.first else { return .overview }
        switch first {
        case "help", "--help", "-h":
            guard words.count > 1 else { return .overview }
            return .help(try command(words[1]))
        case "--version": return try parse(["version"] + words.dropFirst())
        default: break
        }
        if first.hasPrefix("-") {
            throw CommandFailure(
                .usage, "expected a command before options, got: `\(first)`",
                hint: "`afterthought help` lists the commands")
        }
        let command = try command(first)
        if words.dropFirst().prefix(while: { $0 != "--" }).contains(where: { $0 == "--help" || $0 == "-h" }) {
            return .help(command)
        }
        return .run(try invocation(command, Array(words.dropFirst())))
    }

    private func command(_ name: String) throws(CommandFailure) -> Command {
        if let command = commands.first(where: { $0.name == name }) { return command }
        throw CommandFailure(
            .usage, "expected a command, got: `\(name)`",
            hint: Self.suggestion(name, among: commands.map(\.name)) ?? "`afterthought help` lists the commands")
    }

    private func invocation(_ command: Command, _ words: [String]) throws(CommandFailure) -> Invocation {
        var values: [String: [String]] = [:]
        var arguments: [String] = []
        var index = 0
        var takesOptions = true
        while index < words.count {
            let word = words[index]
            index += 1
            if takesOptions, word == "--" {
                takesOptions = false
            } else if takesOptions, word.hasPrefix("-"), word != "-" {
                let (option, value) = try option(command, word, words, &index)
                try check(option, value, from: "--\(option.name)")
                if !option.isRepeatable, values[option.name] != nil {
                    throw usage(command, "expected `--\(option.name)` once, got: it twice")
                }
                values[option.name, default: []].append(value)
            } else {
                arguments.append(word)
            }
        }
        try count(command, arguments)
        try addEnvironment(command, &values)
        return Invocation(command: command, arguments: arguments, values: values, environment: environment)
    }

    private func option(
        _ command: Command, _ word: String, _ words: [String], _ index: inout Int
    ) throws(CommandFailure) -> (Option, String) {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts[0].hasPrefix("--"), let option = command.allOptions.first(where: { "--" + $0.name == parts[0] })
        else {
            let known = command.allOptions.map { "--" + $0.name }
            throw CommandFailure(
                .usage, "expected an option of `\(command.name)`, got: `\(parts[0])`",
                hint: Self.suggestion(parts[0], among: known) ?? helpHint(command))
        }
        guard option.value != nil else {
            if parts.count > 1 { throw usage(command, "expected `--\(option.name)` without a value, got: one") }
            return (option, "")
        }
        if parts.count > 1 { return (option, parts[1]) }
        guard index < words.count else { throw usage(command, "expected a value after `--\(option.name)`, got: none") }
        index += 1
        return (option, words[index - 1])
    }

    private func check(_ option: Option, _ value: String, from source: String) throws(CommandFailure) {
        guard option.value != nil, let expected = option.check.unmetExpectation(value) else { return }
        throw CommandFailure(
            .usage, "expected `\(source)` to be \(expected), got: \(value.isEmpty ? "nothing" : value)",
            hint: option.help)
    }

    private func count(_ command: Command, _ arguments: [String]) throws(CommandFailure) {
        let required = command.arguments.filter(\.isRequired)
        if arguments.count < required.count {
            throw usage(command, "expected \(required[arguments.count].name), got: nothing")
        }
        if arguments.count > command.arguments.count {
            let limit = command.arguments.count
            throw usage(command, "expected at most \(limit) arguments, got: \(arguments.count)")
        }
    }

    private func addEnvironment(_ command: Command, _ values: inout [String: [String]]) throws(CommandFailure) {
        let all = commands.flatMap { $0.allOptions.compactMap(\.environmentKey) } + Self.otherEnvironmentKeys
        for key in environment.keys.sorted() where key.hasPrefix("AFTERTHOUGHT_") && !all.contains(key) {
            throw CommandFailure(
                .usage, "expected a variable that afterthought knows, got: `\(key)`",
                hint: Self.suggestion(key, among: all) ?? "unset it")
        }
        for option in command.allOptions where values[option.name] == nil {
            guard let key = option.environmentKey, let value = environment[key] else { continue }
            try check(option, value, from: key)
            values[option.name] = [value]
        }
    }

    private func usage(_ command: Command, _ message: String) -> CommandFailure {
        CommandFailure(.usage, message, hint: helpHint(command))
    }

    private func helpHint(_ command: Command) -> String { "see `afterthought help \(command.name)`" }

    /// The known word that a mistyped one most likely stands for.
    static func suggestion(_ word: String, among known: [String]) -> String? {
        let best = known.map { (distance(word, $0), $0) }.min { $0.0 < $1.0 }
        guard let best, best.0 <= max(1, word.count / 3) else { return nil }
        return "did you mean `\(best.1)`?"
    }

    /// How many letters differ (Levenshtein 1966).
    private static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right.utf8)
        var row = Array(0...right.count)
        for (line, letter) in left.utf8.enumerated() {
            var diagonal = row[0]
            row[0] = line + 1
            for (column, other) in right.enumerated() {
                let above = row[column + 1]
                row[column + 1] = min(above + 1, row[column] + 1, diagonal + (letter == other ? 0 : 1))
                diagonal = above
            }
        }
        return row[right.count]
    }
}
