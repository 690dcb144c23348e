import Glibc

/// Runs a command line and says how it ended; errors go to standard error as two lines, what and what next.
///
/// - Parameter words: what follows the program's name.
/// - Returns: the status to exit with.
nonisolated func runCommandLine(_ words: [String]) async -> Int32 {
    do {
        let parser = ArgumentParser(commands: Command.all, environment: processEnvironment())
        switch try parser.parse(words) {
        case .overview: Terminal.printRaw(HelpPage.overview(Command.all))
        case .help(let command): Terminal.printRaw(HelpPage.page(command))
        case .run(let invocation):
            switch invocation.command.body {
            case .blocking(let body): return try body(invocation).rawValue
            case .concurrent(let body): return try await body(invocation).rawValue
            }
        }
        return ExitCode.ok.rawValue
    } catch {
        let failure = CommandFailure(error)
        var text = "afterthought: \(failure.message)"
        if let hint = failure.hint { text += "\nhint: \(hint)" }
        Terminal.note(text)
        return failure.code.rawValue
    }
}

/// The process's variables.
private func processEnvironment() -> [String: String] {
    var variables: [String: String] = [:]
    var index = 0
    // Zero-terminated strings, ended by a null pointer; nothing here changes them.
    while let entry = unsafe environ[index] {
        let parts = unsafe String(cString: entry).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
        index += 1
    }
    return variables
}
