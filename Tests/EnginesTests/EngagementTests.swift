import Bytes
import Glibc
import Model
import Support
import Testing

@testable import Engines

@Suite struct EngagementTests {
    static func row(_ script: CharacterScript) throws -> StrategicRow {
        var row = StrategicRow(pair: Pair(userID: "u", botName: "b"))
        try fold(ProactiveEngagementEngine.self, script.observations).contribute(to: &row, topics: script.topics)
        return row
    }

    /// Midnight of 2018-05-07, UTC.
    static let midnight = Timestamp(seconds: 1_525_651_200)

    static func terms(_ words: String...) -> [Term] { words.map { Term(hash: StableHash.hash($0), text: $0) } }

    @Test("Hours in which the user writes come first")
    func hours() throws {
        var script = CharacterScript(seed: 1, start: Self.midnight)
        for _ in 0..<10 {
            script.say(.user, after: 19.5 * 3600)
            script.say(.assistant)
            script.say(.user)
            script.now = script.now.advanced(bySeconds: 4.5 * 3600 - 40)
        }
        let row = try Self.row(script)
        #expect(row.optimalTimingHours == "[19,18,20]")
        let logits = try #require(row.receptivityHourLogits)
        #expect(logits.count == 24 && logits[19] > 1 && logits[7] < 0)
        #expect(row.lastUserMessageAt == script.observations.last?.at)
    }

    @Test("Too little is null with its reason")
    func few() throws {
        var script = CharacterScript(seed: 1)
        script.say(.assistant)
        let row = try Self.row(script)
        #expect(row.optimalTimingHours == nil && row.receptivityIntercept == nil && row.suggestedTopics == nil)
        #expect(row.lastUserMessageAt == nil && row.proactiveSuccessRate == nil)
        let reason = try #require(row.nullReasons[.proactiveEngagement])
        for column in ["optimal_timing_hours", "receptivity", "suggested_topics", "proactive_success_rate"] {
            #expect(reason.contains(column))
        }
    }

    @Test("Users who answer are more receptive than users who don't, and silence makes nobody more so")
    func receptivity() throws {
        func intercept(_ answers: (Int) -> Bool) throws -> Double {
            var script = CharacterScript(seed: 1, start: Self.midnight)
            for turn in 0..<40 {
                script.say(.user, after: 1200)
                script.say(.assistant, after: 600)
                if answers(turn) { script.say(.user, after: 60) }
            }
            let row = try Self.row(script)
            #expect(try #require(row.receptivityRecencyWeight) <= 0)
            return try #require(row.receptivityIntercept)
        }
        let always = try intercept { _ in true }
        let half = try intercept { $0 % 2 == 0 }
        let never = try intercept { _ in false }
        #expect(always > half && half > never && always - never > 1)
    }

    @Test("A user's offset is the maximum of the posterior")
    func maximum() {
        var random = SeededRandom(seed: 5)
        for _ in 0..<50 {
            var receptivity = Receptivity()
            for _ in 0..<Int.random(in: 0..<200, using: &random) {
                receptivity.addReplyTrial(logit: random.uniform() * 12 - 6, replied: random.chance(0.5))
            }
            #expect(abs(receptivity.offset() - receptivity.offset(iterations: 100)) < 1e-9)
        }
        #expect(Receptivity().offset() == 0)
    }

    @Test("A farewell makes an answer unlikely")
    func farewell() throws {
        func intercept(_ cues: CueSet) throws -> Double {
            var script = CharacterScript(seed: 1, start: Self.midnight)
            for _ in 0..<5 {
                script.say(.user, after: 30)
                script.say(.assistant, after: 30)
            }
            script.say(.user) { $0.cues = cues }
            return try #require(try Self.row(script).receptivityIntercept)
        }
        #expect(try intercept(.farewell) < intercept([]) - 2)
    }

    @Test("Users who come back every few hours are expected sooner than users who do after weeks")
    func returns() throws {
        func hours(every gap: Double) throws -> Double {
            var script = CharacterScript(seed: 1, start: Self.midnight)
            for _ in 0..<6 {
                script.say(.user, after: gap * 3600)
                script.say(.assistant)
            }
            return try #require(try fold(ProactiveEngagementEngine.self, script.observations).expectedReturnHours)
        }
        let often = try hours(every: 4)
        let seldom = try hours(every: 400)
        #expect(often > 0 && often < seldom && seldom <= 168)
        #expect(ProactiveEngagementEngine().expectedReturnHours == nil)
    }

    @Test("The chance to return falls with each longer silence that the user had before")
    func hazards() {
        var last = 0.0
        for gap in [1.0, 10, 100, 1000] {
            var hazard = ReturnHazard()
            hazard.returned(after: gap, at: Self.midnight)
            let mean = hazard.restrictedMeanHours(sessionMessages: 5, at: Self.midnight)
            #expect(mean > last)
            last = mean
            #expect(hazard.hazards(sessionMessages: 5, at: Self.midnight).allSatisfy { $0 > 0 && $0 < 1 })
        }
    }

    @Test("No hour is good within the user's quiet hours")
    func quietHours() throws {
        var script = CharacterScript(seed: 1, start: Self.midnight)
        for _ in 0..<20 {
            for _ in 0..<6 { script.say(.user, after: 3600) }
            script.now = script.now.advanced(bySeconds: 18 * 3600)
        }
        let engine = try fold(ProactiveEngagementEngine.self, script.observations)
        let counts = engine.hours.counts
        for hour in engine.hours.likely {
            #expect(counts[hour] + counts[(hour + 1) % 24] + counts[(hour + 23) % 24] > 0)
        }
        #expect(!engine.hours.likely.isEmpty && engine.hours.likely.count < 24)
    }

    @Test("After three proactive messages without an answer no hour is good until the user writes")
    func cap() throws {
        var script = CharacterScript(seed: 1, start: Self.midnight)
        for _ in 0..<5 { script.say(.user, after: 3600) }
        for count in 1...3 {
            #expect(try Self.row(script).optimalTimingHours != "[]", "\(count)")
            script.outreach(after: 7200)
        }
        let row = try Self.row(script)
        #expect(row.optimalTimingHours == "[]")
        #expect(row.nullReasons[.proactiveEngagement]?.contains("3 proactive messages without an answer") == true)
        script.say(.user, after: 60)
        #expect(try Self.row(script).optimalTimingHours != "[]")
    }

    @Test("Outreach is answered by its row or by a message within a day; fatigue counts the others")
    func outreach() throws {
        var script = CharacterScript(seed: 1, start: Self.midnight)
        script.outreach(answered: true)
        #expect(try Self.row(script).proactiveSuccessRate == 0.5)  // (1 + 1) / (1 + 3)
        #expect(try Self.row(script).outreachFatigue == 0)
        script.outreach(after: 100_000)
        #expect(try Self.row(script).proactiveSuccessRate == 0.4)
        #expect(try Self.row(script).outreachFatigue == 1)
        script.say(.user, after: 80_000)
        #expect(try Self.row(script).proactiveSuccessRate == 0.6)
        #expect(try elements(Self.row(script).outreachTimes).count == 2)
        #expect(try Self.row(script).outreachFatigue == 0)
        script.outreach(after: 100_000)
        script.say(.user, after: 90_000)
        #expect(try Self.row(script).proactiveSuccessRate == 0.5)  // (2 + 1) / (3 + 3)
        script.outreach(after: 7 * 86_400 - 90_000)
        let fatigue = try #require(try Self.row(script).outreachFatigue)
        #expect(abs(fatigue - 1.36788) < 1e-4)
        #expect(try Self.row(script).lastOutreachAt == script.now)
        // A week ends with the last attempt.
        #expect(try elements(Self.row(script).outreachTimes).map(\.int64) == [script.now.microseconds])
    }

    @Test("The interval of the success rate holds the true rate nine times in ten")
    func successInterval() {
        // Exact: over all outcomes of n attempts, averaged over true rates; 90 ± 3 % is asked of every interval here.
        for n in [5, 20, 100] {
            let intervals = (0...n).map { answered in
                var outreach = Outreach()
                for index in 0..<n {
                    let at = Self.midnight.advanced(bySeconds: Double(index) * 1e6)
                    outreach.add(
                        OutreachAttempt(id: Int64(index), sentAt: at, answeredAt: index < answered ? at : nil),
                        at: at)
                }
                let rate = outreach.successRate ?? -1
                #expect(outreach.successInterval?.contains(rate) == true)
                return outreach.successInterval ?? 0...0
            }
            var covered = 0.0
            for step in 1..<200 {
                let rate = Double(step) / 200
                var chance = pow(1 - rate, Double(n))
                for (answered, interval) in intervals.enumerated() {
                    if interval.contains(rate) { covered += chance / 199 }
                    chance *= Double(n - answered) / Double(answered + 1) * rate / (1 - rate)
                }
            }
            #expect(abs(covered - 0.9) < 0.03, "\(n): \(covered)")
        }
        #expect(Outreach().successInterval == nil)
    }

    @Test("Who asks not to be contacted is not")
    func optOut() throws {
        var script = CharacterScript(seed: 1)
        for _ in 0..<5 {
            script.say(.user) {
                $0.terms = Self.terms("sailing", "boat", "harbour")
                $0.emotion.valence = 0.9
            }
            script.say(.assistant)
        }
        #expect(try Self.row(script).suggestedTopics != "[]")
        script.say(.user) { $0.cues = .optOut }
        script.say(.user)
        let row = try Self.row(script)
        #expect(row.receptivityIntercept == -20 && row.suggestedTopics == "[]" && row.optimalTimingHours == "[]")
        #expect(row.nullReasons[.proactiveEngagement]?.contains("user asked not to be contacted") == true)
        script.say(.user) { $0.cues = .optIn }
        let again = try Self.row(script)
        #expect(again.receptivityIntercept != -20 && again.suggestedTopics != "[]")
    }

    @Test("A question that its session left unanswered is suggested before a liked topic")
    func openQuestion() throws {
        var script = CharacterScript(seed: 1)
        for _ in 0..<4 {
            script.say(.user) {
                $0.terms = Self.terms("sailing", "boat", "harbour")
                $0.emotion.valence = 0.9
            }
            script.say(.assistant) { $0.terms = Self.terms("sailing", "boat", "wind") }
        }
        script.say(.user, after: 5000) {
            $0.terms = Self.terms("pasta", "tomato", "oven")
            $0.questionKind = .polar
        }
        let asked = script.now
        let open = try elements(Self.row(script).suggestedTopics)
        #expect(open.count == 2)
        #expect(open.map { $0["reason"]?.string } == ["unanswered question", "liked"])
        #expect(open[0]["last_mentioned"]?.string == asked.rfc3339)
        #expect(open[0]["topic"]?.string?.isEmpty == false)
        script.say(.assistant)
        let answered = try elements(Self.row(script).suggestedTopics)
        #expect(answered.map { $0["reason"]?.string } == ["liked"])
    }
}
