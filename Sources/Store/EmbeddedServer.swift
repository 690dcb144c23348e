import Bytes
import Glibc
import Postgres

/// The server process of a folder: finds it, makes its data, launches and stops it.
///
/// The caller holds the start lock.
struct EmbeddedServer {
    /// What `postmaster.pid` says.
    struct PidFile: Equatable {
        var process: pid_t
        var socket: String?
        /// `starting`, `ready`, `stopping`, `standby`; nil in the first moments.
        var state: String?

        /// Reads the file's text: process, data folder, start, port, socket folder, address, shared memory, state.
        init?(_ text: String) {
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(trimmed)
            guard let first = lines.first, let process = pid_t(first), process > 1 else { return nil }
            self.process = process
            socket = lines.count > 4 && !lines[4].isEmpty ? lines[4] : nil
            state = lines.count > 7 && !lines[7].isEmpty ? lines[7] : nil
        }
    }

    let folder: EmbeddedFolder
    /// The folder of the socket: the running server's once there is one.
    private(set) var socket: String

    /// Where the server programs are; nil: the newest that are installed.
    private let programs: String?

    init(_ folder: EmbeddedFolder, programs: String? = nil) throws(EmbeddedError) {
        self.folder = folder
        self.programs = programs
        socket = folder.socket
    }

    /// The server that works in the data folder; nil if none does.
    static func running(_ folder: EmbeddedFolder) -> PidFile? {
        guard let text = readText(folder.data + "/postmaster.pid"), let file = PidFile(text) else { return nil }
        // A process id may have been given to somebody else since; only ours works in our data folder.
        return EmbeddedProcess.workingFolder(of: file.process) == folder.data ? file : nil
    }

    /// Takes over a server that runs already, waiting for one that starts; false if none runs.
    mutating func adopt(_ deadline: Deadline) throws -> Bool {
        var found: PidFile?
        try EmbeddedPostgres.waitUntil(deadline, "the running server to be ready or gone") {
            found = Self.running(folder)
            return found == nil || found?.state == "ready"
        }
        guard let found else { return false }
        if let place = found.socket { socket = place }
        return true
    }

    /// Makes the data if need be and launches the server.
    mutating func launch(_ deadline: Deadline) throws {
        let made = Self.readText(folder.data + "/PG_VERSION").flatMap { Int(trimmed($0)) }
        let binaries = try EmbeddedBinaries.find(in: programs, major: made)
        if made == nil { try initialise(binaries) }
        // Children of a killed server need a moment to notice; until then a new one refuses to start.
        try EmbeddedPostgres.waitUntil(deadline, "the processes of a killed server to end") {
            !EmbeddedProcess.hasProcess(in: folder.data)
        }
        removeStalePidFile()
        try folder.makePrivate(socket)
        let pid = try EmbeddedProcess.spawn(folder.owner.commandPrefix + command(binaries), outputPath: folder.log)
        if try waitUntilReady(pid, deadline) { return }
        throw EmbeddedError(
            "expected the private server in \(folder.path) to start, got: \(lastLogLine())",
            hint: "its log is \(folder.log)")
    }

    private func command(_ binaries: EmbeddedBinaries) -> [String] {
        // Errors are logged without statement and detail: both may quote what people wrote.
        let settings = [
            "listen_addresses=", "port=5432", "unix_socket_directories=\(quotedList(socket))",
            "unix_socket_permissions=0700", "cluster_name=afterthought", "shared_buffers=128MB", "max_connections=60",
            "max_wal_size=1GB", "fsync=on", "jit=off", "logging_collector=off", "log_min_messages=warning",
            "log_min_error_statement=panic", "log_error_verbosity=terse", "log_statement=none", "timezone=UTC",
        ]
        return [binaries.folder + "/postgres", "-D", folder.data] + settings.flatMap { ["-c", $0] }
    }

    /// A folder as an element of a list setting.
    private func quotedList(_ folder: String) -> String {
        "\"" + folder.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }

    /// Makes the data in a folder beside and renames it when it is whole.
    private func initialise(_ binaries: EmbeddedBinaries) throws(EmbeddedError) {
        let unfinished = folder.unfinishedData
        // Only ever below our marker, and only what a killed run of this function left.
        _ = try EmbeddedProcess.run(["/bin/rm", "-rf", "--", unfinished])
        try folder.makePrivate(unfinished)
        let outcome = try EmbeddedProcess.run(
            folder.owner.commandPrefix + [
                binaries.folder + "/initdb", "-D", unfinished, "-U", EmbeddedPostgres.databaseName, "--auth=trust",
                "--encoding=UTF8", "--locale=C", "--data-checksums", "--no-instructions",
            ])
        let last = outcome.output.split(separator: "\n").last.map(String.init) ?? "no output"
        guard outcome.status == 0 else {
            throw EmbeddedError(
                "expected initdb to make \(unfinished), got: \(last)", hint: "check the disk's space and permissions")
        }
        try allowSocketOnly(unfinished)
        guard unsafe rename(unfinished, folder.data) == 0 else {
            throw EmbeddedError(
                "expected to rename \(unfinished) to \(folder.data), got: \(systemMessage(errno))",
                hint: "check the disk's space and permissions")
        }
    }

    /// Whoever may enter the socket's folder is trusted; nobody else gets near.
    private func allowSocketOnly(_ data: String) throws(EmbeddedError) {
        let rules = Array(
            "# Only through the socket, whose folder only this user may enter.\nlocal all all trust\n".utf8)
        let descriptor = unsafe open(data + "/pg_hba.conf", O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW)
        defer { close(descriptor) }
        guard descriptor >= 0, unsafe write(descriptor, rules, rules.count) == rules.count else {
            throw EmbeddedError(
                "expected to write pg_hba.conf, got: \(systemMessage(errno))", hint: "check the disk's space")
        }
    }

    /// Removes a pid file whose process id has passed to a stranger: the server would take the stranger for itself.
    ///
    /// Nothing works in the data folder any more when this is called.
    private func removeStalePidFile() {
        let file = folder.data + "/postmaster.pid"
        guard let text = Self.readText(file), let stale = PidFile(text) else { return }
        // If it was our own child, nobody else reaps it.
        _ = EmbeddedProcess.endedStatus(of: stale.process)
        guard unsafe access("/proc/\(stale.process)", F_OK) == 0 else { return }
        _ = unsafe unlink(file)
    }

    /// Waits until the server answers; false when it ended instead.
    private func waitUntilReady(_ pid: pid_t, _ deadline: Deadline) throws -> Bool {
        var ended = false
        do {
            try EmbeddedPostgres.waitUntil(deadline, "the private server to be ready") {
                ended = EmbeddedProcess.endedStatus(of: pid) != nil
                return ended || Self.running(folder)?.state == "ready"
            }
        } catch {
            // It is ours and not ready: nobody uses it yet.
            kill(pid, SIGQUIT)
            _ = EmbeddedProcess.wait(for: pid)
            throw error
        }
        return !ended
    }

    private func lastLogLine() -> String {
        let text = Self.readText(folder.log) ?? ""
        return text.split(separator: "\n").last.map(String.init) ?? "no message"
    }

    /// Stops the server that works in the data folder: politely, then in haste.
    static func stop(_ folder: EmbeddedFolder, _ deadline: Deadline) {
        // A socket's folder outside ours is of no use without the server; the removal of one in use fails.
        defer { if !folder.socket.hasPrefix(folder.path) { _ = unsafe rmdir(folder.socket) } }
        guard let file = running(folder) else { return }
        kill(file.process, SIGINT)
        if waitForEnd(file.process, folder, deadline) { return }
        kill(file.process, SIGQUIT)
        _ = waitForEnd(file.process, folder, .after(milliseconds: 5_000))
    }

    private static func waitForEnd(_ process: pid_t, _ folder: EmbeddedFolder, _ deadline: Deadline) -> Bool {
        do {
            try EmbeddedPostgres.waitUntil(deadline, "the server's end") { isGone(process, folder) }
            return true
        } catch {
            return false
        }
    }

    private static func isGone(_ process: pid_t, _ folder: EmbeddedFolder) -> Bool {
        // Ours is a child that has to be reaped; an adopted one is not.
        _ = EmbeddedProcess.endedStatus(of: process)
        return EmbeddedProcess.workingFolder(of: process) != folder.data
    }

    /// A small text file's content; of a longer one the last 64 KiB.
    private static func readText(_ path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let size = lseek(descriptor, 0, SEEK_END)
        let count = unsafe pread(descriptor, &bytes, bytes.count, max(0, size - off_t(bytes.count)))
        return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
    }
}

/// Text without the white space at its ends.
private func trimmed(_ text: some StringProtocol) -> String {
    var scalars = Substring(text).unicodeScalars
    while let first = scalars.first, first.properties.isWhitespace { scalars.removeFirst() }
    while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
    return String(scalars)
}
