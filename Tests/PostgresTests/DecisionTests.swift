import Postgres
import Testing

@Suite("Backoff and reconnecting")
struct BackoffTests {
    @Test func delaysDoubleUpToTheCap() {
        var backoff = Backoff(firstMilliseconds: 100, capMilliseconds: 1_000)
        var bounds: [UInt64] = []
        for _ in 0..<6 {
            bounds.append(backoff.boundMilliseconds)
            let delay = backoff.fail(random: .max)
            #expect((bounds.last! / 2...bounds.last!).contains(delay))
        }
        #expect(bounds == [100, 200, 400, 800, 1_000, 1_000])
        backoff.succeed()
        #expect(backoff.boundMilliseconds == 100)
    }

    @Test func jitterCoversHalfTheBound() {
        let delays = Set(
            (0..<200).map { random in
                var backoff = Backoff(firstMilliseconds: 100, capMilliseconds: 100)
                return backoff.fail(random: UInt64(random))
            })
        #expect(delays == Set(50...100))
    }

    @Test func manyFailuresDoNotOverflow() {
        var backoff = Backoff(firstMilliseconds: 1 << 40, capMilliseconds: 1 << 50)
        for _ in 0..<100 { #expect(backoff.fail(random: 7) <= 1 << 50) }
    }

    @Test func aLostConnectionIsMadeAgainAtOnce() {
        var policy = ReconnectPolicy(Backoff(firstMilliseconds: 10, capMilliseconds: 10))
        #expect(policy.handle(.wanted(now: 0)) == .connect)
        #expect(policy.handle(.connected) == .use)
        #expect(policy.handle(.wanted(now: 1)) == .use)
        #expect(policy.handle(.lost) == .none)
        #expect(policy.handle(.wanted(now: 2)) == .connect)
    }

    @Test func failedAttemptsArePaced() {
        var policy = ReconnectPolicy(Backoff(firstMilliseconds: 10, capMilliseconds: 10))
        guard case .refuse(let until) = policy.handle(.failed(now: 1_000, random: 3)) else {
            Issue.record("expected a refusal")
            return
        }
        #expect((5_001_000...10_001_000).contains(until))
        #expect(policy.handle(.wanted(now: until - 1)) == .refuse(until: until))
        #expect(policy.handle(.wanted(now: until)) == .connect)
    }
}

@Suite("Pool policy")
struct PoolPolicyTests {
    private func policy(max: Int = 2, min: Int = 0) -> PoolPolicy {
        PoolPolicy(
            connectionsMax: max, connectionsMin: min, backoff: Backoff(firstMilliseconds: 10, capMilliseconds: 10))
    }

    @Test func connectionsAreOpenedOnDemandUpToTheLimit() {
        var policy = policy(max: 1)
        #expect(policy.handle(.maintenance(now: 0)) == .rest(until: nil))
        #expect(policy.handle(.wanted(now: 0, isWaiting: false)) == .wait)
        #expect(policy.handle(.maintenance(now: 0)) == .open)
        #expect(policy.handle(.opened) == .keep)
        #expect(policy.handle(.wanted(now: 0, isWaiting: true)) == .lend)
        #expect(policy.handle(.stoppedWaiting) == .rest(until: nil))
        #expect(policy.handle(.wanted(now: 0, isWaiting: false)) == .wait)
        #expect(policy.handle(.maintenance(now: 0)) == .rest(until: nil))
        #expect(policy.handle(.returned(.ready)) == .keep)
        #expect(policy.handle(.wanted(now: 0, isWaiting: true)) == .lend)
    }

    @Test func theMinimumIsOpenedAhead() {
        var policy = policy(min: 2)
        for _ in 0..<2 {
            #expect(policy.handle(.maintenance(now: 0)) == .open)
            #expect(policy.handle(.opened) == .keep)
        }
        #expect(policy.handle(.maintenance(now: 0)) == .rest(until: nil))
        #expect(policy.idle == 2)
    }

    @Test func anAbsentDatabaseIsRefusedAtOnceAndTriedInTime() {
        var policy = policy(min: 1)
        #expect(policy.handle(.maintenance(now: 0)) == .open)
        // While the first attempt runs there is hope.
        #expect(policy.handle(.wanted(now: 0, isWaiting: false)) == .wait)
        guard case .rest(let until?) = policy.handle(.openFailed(now: 0, random: 0)) else {
            Issue.record("expected a rest")
            return
        }
        #expect(policy.handle(.wanted(now: 1, isWaiting: true)) == .refuseAway)
        _ = policy.handle(.stoppedWaiting)
        #expect(policy.handle(.maintenance(now: until - 1)) == .rest(until: until))
        #expect(policy.handle(.wanted(now: until, isWaiting: false)) == .wait)
        #expect(policy.handle(.maintenance(now: until)) == .open)
        #expect(policy.handle(.opened) == .keep)
        #expect(policy.handle(.wanted(now: until, isWaiting: true)) == .lend)
    }

    @Test func ailingConnectionsAreNursedBeforeOthersAreOpened() {
        var policy = policy(min: 1)
        _ = policy.handle(.maintenance(now: 0))
        _ = policy.handle(.opened)
        #expect(policy.handle(.wanted(now: 0, isWaiting: false)) == .lend)
        #expect(policy.handle(.returned(.outstanding)) == .nurse)
        #expect(policy.handle(.maintenance(now: 0)) == .recover)
        #expect(policy.handle(.recovered(true)) == .keep)
        #expect(policy.handle(.wanted(now: 0, isWaiting: false)) == .lend)
        #expect(policy.handle(.returned(.broken)) == .discard)
        #expect(policy.handle(.maintenance(now: 0)) == .open)
    }

    @Test func aClosedPoolKeepsNothing() {
        var policy = policy(min: 1)
        _ = policy.handle(.maintenance(now: 0))
        _ = policy.handle(.opened)
        #expect(policy.handle(.wanted(now: 0, isWaiting: false)) == .lend)
        #expect(policy.handle(.closed) == .end)
        #expect(policy.handle(.maintenance(now: 0)) == .end)
        #expect(policy.handle(.returned(.ready)) == .discard)
        #expect(policy.handle(.opened) == .discard)
        #expect(policy.handle(.wanted(now: 0, isWaiting: false)) == .refuseClosed)
    }

    /// Random events never break the invariants; the seed is in the test's name.
    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func invariantsHold(seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15
        func next(_ bound: UInt64) -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state % bound
        }
        var policy = policy(max: 3, min: 1)
        var isOpening = false
        for now in 0..<20_000 as Range<UInt64> {
            switch next(5) {
            case 0:
                if policy.handle(.wanted(now: now * 1_000_000, isWaiting: false)) == .wait {
                    _ = policy.handle(.stoppedWaiting)
                }
            case 1 where policy.lent > 0:
                _ = policy.handle(.returned([.ready, .outstanding, .broken][Int(next(3))]))
            case 2 where !isOpening:
                switch policy.handle(.maintenance(now: now * 1_000_000)) {
                case .open: isOpening = true
                case .recover: _ = policy.handle(.recovered(next(2) == 0))
                default: break
                }
            case 3 where isOpening:
                isOpening = false
                _ =
                    next(2) == 0
                    ? policy.handle(.opened) : policy.handle(.openFailed(now: now * 1_000_000, random: next(99)))
            default: break
            }
            #expect(policy.idle >= 0 && policy.lent >= 0 && policy.ailing >= 0 && policy.waiting == 0)
            #expect(policy.idle + policy.lent + policy.ailing + (isOpening ? 1 : 0) <= 3)
        }
    }
}
