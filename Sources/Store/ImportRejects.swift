import Bytes
import Glibc

/// The file that says which rows were not loaded and why: `line,reason`, without their text.
///
/// It is made at the first rejection, readable by its owner only, and written before the chunk's commit, so that it
/// never says less than the database; a resumed import first cuts off what its last, uncommitted chunk had written.
struct ImportRejects: ~Copyable {
    /// Where it is; nil: rejections are only counted.
    let path: String?
    /// Its length as of the last flush.
    private(set) var bytesWritten: Int64
    private var pending: [UInt8] = []
    private var descriptor: Int32 = -1

    private static let header = "line,reason\n"

    /// Prepares the file.
    ///
    /// - Parameters:
    ///   - path: where it is made.
    ///   - bytesWritten: its committed length when an import is resumed; 0 at a start.
    init(path: String?, bytesWritten: Int64) {
        self.path = path
        self.bytesWritten = bytesWritten
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Notes a rejection until the next flush.
    mutating func add(_ rejection: ImportRejection) {
        if path == nil { return }
        let reason = rejection.reason.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
        pending.append(contentsOf: "\(rejection.line),\"\(reason)\"\n".utf8)
    }

    /// Writes what was noted, through to the disk.
    mutating func flush() throws(ImportError) {
        guard let path, !pending.isEmpty else { return }
        if descriptor < 0 { try open(path) }
        var done = 0
        while done < pending.count {
            let left = pending.count - done
            // The region lies within the array.
            let count = unsafe pending.withUnsafeBytes { bytes in
                unsafe write(descriptor, bytes.baseAddress! + done, left)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure(path) }
            done += count
        }
        guard fsync(descriptor) == 0 else { throw failure(path) }
        bytesWritten += Int64(done)
        pending.removeAll(keepingCapacity: true)
    }

    private mutating func open(_ path: String) throws(ImportError) {
        descriptor = unsafe Glibc.open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw failure(path) }
        let size = Int64(lseek(descriptor, 0, SEEK_END))
        bytesWritten = min(bytesWritten, size)
        guard ftruncate(descriptor, off_t(bytesWritten)) == 0, lseek(descriptor, 0, SEEK_END) >= 0 else {
            throw failure(path)
        }
        if bytesWritten == 0 { pending.insert(contentsOf: Self.header.utf8, at: 0) }
    }

    private func failure(_ path: String) -> ImportError {
        ImportError(
            .unreadable, "expected to write rejected rows to `\(path)`, got: \(systemMessage(errno))",
            hint: "name another file with --rejects")
    }
}
