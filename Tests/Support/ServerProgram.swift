import Foundation

/// The PostgreSQL server programs of this machine, run as a user who may own a cluster.
package enum ServerProgram {
    /// The folder with `initdb` and `postgres`, newest version first.
    static let folder: String? = {
        let files = FileManager.default
        let versions = (try? files.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
        let packaged =
            versions
            .sorted { (Int($0) ?? 0) > (Int($1) ?? 0) }
            .map { "/usr/lib/postgresql/\($0)/bin" }
        let path = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        return (packaged + path).first {
            files.isExecutableFile(atPath: $0 + "/initdb") && files.isExecutableFile(atPath: $0 + "/postgres")
        }
    }()

    /// The user a cluster belongs to: the present one, or for root `postgres` or `nobody`, as the server refuses root.
    package static let owner: (user: uid_t, group: gid_t) = {
        if geteuid() != 0 { return (geteuid(), getegid()) }
        for name in ["postgres", "nobody"] {
            if let user = getpwnam(name) { return (user.pointee.pw_uid, user.pointee.pw_gid) }
        }
        fatalError("expected a user postgres or nobody to run PostgreSQL as, got: neither")
    }()

    /// Runs one of the server's programs and waits for it.
    ///
    /// - Parameters:
    ///   - name: such as `initdb`.
    ///   - arguments: its arguments.
    /// - Throws: `TestSupportError` with the program's output when it fails or is not installed.
    static func run(_ name: String, _ arguments: [String]) throws {
        guard let folder else {
            throw TestSupportError(
                "expected initdb and postgres in /usr/lib/postgresql/*/bin or PATH, got: none"
                    + "\nhint: apt-get install postgresql-15   # tests start their own private server")
        }
        var command = [folder + "/" + name] + arguments
        if geteuid() == 0 {
            let identity = ["--reuid=\(owner.user)", "--regid=\(owner.group)", "--clear-groups"]
            command = ["/usr/bin/env", "-C", "/tmp", "setpriv"] + identity + command
        }
        // A file, not a pipe: a server that was started inherits it, and a pipe would never end.
        let output = "/tmp/\(TestCluster.folderPrefix)output-\(getpid())-\(name)-\(UInt32.random(in: 0 ... .max))"
        let file = open(output, O_CREAT | O_RDWR | O_CLOEXEC, 0o644)
        defer {
            close(file)
            unlink(output)
        }
        let status = try ChildProcess.start(command, input: -1, output: file).wait()
        if status != 0 {
            let text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
            throw TestSupportError("\(name) failed with \(status): \(text)")
        }
    }
}

/// A failure of the test support itself, not of what is tested.
package struct TestSupportError: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}
