/// A moment in time: microseconds since 1970-01-01T00:00:00Z, the resolution and range PostgreSQL's `timestamptz` has.
///
/// It is not a calendar date: zones and calendars belong to the few rules that need them.
package struct Timestamp: Hashable, Comparable, Sendable {
    /// Microseconds since the Unix epoch; negative before 1970.
    package var microseconds: Int64

    /// The largest moment; PostgreSQL's `infinity`.
    package static let infinity = Timestamp(microseconds: .max)
    /// The smallest moment; PostgreSQL's `-infinity`.
    package static let negativeInfinity = Timestamp(microseconds: .min)

    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    /// Makes a moment from whole and fractional seconds since the Unix epoch.
    package init(seconds: Double) {
        microseconds = Int64((seconds * 1e6).rounded())
    }

    /// Seconds since the Unix epoch.
    package var seconds: Double { Double(microseconds) / 1e6 }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.microseconds < right.microseconds
    }

    /// Seconds from `earlier` to this moment, negative when this moment is the earlier one.
    ///
    /// Infinite ends are handled by saturating: the result is always finite.
    package func seconds(since earlier: Timestamp) -> Double {
        let (difference, overflow) = microseconds.subtractingReportingOverflow(earlier.microseconds)
        if overflow { return microseconds < earlier.microseconds ? -9.2e12 : 9.2e12 }
        return Double(difference) / 1e6
    }

    /// Hours from `earlier` to this moment.
    package func hours(since earlier: Timestamp) -> Double { seconds(since: earlier) / 3600 }

    /// Days of 24 hours from `earlier` to this moment.
    package func days(since earlier: Timestamp) -> Double { seconds(since: earlier) / 86400 }

    /// This moment moved by a number of seconds, saturating at the ends of the range.
    package func advanced(bySeconds seconds: Double) -> Timestamp {
        let (sum, overflow) = microseconds.addingReportingOverflow(Int64((seconds * 1e6).rounded()))
        if overflow { return seconds < 0 ? .negativeInfinity : .infinity }
        return Timestamp(microseconds: sum)
    }

    /// Whole hours since the Unix epoch, rounded down.
    package var hourIndex: Int64 {
        let perHour: Int64 = 3_600_000_000
        return microseconds >= 0 ? microseconds / perHour : (microseconds - perHour + 1) / perHour
    }

    /// Whole days (UTC) since the Unix epoch, rounded down.
    package var dayIndex: Int64 {
        let hour = hourIndex
        return hour >= 0 ? hour / 24 : (hour - 23) / 24
    }
}
