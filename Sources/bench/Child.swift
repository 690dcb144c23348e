import Glibc

/// A program started by this one.
struct Child {
    let id: pid_t

    /// Starts a program with this process's environment and outputs.
    ///
    /// - Parameter command: its path and arguments.
    /// - Throws: `BenchError` when it can't be started.
    init(_ command: [String]) throws {
        var words = unsafe command.map { unsafe strdup($0) } + [nil]
        defer { unsafe words.forEach { unsafe free($0) } }
        var id: pid_t = 0
        let failure = unsafe posix_spawn(&id, command[0], nil, nil, &words, environ)
        guard failure == 0 else { throw BenchError("expected \(command[0]) to start, got: error \(failure)") }
        self.id = id
    }

    /// Waits for its end.
    ///
    /// - Returns: its exit status; 128 and more for the signal that ended it.
    func wait() -> Int32 {
        var status: Int32 = 0
        while unsafe waitpid(id, &status, 0) < 0, errno == EINTR {}
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
    }

    /// Runs a program to its end.
    static func run(_ command: [String]) throws {
        let status = try Child(command).wait()
        guard status == 0 else { throw BenchError("expected \(command[0]) to succeed, got: status \(status)") }
    }
}

/// Why a benchmark could not be made.
struct BenchError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}

/// Runs a closure on threads of their own and waits for all.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let threads = (0..<count).map { index in startThread { body(index) } }
    for thread in threads { pthread_join(thread, nil) }
}

/// Starts a thread.
@discardableResult
func startThread(_ body: @escaping @Sendable () -> Void) -> pthread_t {
    var thread = pthread_t()
    let argument = unsafe Unmanaged.passRetained(ThreadBody(body)).toOpaque()
    let result = unsafe pthread_create(&thread, nil, threadMain, argument)
    precondition(result == 0, "expected a thread, got: error \(result)")
    return thread
}

private final class ThreadBody {
    let run: () -> Void

    init(_ run: @escaping () -> Void) { self.run = run }
}

/// The threads' entry; a free function, because a closure formed in an actor's code would be bound to it.
private func threadMain(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument = unsafe argument else { return nil }
    unsafe Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
    return nil
}
