import Bytes
import Model
import Support
import Testing

@testable import Engines

@Suite struct PersonalityEvolutionTests {
    static func row(_ script: CharacterScript) throws -> StrategicRow {
        var row = StrategicRow(pair: Pair(userID: "u", botName: "b"))
        try fold(PersonalityEvolutionEngine.self, script.observations).contribute(to: &row, topics: script.topics)
        return row
    }

    @Test("A trait that the user likes is found, suggested and validated")
    func likedTrait() throws {
        var script = CharacterScript(seed: 61)
        for turn in 0..<200 {
            let isFunny = script.random.chance(0.5)
            script.say(.assistant, after: turn % 10 == 0 ? 4000 : 20)
            script.trait(isFunny ? "humor" : "formality", 0.9)
            let mood = (isFunny ? 0.4 : -0.2) + 0.1 * script.random.normal()
            script.say(.user) { $0.emotion.valence = mood }
        }
        let row = try Self.row(script)
        let traits = try elements(row.dominantTraits)
        #expect(traits.count == 2 && traits.allSatisfy { $0["source"]?.string == "given" })
        let frequencies = traits.compactMap { $0["frequency"]?.double }
        #expect(abs(frequencies.reduce(0, +) - 1) < 0.001 && frequencies[0] >= frequencies[1])
        let suggestions = try elements(row.adaptationSuggestions)
        let humor = try #require(suggestions.first { $0["trait"]?.string == "humor" })
        #expect(humor["direction"]?.string == "more" && (humor["low"]?.double ?? -1) > 0)
        #expect(!row.unvalidated.contains(.personalityEvolution))
        #expect(row.nullReasons[.personalityEvolution] == nil)
    }

    @Test("Without an effect nothing is suggested and the model stays unvalidated")
    func noEffect() throws {
        var suggested = 0
        for seed in 0..<20 as Range<UInt64> {
            var script = CharacterScript(seed: 71 + seed)
            for turn in 0..<80 {
                script.say(.assistant, after: turn % 10 == 0 ? 4000 : 20)
                script.trait(["humor", "warmth", "empathy"].randomElement(using: &script.random) ?? "", 0.9)
                let mood = 0.3 * script.random.normal()
                script.say(.user) { $0.emotion.valence = mood }
            }
            let row = try Self.row(script)
            if row.adaptationSuggestions != "[]" { suggested += 1 }
            #expect(row.unvalidated.contains(.personalityEvolution), "seed \(71 + seed)")
        }
        print("pairs of 20 without effect that got a suggestion: \(suggested)")
        #expect(suggested <= 4)
    }

    @Test("90 % intervals hold the true effect about as often as they say")
    func coverage() {
        var random = SeededRandom(seed: 81)
        var held = 0
        var count = 0
        for _ in 0..<150 {
            let effects = (0..<4).map { _ in 0.25 * random.normal() }
            var model = ReactionModel()
            for _ in 0..<60 {
                let x = effects.map { _ in random.uniform() }
                model.add(zip(effects, x).reduce(random.normal()) { $0 + $1.0 * $1.1 }, traits: x)
            }
            for (trait, effect) in model.effects(traits: 4).enumerated() {
                guard let effect, let contrast = model.contrast(of: trait, traits: 4) else { continue }
                let truth = zip(contrast, effects).reduce(0.0) { $0 + $1.0 * $1.1 }
                count += 1
                if effect.low <= truth, truth <= effect.high { held += 1 }
            }
        }
        let coverage = Double(held) / Double(count)
        print("coverage of 90 % intervals: \(coverage) of \(count)")
        #expect(coverage > 0.85 && coverage < 0.97)
    }

    @Test("Style stands in until the first activation, which wins entirely")
    func sources() throws {
        var script = CharacterScript(seed: 91)
        for _ in 0..<8 + PersonalityEvolutionEngine.baselineRepliesMin {
            script.say(.assistant) {
                $0.questionKind = .wh; $0.secondPerson = 2
            }
            script.say(.user)
        }
        let style = try Self.row(script)
        let traits = try elements(style.dominantTraits)
        #expect(traits.count == StyleTraits.names.count && traits[0]["trait"]?.string == "curiosity")
        #expect(traits.allSatisfy { $0["source"]?.string == "style" })
        #expect(style.adaptationSuggestions != nil && style.userResponsePatterns != nil)
        script.say(.assistant)
        script.trait("stoicism", 0.4)
        let given = try Self.row(script)
        let known = try elements(given.dominantTraits)
        #expect(
            known.count == 1 && known[0]["trait"]?.string == "stoicism" && known[0]["effectiveness"]?.isNull == true)
        #expect(given.nullReasons[.personalityEvolution]?.contains("fewer than 5 reactions") == true)
    }

    @Test("Newer activations weigh more")
    func decay() throws {
        var script = CharacterScript(seed: 101)
        for _ in 0..<10 { script.trait("old", 1) }
        script.trait("new", 1, after: 86_400 * 90)
        let traits = try elements(Self.row(script).dominantTraits)
        #expect(traits[0]["trait"]?.string == "new")
        // 1 against 10·e^(−3)
        #expect(abs((traits[0]["frequency"]?.double ?? 0) - 1 / (1 + 10 * 0.049787)) < 0.001)
    }

    @Test("History holds the newest 30 days")
    func history() throws {
        var script = CharacterScript(seed: 111)
        for _ in 0..<45 { script.trait("warmth", 0.5, after: 86_400) }
        let days = try elements(Self.row(script).traitHistory)
        #expect(days.count == 30)
        #expect(days.last?["date"]?.string == String(script.now.rfc3339.prefix(10)))
        #expect(days.last?["traits"]?["warmth"]?["intensity"]?.double == 0.5)
    }

    @Test("A turn left without an answer is a bad reaction")
    func silence() throws {
        var script = CharacterScript(seed: 121)
        for turn in 0..<120 {
            let isRude = turn % 3 == 0
            script.say(.user, after: 4000)
            script.say(.assistant, after: 10)
            script.trait(isRude ? "rudeness" : "warmth", 1)
            if !isRude { script.say(.user, after: 20) }
        }
        let suggestions = try elements(Self.row(script).adaptationSuggestions)
        #expect(
            suggestions.contains { $0["trait"]?.string == "rudeness" && $0["direction"]?.string == "less" })
    }

    @Test("A goodbye without an answer is no bad reaction, and style that can't be read teaches nothing")
    func closings() throws {
        for closesWith in [CueSet.farewell, []] {
            var script = CharacterScript(seed: 131)
            for _ in 0..<40 {
                script.say(.assistant, after: 4000)
                script.say(.user, after: 20)
                script.say(.assistant, after: 20) { $0.cues = closesWith }
            }
            let engine = try fold(PersonalityEvolutionEngine.self, script.observations)
            // The last turn is still open.
            let judged = 40 - PersonalityEvolutionEngine.baselineRepliesMin
            #expect(engine.model.count == (closesWith.isEmpty ? 2 * judged : judged))
        }
        var foreign = CharacterScript(seed: 132)
        for _ in 0..<20 {
            foreign.say(.assistant) { $0.rulesApply = false }
            foreign.say(.user) { $0.rulesApply = false }
        }
        let row = try Self.row(foreign)
        #expect(row.dominantTraits == nil && row.userResponsePatterns != nil)
        #expect(row.nullReasons[.personalityEvolution]?.contains("style could be read") == true)
        #expect(row.unvalidated.contains(.personalityEvolution))
    }
}
