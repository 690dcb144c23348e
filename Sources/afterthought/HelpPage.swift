/// The text of help pages, made from the commands' own data.
enum HelpPage {
    private static let columnsMax = 100
    private static let leftMax = 26

    /// The page without a command: what there is.
    static func overview(_ commands: [Command]) -> String {
        var text = """
            Afterthought thinks about conversations after they happen, and keeps what it finds in PostgreSQL.

            Usage: afterthought COMMAND [options]

            Commands

            """
        for command in commands { text += entry(command.name, command.summary) }
        text += """

            `afterthought help COMMAND` or `afterthought COMMAND --help` tells more.

            Exit status: 0 done, 1 doctor or status --health found something wrong, 64 usage, 65 data, 69 database
            out of reach, 70 internal, 75 busy, 130 interrupted.

            """
        return text
    }

    /// The page of one command.
    static func page(_ command: Command) -> String {
        var usage = "Usage: afterthought \(command.name)"
        for argument in command.arguments { usage += argument.isRequired ? " \(argument.name)" : " [\(argument.name)]" }
        var text = "afterthought \(command.name): \(command.summary)\n\n\(usage) [options]\n"
        for paragraph in command.details { text += "\n" + wrap(paragraph, indent: 0) + "\n" }
        if !command.arguments.isEmpty {
            text += "\nArguments\n"
            for argument in command.arguments { text += entry(argument.name, argument.help) }
        }
        text += section("Options", command.options + Option.common)
        if command.usesDatabase { text += section("Database", Option.database) }
        if !command.examples.isEmpty {
            text += "\nExamples\n"
            for example in command.examples { text += "  afterthought \(example)\n" }
        }
        return text
    }

    private static func section(_ title: String, _ options: [Option]) -> String {
        options.reduce("\n\(title)\n") { text, option in
            let name = option.value.map { "--\(option.name) \($0)" } ?? "--\(option.name)"
            var help = option.help
            if option.isRepeatable { help += " (may be repeated)" }
            if let key = option.environmentKey { help += " [\(key)]" }
            return text + entry(name, help)
        }
    }

    /// A name on the left, what it means on the right.
    private static func entry(_ left: String, _ right: String) -> String {
        let wrapped = wrap(right, indent: leftMax + 4)
        if left.count > leftMax { return "  \(left)\n" + String(repeating: " ", count: leftMax + 4) + wrapped + "\n" }
        return "  " + left + String(repeating: " ", count: leftMax + 2 - left.count) + wrapped + "\n"
    }

    /// Breaks text into lines; all but the first are indented.
    private static func wrap(_ text: String, indent: Int) -> String {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, line.count + 1 + word.count + indent > columnsMax {
                lines.append(line)
                line = ""
            }
            line += line.isEmpty ? String(word) : " \(word)"
        }
        lines.append(line)
        return lines.joined(separator: "\n" + String(repeating: " ", count: indent))
    }
}
