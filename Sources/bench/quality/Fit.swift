import Glibc

/// Fits the weights that ship with the product, on data whose licence lets them be shipped.
struct Fit {
    static let usage = """
        usage: bench fit [--data FOLDER] TASK

        Fits the weights of TASK on the sets in FOLDER (default ../shared/data), and replaces the files that hold them.
        The same data gives the same bytes.

        tasks: \(tasks.map { $0.name }.joined(separator: ", "))
        """

    static var tasks: [any FitTask.Type] {
        [MemoryFit.self, EmotionFit.self, EngagementFit.self, SwitchFit.self, HazardFit.self]
    }

    /// Runs `bench fit` with these arguments.
    ///
    /// - Returns: the exit status: 0, 64 for arguments, 66 for missing data.
    static func main(_ arguments: [String]) throws -> Int32 {
        var arguments = arguments
        var data = DataFolder(path: "../shared/data")
        if arguments.count >= 2, arguments[0] == "--data" {
            data = DataFolder(path: arguments[1])
            arguments.removeFirst(2)
        }
        if arguments == ["--help"] {
            say(usage)
            return 0
        }
        guard arguments.count == 1, let task = tasks.first(where: { $0.name == arguments[0] }) else {
            warn("expected one task, got: \(arguments.joined(separator: " "))\n\(usage)")
            return 64
        }
        let lacking = task.files.filter { !data.has($0) }
        for file in lacking { warn("\(task.name): expected \(data.path)/\(file), got: no such file") }
        guard lacking.isEmpty else { return 66 }
        try task.run(data)
        return 0
    }
}

/// What fits one model.
protocol FitTask {
    static var name: String { get }
    /// Files below the data folder that it needs.
    static var files: [String] { get }
    static func run(_ data: DataFolder) throws
}

/// Says something on standard error.
func warn(_ message: String) {
    let bytes = Array((message + "\n").utf8)
    _ = unsafe write(2, bytes, bytes.count)
}
