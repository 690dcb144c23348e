import Bytes
import Testing

@testable import LanguageModel

@Suite("Language model: retries")
struct RetryTests {
    private static let busy = LanguageModelError(.busy, "busy")

    private func policy(attempts: Int = 4) throws -> RetryPolicy {
        var configuration = LanguageModelConfiguration(endpoint: try EndpointURL("http://localhost"), model: "m")
        configuration.attemptsMax = attempts
        configuration.pauseMillisecondsFirst = 100
        configuration.pauseMillisecondsMax = 300
        configuration.retryAfterSecondsMax = 60
        return RetryPolicy(configuration)
    }

    @Test func pausesAreDrawnFromZeroToADoublingBound() throws {
        for (failures, bound) in [(1, UInt64(100)), (2, 200), (3, 300), (9, 300)] {
            func pause(_ random: UInt64) throws -> RetryPolicy.Action {
                var policy = try policy(attempts: 20)
                for _ in 1..<failures { _ = policy.handle(Self.busy, retryAfterSeconds: nil, random: 0) }
                return policy.handle(Self.busy, retryAfterSeconds: nil, random: random)
            }
            #expect(try pause(0) == .retry(afterMilliseconds: 0))
            #expect(try pause(bound) == .retry(afterMilliseconds: bound))
            #expect(try pause(bound + 1) == .retry(afterMilliseconds: 0))
        }
    }

    @Test func thePauseIsNeverShorterThanTheEndpointAsks() throws {
        var policy = try policy()
        #expect(
            policy.handle(Self.busy, retryAfterSeconds: 60, random: 50) == .retry(afterMilliseconds: 60_050))
        #expect(policy.handle(Self.busy, retryAfterSeconds: 60.1, random: 0) == .giveUp)
    }

    @Test func attemptsAreCountedAndSomeFailuresAreFinal() throws {
        var policy = try policy(attempts: 3)
        #expect(policy.handle(Self.busy, retryAfterSeconds: nil, random: 0) == .retry(afterMilliseconds: 0))
        #expect(policy.handle(Self.busy, retryAfterSeconds: nil, random: 0) == .retry(afterMilliseconds: 0))
        #expect(policy.handle(Self.busy, retryAfterSeconds: nil, random: 0) == .giveUp)
        for code in [LanguageModelError.Code.refused, .refusedRequest, .tooLarge, .budget, .configuration] {
            var policy = try self.policy()
            #expect(policy.handle(LanguageModelError(code, ""), retryAfterSeconds: nil, random: 0) == .giveUp)
        }
    }

    @Test func retryAfterIsSecondsOrADateOfTheEndpointsOwnClock() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT"
        #expect(RetryAfter.seconds("120", date: nil) == 120)
        #expect(RetryAfter.seconds(" 0 ", date: nil) == 0)
        #expect(RetryAfter.seconds("99999999999999999999", date: nil) == 1e9)
        #expect(RetryAfter.seconds("Sun, 06 Nov 1994 08:50:07 GMT", date: date) == 30)
        #expect(RetryAfter.seconds("Sun, 06 Nov 1994 08:49:07 GMT", date: date) == 0)
        #expect(RetryAfter.seconds("Sun, 06 Nov 1994 08:50:07 GMT", date: nil) == nil)
        for text in ["", "-1", "soon", "1.5", "1e3", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT"] {
            #expect(RetryAfter.seconds(text, date: date) == nil, "\(text)")
        }
    }

    @Test func allThreeFormsOfDatesAreRead() throws {
        let moment = try Timestamp(text: "1994-11-06T08:49:37Z")
        #expect(RetryAfter.moment("Sun, 06 Nov 1994 08:49:37 GMT") == moment)
        #expect(RetryAfter.moment("Sunday, 06-Nov-94 08:49:37 GMT") == moment)
        #expect(RetryAfter.moment("Sun Nov  6 08:49:37 1994") == moment)
        #expect(RetryAfter.moment("Thu, 29 Feb 2024 23:59:59 GMT") == (try Timestamp(text: "2024-02-29T23:59:59Z")))
    }
}
