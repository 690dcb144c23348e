import Bytes
import Glibc

/// The database's URL in a file, as container platforms and service managers hand secrets over.
enum DatabaseURLFile {
    /// The variable that names the file.
    static let environmentKey = "AFTERTHOUGHT_DATABASE_URL_FILE"
    static let bytesMax = 8192

    /// The URL that the variables name by a file; nil if they name none.
    ///
    /// - Parameter environment: the process's variables.
    /// - Returns: the file's one line.
    /// - Throws: `CommandFailure` when there are two URLs, or the file has none; never with what is in it.
    static func url(_ environment: [String: String]) throws(CommandFailure) -> String? {
        guard let path = environment[environmentKey], !path.isEmpty else { return nil }
        guard (environment["AFTERTHOUGHT_DATABASE_URL"] ?? "").isEmpty else {
            throw CommandFailure(
                .usage, "expected AFTERTHOUGHT_DATABASE_URL or \(environmentKey), got: both", hint: "unset one of them")
        }
        return try read(path)
    }

    private static func read(_ path: String) throws(CommandFailure) -> String {
        let bytes: [UInt8]
        do throws(SmallFile.Failure) { bytes = try SmallFile.read(path, bytesMax: bytesMax + 1) } catch {
            throw CommandFailure(
                .usage, "expected \(environmentKey) to be a readable file, got: \(error) for \(path)",
                hint: "mount the secret where the variable says, readable by user \(geteuid())")
        }
        let text = bytes.drop { $0 <= 0x20 }
        let trimmed = text.prefix(text.count - text.reversed().prefix { $0 <= 0x20 }.count)
        guard !trimmed.isEmpty, bytes.count <= bytesMax, trimmed.allSatisfy({ $0 >= 0x20 }) else {
            throw CommandFailure(
                .usage, "expected \(path) to hold one line of 1…\(bytesMax) bytes, got: something else (not shown)",
                hint: "write the database's URL into it, and nothing else")
        }
        return String(decoding: trimmed, as: UTF8.self)
    }
}
