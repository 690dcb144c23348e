import Bytes
import Glibc

/// The folder of a private server: a marker that says it is ours, the data, the socket, the log and two lock files.
///
/// Nothing in a folder without our marker is ever touched, and only an empty folder gets the marker.
struct EmbeddedFolder {
    /// The folder's real path, without symbolic links.
    let path: String
    let owner: EmbeddedOwner

    static let markerName = "AFTERTHOUGHT"
    private static let markerText = "The data of afterthought's private PostgreSQL server, layout 1.\n"
    /// Bytes of a Unix socket's path, the ending zero included.
    private static let socketPathBytesMax = 108

    var data: String { path + "/data" }
    /// Where initdb works, until its result is whole.
    var unfinishedData: String { path + "/data.unfinished" }
    var log: String { path + "/server.log" }
    var startLock: String { path + "/start.lock" }
    var usersLock: String { path + "/users.lock" }

    /// Where the folder is unless the caller says otherwise.
    static func defaultPath() -> String {
        if geteuid() == 0 { return "/var/lib/afterthought" }
        if let base = environmentValue("XDG_DATA_HOME"), base.hasPrefix("/") { return base + "/afterthought" }
        return (environmentValue("HOME") ?? "/tmp") + "/.local/share/afterthought"
    }

    /// Makes the folder, or recognises it.
    ///
    /// - Parameter requested: its path.
    /// - Throws: `EmbeddedError` when it is not empty and not ours, or can't be made.
    init(_ requested: String) throws(EmbeddedError) {
        try Self.makeFolders(requested)
        guard let resolved = unsafe realpath(requested, nil) else { throw Self.failure("resolve", requested) }
        defer { unsafe free(resolved) }
        path = unsafe String(cString: resolved)
        try Self.mark(path)
        owner = try EmbeddedOwner.choose(existing: Self.owner(of: path + "/data"))
        for file in [path + "/server.log", path + "/start.lock", path + "/users.lock"] {
            let descriptor = unsafe open(file, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard descriptor >= 0 else { throw Self.failure("write", file) }
            close(descriptor)
        }
        try checkReach()
    }

    private static func failure(_ verb: String, _ path: String) -> EmbeddedError {
        EmbeddedError(
            "expected to \(verb) \(path), got: \(systemMessage(errno))",
            hint: "choose another folder with --data-folder, or name a database with --database-url")
    }

    private static func makeFolders(_ path: String) throws(EmbeddedError) {
        var made = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            made += "/" + part
            // Root's folder holds only folders that are closed to others, and the server's user has to get through.
            if unsafe mkdir(made, geteuid() == 0 ? 0o755 : 0o700) != 0, errno != EEXIST { throw failure("make", made) }
        }
    }

    private static func mark(_ path: String) throws(EmbeddedError) {
        let marker = path + "/" + markerName
        if unsafe access(marker, F_OK) == 0 { return }
        guard let names = entries(of: path) else { throw failure("list", path) }
        let foreign = names.filter { $0 != "lost+found" }
        guard foreign.isEmpty else {
            throw EmbeddedError(
                "expected \(path) to be empty or ours, got: a folder with \(foreign.count) other entries and no file "
                    + markerName,
                hint: "choose another folder with --data-folder; nothing in this one was touched")
        }
        let descriptor = unsafe open(marker, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else {
            if errno == EEXIST { return }
            throw failure("write", marker)
        }
        defer { close(descriptor) }
        let text = Array(markerText.utf8)
        guard unsafe write(descriptor, text, text.count) == text.count else { throw failure("write", marker) }
    }

    private static func entries(of path: String) -> [String]? {
        guard let listing = unsafe opendir(path) else { return nil }
        defer { unsafe closedir(listing) }
        var names: [String] = []
        while let entry = unsafe readdir(listing) {
            // The name is zero-terminated inside the entry.
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    private static func owner(of path: String) -> (userID: uid_t, groupID: gid_t)? {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return nil }
        return (status.st_uid, status.st_gid)
    }

    /// Checks that the server's user gets through to the folder.
    private func checkReach() throws(EmbeddedError) {
        guard !owner.commandPrefix.isEmpty else { return }
        let outcome = try EmbeddedProcess.run(owner.commandPrefix + ["/usr/bin/test", "-x", path])
        guard outcome.status == 0 else {
            throw EmbeddedError(
                "expected user \(owner.userID) to reach \(path), got: a folder above it that is closed to others",
                hint: "choose a folder such as \(Self.defaultPath()) with --data-folder")
        }
    }

    /// Makes a folder that only the server's user may enter, or checks that it is one.
    func makePrivate(_ folder: String) throws(EmbeddedError) {
        if unsafe mkdir(folder, 0o700) == 0 {
            guard unsafe geteuid() != 0 || chown(folder, owner.userID, owner.groupID) == 0 else {
                throw Self.failure("give away", folder)
            }
            return
        }
        var status = stat()
        guard errno == EEXIST, unsafe lstat(folder, &status) == 0 else { throw Self.failure("make", folder) }
        guard status.st_mode & S_IFMT == S_IFDIR, status.st_uid == owner.userID, status.st_mode & 0o077 == 0 else {
            throw EmbeddedError(
                "expected \(folder) to be a folder that only user \(owner.userID) may enter, got: something else",
                hint: "remove it and try again")
        }
    }

    /// The folder of the socket: inside ours, unless the socket's path would be too long for that.
    var socket: String {
        let inside = path + "/run"
        if inside.utf8.count + "/.s.PGSQL.5432".utf8.count < Self.socketPathBytesMax { return inside }
        let digest = SHA256.hexadecimal(path).prefix(16)
        return "/tmp/afterthought-\(owner.userID)-\(digest)"
    }
}

/// A lock on a file that the system gives back when the process ends, however it ends.
struct EmbeddedLock: ~Copyable {
    private let descriptor: Int32

    /// Opens the lock's file, without locking it yet.
    init(_ path: String) throws(EmbeddedError) {
        descriptor = unsafe open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            throw EmbeddedError(
                "expected to open \(path), got: \(systemMessage(errno))", hint: "run as the folder's owner")
        }
    }

    deinit { close(descriptor) }

    /// Tries to take the lock, alone or together with others; changes the kind if it is held already.
    func take(alone: Bool) -> Bool { flock(descriptor, (alone ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0 }

    /// Gives the lock back.
    func giveBack() { _ = flock(descriptor, LOCK_UN) }
}
