import Glibc

/// The clock that freshness is counted on: it goes on while the machine sleeps.
///
/// It is not a time of day: moments come from the database, this only counts what has passed since.
struct ReaderClock: Sendable {
    /// Nanoseconds since boot.
    var nanoseconds: @Sendable () -> UInt64

    /// `CLOCK_BOOTTIME`.
    static let boottime = ReaderClock {
        var time = timespec()
        unsafe clock_gettime(CLOCK_BOOTTIME, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}
