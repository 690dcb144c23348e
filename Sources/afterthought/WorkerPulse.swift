import Bytes
import Glibc
import Postgres
import Synchronization
import Worker

/// What a running worker says of itself to whoever looks from beside it.
struct Pulse: Equatable, Sendable {
    /// The worker's name in `worker_leases`.
    var owner: UUID
    /// Its pause between cycles.
    var cycleSeconds: Double
    /// When it last said anything, failures included; nanoseconds of the clock that counts since the machine's start.
    var aliveAt: UInt64
    /// When it last ended a cycle or a batch; nil: it has not yet.
    var workedAt: UInt64?

    /// The clock of a pulse: all processes of a machine share it, and it counts on while the machine sleeps.
    static var now: UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_BOOTTIME, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    /// The seconds between two moments of that clock, 0 if the first is not the earlier.
    static func seconds(from start: UInt64, to end: UInt64) -> Double { start < end ? Double(end - start) / 1e9 : 0 }

    /// The pulse as a file has it: always as long, so that a later one covers an earlier one.
    var line: String {
        var json = JSONWriter()
        json.beginObject()
        json.key("owner")
        json.value("\(owner)")
        json.key("cycle_seconds")
        json.value(cycleSeconds)
        json.key("alive_at")
        json.value(Int64(aliveAt))
        json.key("worked_at")
        json.value(workedAt.map { Int64($0) })
        json.endObject()
        return json.text + String(repeating: " ", count: max(0, Self.lineBytes - 1 - json.text.utf8.count)) + "\n"
    }

    static let lineBytes = 256

    init(owner: UUID, cycleSeconds: Double, aliveAt: UInt64 = Pulse.now, workedAt: UInt64? = nil) {
        self.owner = owner
        self.cycleSeconds = cycleSeconds
        self.aliveAt = aliveAt
        self.workedAt = workedAt
    }

    /// Reads a line; nil for anything that is not one.
    init?(_ line: some StringProtocol) {
        guard let json = try? JSONValue(parsing: String(line)), let owner = json["owner"]?.string.flatMap({ UUID($0) }),
            let cycleSeconds = json["cycle_seconds"]?.double, let aliveAt = json["alive_at"]?.int64, aliveAt >= 0
        else { return nil }
        self.init(
            owner: owner, cycleSeconds: cycleSeconds, aliveAt: UInt64(aliveAt),
            workedAt: json["worked_at"]?.int64.flatMap { UInt64(exactly: $0) })
    }
}

/// The file in which a worker keeps its pulse for `status --health`: locked for as long as the worker lives.
///
/// The lock tells a dead worker from a slow one, and one worker from another; the system gives it back however the
/// process ends. It is not a lease: who may write what is decided in the database alone.
final class WorkerPulse: Sendable {
    // Locks of the open file, not of the process (Linux, fcntl(2)): another descriptor of the same process sees them
    // too. The numbers are the same on every architecture, and Glibc shows them to GNU programs alone.
    private static let askForLock: Int32 = 36
    private static let setLock: Int32 = 37

    private let descriptor: Int32
    private let pulse: Mutex<Pulse>

    /// Makes or takes over the file.
    ///
    /// - Parameters:
    ///   - path: in a folder that this user may write to.
    ///   - owner: the worker's name in the database.
    ///   - cycleSeconds: its pause between cycles.
    /// - Throws: `CommandFailure` when it can't be written, or another worker holds it.
    init(path: String, owner: UUID, cycleSeconds: Double) throws(CommandFailure) {
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else {
            throw CommandFailure(
                .usage, "expected the health file \(path) to be writable, got: \(systemMessage(errno))",
                hint: "name a file in a folder that this user may write to, such as a tmpfs")
        }
        pulse = Mutex(Pulse(owner: owner, cycleSeconds: cycleSeconds))
        var lock = Self.wholeFile(F_WRLCK)
        guard unsafe fcntl(descriptor, Self.setLock, &lock) == 0 else {
            close(descriptor)
            throw CommandFailure(
                .busy, "expected the health file \(path) to be this worker's alone, got: another worker's",
                hint: "give each worker of a machine a file of its own")
        }
        write(pulse.withLock { $0 })
    }

    deinit { close(descriptor) }

    /// Notes that the worker said something.
    func note(_ event: WorkerEvent) {
        let now = Pulse.now
        // Under the lock, so that an older pulse never covers a newer one. A write of one line into the page cache:
        // nothing here waits for a disk.
        pulse.withLock { pulse in
            pulse.aliveAt = now
            switch event {
            case .cycle, .batch: pulse.workedAt = now
            default: break
            }
            write(pulse)
        }
    }

    /// Notes another pause between cycles: whoever looks waits for it.
    func change(cycleSeconds: Double) {
        pulse.withLock { pulse in
            pulse.cycleSeconds = cycleSeconds
            write(pulse)
        }
    }

    /// Says that the worker has come to its end.
    func end() { _ = ftruncate(descriptor, 0) }

    private func write(_ pulse: Pulse) {
        let bytes = Array(pulse.line.utf8)
        // What can't be written grows old, and whoever looks finds it so.
        _ = unsafe pwrite(descriptor, bytes, bytes.count, 0)
    }

    /// The pulse of the worker that lives, or nil if none does.
    ///
    /// - Parameter path: the file that the worker was told.
    /// - Returns: what it said last.
    /// - Throws: `CommandFailure` when there is a file that can't be read.
    static func read(_ path: String) throws(CommandFailure) -> Pulse? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw CommandFailure(
                .usage, "expected the health file \(path) to be readable, got: \(systemMessage(errno))",
                hint: "run as the worker's user, and name the same file")
        }
        defer { close(descriptor) }
        // Only asked for, never taken: a worker that starts at this moment must not be turned away.
        var lock = wholeFile(F_RDLCK)
        guard unsafe fcntl(descriptor, askForLock, &lock) == 0, lock.l_type != Int16(F_UNLCK) else { return nil }
        var bytes = [UInt8](repeating: 0, count: Pulse.lineBytes)
        let count = unsafe pread(descriptor, &bytes, bytes.count, 0)
        return count > 0 ? Pulse(String(decoding: bytes[..<count], as: UTF8.self)) : nil
    }

    private static func wholeFile(_ kind: Int32) -> flock {
        var lock = flock()
        lock.l_type = Int16(kind)
        lock.l_whence = Int16(SEEK_SET)
        return lock
    }
}
