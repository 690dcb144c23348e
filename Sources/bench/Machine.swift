import Glibc

/// What the machine and its processes tell: clocks, CPU time, memory.
enum Machine {
    /// Nanoseconds of a clock that only grows.
    static func nanoseconds() -> UInt64 { read(CLOCK_MONOTONIC) }

    /// CPU time of this process, user and system, in nanoseconds.
    static func processNanoseconds() -> UInt64 { read(CLOCK_PROCESS_CPUTIME_ID) }

    /// CPU time of this thread in nanoseconds: what a busy neighbour does not change.
    static func threadNanoseconds() -> UInt64 { read(CLOCK_THREAD_CPUTIME_ID) }

    /// Processors that this process may use.
    static var cores: Int { Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    /// Runnable processes on average over the last minute: far above `cores`, wall times say little.
    static var loadAverage: Double {
        Double(text("/proc/loadavg").split(separator: " ").first.map(String.init) ?? "") ?? 0
    }

    /// CPU time of another process in nanoseconds, its ended threads excluded; 0 when it is gone.
    static func nanoseconds(ofProcess pid: Int32) -> UInt64 {
        // Of its first thread; a server process of PostgreSQL has no other.
        UInt64(text("/proc/\(pid)/schedstat").split(separator: " ").first.map(String.init) ?? "") ?? 0
    }

    /// A line of `/proc/<pid>/status` in kB, such as `VmRSS` or `VmHWM`; nil when there is none.
    static func kilobytes(_ name: String, ofProcess pid: Int32) -> Int? {
        for line in text("/proc/\(pid)/status").split(separator: "\n") where line.hasPrefix(name + ":") {
            return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }
        }
        return nil
    }

    /// A small file as text; empty when it can't be read.
    static func text(_ path: String) -> String {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = unsafe Glibc.read(descriptor, &piece, piece.count)
            if count <= 0 { break }
            bytes += piece[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}

/// The value that a tenth of some figures are below; NaN of none.
func lowerDecile(_ values: [Double]) -> Double {
    values.isEmpty ? .nan : values.sorted()[values.count / 10]
}

/// The median of some figures; NaN of none.
func median(_ values: [Double]) -> Double {
    guard !values.isEmpty else { return .nan }
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
