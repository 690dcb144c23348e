import Bytes
import Support
import Testing

@testable import Engines

@Suite("Decayed events")
struct MemoryEventsTests {
    /// Events of so many days: `sittings` a day, each with `size` events within a minute or so.
    private func record(days: Int, sittings: Int, size: Int, seed: UInt64) -> DecayedEvents {
        var random = SeededRandom(seed: seed)
        var events: [Int64] = []
        for _ in 0..<days * sittings {
            let start = Int64.random(in: 0..<Int64(days) * 86_400, using: &random)
            for place in 0..<size { events.append(start + Int64(10 * place)) }
        }
        var counts = DecayedEvents()
        for second in events.sorted() { counts.add(at: Timestamp(microseconds: second * 1_000_000)) }
        return counts
    }

    @Test("Events that come in bursts count as the bursts that they are", arguments: [1, 2, 3])
    func dispersion(seed: UInt64) {
        let single = record(days: 400, sittings: 3, size: 1, seed: seed)
        let bursty = record(days: 400, sittings: 3, size: 6, seed: seed)
        #expect(1..<1.5 ~= single.dispersion, "seed \(seed)")
        #expect(5..<11 ~= bursty.dispersion, "seed \(seed)")
        #expect(bursty.slow > 5 * single.slow && bursty.effective.slow < 1.6 * single.effective.slow)
    }

    @Test("A silence of years is walked through at once, and an earlier event is simultaneous")
    func silence() {
        var counts = DecayedEvents()
        counts.add(at: Timestamp(microseconds: -9_000_000_000_000_000))
        counts.add(at: Timestamp(microseconds: 9_000_000_000_000_000))
        counts.add(at: Timestamp(microseconds: 0))
        #expect(counts.last == Timestamp(microseconds: 9_000_000_000_000_000) && counts.today == 2)
        #expect(counts.fast == 2 && counts.earlier == [0, 0, 0, 0])
    }
}
