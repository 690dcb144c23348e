import Bytes
import Foundation
import Postgres
import Synchronization

/// A private PostgreSQL server of the test process: socket only, without fsync, gone with the process.
///
/// A guardian shell holds a pipe to this process; when the process ends, however it ends, the guardian stops the server
/// and removes its folder. What a killed guardian leaves behind is removed by the next test run.
package final class TestCluster: Sendable {
    /// The folder with the data, the socket and the log.
    package let folder: String
    private let settings: [(String, String)]
    private let alive: Int32
    private let guardianPipe: Int32

    static let folderPrefix = "afterthought-test-"

    /// The cluster that all tests of this process share; starts on first use.
    package static var shared: TestCluster {
        get throws {
            try sharedResult.get()
        }
    }

    private static let sharedResult = Result { () throws -> TestCluster in
        removeLeftovers()
        return try TestCluster(settings: [])
    }

    /// Makes a cluster of its own for a test that stops, kills or fills it; `remove` it at the end.
    ///
    /// - Parameter settings: server settings by name and value, over the defaults.
    /// - Returns: the running cluster.
    /// - Throws: `TestSupportError` when it can't be made.
    package static func makeBareCluster(settings: [(String, String)] = []) throws -> TestCluster {
        try TestCluster(settings: settings)
    }

    private init(settings: [(String, String)], copying primary: TestCluster? = nil) throws {
        let number = TestCluster.counter.add(1, ordering: .relaxed).newValue
        folder = "\(TestCluster.parentFolder)/\(TestCluster.folderPrefix)\(getpid())-\(number)"
        self.settings = settings
        let owner = ServerProgram.owner
        guard mkdir(folder, 0o755) == 0 else { throw TestSupportError("can't make \(folder): errno \(errno)") }
        alive = open(folder + "/alive", O_CREAT | O_RDWR | O_CLOEXEC, 0o644)
        guard alive >= 0, flock(alive, LOCK_EX | LOCK_NB) == 0 else { throw TestSupportError("can't lock \(folder)") }
        if geteuid() == 0 { chown(folder, owner.user, owner.group) }
        guardianPipe = try TestCluster.startGuardian(folder)
        if let primary {
            try ServerProgram.run(
                "pg_basebackup", ["-D", folder + "/data", "-d", primary.url(), "-R", "-X", "stream", "-c", "fast"])
        } else {
            try ServerProgram.run(
                "initdb",
                [
                    "-D", folder + "/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
                    "--no-sync",
                ])
        }
        try start()
    }

    private static let counter = Atomic<Int>(0)

    /// Starts the guardian: it waits for the end of its input, then stops the server and removes the folder.
    private static func startGuardian(_ folder: String) throws -> Int32 {
        let script = """
            trap '' INT TERM HUP
            cat >/dev/null
            if pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null); then
                kill -QUIT "$pid" 2>/dev/null
                while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
            fi
            rm -rf "$1"
            """
        guard let ends = PipeEnds(isBlocking: true) else {
            throw TestSupportError("expected a pipe, got: errno \(errno)")
        }
        defer { close(ends.reader) }
        _ = try ChildProcess.start(["/bin/sh", "-c", script, "guardian", folder], input: ends.reader, output: -1)
        return ends.writer
    }

    /// Removes clusters whose test process is gone: their lock is free.
    private static func removeLeftovers() {
        for parent in ["/dev/shm", "/tmp"] {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
            for name in names where name.hasPrefix(folderPrefix) { removeLeftover(parent + "/" + name) }
        }
    }

    private static func removeLeftover(_ folder: String) {
        let lock = open(folder + "/alive", O_RDWR | O_CLOEXEC)
        if lock < 0 { return }
        defer { close(lock) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else { return }
        var status = stat()
        // Younger ones may be about to take their lock.
        guard fstat(lock, &status) == 0, time(nil) - status.st_mtim.tv_sec > 60 else { return }
        if let pid = processID(folder) { terminate(pid, SIGQUIT) }
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Memory if there is enough, as cloning a database is mostly writing files: 30 ms there, up to 1 s on a busy disk.
    private static let parentFolder: String = {
        let bytesFreeMin: UInt64 = 2 << 30
        var status = statvfs()
        guard statvfs("/dev/shm", &status) == 0, access("/dev/shm", W_OK) == 0,
            UInt64(status.f_bavail) * UInt64(status.f_frsize) >= bytesFreeMin
        else { return "/tmp" }
        return "/dev/shm"
    }()

    /// Where a database of the cluster is.
    package func url(database: String = "postgres") -> String {
        "postgresql://postgres@/\(database)?host=\(folder)&port=5432"
    }

    /// Connects to a database of the cluster.
    package func connect(database: String = "postgres") throws -> Connection {
        try Connection(ConnectionOptions(url: url(database: database)))
    }
}

/// Starting, stopping, killing.
extension TestCluster {
    private static let defaults: [(String, String)] = [
        ("listen_addresses", "''"), ("fsync", "off"), ("full_page_writes", "off"), ("max_connections", "200"),
        ("max_prepared_transactions", "20"), ("shared_buffers", "64MB"), ("max_wal_senders", "10"),
        ("log_min_messages", "warning"), ("autovacuum_naptime", "10s"), ("timezone", "UTC"),
    ]

    /// Starts the server and waits until it accepts connections.
    package func start() throws {
        var lines = TestCluster.defaults.filter { key, _ in !settings.contains { $0.0 == key } }
        lines.append(("unix_socket_directories", "'\(folder)'"))
        let options = (lines + settings).map { "-c \($0.0)=\($0.1)" }.joined(separator: " ")
        try ServerProgram.run(
            "pg_ctl", ["-D", folder + "/data", "-w", "-t", "60", "-l", folder + "/log", "-o", options, "start"])
    }

    /// Stops the server, breaking its connections, and waits for its end.
    package func stop() throws {
        try ServerProgram.run("pg_ctl", ["-D", folder + "/data", "-w", "-t", "60", "-m", "fast", "stop"])
    }

    /// Stops and starts the server.
    package func restart() throws {
        try stop()
        try start()
    }

    /// Kills the server and all its processes at once, as a power cut would, and waits for their end.
    package func kill() {
        guard let postmaster = TestCluster.processID(folder) else { return }
        let children = TestCluster.children(of: postmaster)
        Foundation.kill(postmaster, SIGKILL)
        for child in children { Foundation.kill(child, SIGKILL) }
        for process in children + [postmaster] { TestCluster.terminate(process, SIGKILL) }
        // Where nobody reaps them the dead stay as zombies, which the next start would take for a running server.
        for name in ["data/postmaster.pid", ".s.PGSQL.5432.lock"] { unlink(folder + "/" + name) }
    }

    /// Turns a standby into a primary and waits until it is one.
    package func promote() throws {
        try ServerProgram.run("pg_ctl", ["-D", folder + "/data", "-w", "-t", "60", "promote"])
    }

    /// Makes a streaming standby of this cluster; `remove` it at the end.
    package func createStandby() throws -> TestCluster {
        try TestCluster(settings: settings, copying: self)
    }

    /// Stops the server and removes its folder.
    package func remove() {
        if let pid = TestCluster.processID(folder) { TestCluster.terminate(pid, SIGQUIT) }
        close(guardianPipe)
        close(alive)
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// The server's log, for messages of failed tests.
    package var log: String { (try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? "" }

    private static func processID(_ folder: String) -> pid_t? {
        guard let text = try? String(contentsOfFile: folder + "/data/postmaster.pid", encoding: .utf8),
            let line = text.split(separator: "\n").first, let pid = pid_t(line)
        else { return nil }
        // A stale file may name a process of somebody else's by now.
        let command = (try? String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8)) ?? ""
        return command.contains(folder) ? pid : nil
    }

    private static func children(of parent: pid_t) -> [pid_t] {
        let list = try? String(contentsOfFile: "/proc/\(parent)/task/\(parent)/children", encoding: .utf8)
        return (list ?? "").split(separator: " ").compactMap { pid_t($0) }
    }

    /// Signals a process and waits until it is gone.
    private static func terminate(_ process: pid_t, _ signal: Int32) {
        Foundation.kill(process, signal)
        for _ in 0..<2_000 {
            let state = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
            if state.isEmpty || state.contains(") Z ") { return }
            usleep(5_000)
        }
    }
}
