import Bytes
import Model
import Testing

@Suite("C8 Rules of writing first") struct OutreachRuleTests {
    /// Midnight of 2026-03-28, UTC: the day before Berlin's clocks go forward at 01:00 UTC.
    private let saturday = Timestamp(seconds: 1_774_656_000)

    private var berlin: ZoneOffsets {
        ZoneOffsets(
            changes: [
                ZoneOffsets.Change(from: saturday.advanced(bySeconds: -86_400), offsetSeconds: 3600),
                ZoneOffsets.Change(from: saturday.advanced(bySeconds: 25 * 3600), offsetSeconds: 7200),
            ], through: saturday.advanced(bySeconds: 10 * 86_400))
    }

    private func hour(_ hours: Double) -> Timestamp { saturday.advanced(bySeconds: hours * 3600) }

    private func anchors(hours: [Int], sent: [Double] = []) -> Projections.EngagementAnchors {
        var anchors = Projections.EngagementAnchors()
        anchors.hourCandidates = hours
        anchors.outreachTimes = sent.map { hour($0).microseconds }
        anchors.receptivity.intercept = 0
        anchors.receptivity.recencyWeight = 0
        anchors.receptivity.hourLogits = Array(repeating: 0, count: 24)
        anchors.receptivity.lastUserMessageAt = saturday
        return anchors
    }

    @Test func theMostSpecificRuleWinsFieldByField() {
        let rule = OutreachRule(packed: [
            "3|||||9|0", "0|1320|420|Europe/Berlin|2|5|1", "2|||Asia/Kolkata|||", "1|60|120||3||",
        ])
        #expect(rule.quietHours == OutreachRule.QuietHours(from: 60, to: 120))
        #expect(rule.timeZone == "Asia/Kolkata")
        #expect(rule.capDay == 3 && rule.capWeek == 9 && rule.doNotContact == false)
        #expect(OutreachRule(packed: []) == OutreachRule())
        #expect(OutreachRule(packed: ["0|1|2"]) == OutreachRule())
    }

    @Test func quietHoursSpanMidnightAndFollowTheClockOfTheZone() {
        var rule = OutreachRule(packed: ["0|1320|420|Europe/Berlin|||"])
        // 22:00 to 07:00 in Berlin is 21:00 to 06:00 UTC in winter, 20:00 to 05:00 in summer.
        func quiet(_ hours: Double) -> Bool { rule.isQuiet(at: hour(hours), zone: berlin) }
        #expect(!quiet(20.99) && quiet(21) && quiet(24) && quiet(24.99))
        #expect(quiet(24 + 4.99) && !quiet(24 + 5))
        #expect(!quiet(24 + 19.99) && quiet(24 + 20))
        #expect(quiet(5.5) && !quiet(6))
        // An hour is offered only where all of it is clear, on its next occurrence.
        func hours(at: Double) -> [Int]? {
            Projections.engagement(anchors(hours: [5, 6, 20, 21]), rule: rule, zone: berlin, at: hour(at)).hours
        }
        #expect(hours(at: 0) == [6, 20])
        #expect(hours(at: 12) == [5, 6, 20])
        #expect(hours(at: 24.5) == [5, 6])
        rule.quietHours = OutreachRule.QuietHours(from: 0, to: 1440)
        #expect(hours(at: 12) == [])
        #expect((0..<48).allSatisfy { quiet(Double($0)) })
    }

    @Test func halfHourZonesMakeBothTheirHoursQuiet() {
        let india = ZoneOffsets(
            changes: [ZoneOffsets.Change(from: hour(-48), offsetSeconds: 19_800)], through: hour(240))
        let rule = OutreachRule(packed: ["0|780|840|Asia/Kolkata|||"])
        // 13:00 to 14:00 in Kolkata is 07:30 to 08:30 UTC.
        let found = Projections.engagement(anchors(hours: [9, 8, 7, 6]), rule: rule, zone: india, at: hour(1))
        #expect(found.hours == [9, 6])
        #expect(rule.isQuiet(at: hour(7.5), zone: india) && !rule.isQuiet(at: hour(8.5), zone: india))
    }

    @Test func whatIsNotKnownOfAZoneIsQuiet() {
        let rule = OutreachRule(packed: ["0|780|840|Asia/Kolkata|||"])
        for zone in [nil, ZoneOffsets(changes: [], through: hour(240)), ZoneOffsets(changes: [], through: hour(-1))] {
            let found = Projections.engagement(anchors(hours: [1, 2]), rule: rule, zone: zone, at: hour(1))
            #expect(found.hours == [] && found.receptivity == nil && found.refusal == "quiet hours")
            #expect(
                found.reason == "optimal_timing_hours: every likely hour is quiet; receptivity_score: quiet hours")
        }
        let utc = OutreachRule(packed: ["0|780|840||||"])
        #expect(!utc.isQuiet(at: hour(12), zone: nil) && utc.isQuiet(at: hour(13), zone: nil))
    }

    @Test func aCapIsReachedAndReleasedAsTimePasses() {
        let row = anchors(hours: [3, 4], sent: [0, 1, 30, 40])
        func refusal(_ packed: String, at: Double) -> String? {
            Projections.engagement(row, rule: OutreachRule(packed: [packed]), zone: nil, at: hour(at)).refusal
        }
        #expect(refusal("0||||2||", at: 41) == "cap_day of 2 is reached")
        #expect(refusal("0||||2||", at: 53.99) == "cap_day of 2 is reached")
        #expect(refusal("0||||2||", at: 54) == nil)
        #expect(refusal("0|||||4|", at: 100) == "cap_week of 4 is reached")
        #expect(refusal("0|||||4|", at: 168) == nil)
        #expect(refusal("0||||0||", at: 1000) == "cap_day of 0 is reached")
        let found = Projections.engagement(row, rule: OutreachRule(packed: ["0||||2||"]), zone: nil, at: hour(41))
        #expect(found.hours == [] && found.receptivity == nil && !found.allowsTopics)
        #expect(
            found.reason
                == "optimal_timing_hours, receptivity_score, suggested_topics: cap_day of 2 is reached")
        let released = Projections.engagement(row, rule: OutreachRule(packed: ["0||||2||"]), zone: nil, at: hour(60))
        #expect(released.hours == [3, 4] && released.receptivity == 0.5 && released.allowsTopics)
        #expect(released.reason == nil)
    }

    @Test func doNotContactBlanksEverything() {
        let rule = OutreachRule(packed: ["2||||||1"])
        let found = Projections.engagement(anchors(hours: [3]), rule: rule, zone: nil, at: hour(1))
        #expect(found.hours == [] && found.receptivity == nil && !found.allowsTopics)
        #expect(found.refusal == "do_not_contact is set")
        let lifted = OutreachRule(packed: ["2||||||1", "3||||||0"])
        #expect(Projections.engagement(anchors(hours: [3]), rule: lifted, zone: nil, at: hour(1)).hours == [3])
    }

    @Test func atMostFiveHoursAreOffered() {
        let found = Projections.engagement(
            anchors(hours: Array(0..<9)), rule: OutreachRule(packed: ["0|0|120||||"]), zone: nil, at: hour(1))
        #expect(found.hours == [2, 3, 4, 5, 6])
    }
}
