import Bytes
import Foundation
import Testing

@Suite("Times as text, calendar")
struct TimestampTests {
    @Test(
        "the forms of ISO 8601, RFC 3339 and PostgreSQL",
        arguments: [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
            ("2018-05-06T03:01:14Z", "2018-05-06T03:01:14Z"),
            ("2018-05-06t03:01:14z", "2018-05-06T03:01:14Z"),
            ("2018-05-06 03:01:14.123+02", "2018-05-06T01:01:14.123000Z"),
            ("2018-05-06 03:01:14+05:30", "2018-05-05T21:31:14Z"),
            ("2018-05-06 03:01:14-0330", "2018-05-06T06:31:14Z"),
            ("2018-05-06 03:01:14+00:19:32", "2018-05-06T02:41:42Z"),
            ("2018-05-06T03:01+00", "2018-05-06T03:01:00Z"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
            ("2018-05-06T24:00:00Z", "2018-05-07T00:00:00Z"),
            ("2018-05-06T00:00:00.9999995Z", "2018-05-06T00:00:01Z"),
            ("2018-05-06T00:00:00,5Z", "2018-05-06T00:00:00.500000Z"),
            ("2018-05-06Z", "2018-05-06T00:00:00Z"),
            ("2000-02-29T12:00:00Z", "2000-02-29T12:00:00Z"),
            ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
            ("0044-03-15 12:00:00+00 BC", "0044-03-15T12:00:00Z BC"),
            ("294246-12-31 00:00:00+00", "294246-12-31T00:00:00Z"),
            ("infinity", "infinity"), ("-infinity", "-infinity"),
        ])
    func read(text: String, expected: String) throws {
        let moment = try Timestamp(text: text)
        #expect(moment.rfc3339 == expected)
        #expect(try Timestamp(text: moment.rfc3339) == moment)
    }

    @Test("a text without a zone is refused unless UTC may be assumed")
    func zoneless() throws {
        for text in ["2018-05-06", "2018-05-06 03:01:14", "2018-05-06T03:01:14.5"] {
            #expect(throws: TimestampTextError.self) { try Timestamp(text: text) }
        }
        #expect(try Timestamp(text: "2018-05-06 03:01:14", assumeUTC: true).microseconds == 1_525_575_674_000_000)
        #expect(try Timestamp(text: "2018-05-06", assumeUTC: true).rfc3339 == "2018-05-06T00:00:00Z")
    }

    @Test(
        "what is no time is refused with its place",
        arguments: [
            ("", 0), ("201-05-06Z", 3), ("2018-13-06Z", 5), ("2018-00-06Z", 5), ("2018-02-30Z", 8), ("2019-02-29Z", 8),
            ("1900-02-29Z", 8), ("2018-05-06T25:00Z", 11), ("2018-05-06T03:60Z", 14), ("2018-05-06T03:01:61Z", 17),
            ("2018-05-06T03:01:14.Z", 20), ("2018-05-06T03:01:14+16", 20), ("2018-05-06T03:01:14+02:60", 23),
            ("2018-05-06T03:01:14Zx", 20), ("2018/05/06Z", 4), ("2018-05-06T24:00:01Z", 19), ("999999-01-01Z", 0),
            (" 2018-05-06Z", 0), ("2018-05-06 ", 10), ("infinity1", 8), ("20180506T030114Z", 6),
        ])
    func refused(text: String, offset: Int) {
        let error = #expect(throws: TimestampTextError.self) { try Timestamp(text: text) }
        #expect(error?.offset == offset, "\(text)")
    }

    @Test("the calendar agrees with Foundation's over three thousand years", arguments: [3, 11] as [UInt64])
    func calendar(seed: UInt64) throws {
        var foundation = Calendar(identifier: .gregorian)
        foundation.timeZone = try #require(TimeZone(secondsFromGMT: 0))
        var state = seed
        for _ in 0..<3000 {
            state = StableHash.mix(state &+ 0x9e37_79b9_7f4a_7c15)
            // From 1600 to 4600: before 1582 Foundation's calendar is the Julian one.
            let seconds = Int64(state % 94_672_800_000) - 11_676_000_000
            let moment = Timestamp(microseconds: seconds * 1_000_000)
            let parts = foundation.dateComponents(
                [.year, .month, .day, .weekday, .hour], from: Date(timeIntervalSince1970: Double(seconds)))
            let date = moment.civilDate()
            #expect(date.year == parts.year && date.month == parts.month && date.day == parts.day, "seed \(seed)")
            #expect(moment.hourOfDay() == parts.hour)
            #expect(moment.weekday() % 7 + 1 == parts.weekday)
            #expect(date.weekday == moment.weekday())
            #expect(Int64(date.daysSinceEpoch) == moment.dayIndex)
            #expect(try Timestamp(text: moment.rfc3339) == moment)
        }
    }

    @Test("hours and days at a distance from UTC")
    func offsets() throws {
        let sunday = try Timestamp(text: "2018-05-06T23:30:00Z")
        #expect(sunday.hourOfWeek() == 167)
        #expect(sunday.hourOfWeek(utcOffsetSeconds: 3600) == 0)
        #expect(sunday.weekday(utcOffsetSeconds: 3600) == 1)
        #expect(sunday.civilDate(utcOffsetSeconds: 3600) == CivilDate(year: 2018, month: 5, day: 7))
        #expect(Timestamp(microseconds: -1).hourOfDay() == 23)
    }

    @Test("the ends of the range trap nowhere")
    func ends() {
        #expect((0..<168).contains(Timestamp.infinity.hourOfWeek(utcOffsetSeconds: 50_000)))
        #expect((0..<168).contains(Timestamp.negativeInfinity.hourOfWeek(utcOffsetSeconds: -50_000)))
        #expect(Timestamp(microseconds: .max - 1).rfc3339 == "294247-01-10T04:00:54.775806Z")
        #expect(CivilDate(year: 2023, month: 2, day: 29) == nil)
    }
}
