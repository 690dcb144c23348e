import Bytes

/// A file of settings: a `KEY=VALUE` a line, as systemd's and Docker's environment files are.
///
/// White space around key and value is left out, and so are a value's quotes. Empty lines and those that begin with
/// `#` say nothing.
struct ConfigurationFile: Sendable {
    static let bytesMax = 1 << 20

    /// One setting.
    struct Line: Hashable, Sendable {
        var number: Int
        var key: String
        var value: String
    }

    let path: String
    let lines: [Line]

    /// Reads a file.
    ///
    /// - Parameter path: of a regular file of at most 1 MiB, UTF-8.
    /// - Throws: `CommandFailure` that names the line, never with a value: it may be a secret.
    init(path: String) throws(CommandFailure) {
        let bytes: [UInt8]
        do throws(SmallFile.Failure) { bytes = try SmallFile.read(path, bytesMax: Self.bytesMax + 1) } catch {
            throw CommandFailure(
                .usage, "expected a configuration file at \(path), got: \(error)",
                hint: "correct --config or \(Settings.fileKey), or leave it out")
        }
        guard bytes.count <= Self.bytesMax else {
            throw CommandFailure(
                .usage, "expected \(path) to be a file of at most 1 MiB, got: a larger one",
                hint: "see `afterthought help config`")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandFailure(.usage, "expected \(path) to be UTF-8, got: other bytes", hint: "save it as UTF-8")
        }
        try self.init(path: path, text: text)
    }

    /// Reads the text of a file.
    init(path: String, text: String) throws(CommandFailure) {
        self.path = path
        var lines: [Line] = []
        for (index, raw) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let line = Self.trimmed(raw)
            if line.isEmpty || line.hasPrefix("#") { continue }
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let key = String(Self.trimmed(parts[0]))
            guard parts.count == 2, !key.isEmpty, key.utf8.allSatisfy({ Self.isKeyByte($0) }) else {
                throw CommandFailure(
                    .usage, "expected KEY=VALUE in \(path) line \(index + 1), got: another text",
                    hint: "lines that begin with # are comments")
            }
            if let first = lines.first(where: { $0.key == key }) {
                throw CommandFailure(
                    .usage, "expected \(key) once in \(path), got: it in lines \(first.number) and \(index + 1)",
                    hint: "remove one of them")
            }
            lines.append(Line(number: index + 1, key: key, value: String(Self.unquoted(Self.trimmed(parts[1])))))
        }
        self.lines = lines
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop(while: \.isWhitespace)
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }

    private static func unquoted(_ text: Substring) -> Substring {
        guard text.count >= 2, let first = text.first, first == text.last, first == "\"" || first == "'" else {
            return text
        }
        return text.dropFirst().dropLast()
    }
}
