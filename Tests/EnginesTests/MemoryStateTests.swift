import Bytes
import Engines
import Model
import Support
import Testing

@Suite("State of the memory engines")
struct MemoryStateTests {
    /// Rows that are as bad as rows can be: times that stand still, go back and jump by centuries, odd ids and scores.
    private func rows(seed: UInt64, count: Int) -> [Observation] {
        var random = SeededRandom(seed: seed)
        var script = MemoryScript()
        return (0..<count).map { _ in
            let gap: Int64 =
                switch Int.random(in: 0..<20, using: &random) {
                case 0: 0
                case 1: -Int64.random(in: 0..<1_000_000, using: &random)
                case 2: Int64.random(in: 0..<3_000_000_000, using: &random)
                case 3...6: Int64.random(in: 0..<400_000, using: &random)
                default: Int64.random(in: 0..<120, using: &random)
                }
            if gap > 1800 || Int.random(in: 0..<30, using: &random) == 0 { script.session += 1 }
            let topic = UInt32.random(in: 0..<30, using: &random)
            switch Int.random(in: 0..<12, using: &random) {
            case 0: return script.metric(after: gap)
            case 1...2:
                let outcome = RecallOutcome(rawValue: UInt8.random(in: 0...2, using: &random)) ?? .unknown
                let score = [nil, .nan, -.infinity, 0.3, 0.8][Int.random(in: 0..<5, using: &random)]
                return script.retrieval("memory-é\(topic)", outcome, score: score, after: gap)
            case 3...6: return script.bot(topic % 9, after: gap)
            case 7: return script.message(.user, topic: topic, after: gap, isAcknowledgement: true)
            default: return script.user(topic % (topic % 2 == 0 ? 6 : 30), after: gap)
            }
        }
    }

    private func expectSplitInvariance<E: Engine>(_ type: E.Type, seed: UInt64) throws {
        var random = SeededRandom(seed: seed &+ 1)
        let rows = rows(seed: seed, count: 400)
        let whole = E.folding(rows)
        var interrupted = E()
        for row in rows {
            interrupted.apply(row)
            if Int.random(in: 0..<3, using: &random) == 0 { interrupted = try E(stateBytes: interrupted.stateBytes) }
        }
        #expect(interrupted.stateBytes == whole.stateBytes, "seed \(seed)")
        #expect(interrupted.row == whole.row, "seed \(seed)")
        #expect(try E(stateBytes: whole.stateBytes).row == whole.row, "seed \(seed)")
    }

    @Test(
        "C2 the same rows give the same bytes, wherever the fold was interrupted",
        arguments: [
            1, 2, 3, 4, UInt64.random(in: 5...UInt64.max),
        ])
    func splitInvariance(seed: UInt64) throws {
        try expectSplitInvariance(MemoryAging.self, seed: seed)
        try expectSplitInvariance(MemoryBehavior.self, seed: seed)
    }

    @Test(
        "Everything stays within its bounds, whatever the rows",
        arguments: [11, 12, UInt64.random(in: 13...UInt64.max)])
    func bounds(seed: UInt64) throws {
        let rows = rows(seed: seed, count: 3000)
        var aging = MemoryAging()
        var behavior = MemoryBehavior()
        for (index, observation) in rows.enumerated() {
            aging.apply(observation)
            behavior.apply(observation)
            guard index % 100 == 99 else { continue }
            #expect(aging.stateBytes.count < 1200 && behavior.stateBytes.count < 700, "seed \(seed)")
            var row = StrategicRow(pair: Pair(userID: "u", botName: "b"))
            aging.contribute(to: &row, topics: TopicTracker())
            behavior.contribute(to: &row, topics: TopicTracker())
            let memories = try #require(JSONValue(parsing: row.memoryCandidates ?? "").array)
            #expect(memories.count <= Limits.memoryCandidatesMax, "seed \(seed)")
            #expect(memories.allSatisfy { (0.001...36500).contains($0["stability"]?.double ?? -1) }, "seed \(seed)")
            #expect((0...1).contains(row.topicDrift ?? 0) && (0...1).contains(row.recallSimulationScore ?? 0))
            _ = try JSONValue(parsing: row.forgettingCurve ?? "null")
        }
    }

    @Test("The longest identifiers keep within the engine's share of the state")
    func longNames() throws {
        var script = MemoryScript()
        let name = String(repeating: "🧭", count: 64)
        let rows = (0..<20).map { script.retrieval(name.dropLast(4) + "\($0)", .recalled) }
        let aging = MemoryAging.folding(rows)
        #expect(aging.stateBytes.count < Limits.stateBytesMax / 2)
        #expect(try MemoryAging(stateBytes: aging.stateBytes).row == aging.row)
    }

    @Test(
        "Any bytes are read or refused, and what is read can go on",
        arguments: [21, 22, UInt64.random(in: 23...UInt64.max)])
    func fuzz(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let rows = rows(seed: seed, count: 60)
        let samples = [MemoryAging.folding(rows).stateBytes, MemoryBehavior.folding(rows).stateBytes]
        var refused = 0
        for round in 0..<3000 {
            var bytes = samples[round % 2]
            if round % 5 == 0 {
                bytes = (0..<Int.random(in: 0..<300, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
            } else {
                for _ in 0...Int.random(in: 0..<3, using: &random) {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                if round % 3 == 0 { bytes.removeLast(Int.random(in: 1..<bytes.count, using: &random)) }
            }
            refused += goesOn(MemoryAging.self, bytes, rows) ? 0 : 1
            refused += goesOn(MemoryBehavior.self, bytes, rows) ? 0 : 1
        }
        #expect(refused > 3000, "seed \(seed): a state of the other engine, or a broken one, is refused")
    }

    private func goesOn<E: Engine>(_ type: E.Type, _ bytes: [UInt8], _ rows: [Observation]) -> Bool {
        guard var engine = try? E(stateBytes: bytes) else { return false }
        for row in rows.prefix(20) { engine.apply(row) }
        let row = engine.row
        return row.topicDrift?.isFinite ?? true && row.recallSimulationScore?.isFinite ?? true
    }

    @Test("A state that ends early or goes on too long is refused")
    func truncation() throws {
        let bytes = MemoryAging.folding(rows(seed: 31, count: 50)).stateBytes
        for length in 0..<bytes.count {
            #expect(throws: StateError.self) { try MemoryAging(stateBytes: Array(bytes.prefix(length))) }
        }
        #expect(throws: StateError.self) { try MemoryAging(stateBytes: bytes + [0]) }
        #expect(try MemoryAging(stateBytes: bytes).stateBytes == bytes)
    }
}
