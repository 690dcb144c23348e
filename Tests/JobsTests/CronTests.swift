import Postgres
import Support
import Testing

@Suite("Cron", .database)
struct CronTests {
    /// The moments of a cron text in a zone, in UTC.
    private func times(_ cron: String, _ zone: String, _ after: String, _ through: String) throws -> [String] {
        var connection = try TestDatabase.current.connect()
        return try connection.textRows(
            """
            select to_char(t at time zone 'UTC', 'MM-DD HH24:MI')
            from afterthought.cron_times('\(cron)', '\(zone)', '\(after)', '\(through)') as t
            """
        ).compactMap(\.[0])
    }

    private func next(_ cron: String, _ after: String) throws -> String? {
        var connection = try TestDatabase.current.connect()
        return try connection.textRows(
            """
            select to_char(t at time zone 'UTC', 'YYYY-MM-DD HH24:MI')
            from afterthought.cron_next('\(cron)', 'UTC', '\(after)') as t
            """
        )[0][0]
    }

    @Test("a time of day that the clocks leave out comes once, an hour later")
    func gap() throws {
        // Berlin, 29 March 2026: 02:00 becomes 03:00, at 01:00 UTC.
        #expect(
            try times("30 2 * * *", "Europe/Berlin", "2026-03-28 00:00Z", "2026-03-30 12:00Z")
                == ["03-28 01:30", "03-29 01:30", "03-30 00:30"])
        // New York, 8 March 2026: 02:00 becomes 03:00, at 07:00 UTC.
        #expect(
            try times("30 2 * * *", "America/New_York", "2026-03-07 00:00Z", "2026-03-09 12:00Z")
                == ["03-07 07:30", "03-08 07:30", "03-09 06:30"])
        // Lord Howe, 4 October 2026: 02:00 becomes 02:30, at 15:30 UTC of the day before.
        #expect(
            try times("15 2 * * *", "Australia/Lord_Howe", "2026-10-02 12:00Z", "2026-10-05 00:00Z")
                == ["10-02 15:45", "10-03 15:45", "10-04 15:15"])
    }

    @Test("a week ends on SUN as well as it begins with it")
    func sunday() throws {
        #expect(try next("0 3 * * FRI-SUN", "2026-11-22 00:00Z") == "2026-11-22 03:00")
        #expect(try next("0 3 * * MON-SUN/6", "2026-11-22 04:00Z") == "2026-11-23 03:00")
        #expect(try next("0 3 * * SUN-TUE", "2026-11-24 04:00Z") == "2026-11-29 03:00")
        #expect(try next("0 3 * * SUN", "2026-11-22 04:00Z") == "2026-11-29 03:00")
    }

    @Test("a time of day that the clocks show twice comes once")
    func overlap() throws {
        // Berlin, 25 October 2026: 03:00 becomes 02:00, at 01:00 UTC; the second 02:30 counts.
        #expect(
            try times("30 2 * * *", "Europe/Berlin", "2026-10-24 00:00Z", "2026-10-26 12:00Z")
                == ["10-24 00:30", "10-25 01:30", "10-26 01:30"])
        #expect(
            try times("30 1 * * *", "America/New_York", "2026-10-31 00:00Z", "2026-11-02 12:00Z")
                == ["10-31 05:30", "11-01 06:30", "11-02 06:30"])
        #expect(
            try times("45 1 * * *", "Australia/Lord_Howe", "2026-04-03 12:00Z", "2026-04-06 00:00Z")
                == ["04-03 14:45", "04-04 15:15", "04-05 15:15"])
    }

    @Test(
        "what comes every hour comes once each hour that passes, whatever the clocks do",
        arguments: [
            ("Europe/Berlin", "2026-03-28 12:00Z"), ("Europe/Berlin", "2026-10-24 12:00Z"),
            ("America/New_York", "2026-03-07 12:00Z"), ("America/New_York", "2026-10-31 12:00Z"),
            ("America/Havana", "2026-10-31 12:00Z"), ("Asia/Kathmandu", "2026-10-31 12:00Z"),
        ])
    func hourly(zone: String, start: String) throws {
        var connection = try TestDatabase.current.connect()
        let found = try connection.textRows(
            """
            select count(*), count(distinct date_trunc('hour', t)), max(t - b) from (
                select t, lag(t, 1, timestamptz '\(start)') over (order by t) as b
                from afterthought.cron_times(
                    '0 * * * *', '\(zone)', '\(start)', timestamptz '\(start)' + interval '2 days') as t
            ) as q
            """)
        #expect(found[0].prefix(2) == ["48", "48"])
    }

    @Test("in a zone that moves by half an hour, minute 0 is met as often as its clocks show it")
    func halfHour() throws {
        // 01:30–02:00 comes twice on 5 April: 02:00 is 15:30 UTC, and no minute 0 lies in the half hour repeated.
        #expect(
            try times("0 * * * *", "Australia/Lord_Howe", "2026-04-04 12:59Z", "2026-04-04 17:00Z")
                == ["04-04 13:00", "04-04 14:00", "04-04 15:30", "04-04 16:30"])
        #expect(
            try times("*/30 * * * *", "Australia/Lord_Howe", "2026-04-04 14:00Z", "2026-04-04 16:00Z")
                == ["04-04 14:30", "04-04 15:00", "04-04 15:30", "04-04 16:00"])
    }

    @Test("days of month and week: either, when both are restricted")
    func days() throws {
        #expect(
            try times("0 0 13 * FRI", "UTC", "2026-11-01 00:00Z", "2026-11-30 00:00Z")
                == ["11-06 00:00", "11-13 00:00", "11-20 00:00", "11-27 00:00"])
        #expect(try times("0 9 * * 1", "UTC", "2026-11-20 00:00Z", "2026-11-27 00:00Z") == ["11-23 09:00"])
        #expect(try times("0 9 * * 7", "UTC", "2026-11-20 00:00Z", "2026-11-27 00:00Z") == ["11-22 09:00"])
        #expect(
            try times("5-15/5,30 8 1 JAN,nov *", "UTC", "2026-10-30 00:00Z", "2027-01-02 00:00Z")
                == [
                    "11-01 08:05", "11-01 08:10", "11-01 08:15", "11-01 08:30", "01-01 08:05", "01-01 08:10",
                    "01-01 08:15", "01-01 08:30",
                ])
    }

    @Test("the next moment is found however far away it is")
    func far() throws {
        #expect(try next("0 0 29 2 *", "2096-03-01 00:00Z") == "2104-02-29 00:00")
        #expect(try next("@daily", "2026-11-21 23:59Z") == "2026-11-22 00:00")
        #expect(try next("0 0 30 2 *", "2026-01-01 00:00Z") == nil)
    }

    @Test(
        "a schedule that can't be read is refused, and says why",
        arguments: [
            ("0 2 * *", "UTC", "five cron fields"), ("60 2 * * *", "UTC", "0…59"), ("x 2 * * *", "UTC", "0…59"),
            ("0 2-1 * * *", "UTC", "0…23"), ("*/0 2 * * *", "UTC", "0…59"), ("0 2 * * MOON", "UTC", "0…7"),
            ("0 2 * FEB-JAN *", "UTC", "1…12"), ("0 0 30 2 *", "UTC", "ever comes true"),
            ("0 2 * * *", "Mars/Base", "time zone"), ("", "UTC", "five cron fields"),
        ])
    func refused(cron: String, zone: String, says: String) throws {
        var connection = try TestDatabase.current.connect()
        do {
            try connection.execute(
                "update afterthought.job_schedules set cron = '\(cron)', time_zone = '\(zone)'")
            Issue.record("expected \(cron) in \(zone) to be refused")
        } catch {
            #expect(error.message.contains(says), "\(error.message)")
        }
    }
}
