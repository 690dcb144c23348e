import Foundation

/// A `fault-worker` in a process of its own, to kill and to freeze.
struct WorkerProcess: Sendable {
    let id: pid_t
    /// What it said.
    let log: String

    /// Starts one; `environment` adds to this process's own.
    static func start(
        url: String, cycleSeconds: Double, leaseSeconds: Double, batchRowsMax: Int, environment: [String: String] = [:]
    ) throws -> WorkerProcess {
        let log = "/tmp/afterthought-fault-\(getpid())-\(UInt32.random(in: 0 ... .max)).log"
        let output = open(log, O_CREAT | O_RDWR | O_CLOEXEC | O_APPEND, 0o600)
        guard output >= 0 else { throw BenchError("expected to write \(log), got: errno \(errno)") }
        defer { close(output) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, output, 2)
        let all = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let words = [program, url, "\(cycleSeconds)", "\(leaseSeconds)", "\(batchRowsMax)"]
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
        var variables: [UnsafeMutablePointer<CChar>?] = all.map { strdup("\($0)=\($1)") }
        defer { for text in arguments + variables { free(text) } }
        arguments.append(nil)
        variables.append(nil)
        var id: pid_t = 0
        let result = posix_spawn(&id, program, &actions, nil, arguments, variables)
        guard result == 0 else { throw BenchError("expected to start \(program), got: errno \(result)") }
        return WorkerProcess(id: id, log: log)
    }

    /// Beside the program of the tests, wherever that was built.
    private static let program: String = {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let beside = URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("fault-worker").path
        if FileManager.default.isExecutableFile(atPath: beside) { return beside }
        return URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../.build/debug/fault-worker").standardizedFileURL.path
    }()

    /// Kills it as a power cut would, and waits for its end.
    func kill() {
        Foundation.kill(id, SIGKILL)
        var status: Int32 = 0
        while waitpid(id, &status, 0) < 0 && errno == EINTR {}
        unlink(log)
    }

    /// Whether it ended by itself; it has to be killed all the same.
    var hasEnded: Bool { state == "Z" || state == nil }

    /// Whether it is stopped by a signal.
    var isStopped: Bool { state == "T" }

    func resume() { Foundation.kill(id, SIGCONT) }

    var said: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

    private var state: Character? {
        let text = (try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8)) ?? ""
        return text.range(of: ") ", options: .backwards).flatMap { text[$0.upperBound...].first }
    }
}
