import Glibc
import Postgres
import Synchronization

/// A private PostgreSQL server in a folder of its own: reachable by a Unix socket that only its user (and root) can
/// enter.
///
/// It outlives a crash of this process and is then adopted by the next: whoever uses it holds a shared lock, and the
/// last to leave stops it. Every call blocks; call it from a thread of your own, never from the cooperative pool
/// (`started` does that). It never touches a folder without its marker, nor a server that does not work in its data
/// folder.
///
///     let server = try EmbeddedPostgres.start()
///     var connection = try Connection(ConnectionOptions(url: server.connectionURL))
///     …
///     server.stop()
///
/// Source: PostgreSQL manual, "Creating a Database Cluster", "Shutting Down the Server".
package final class EmbeddedPostgres: Sendable {
    /// How long the server may take to start, recovery after a crash included, in seconds.
    package static let startSecondsMax = 60
    /// How long a polite stop may take before a hasty one follows, in seconds.
    static let stopSecondsMax = 20
    static let pollMilliseconds = 20
    static let databaseName = "afterthought"

    /// Where to connect: `postgresql:///afterthought?host=…`.
    package let connectionURL: String
    /// The folder's real path.
    package let path: String
    /// Whether it ran already when it was asked for.
    package let wasRunning: Bool

    private let folder: EmbeddedFolder
    private let users: Mutex<EmbeddedLock?>

    private init(_ folder: EmbeddedFolder, users: consuming sending EmbeddedLock, socket: String, wasRunning: Bool) {
        self.folder = folder
        self.wasRunning = wasRunning
        self.users = Mutex(users)
        path = folder.path
        connectionURL = Self.connectionURL(socket)
    }

    private static func connectionURL(_ socket: String) -> String {
        "postgresql:///\(databaseName)?host=\(percentEncoded(socket))&user=\(databaseName)&port=5432"
    }

    /// Starts the server, or adopts the one that runs in the folder, and makes its database.
    ///
    /// - Parameters:
    ///   - path: the folder; nil: `/var/lib/afterthought` for root, else below the user's data folder.
    ///   - programs: where `initdb` and `postgres` are; nil: the newest that are installed.
    ///   - deadline: when to give up.
    /// - Returns: the running server.
    /// - Throws: `EmbeddedError` with what to do.
    package static func start(
        at path: String? = nil, programs: String? = nil,
        deadline: Deadline = .after(milliseconds: UInt64(startSecondsMax) * 1000)
    ) throws -> EmbeddedPostgres {
        let folder = try EmbeddedFolder(path ?? EmbeddedFolder.defaultPath())
        let start = try EmbeddedLock(folder.startLock)
        try waitUntil(deadline, "another process to finish starting or stopping the server in \(folder.path)") {
            start.take(alone: true)
        }
        defer { start.giveBack() }
        let users = try EmbeddedLock(folder.usersLock)
        guard users.take(alone: false) else {
            throw EmbeddedError("expected to share \(folder.usersLock), got: a lock on it", hint: "try again")
        }
        var server = try EmbeddedServer(folder, programs: programs)
        var wasRunning = false
        // A server that was killed a moment ago looks alive until it is gone: only an answer proves that it runs.
        try waitUntil(deadline, "the private server to answer") {
            wasRunning = try server.adopt(deadline)
            if !wasRunning { try server.launch(deadline) }
            do {
                try makeDatabase(connectionURL(server.socket))
                return true
            } catch let error as PostgresError where error.isConnectionLoss && wasRunning {
                return false
            }
        }
        return EmbeddedPostgres(folder, users: users, socket: server.socket, wasRunning: wasRunning)
    }

    /// Starts the server from asynchronous code, on a thread of its own.
    package static func started(
        at path: String? = nil, programs: String? = nil
    ) async throws -> EmbeddedPostgres {
        try await onOwnThread { try start(at: path, programs: programs) }
    }

    /// Stops the server unless another process uses it; connections of this process are broken off.
    package func stop() {
        guard leave() else { return }
        _ = try? Self.stop(folder)
    }

    /// What became of a server that was to stop.
    package enum StopOutcome: Sendable { case stopped, wasNotRunning, isInUse }

    /// Stops the server of a folder, whoever left it running; starts none.
    ///
    /// - Parameter path: as for `start`.
    /// - Returns: the folder, and what became of its server.
    /// - Throws: `EmbeddedError` when the folder can't be used, or another process is starting or stopping the server.
    package static func stop(at path: String?) throws -> (path: String, outcome: StopOutcome) {
        let folder = try EmbeddedFolder(path ?? EmbeddedFolder.defaultPath())
        return (folder.path, try stop(folder))
    }

    private static func stop(_ folder: EmbeddedFolder) throws -> StopOutcome {
        let start = try EmbeddedLock(folder.startLock)
        let deadline = Deadline.after(milliseconds: UInt64(stopSecondsMax) * 1000)
        try waitUntil(deadline, "another process to finish starting or stopping the server in \(folder.path)") {
            start.take(alone: true)
        }
        defer { start.giveBack() }
        // Whoever starts takes this lock while it holds the other, so nobody can slip in between.
        let users = try EmbeddedLock(folder.usersLock)
        // Before the other: whoever gets that one expects to get this one too.
        defer { users.giveBack() }
        guard users.take(alone: true) else { return .isInUse }
        guard EmbeddedServer.running(folder) != nil else { return .wasNotRunning }
        EmbeddedServer.stop(folder, deadline)
        return .stopped
    }

    /// Leaves the server running for others, such as a person with psql; the next to start it adopts it.
    package func leaveRunning() { _ = leave() }

    /// Gives the shared lock back; false if that was done before.
    private func leave() -> Bool {
        users.withLock { users in
            guard users != nil else { return false }
            users = nil
            return true
        }
    }

    private static func makeDatabase(_ connectionURL: String) throws {
        var options = try ConnectionOptions(url: connectionURL)
        options[keyword: "dbname"] = "postgres"
        var connection = try Connection(options)
        let known = try connection.textRows("select 1 from pg_database where datname = '\(databaseName)'")
        if known.isEmpty { try connection.execute("create database \(databaseName)") }
    }

    static func waitUntil(
        _ deadline: Deadline, _ what: String, _ condition: () throws -> Bool
    ) throws {
        while try !condition() {
            if deadline.remainingNanoseconds == 0 {
                throw EmbeddedError(
                    "expected \(what) in time, got: none", hint: "try again, or look into its server.log")
            }
            EmbeddedProcess.pause(milliseconds: pollMilliseconds)
        }
    }
}

/// Text as one part of a URL.
private func percentEncoded(_ text: String) -> String {
    var encoded = ""
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            encoded.unicodeScalars.append(Unicode.Scalar(byte))
        default:
            let digits = String(byte, radix: 16, uppercase: true)
            encoded += byte < 16 ? "%0\(digits)" : "%\(digits)"
        }
    }
    return encoded
}
