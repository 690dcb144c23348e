/// Why a text is no moment in time.
///
/// It never carries the text.
package struct TimestampTextError: Error, Hashable, CustomStringConvertible {
    /// The byte at which the fault was found.
    package var offset: Int
    /// What was expected there.
    package var expected: String

    package init(offset: Int, expected: String) {
        self.offset = offset
        self.expected = expected
    }

    package var description: String { "expected \(expected) at byte \(offset) of the time" }
}

extension Timestamp {
    /// Reads ISO 8601, RFC 3339 and the forms PostgreSQL prints.
    ///
    /// `2018-05-06T03:01:14Z`, `2018-05-06 03:01:14.123+02`, `… +05:30`, `2018-05-06`, `infinity`, `… BC`.
    /// Second 60 and hour 24:00 are the start of what follows; more than six decimals are rounded.
    /// It knows no names of zones or months and no basic format (`20180506`).
    ///
    /// - Parameters:
    ///   - text: the time, without white space around it.
    ///   - assumeUTC: whether a text without a zone means UTC; otherwise it is refused.
    /// - Throws: `TimestampTextError` with the offset of the first fault.
    package init(text: String, assumeUTC: Bool = false) throws(TimestampTextError) {
        try self.init(text: text.utf8.span, assumeUTC: assumeUTC)
    }

    /// Reads ISO 8601, RFC 3339 and the forms PostgreSQL prints, from ASCII bytes.
    package init(text: Span<UInt8>, assumeUTC: Bool = false) throws(TimestampTextError) {
        var reader = TimestampReader(text)
        self = try reader.readMoment(assumeUTC: assumeUTC)
    }
}

/// One pass over the text of a time.
private struct TimestampReader: ~Escapable {
    let text: Span<UInt8>
    var offset = 0

    @_lifetime(copy text)
    init(_ text: Span<UInt8>) { self.text = text }

    var next: UInt8? { offset < text.count ? text[offset] : nil }

    func fault(_ expected: String) -> TimestampTextError { TimestampTextError(offset: offset, expected: expected) }

    @_lifetime(self: copy self)
    mutating func readMoment(assumeUTC: Bool) throws(TimestampTextError) -> Timestamp {
        if let first = next, first < UInt8(ascii: "0") || first > UInt8(ascii: "9") { return try readInfinity() }
        var year = try readYear()
        guard skip(UInt8(ascii: "-")) else { throw fault("- before the month") }
        let month = try readPair("a month 01…12", 1...12)
        guard skip(UInt8(ascii: "-")) else { throw fault("- before the day") }
        let dayOffset = offset
        let day = try readPair("a day 01…31", 1...31)
        var micros: Int64 = 0
        if next == UInt8(ascii: "T") || next == UInt8(ascii: "t") || (next == UInt8(ascii: " ") && hasDigit(at: 1)) {
            offset += 1
            micros = try readTimeOfDay()
        }
        let zone = try readZone()
        if offset < text.count, skip(" BC") { year = 1 - year }
        if zone == nil, !assumeUTC { throw fault("a zone such as Z or +02:00") }
        guard let date = CivilDate(year: year, month: month, day: day) else {
            throw TimestampTextError(offset: dayOffset, expected: "a day of that month")
        }
        let seconds = Int64(date.daysSinceEpoch) * 86_400 - Int64(zone ?? 0)
        let (whole, first) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, second) = whole.addingReportingOverflow(micros)
        guard !first, !second, sum != .max, sum != .min else {
            throw TimestampTextError(offset: 0, expected: "a year within the range of timestamptz")
        }
        return try finished(Timestamp(microseconds: sum))
    }

    @_lifetime(self: copy self)
    private mutating func readInfinity() throws(TimestampTextError) -> Timestamp {
        if skip("infinity") { return try finished(.infinity) }
        if skip("-infinity") { return try finished(.negativeInfinity) }
        throw fault("a year of four to six digits")
    }

    private func finished(_ moment: Timestamp) throws(TimestampTextError) -> Timestamp {
        guard offset == text.count else { throw fault("the end") }
        return moment
    }

    @_lifetime(self: copy self)
    private mutating func readYear() throws(TimestampTextError) -> Int {
        let start = offset
        var year = 0
        while offset - start < 6, let digit = digit(at: 0) {
            year = year * 10 + digit
            offset += 1
        }
        guard offset - start >= 4 else { throw fault("a year of four to six digits") }
        return year
    }

    @_lifetime(self: copy self)
    private mutating func readTimeOfDay() throws(TimestampTextError) -> Int64 {
        let hour = try readPair("an hour 00…24", 0...24)
        guard skip(UInt8(ascii: ":")) else { throw fault(": before the minute") }
        let minute = try readPair("a minute 00…59", 0...59)
        var second = 0
        var fraction: Int64 = 0
        if skip(UInt8(ascii: ":")) {
            second = try readPair("a second 00…60", 0...60)
            if next == UInt8(ascii: ".") || next == UInt8(ascii: ",") { fraction = try readFraction() }
        }
        guard hour < 24 || (minute == 0 && second == 0 && fraction == 0) else { throw fault("24:00 and no later") }
        return Int64(hour * 3600 + minute * 60 + second) * 1_000_000 + fraction
    }

    /// Decimals of a second as microseconds, 0…1 000 000.
    @_lifetime(self: copy self)
    private mutating func readFraction() throws(TimestampTextError) -> Int64 {
        offset += 1
        var micros: Int64 = 0
        var count = 0
        while let digit = digit(at: 0) {
            if count < 6 { micros = micros * 10 + Int64(digit) }
            if count == 6, digit >= 5 { micros += 1 }
            count += 1
            offset += 1
        }
        guard count > 0 else { throw fault("a digit") }
        while count < 6 {
            micros *= 10
            count += 1
        }
        return micros
    }

    /// Seconds ahead of UTC, or nil if no zone is there.
    @_lifetime(self: copy self)
    private mutating func readZone() throws(TimestampTextError) -> Int? {
        if skip(UInt8(ascii: "Z")) || skip(UInt8(ascii: "z")) { return 0 }
        guard next == UInt8(ascii: "+") || next == UInt8(ascii: "-") else { return nil }
        let sign = next == UInt8(ascii: "-") ? -1 : 1
        offset += 1
        var seconds = try readPair("a zone of 00…15 hours", 0...15) * 3600
        if skip(UInt8(ascii: ":")) || hasDigit(at: 0) {
            seconds += try readPair("minutes of a zone 00…59", 0...59) * 60
            if skip(UInt8(ascii: ":")) { seconds += try readPair("seconds of a zone 00…59", 0...59) }
        }
        return sign * seconds
    }

    @_lifetime(self: copy self)
    private mutating func readPair(
        _ expected: String, _ range: ClosedRange<Int>
    ) throws(TimestampTextError) -> Int {
        guard let tens = digit(at: 0), let ones = digit(at: 1), range.contains(tens * 10 + ones) else {
            throw fault(expected)
        }
        offset += 2
        return tens * 10 + ones
    }

    private func digit(at distance: Int) -> Int? {
        guard offset + distance < text.count else { return nil }
        let byte = text[offset + distance]
        return byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") ? Int(byte - UInt8(ascii: "0")) : nil
    }

    private func hasDigit(at distance: Int) -> Bool { digit(at: distance) != nil }

    @_lifetime(self: copy self)
    private mutating func skip(_ expected: UInt8) -> Bool {
        guard next == expected else { return false }
        offset += 1
        return true
    }

    @_lifetime(self: copy self)
    private mutating func skip(_ expected: StaticString) -> Bool {
        let count = expected.utf8CodeUnitCount
        guard offset + count <= text.count else { return false }
        var place = offset
        for byte in expected.description.utf8 {
            guard text[place] == byte else { return false }
            place += 1
        }
        offset = place
        return true
    }
}
