import Bytes
import Model
import Support
import Testing

@testable import Engines

/// What all three engines keep: any split gives the same bytes, any bytes are read or refused, states stay small.
@Suite struct CharacterInvariantsTests {
    static let seeds = (1...12).map { UInt64($0) &* 7_919 }

    @Test("Encoding and decoding anywhere changes no byte", arguments: seeds)
    func splits(seed: UInt64) throws {
        var script = CharacterScript(seed: seed)
        script.addAnything(rows: 400)
        func check<E: Engine>(_ type: E.Type) throws {
            let whole = try fold(type, script.observations)
            for interruptions in [0.02, 0.3, 1] {
                let split = try fold(type, script.observations, interruptions: interruptions, seed: seed)
                #expect(split.encoded == whole.encoded, "seed \(seed)")
                var one = StrategicRow(pair: Pair(userID: "u", botName: "b"))
                var other = one
                whole.contribute(to: &one, topics: script.topics)
                split.contribute(to: &other, topics: script.topics)
                #expect(one == other, "seed \(seed)")
            }
        }
        try check(CharacterContributionEngine.self)
        try check(PersonalityEvolutionEngine.self)
        try check(ProactiveEngagementEngine.self)
    }

    @Test("Damaged bytes are refused or read into a state that works", arguments: seeds)
    func fuzz(seed: UInt64) throws {
        var script = CharacterScript(seed: seed)
        script.addAnything(rows: 150)
        let observations = script.observations
        let topics = script.topics
        func check<E: Engine>(_ type: E.Type) throws {
            var random = SeededRandom(seed: seed)
            let bytes = try fold(type, observations).encoded
            var refused = 0
            for _ in 0..<400 {
                var damaged = bytes
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    let place = Int.random(in: 0..<damaged.count, using: &random)
                    switch Int.random(in: 0..<3, using: &random) {
                    case 0: damaged[place] = UInt8.random(in: 0...255, using: &random)
                    case 1 where damaged.count > 1: damaged.removeSubrange(place...)
                    default: damaged.insert(UInt8.random(in: 0...255, using: &random), at: place)
                    }
                    if damaged.isEmpty { damaged = [0] }
                }
                var reader = StateReader(damaged)
                guard var engine = try? E(from: &reader) else {
                    refused += 1
                    continue
                }
                for observation in observations.suffix(30) { engine.apply(observation) }
                var row = StrategicRow(pair: Pair(userID: "u", botName: "b"))
                engine.contribute(to: &row, topics: topics)
                #expect(!engine.encoded.isEmpty)
            }
            #expect(refused > 50, "seed \(seed)")
        }
        try check(CharacterContributionEngine.self)
        try check(PersonalityEvolutionEngine.self)
        try check(ProactiveEngagementEngine.self)
    }

    @Test("States of long busy pairs stay small")
    func bounded() throws {
        var script = CharacterScript(seed: 5)
        for round in 0..<12 {
            script.addAnything(rows: 400)
            for hour in 0..<100 {
                for metric in CharacterMeasure.scores { script.metric(metric, 0.1 + Double(hour) / 150, after: 900) }
                for other in 0..<12 { script.metric("other \(other)", 123.456, after: 0) }
                script.trait("given \(round) \(hour % 20)", 0.7)
            }
        }
        let contributions = try fold(CharacterContributionEngine.self, script.observations)
        let cells = contributions.contributions.buckets.values.reduce(0) { $0 + $1.measures.count }
        #expect(cells <= CharacterContributionEngine.cellsMax + Limits.traitsMax + StyleTraits.names.count)
        #expect(contributions.contributions.buckets.count <= Limits.bucketHoursMax + 1)
        #expect(contributions.encoded.count <= 10_000)
        let personality = try fold(PersonalityEvolutionEngine.self, script.observations)
        #expect(personality.traits.count <= Limits.traitsMax)
        #expect(personality.history.days.count <= Limits.traitHistoryDaysMax)
        #expect(personality.encoded.count <= 5_000)
        #expect(try fold(ProactiveEngagementEngine.self, script.observations).encoded.count <= 1_000)
    }

    @Test("Times at the ends of the range trap nothing")
    func endsOfTime() throws {
        for moment in [Timestamp.negativeInfinity, .infinity, Timestamp(microseconds: .min + 1)] {
            var script = CharacterScript(seed: 9)
            script.addAnything(rows: 60)
            var observations = script.observations
            for place in observations.indices { observations[place].row.effectiveAt = moment }
            #expect(try !fold(CharacterContributionEngine.self, observations, interruptions: 0.5).encoded.isEmpty)
            #expect(try !fold(PersonalityEvolutionEngine.self, observations, interruptions: 0.5).encoded.isEmpty)
            #expect(try !fold(ProactiveEngagementEngine.self, observations, interruptions: 0.5).encoded.isEmpty)
        }
    }
}
