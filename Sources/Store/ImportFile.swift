import Bytes
import Glibc

/// What an import reads.
package enum ImportSource: Sendable {
    /// A regular file.
    case file(path: String)
    /// Bytes in memory, such as the embedded sample, under a name for messages.
    case memory(name: String, bytes: [UInt8])
}

/// A regular file open for reading, with the size it had when it was opened, or bytes in memory.
///
/// It never reads past that size: what is appended meanwhile belongs to another import.
struct ImportFile: ~Copyable {
    /// The path as it was given.
    let path: String
    /// Bytes.
    let size: Int64
    private let descriptor: Int32
    private let memory: [UInt8]

    /// Opens what is to be imported.
    init(_ source: ImportSource) throws(ImportError) {
        switch source {
        case .file(let path): try self.init(path: path)
        case .memory(let name, let bytes): self.init(name: name, bytes: bytes)
        }
    }

    private init(name: String, bytes: [UInt8]) {
        path = name
        size = Int64(bytes.count)
        descriptor = -1
        memory = bytes
    }

    /// Opens a file.
    ///
    /// - Parameter path: a regular file; pipes can't be resumed and are refused.
    /// - Throws: `ImportError` of kind `unreadable`.
    init(path: String) throws(ImportError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw ImportError(
                .unreadable, "expected `\(path)` to be readable, got: \(systemMessage(errno))",
                hint: "check the path and its permissions")
        }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw ImportError(
                .unreadable, "expected `\(path)` to be a regular file, got: a folder, pipe or device",
                hint: "write the data to a file first; an import resumes by its place in the file")
        }
        self.path = path
        self.descriptor = descriptor
        memory = []
        size = Int64(status.st_size)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Appends at most `countMax` bytes from an offset; fewer only at the file's end.
    func read(at offset: Int64, countMax: Int, into bytes: inout [UInt8]) throws(ImportError) {
        let wanted = Int(min(Int64(countMax), max(0, size - offset)))
        guard wanted > 0 else { return }
        if descriptor < 0 {
            bytes.append(contentsOf: memory[Int(offset)..<Int(offset) + wanted])
            return
        }
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: wanted))
        var filled = 0
        while filled < wanted {
            // The region lies within the array, which is not resized meanwhile.
            let count = unsafe bytes.withUnsafeMutableBytes { buffer in
                let base = unsafe buffer.baseAddress! + start + filled
                return unsafe pread(descriptor, base, wanted - filled, off_t(offset) + off_t(filled))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw ImportError(
                    .unreadable,
                    "expected `\(path)` to keep its \(size) bytes, got: "
                        + (count == 0 ? "its end at byte \(offset + Int64(filled))" : systemMessage(errno)),
                    hint: "import a file that nothing else writes to, then run the same command again")
            }
            filled += count
        }
    }

    /// A digest of the file's size, its first and last mebibyte and how it is read.
    ///
    /// - Parameter reading: what else makes this import another one: format and mapping.
    /// - Returns: 32 bytes.
    /// - Throws: `ImportError` when the file can't be read.
    func fingerprint(reading: String) throws(ImportError) -> [UInt8] {
        let mebibyte = 1 << 20
        var sample = Array("\(size)\n\(reading)\n".utf8)
        try read(at: 0, countMax: mebibyte, into: &sample)
        if size > Int64(mebibyte) {
            let tail = max(Int64(mebibyte), size - Int64(mebibyte))
            try read(at: tail, countMax: mebibyte, into: &sample)
        }
        return SHA256.hash(sample)
    }
}
