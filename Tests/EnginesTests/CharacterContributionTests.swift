import Bytes
import Model
import Support
import Testing

@testable import Engines

@Suite struct CharacterContributionTests {
    @Test("A bot's buckets are the same sums in any order and over any batches", arguments: [UInt64(11), 12, 13])
    func orderIndependence(seed: UInt64) throws {
        let pairs = (0..<12).map { pair in
            var script = CharacterScript(seed: seed &* 100 &+ UInt64(pair))
            script.addAnything(rows: 200)
            return script.observations
        }
        let once = try pairs.reduce(BotContributions()) {
            $0 + (try fold(CharacterContributionEngine.self, $1)).contributions
        }
        for order in 0..<4 as Range<UInt64> {
            var random = SeededRandom(seed: seed &+ order)
            var bot = BotContributions()
            var engines = pairs.map { _ in CharacterContributionEngine() }
            var applied = pairs.map { _ in 0 }
            // Batches of random length of random pairs, each adding only what changed.
            while let pair = pairs.indices.filter({ applied[$0] < pairs[$0].count }).randomElement(using: &random) {
                let before = engines[pair].contributions
                for _ in 0..<Int.random(in: 1...60, using: &random) where applied[pair] < pairs[pair].count {
                    engines[pair].apply(pairs[pair][applied[pair]])
                    applied[pair] += 1
                }
                bot = bot + .delta(from: before, to: engines[pair].contributions)
            }
            #expect(bot == once, "seed \(seed) order \(order)")
            #expect(bot.keys.map { bot[$0].json } == once.keys.map { once[$0].json }, "seed \(seed) order \(order)")
        }
    }

    @Test("Sums come back exactly after they wrapped, and what is taken back leaves nothing")
    func group() throws {
        var large = BucketSums()
        large.add(MeasureSum(count: .max, total: .max, totalOfSquares: .max), to: "engagement")
        var small = BucketSums()
        small.add(1.5, to: "engagement", squares: true)
        small.add(2, to: "trait:warmth", squares: false)
        #expect((large + small) - large == small)
        #expect((small - small).isZero)
        #expect(try BucketSums(json: (large + small).json) == large + small)
        #expect(small.json == #"{"engagement":[1,1500000,2250000],"trait:warmth":[1,2000000]}"#)
        #expect(
            try BucketSums(json: #" { "trait:warmth": [1, 2000000], "engagement": [1,1500000,2250000] } "#) == small)
        for text in [
            "", "[]", #"{"a":[1]}"#, #"{"a":[1,2,3,4]}"#, #"{"a":[1,2.5]}"#, #"{"a":[1,9223372036854775808]}"#,
        ] {
            #expect(throws: BucketError.self) { try BucketSums(json: text) }
        }
    }

    @Test("Names that Unicode holds for the same stay two names")
    func spelling() {
        var sums = BucketSums()
        sums.add(1, to: "caf\u{E9}", squares: false)
        sums.add(1, to: "cafe\u{301}", squares: false)
        #expect(sums.measures.count == 2)
    }

    @Test("Values that are no numbers are refused, large ones bounded")
    func saturation() {
        var script = CharacterScript(seed: 1)
        for value in [Double.nan, .infinity, -.infinity] { script.metric("engagement", value) }
        for value in [1e300, -1e300, 0.5] { script.metric("engagement", value) }
        for intensity in [Double.nan, 7, -7] { script.trait("warmth", intensity) }
        var engine = CharacterContributionEngine()
        for observation in script.observations { engine.apply(observation) }
        let bucket = engine.contributions[script.now.hourIndex]
        #expect(
            bucket["engagement"]
                == MeasureSum(count: 3, total: 500_000, totalOfSquares: 2_000_000_250_000))
        #expect(bucket["trait:warmth"] == MeasureSum(count: 2, total: 1_000_000))
    }

    @Test("What users did is counted where it belongs")
    func behaviour() {
        var script = CharacterScript(seed: 1, start: Timestamp(seconds: 1_525_557_600))
        let hour = script.now.hourIndex
        let ask: (inout MessageAnalysis) -> Void = {
            $0.questionKind = .polar
            $0.terms = ["opening", "hours", "library"].map { Term(hash: StableHash.hash($0), text: $0) }
        }
        script.say(.user, after: 0, ask)
        script.say(.assistant, after: 10)
        script.say(.user, after: 90, ask)  // the same question again
        script.say(.assistant, after: 10)  // and no answer to this
        script.say(.user, after: 86_400)  // but a return on the next day
        var engine = CharacterContributionEngine()
        for observation in script.observations { engine.apply(observation) }
        let first = engine.contributions[hour]
        #expect(first[CharacterMeasure.continuation] == MeasureSum(count: 2, total: 1_000_000))
        #expect(first[CharacterMeasure.retry] == MeasureSum(count: 1, total: 1_000_000))
        #expect(first[CharacterMeasure.returnNextDay] == MeasureSum(count: 1, total: 1_000_000))
        #expect(
            first[CharacterMeasure.sessionMessages]
                == MeasureSum(count: 1, total: 4_000_000, totalOfSquares: 16_000_000))
        #expect(first[CharacterMeasure.replyLatency].count == 1)
        #expect(abs((first[CharacterMeasure.replyLatency].mean ?? 0) - logarithm(91)) < 1e-6)
        #expect(
            first[CharacterMeasure.replyPositivity] == MeasureSum(count: 1, total: 500_000, totalOfSquares: 250_000))
        #expect(first[CharacterMeasure.stylePrefix + "warmth"].count == 2)
        let second = engine.contributions[script.now.hourIndex]
        #expect(second[CharacterMeasure.continuation].count == 0)
        #expect(second[CharacterMeasure.returnNextDay] == MeasureSum(count: 1, total: 0))
    }

    @Test("Hours older than the window are withdrawn, the long run stays")
    func withdrawal() {
        var script = CharacterScript(seed: 1)
        let first = script.now.hourIndex
        script.trait("warmth", 0.5, after: 0)
        script.metric("engagement", 0.5, after: 3600 * Double(Limits.bucketHoursMax - 1))
        var engine = CharacterContributionEngine()
        for observation in script.observations { engine.apply(observation) }
        #expect(!engine.contributions[first].isZero)
        let before = engine.contributions
        script.metric("engagement", 0.5, after: 3600)
        engine.apply(script.observations[2])
        #expect(engine.contributions[first].isZero)
        #expect(engine.contributions[BotContributions.longRun]["trait:warmth"].count == 1)
        let delta = BotContributions.delta(from: before, to: engine.contributions)
        #expect(delta[first]["trait:warmth"] == MeasureSum(count: -1, total: -500_000))
    }
}
