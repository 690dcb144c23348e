/// A day of the proleptic Gregorian calendar; year 0 is 1 BC, as in ISO 8601.
///
/// Source: Hinnant, "chrono-compatible low-level date algorithms", 2013.
package struct CivilDate: Hashable, Comparable, Sendable {
    package var year: Int
    /// 1…12.
    package var month: Int
    /// 1…31.
    package var day: Int

    /// Makes a day, or nil if the calendar has no such day.
    package init?(year: Int, month: Int, day: Int) {
        guard (1...12).contains(month), day >= 1, day <= Self.daysInMonth(month, year: year) else { return nil }
        self.year = year
        self.month = month
        self.day = day
    }

    /// Makes the day that lies so many days after 1970-01-01 (before it, if negative).
    package init(daysSinceEpoch days: Int) {
        let shifted = days + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Days from 1970-01-01 to this day.
    package var daysSinceEpoch: Int {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = floorDivide(shiftedYear, 400)
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// The day of the week as ISO 8601 counts: 1 is Monday, 7 is Sunday.
    package var weekday: Int { floorModulo(daysSinceEpoch + 3, 7) + 1 }

    /// Tells whether a year has a 29 February.
    package static func isLeap(_ year: Int) -> Bool {
        year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    }

    /// The number of days of a month, 28…31.
    package static func daysInMonth(_ month: Int, year: Int) -> Int {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    package static func < (left: CivilDate, right: CivilDate) -> Bool {
        (left.year, left.month, left.day) < (right.year, right.month, right.day)
    }
}

extension Timestamp {
    private static let perSecond: Int64 = 1_000_000
    private static let perDay: Int64 = 86_400_000_000

    /// The day on which this moment falls, at a fixed distance from UTC.
    ///
    /// - Parameter utcOffsetSeconds: how far local time is ahead of UTC; 0 is UTC.
    /// - Returns: the calendar day there.
    package func civilDate(utcOffsetSeconds: Int = 0) -> CivilDate {
        CivilDate(daysSinceEpoch: Int(floorDivide(shifted(utcOffsetSeconds), Self.perDay)))
    }

    /// The day of the week, 1 for Monday to 7 for Sunday, at a fixed distance from UTC.
    package func weekday(utcOffsetSeconds: Int = 0) -> Int {
        Int(floorModulo(floorDivide(shifted(utcOffsetSeconds), Self.perDay) + 3, 7)) + 1
    }

    /// The hour of the day, 0…23, at a fixed distance from UTC.
    package func hourOfDay(utcOffsetSeconds: Int = 0) -> Int {
        Int(floorModulo(shifted(utcOffsetSeconds), Self.perDay) / (3600 * Self.perSecond))
    }

    /// The hour of the week, 0 for Monday 00:00 to 167 for Sunday 23:00, at a fixed distance from UTC.
    package func hourOfWeek(utcOffsetSeconds: Int = 0) -> Int {
        (weekday(utcOffsetSeconds: utcOffsetSeconds) - 1) * 24 + hourOfDay(utcOffsetSeconds: utcOffsetSeconds)
    }

    private func shifted(_ utcOffsetSeconds: Int) -> Int64 {
        let (sum, overflow) = microseconds.addingReportingOverflow(Int64(utcOffsetSeconds) * Self.perSecond)
        return overflow ? microseconds : sum
    }
}

/// The quotient rounded down, for a positive divisor.
func floorDivide<Number: FixedWidthInteger>(_ number: Number, _ divisor: Number) -> Number {
    let quotient = number / divisor
    return number % divisor < 0 ? quotient - 1 : quotient
}

/// The remainder 0..<divisor, for a positive divisor.
func floorModulo<Number: FixedWidthInteger>(_ number: Number, _ divisor: Number) -> Number {
    let rest = number % divisor
    return rest < 0 ? rest + divisor : rest
}
