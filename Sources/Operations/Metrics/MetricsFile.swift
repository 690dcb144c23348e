import Bytes
import Glibc

/// A file with an exposition, for a collector that reads files, such as node_exporter's.
package enum MetricsFile {
    /// Writes the file in one step: whoever reads it sees the old text or the new one.
    ///
    /// Blocks; it is small.
    ///
    /// - Parameters:
    ///   - text: the whole content.
    ///   - path: in a folder that this process may write to.
    /// - Throws: `MetricsFileError`.
    package static func write(_ text: String, to path: String) throws(MetricsFileError) {
        let draft = path + ".\(getpid()).tmp"
        let descriptor = unsafe open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw MetricsFileError(path: path, code: errno) }
        var failure = writeAll(Array(text.utf8), to: descriptor)
        if close(descriptor) != 0, failure == nil { failure = errno }
        if failure == nil, unsafe rename(draft, path) != 0 { failure = errno }
        if let failure {
            unsafe unlink(draft)
            throw MetricsFileError(path: path, code: failure)
        }
    }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32? {
        var done = 0
        while done < bytes.count {
            let written = unsafe bytes.withUnsafeBytes { rest in
                unsafe Glibc.write(descriptor, rest.baseAddress! + done, bytes.count - done)
            }
            if written < 0, errno == EINTR { continue }
            if written <= 0 { return errno }
            done += written
        }
        return nil
    }
}

/// Why a file of metrics could not be written.
package struct MetricsFileError: Error, CustomStringConvertible {
    let path: String
    let code: Int32

    package var description: String {
        "expected to write the metrics to \(path), got: \(systemMessage(code))"
    }
}
