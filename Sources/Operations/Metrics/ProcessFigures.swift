import Glibc

/// What every Prometheus client tells of its process, under the names they all use.
enum ProcessFigures {
    static func add(to registry: MetricsRegistry) {
        let startedAt = wallClock()
        registry.read("process_start_time_seconds", .gauge, "When the process began to count.") { startedAt }
        registry.read("process_cpu_seconds_total", .counter, "CPU time of the process, user and system.") {
            clock(CLOCK_PROCESS_CPUTIME_ID)
        }
        registry.read("process_resident_memory_bytes", .gauge, "Memory of the process that is in RAM.") {
            residentBytes()
        }
    }

    /// Seconds since 1970 on this process's clock.
    static func wallClock() -> Double { clock(CLOCK_REALTIME) }

    private static func clock(_ id: clockid_t) -> Double {
        var time = timespec()
        _ = unsafe clock_gettime(id, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// The second number of `/proc/self/statm`, in pages; nil where there is none.
    private static func residentBytes() -> Double? {
        let descriptor = unsafe open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 128)
        let length = unsafe read(descriptor, &bytes, bytes.count)
        guard length > 0 else { return nil }
        let words = String(decoding: bytes[..<length], as: UTF8.self).split(separator: " ")
        return words.dropFirst().first.flatMap { Double($0) }.map { $0 * Double(sysconf(Int32(_SC_PAGESIZE))) }
    }
}
