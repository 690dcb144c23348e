import Glibc

/// A moment on the machine's monotonic clock after which nobody waits any more.
///
/// It is not a time of day, and means nothing in another process.
package struct Deadline: Hashable, Comparable, Sendable {
    /// Nanoseconds on the monotonic clock.
    package let nanoseconds: UInt64

    /// A deadline that never passes.
    package static let never = Deadline(nanoseconds: .max)

    /// Makes a deadline at a moment of the monotonic clock.
    package init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    /// A deadline a number of nanoseconds from now.
    package static func after(nanoseconds: UInt64) -> Deadline {
        let (sum, overflow) = now.addingReportingOverflow(nanoseconds)
        return overflow ? .never : Deadline(nanoseconds: sum)
    }

    /// A deadline a number of milliseconds from now.
    package static func after(milliseconds: UInt64) -> Deadline {
        let (product, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        return overflow ? .never : after(nanoseconds: product)
    }

    /// The monotonic clock's present reading in nanoseconds.
    package static var now: UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    /// Nanoseconds left, 0 once the deadline passed; nil for a deadline that never passes.
    package var remainingNanoseconds: UInt64? {
        if self == .never { return nil }
        let present = Deadline.now
        return present >= nanoseconds ? 0 : nanoseconds - present
    }

    package static func < (left: Deadline, right: Deadline) -> Bool { left.nanoseconds < right.nanoseconds }
}
