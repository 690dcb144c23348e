import Bytes
import Testing

@testable import Learning

@Suite("Personality")
struct PersonalityTests {
    private let tenth: Int64 = 100_000

    private func sum(_ texts: [String], weight: Int64 = PersonalitySum.weightOne) -> PersonalitySum {
        var sum = PersonalitySum()
        for text in texts {
            if case .adjustments(let points) = PersonalityInsight(parsing: text) { sum.add(points, weight: weight) }
        }
        return sum
    }

    @Test("+2.0 and +1.0 of openness take 50.0 to 50.3, to the decimal, however they are split")
    func example() {
        var together = PersonalityProfile.start
        let changes = together.apply(sum(["{\"openness\": 2.0}", "{\"openness\": 1.0}"]), rateMillionths: tenth)
        #expect(together.values[.openness] == 50_300_000)
        #expect(changes.count == 1 && changes[0].before == 50_000_000 && changes[0].after == 50_300_000)
        var apart = PersonalityProfile.start
        _ = apart.apply(sum(["{\"openness\": 2.0}"]), rateMillionths: tenth)
        _ = apart.apply(sum(["{\"openness\": 1.0}"]), rateMillionths: tenth)
        #expect(apart == together)
        #expect(
            PersonalityProfile.json(changes).text
                == "{\"openness\":{\"before\":50,\"after\":50.3,\"change\":0.3,\"sum\":3}}")
    }

    @Test("ten times a tenth is one: nothing is lost to binary fractions")
    func exactness() {
        var profile = PersonalityProfile.start
        for _ in 0..<10 { _ = profile.apply(sum(["{\"neuroticism\": 0.1}"]), rateMillionths: tenth) }
        #expect(profile.values[.neuroticism] == 50_100_000)
    }

    @Test("a profile stays within 0…100, and the next step starts from the bound")
    func clamps() {
        var profile = PersonalityProfile.start
        _ = profile.apply(sum(Array(repeating: "{\"extraversion\": 100}", count: 20)), rateMillionths: tenth)
        #expect(profile.values[.extraversion] == 100_000_000)
        _ = profile.apply(sum(["{\"extraversion\": -10}"]), rateMillionths: tenth)
        #expect(profile.values[.extraversion] == 99_000_000)
        let changes = profile.apply(
            sum(Array(repeating: "{\"agreeableness\": -100}", count: 20)), rateMillionths: tenth)
        #expect(profile.values[.agreeableness] == 0 && changes[0].sum == -2_000_000_000_000)
        #expect(profile.values[.openness] == 50_000_000)
    }

    @Test("an interaction counts by the weight of its kind")
    func weights() {
        var profile = PersonalityProfile.start
        _ = profile.apply(sum(["{\"openness\": 4}"], weight: 2_000), rateMillionths: tenth)
        #expect(profile.values[.openness] == 50_080_000)
        _ = profile.apply(sum(["{\"openness\": 4}"], weight: -5_000), rateMillionths: tenth)
        #expect(profile.values[.openness] == 49_880_000)
    }

    @Test(
        "an unknown trait or anything but a number rejects the insight, and the reason quotes nothing of it",
        arguments: [
            ("{\"openess\": 1}", "expected traits among"), ("{\"Openness\": 1}", "expected traits among"),
            ("{\"openness\": \"NaN\"}", "a text"), ("{\"openness\": \"Infinity\"}", "a text"),
            ("{\"openness\": \"secret\"}", "a text"), ("{\"openness\": null}", "null"),
            ("{\"openness\": true}", "true or false"), ("{\"openness\": [1]}", "a list"),
            ("{\"openness\": 1, \"secret\": 1}", "another"), ("{\"openness\": 1, \"neuroticism\": null}", "null"),
            ("{\"openness\": 100.1}", "a number beyond"), ("{\"openness\": -1e300}", "a number beyond"),
            ("{\"openness\": 1e400}", "beyond"), ("{}", "none"), ("[]", "a list"), ("3", "a number"), ("null", "null"),
            ("\"openness\"", "a text"), (String(repeating: "[", count: 2_000), "beyond"),
        ])
    func rejects(text: String, reason: String) {
        guard case .rejected(let found) = PersonalityInsight(parsing: text) else {
            Issue.record("expected \(text.prefix(40)) to be rejected")
            return
        }
        #expect(found.hasPrefix("expected ") && found.contains(reason) && !found.contains("secret"))
    }

    @Test("all five traits are taken, zero and bounds included")
    func accepts() {
        let text = """
            {"openness": 0, "conscientiousness": -100, "extraversion": 100, "agreeableness": 1e-5, "neuroticism": 1e1}
            """
        #expect(
            PersonalityInsight(parsing: text)
                == .adjustments([
                    .openness: 0, .conscientiousness: -10_000_000, .extraversion: 10_000_000, .agreeableness: 1,
                    .neuroticism: 1_000_000,
                ]))
    }

    @Test("a million insights of the largest kind do not overflow")
    func largeSums() {
        var sum = PersonalitySum()
        for _ in 0..<1_000_000 { sum.add([.openness: 10_000_000], weight: 100_000) }
        var profile = PersonalityProfile.start
        _ = profile.apply(sum, rateMillionths: 1_000_000)
        #expect(profile.values[.openness] == 100_000_000)
    }
}
