import Glibc

/// A key that shows itself nowhere: not when printed, dumped, compared or logged.
package struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// For the one place that sends it.
    package let revealed: String

    package var description: String { "(secret)" }
    package var debugDescription: String { "(secret)" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }

    package static let bytesMax = 4096

    /// Takes a key.
    ///
    /// - Parameters:
    ///   - text: printable ASCII; white space around it is left out.
    ///   - source: what the error calls it.
    ///   - bytesMin: the shortest that will do.
    /// - Throws: `SecretError`, without the text.
    package init(_ text: String, source: String, bytesMin: Int = 1) throws(SecretError) {
        let bytes = text.utf8.drop { $0 <= 0x20 }
        let trimmed = bytes.prefix(bytes.count - bytes.reversed().prefix { $0 <= 0x20 }.count)
        guard (bytesMin...Self.bytesMax).contains(trimmed.count), trimmed.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw SecretError(
                message: "expected \(source) to be \(bytesMin)…\(Self.bytesMax) printable ASCII characters, "
                    + "got: another text")
        }
        revealed = String(decoding: trimmed, as: UTF8.self)
    }

    /// Reads a key from a file, as container platforms hand it over.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - source: what named it, for the error.
    ///   - bytesMin: the shortest key that will do.
    /// - Throws: `SecretError`.
    package init(file path: String, source: String, bytesMin: Int = 1) throws(SecretError) {
        let bytes: [UInt8]
        do throws(SmallFile.Failure) { bytes = try SmallFile.read(path, bytesMax: Self.bytesMax + 2) } catch {
            throw SecretError(message: "expected \(source) to be a readable file, got: \(error)")
        }
        try self.init(
            String(decoding: bytes, as: UTF8.self), source: "the file of the key", bytesMin: bytesMin)
    }

    /// Whether somebody gave this very key; how long it takes tells nothing about it.
    ///
    /// - Complexity: O(n) in what was given, wherever the first difference is.
    package func matches(_ given: String) -> Bool {
        let key = Array(revealed.utf8)
        var difference: UInt8 = 0
        var place = 0
        var count = 0
        for byte in given.utf8 {
            difference |= byte ^ key[place]
            place = place + 1 == key.count ? 0 : place + 1
            count += 1
        }
        return (difference == 0) && (count == key.count)
    }
}

/// Why a key can't be used; without the key.
package struct SecretError: Error, Hashable, Sendable {
    package let message: String
}
