import Bytes
import Glibc

/// Starts programs without a shell, and looks at processes in /proc.
enum EmbeddedProcess {
    /// How a program ended.
    struct Outcome {
        /// Its exit status; 128 + the signal's number if a signal ended it.
        var status: Int32
        /// The end of what it wrote to standard output and error, at most 16 KiB.
        var output: String
    }

    private static let outputBytesMax = 16 << 10

    /// Starts a program in a session of its own, so that a terminal's Ctrl-C does not reach it.
    ///
    /// - Parameters:
    ///   - arguments: the program's path, then what it is given.
    ///   - outputPath: the existing file that its output is appended to.
    /// - Returns: the process id; the caller reaps it.
    /// - Throws: `EmbeddedError` when it can't be started.
    static func spawn(_ arguments: [String], outputPath: String) throws(EmbeddedError) -> pid_t {
        try unsafe spawn(arguments) { actions in
            unsafe posix_spawn_file_actions_addopen(actions, 1, outputPath, O_WRONLY | O_APPEND | O_NOFOLLOW, 0)
            unsafe posix_spawn_file_actions_adddup2(actions, 1, 2)
        }
    }

    /// Runs a program to its end and collects its output.
    static func run(_ arguments: [String]) throws(EmbeddedError) -> Outcome {
        guard let ends = PipeEnds(isBlocking: true) else {
            throw EmbeddedError("expected a pipe for \(arguments[0]), got: \(systemMessage(errno))", hint: retryHint)
        }
        let pid: pid_t
        do {
            defer { close(ends.writer) }
            pid = try unsafe spawn(arguments) { actions in
                unsafe posix_spawn_file_actions_adddup2(actions, ends.writer, 1)
                unsafe posix_spawn_file_actions_adddup2(actions, ends.writer, 2)
            }
        } catch {
            close(ends.reader)
            throw error
        }
        var output: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe read(ends.reader, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { break }
            output.append(contentsOf: piece[..<count])
            if output.count > outputBytesMax { output.removeFirst(output.count - outputBytesMax) }
        }
        close(ends.reader)
        return Outcome(status: wait(for: pid), output: String(decoding: output, as: UTF8.self))
    }

    private static let retryHint = "close other programs and try again"

    private static func spawn(
        _ arguments: [String], _ prepare: (UnsafeMutablePointer<posix_spawn_file_actions_t>) -> Void
    ) throws(EmbeddedError) -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawnattr_init(&attributes)
        defer {
            unsafe posix_spawn_file_actions_destroy(&actions)
            unsafe posix_spawnattr_destroy(&attributes)
        }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe prepare(&actions)
        for descriptor in inheritableDescriptors() {
            unsafe posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        // The server does not inherit what this process blocks or ignores, such as SIGPIPE.
        var none = sigset_t()
        var all = sigset_t()
        unsafe sigemptyset(&none)
        unsafe sigfillset(&all)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        let setSession: Int32 = 0x80
        unsafe posix_spawnattr_setflags(
            &attributes, Int16(Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF) | setSession))
        // Copies that live until the child has them.
        var words = unsafe arguments.map { unsafe strdup($0) } + [nil]
        var variables = unsafe environment().map { unsafe strdup($0) } + [nil]
        defer {
            unsafe words.forEach { unsafe free($0) }
            unsafe variables.forEach { unsafe free($0) }
        }
        var pid: pid_t = 0
        let failure = unsafe posix_spawn(&pid, arguments[0], &actions, &attributes, &words, &variables)
        guard failure == 0 else {
            throw EmbeddedError(
                "expected \(arguments[0]) to start, got: \(systemMessage(failure))", hint: "check that it is executable"
            )
        }
        return pid
    }

    /// What programs are given of our environment: nothing that says where some other PostgreSQL is.
    private static func environment() -> [String] {
        var kept = ["LC_ALL=C"]
        for name in ["PATH", "HOME", "TZ", "TMPDIR", "LD_LIBRARY_PATH"] {
            if let value = environmentValue(name) { kept.append("\(name)=\(value)") }
        }
        return kept
    }

    /// Waits for a child to end and returns its status.
    static func wait(for pid: pid_t) -> Int32 {
        var status: Int32 = 0
        while unsafe waitpid(pid, &status, 0) < 0 {
            if errno != EINTR { return 127 }
        }
        return decode(status)
    }

    /// The status of a child that has ended, or nil while it runs.
    static func endedStatus(of pid: pid_t) -> Int32? {
        var status: Int32 = 0
        return unsafe waitpid(pid, &status, WNOHANG) == pid ? decode(status) : nil
    }

    private static func decode(_ status: Int32) -> Int32 {
        let signal = status & 0x7F
        return signal == 0 ? status >> 8 & 0xFF : 128 + signal
    }

    /// The working folder of a process, as far as we may see it.
    static func workingFolder(of pid: pid_t) -> String? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe readlink("/proc/\(pid)/cwd", bytes.baseAddress!.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }

    /// Whether any process works in a folder, as a server and all its children do in their data folder.
    static func hasProcess(in folder: String) -> Bool {
        guard let listing = unsafe opendir("/proc") else { return false }
        defer { unsafe closedir(listing) }
        while let entry = unsafe readdir(listing) {
            // The name is zero-terminated inside the entry.
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let pid = pid_t(name), workingFolder(of: pid) == folder { return true }
        }
        return false
    }

    /// Sleeps for a number of milliseconds; only ever on a thread of our own.
    static func pause(milliseconds: Int) {
        var time = timespec(tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000)
        unsafe nanosleep(&time, nil)
    }
}

/// A variable of the process's environment, or nil if it is unset or empty.
func environmentValue(_ name: String) -> String? {
    // Copied at once; nothing here changes the environment.
    guard let value = unsafe getenv(name) else { return nil }
    let text = unsafe String(cString: value)
    return text.isEmpty ? nil : text
}
