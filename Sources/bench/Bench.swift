import Glibc

/// Benchmarks of the main path: a line a figure on standard output, everything else as JSON.
@main
struct Bench {
    static let usage = """
        usage: bench [--small | --large] [--output FOLDER] [TASK …]
               bench quality --help    (measures the engines on labelled data)
               bench fit --help        (refits the weights that ship)

        Prints `name value unit goal PASS|FAIL`, a line a figure, and writes FOLDER/<task>.json
        (default .build/bench). A goal that is missed does not change the exit status.

        tasks: \(tasks.map { $0.name }.joined(separator: ", ")) (default: all)
        """

    static var tasks: [any BenchTask.Type] {
        [
            ReadTask.self, ReadHitTask.self, BackfillTask.self, IncrementalTask.self, MemoryTask.self, IdleTask.self,
            UserJobsTask.self,
            ClusteringTask.self,
        ]
    }

    static func main() async {
        // Before there is any other thread, so that all inherit it.
        let signals = blockSignals()
        var arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.first == MemoryTask.childFlag, arguments.count == 2 {
            await MemoryTask.work(url: arguments[1])
            return
        }
        if let command = arguments.first, ["quality", "fit"].contains(command) {
            let rest = Array(arguments.dropFirst())
            do { exit(command == "fit" ? try Fit.main(rest) : try Quality.main(rest)) } catch {
                fail("\(error)", status: 1)
            }
        }
        var size = Size.standard
        var output = ".build/bench"
        var chosen: [any BenchTask.Type] = []
        while !arguments.isEmpty {
            let argument = arguments.removeFirst()
            switch argument {
            case "--small": size = .small
            case "--large": size = .large
            case "--output" where !arguments.isEmpty: output = arguments.removeFirst()
            case "--help":
                say(usage)
                return
            default:
                guard let task = tasks.first(where: { $0.name == argument }) else {
                    fail("expected a task or an option, got: \(argument)\n\(usage)", status: 64)
                }
                chosen.append(task)
            }
        }
        do {
            try await run(chosen.isEmpty ? tasks : chosen, size, output, signals)
        } catch {
            fail("\(error)", status: 1)
        }
    }

    private static func run(_ tasks: [any BenchTask.Type], _ size: Size, _ output: String, _ signals: sigset_t)
        async throws
    {
        try Child.run(["/bin/mkdir", "-p", "--", output])
        let server = try await BenchServer()
        removeWhenAsked(server, signals)
        defer { server.remove() }
        let setting = Setting(server: server, size: size)
        for task in tasks {
            progress("\(task.name) (\(size.rawValue))")
            let start = Machine.nanoseconds()
            var report = Report(task: task.name)
            report.note("size", .text(size.rawValue))
            report.note("load_average_before", .number(Machine.loadAverage))
            try await task.run(setting, &report)
            report.note("task_seconds", .number(Double(Machine.nanoseconds() - start) / 1e9))
            report.note("load_average_after", .number(Machine.loadAverage))
            try report.write(into: output)
            for figure in report.figures { say(figure.line) }
        }
    }

    private static func fail(_ message: String, status: Int32) -> Never {
        let bytes = Array((message + "\n").utf8)
        _ = unsafe write(2, bytes, bytes.count)
        exit(status)
    }
}

/// How much is done.
enum Size: String {
    /// All tasks in a few minutes on two slow cores: for every change.
    case small
    case standard
    case large

    func pick<Value>(_ small: Value, _ standard: Value, _ large: Value) -> Value {
        switch self {
        case .small: small
        case .standard: standard
        case .large: large
        }
    }
}

/// What tasks share.
struct Setting {
    let server: BenchServer
    let size: Size
}

/// One benchmark.
protocol BenchTask: Sendable {
    static var name: String { get }
    static func run(_ setting: Setting, _ report: inout Report) async throws
}

/// Blocks the signals that ask the process to end, in this thread and those it makes.
private func blockSignals() -> sigset_t {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] { unsafe sigaddset(&signals, number) }
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    return signals
}

/// Removes the server when the process is asked to end: otherwise it would outlive it.
private func removeWhenAsked(_ server: BenchServer, _ signals: sigset_t) {
    startThread {
        var number: Int32 = 0
        _ = unsafe withUnsafePointer(to: signals) { unsafe sigwait($0, &number) }
        server.remove()
        _exit(128 + number)
    }
}
