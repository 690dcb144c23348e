import Glibc

/// The user that the private server runs as: PostgreSQL refuses to run as root.
struct EmbeddedOwner: Equatable {
    let userID: uid_t
    let groupID: gid_t
    /// What precedes a command so that it runs as this user; empty when we are that user.
    let commandPrefix: [String]

    /// Chooses the user for a data folder.
    ///
    /// - Parameter existing: who owns the data folder already; nil: nobody yet.
    /// - Returns: the user, and how commands become that user's.
    /// - Throws: `EmbeddedError` when it belongs to somebody we can't act as.
    static func choose(existing: (userID: uid_t, groupID: gid_t)?) throws(EmbeddedError) -> EmbeddedOwner {
        let me = geteuid()
        guard me == 0 else {
            if let existing, existing.userID != me {
                throw EmbeddedError(
                    "expected the data folder to be user \(me)'s, got: one of user \(existing.userID)",
                    hint: "run as that user, or choose another folder with --data-folder")
            }
            return EmbeddedOwner(userID: me, groupID: getegid(), commandPrefix: [])
        }
        let chosen = existing.flatMap { $0.userID == 0 ? nil : $0 } ?? account("postgres") ?? account("nobody")
        guard let chosen else {
            throw EmbeddedError(
                "expected a user postgres or nobody to run the server as, got: neither",
                hint: "run as a user other than root, or give --database-url")
        }
        let places: [String] = ["/usr/bin/setpriv", "/bin/setpriv"]
        let setpriv = places.first { place in unsafe access(place, X_OK) == 0 }
        guard let setpriv else {
            throw EmbeddedError(
                "expected setpriv to drop root's privileges with, got: none",
                hint: "apt-get install util-linux, or run as a user other than root")
        }
        let prefix = [setpriv, "--reuid=\(chosen.userID)", "--regid=\(chosen.groupID)", "--clear-groups", "--"]
        return EmbeddedOwner(userID: chosen.userID, groupID: chosen.groupID, commandPrefix: prefix)
    }

    private static func account(_ name: String) -> (userID: uid_t, groupID: gid_t)? {
        // The entry is read before another lookup may overwrite it.
        guard let entry = unsafe getpwnam(name) else { return nil }
        return unsafe (entry.pointee.pw_uid, entry.pointee.pw_gid)
    }
}
