import Glibc

/// The server programs of one PostgreSQL installation.
struct EmbeddedBinaries: Equatable {
    /// Their folder.
    let folder: String
    /// The major version, 14 or more.
    let major: Int

    static let majorMin = 14

    /// Finds server programs on this machine.
    ///
    /// - Parameters:
    ///   - given: their folder; nil: those that distributions use are looked at, newest first, then the PATH.
    ///   - wanted: the major version that a data folder needs; nil: the newest.
    /// - Returns: the programs' folder and version.
    /// - Throws: `EmbeddedError` with what to install.
    static func find(in given: String? = nil, major wanted: Int?) throws(EmbeddedError) -> EmbeddedBinaries {
        let found = candidates(given).compactMap { probe($0) }
        let fitting = found.filter { $0.major >= majorMin && (wanted == nil || $0.major == wanted) }
        if given != nil, let first = fitting.first { return first }
        if let newest = fitting.max(by: { $0.major < $1.major }) { return newest }
        let versions = found.map { String($0.major) }.joined(separator: ", ")
        let got = found.isEmpty ? "none" : "version \(versions)"
        if let wanted {
            throw EmbeddedError(
                "expected the PostgreSQL \(wanted) server that the data folder was made by, got: \(got)",
                hint: "apt-get install postgresql-\(wanted), or choose another folder with --data-folder")
        }
        throw EmbeddedError(
            "expected a PostgreSQL server of version \(majorMin) or newer on this machine, got: \(got)",
            hint: "apt-get install postgresql, or set AFTERTHOUGHT_POSTGRES_BIN to its folder, or give --database-url")
    }

    private static func candidates(_ given: String?) -> [String] {
        if let given { return [given] }
        var folders = matches("/usr/lib/postgresql/*/bin") + matches("/usr/pgsql-*/bin")
        folders += ["/usr/local/pgsql/bin", "/usr/libexec/postgresql"]
        folders += (environmentValue("PATH") ?? "").split(separator: ":").map(String.init)
        return folders.filter { unsafe access($0 + "/initdb", X_OK) == 0 && access($0 + "/postgres", X_OK) == 0 }
    }

    private static func matches(_ pattern: String) -> [String] {
        var found = unsafe glob_t()
        defer { unsafe globfree(&found) }
        guard unsafe glob(pattern, 0, nil, &found) == 0 else { return [] }
        // glob fills so many entries, each zero-terminated.
        return unsafe (0..<Int(found.gl_pathc)).compactMap { index in
            unsafe found.gl_pathv[index].map { unsafe String(cString: $0) }
        }
    }

    private static func probe(_ folder: String) -> EmbeddedBinaries? {
        guard let outcome = try? EmbeddedProcess.run([folder + "/postgres", "--version"]), outcome.status == 0 else {
            return nil
        }
        return major(ofVersionText: outcome.output).map { EmbeddedBinaries(folder: folder, major: $0) }
    }

    /// Reads the major version out of `postgres (PostgreSQL) 15.13 (Debian …)` or `17beta1`.
    static func major(ofVersionText text: String) -> Int? {
        guard let marker = text.split(separator: " ").firstIndex(where: { $0.hasSuffix("PostgreSQL)") }) else {
            return nil
        }
        let words = text.split(separator: " ")
        guard marker + 1 < words.count else { return nil }
        return Int(words[marker + 1].prefix { $0.isNumber })
    }
}
