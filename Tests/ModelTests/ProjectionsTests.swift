import Bytes
import Model
import Testing

@Suite("C8 Projections of anchors") struct ProjectionsTests {
    private let now = Timestamp(seconds: 1_700_000_000)

    private func ago(days: Double) -> Timestamp { now.advanced(bySeconds: -days * 86_400) }

    @Test func retrievabilityIsNineTenthsAfterTheStability() {
        for stability in [0.5, 3, 100.0] {
            #expect(
                abs(ForgettingCurve.standard.retrievability(afterDays: stability, stability: stability) - 0.9) < 1e-12)
        }
        #expect(ForgettingCurve.standard.retrievability(afterDays: 0, stability: 3) == 1)
        // FSRS-6 with its default decay, after ten days at a stability of 3.
        let after = ForgettingCurve.standard.retrievability(afterDays: 10, stability: 3)
        #expect(abs(after - 0.799_506_859_870) < 1e-9)
    }

    @Test func trendOfConstantRising() {
        // A constant rate of one a day gives 14 and 89; half as many more in the last weeks is a significant rise.
        func trend(_ fast: Double, _ slow: Double, days: Double = 400) -> TrendFinding {
            Projections.retrievalTrend(first: ago(days: days), last: now, fast: fast, slow: slow, at: now)
        }
        #expect(trend(14, 89).trend == .stable)
        #expect(trend(21, 94).trend == .increasing)
        #expect(trend(7, 88).trend == .declining)
        #expect(trend(2, 2.9) == .unknown(reason: "too few retrievals"))
        #expect(trend(14, 89, days: 6.9) == .unknown(reason: "less than 7 days of retrievals"))
        #expect(
            Projections.retrievalTrend(first: nil, last: now, fast: 1, slow: 1, at: now)
                == .unknown(reason: "no retrievals yet"))
    }

    @Test func silenceTurnsATrendDown() {
        let later = now.advanced(bySeconds: 21 * 86_400)
        let finding = Projections.retrievalTrend(first: ago(days: 400), last: now, fast: 14, slow: 89, at: later)
        #expect(finding.trend == .declining)
    }

    @Test func switchLikelihoodGrowsWithSilence() {
        func likelihood(_ seconds: Double) -> Double? {
            Projections.switchLikelihood(
                logit: 0, gapWeight: 1, lastMessageAt: now.advanced(bySeconds: -seconds), at: now)
        }
        #expect(likelihood(0) == 0.5)
        #expect(likelihood(-60) == 0.5)
        #expect(abs(likelihood(60)! - 2.0 / 3) < 1e-12)
        #expect(Projections.switchLikelihood(logit: nil, gapWeight: 1, lastMessageAt: now, at: now) == nil)
        #expect(Projections.switchLikelihood(logit: .nan, gapWeight: 1, lastMessageAt: now, at: now) == nil)
        #expect(Projections.switchLikelihood(logit: .infinity, gapWeight: 1, lastMessageAt: now, at: now) == 1)
    }

    @Test func receptivityCountsHourAndFatigue() {
        var anchors = Projections.ReceptivityAnchors()
        anchors.intercept = 0
        anchors.recencyWeight = 0
        anchors.hourLogits = (0..<24).map { $0 == 22 ? 1 : 0 }
        anchors.lastUserMessageAt = now
        // 2023-11-14T22:13:20Z
        #expect(abs(Projections.receptivity(anchors, at: now)! - 0.731_058_578_630_005) < 1e-12)
        anchors.outreachFatigue = 1
        anchors.lastOutreachAt = now
        #expect(Projections.receptivity(anchors, at: now) == 0.5)
        anchors.hourLogits = []
        #expect(Projections.receptivity(anchors, at: now) == nil)
        #expect(Projections.hourOfDay(Timestamp(seconds: -1)) == 23)
    }

    @Test func snapshotNeverNamesAMemoryTwice() {
        for count in 0...16 {
            let memories = (0..<count).map {
                MemoryCandidate(id: "m\($0)", first: 0, last: now.seconds - Double($0 / 3) * 86_400, stability: 2)
            }
            let standings = Projections.standings(memories, curve: .standard, at: now)
            let snapshot = Projections.snapshot(standings)
            let ids = (snapshot.stale + snapshot.fresh).map(\.id)
            #expect(Set(ids).count == ids.count)
            #expect(ids.count == min(count, 10))
            #expect(
                (snapshot.stale.map(\.retrievability).max() ?? 0) <= (snapshot.fresh.map(\.retrievability).min() ?? 1))
            #expect(Projections.forgettingRisk(standings).count == min(count, 8))
        }
    }

    @Test func traitHistoryKeepsThirtyDays() throws {
        let history = try JSONValue(
            parsing: #"[{"date":"2023-10-15"},{"date":"2023-10-16"},{"date":"2023-11-14"},{"none":1}]"#)
        #expect(Projections.traitHistory(history, at: now).map { $0["date"]?.string } == ["2023-10-16", "2023-11-14"])
    }

    @Test func pairHashesAreKeyed() throws {
        let hash = try #require(PairHash(notificationKey: Array(0..<32)))
        let other = try #require(PairHash(notificationKey: Array(1..<33)))
        let pair = Pair(userID: "u", botName: "b")
        #expect(hash.hash(pair) != other.hash(pair))
        #expect(hash.hash(pair) != hash.hash(Pair(userID: "b", botName: "u")))
        #expect(PairHash.parse(PairHash.text(hash.hash(pair))) == hash.hash(pair))
        #expect(PairHash.text(5) == "0000000000000005")
        #expect(PairHash.parse("+000000000000005") == nil && PairHash.parse("5") == nil)
        #expect(PairHash(notificationKey: Array(0..<15)) == nil)
    }
}

@Suite struct PromptDigestTests {
    private var digest: PromptDigest {
        var digest = PromptDigest()
        digest.recentTopics = ["sailing", "tax\n\"returns\"", "sailing", " ", "garden", "fourth"]
        digest.switchLikelihood = 0.345
        digest.unvalidated = [.contextSwitch]
        digest.suggestedTopic = "Zoë’s 👩‍👩‍👧"
        return digest
    }

    @Test func saysWhatIsKnown() {
        #expect(
            digest.text(charactersMax: 1000)
                == "Recent topics: \"sailing\", \"tax  returns\", \"garden\" (unvalidated). "
                + "Chance of a topic change now: 35% (unvalidated). Worth raising: \"Zoë’s 👩‍👩‍👧\".")
        #expect(PromptDigest().text(charactersMax: 1000) == "")
    }

    @Test func neverPassesItsLimitNorCutsASentence() {
        var old = digest
        old.staleSeconds = 7200
        let whole = old.text(charactersMax: 1000)
        #expect(whole.hasPrefix("These notes may be out of date: last complete 2 h ago. Recent"))
        for limit in -1...whole.unicodeScalars.count {
            for text in [digest.text(charactersMax: limit), old.text(charactersMax: limit)] {
                #expect(text.unicodeScalars.count <= max(limit, 0))
                #expect(text.isEmpty || text.hasSuffix("."))
                #expect(!text.hasSuffix("ago."))
            }
        }
    }
}
