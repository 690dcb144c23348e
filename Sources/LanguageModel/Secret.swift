import Glibc

/// A key that shows itself nowhere: not when printed, dumped, compared or logged.
package struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// For the one place that sends it.
    let revealed: String

    package var description: String { "(secret)" }
    package var debugDescription: String { "(secret)" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }

    static let bytesMax = 4096

    /// Takes a key.
    ///
    /// - Parameters:
    ///   - text: printable ASCII; white space around it is left out.
    ///   - source: what the error calls it.
    /// - Throws: `LanguageModelError`, without the text.
    init(_ text: String, source: String) throws(LanguageModelError) {
        let bytes = text.utf8.drop { $0 <= 0x20 }
        let trimmed = bytes.prefix(bytes.count - bytes.reversed().prefix { $0 <= 0x20 }.count)
        guard !trimmed.isEmpty, trimmed.count <= Self.bytesMax, trimmed.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw LanguageModelError(
                .configuration,
                "expected \(source) to be 1…\(Self.bytesMax) printable ASCII characters, got: another text")
        }
        revealed = String(decoding: trimmed, as: UTF8.self)
    }

    /// Reads a key from a file, as container platforms hand it over.
    init(file path: String) throws(LanguageModelError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw LanguageModelError(
                .configuration, "expected AFTERTHOUGHT_LLM_API_KEY_FILE to be a readable file, got: errno \(errno)")
        }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: Self.bytesMax + 2)
        var count = 0
        while count < bytes.count {
            let got = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe read(descriptor, buffer.baseAddress! + count, buffer.count - count)
            }
            if got < 0, errno == EINTR { continue }
            if got <= 0 { break }
            count += got
        }
        try self.init(String(decoding: bytes.prefix(count), as: UTF8.self), source: "the file of the key")
    }
}
