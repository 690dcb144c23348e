import Glibc

/// A file that fits into memory many times over, such as a key or a list of settings.
package enum SmallFile {
    /// Why it could not be read: what the system calls the error.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    /// Reads a regular file.
    ///
    /// - Parameters:
    ///   - path: of the file; a pipe or a folder is none.
    ///   - bytesMax: how many bytes are read at most.
    /// - Returns: its first bytes: as many as that if there are more.
    /// - Throws: `Failure`, without anything of what is in it.
    package static func read(_ path: String, bytesMax: Int) throws(Failure) -> [UInt8] {
        // Without waiting: opening a pipe that nobody writes to would hang.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure(errno) }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw failure(errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Failure(description: "something that is no file") }
        var bytes = [UInt8](repeating: 0, count: bytesMax)
        var count = 0
        while count < bytes.count {
            let got = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe Glibc.read(descriptor, buffer.baseAddress! + count, buffer.count - count)
            }
            if got < 0, errno == EINTR { continue }
            if got < 0 { throw failure(errno) }
            if got == 0 { break }
            count += got
        }
        return Array(bytes.prefix(count))
    }

    private static func failure(_ number: Int32) -> Failure { Failure(description: systemMessage(number)) }
}
