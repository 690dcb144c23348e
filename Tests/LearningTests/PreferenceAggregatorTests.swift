import Bytes
import Testing

@testable import Learning

@Suite("Preferences of one user")
struct PreferenceAggregatorTests {
    private let now = Timestamp(seconds: 1_700_000_000)

    private func ago(_ days: Double) -> Timestamp { now.advanced(bySeconds: -86_400 * days) }

    private func profile(_ signals: [PreferenceSignal], _ rules: PreferenceRules = .init()) -> PreferenceProfile {
        var aggregator = PreferenceAggregator(rules)
        return aggregator.profile(of: signals)
    }

    /// Signals at one moment, one for each list of styles.
    private func styles(_ lists: [[String]]) -> [PreferenceSignal] {
        lists.map { PreferenceSignal(at: now, styles: $0) }
    }

    private func prices(_ texts: [String]) -> [PreferenceProfile.PriceRange] {
        profile(texts.map { PreferenceSignal(at: now, prices: [$0]) }).prices
    }

    @Test("a style in 3 of 10 signals is kept, one in 2 of 10 is not")
    func styleShare() {
        let lists =
            Array(repeating: ["boho"], count: 3) + Array(repeating: ["retro"], count: 2)
            + Array(repeating: [String](), count: 5)
        let found = profile(styles(lists)).styles
        #expect(found.map(\.name) == ["boho"] && found[0].signals == 3)
        #expect(abs(found[0].share - 0.3) < 1e-12)
    }

    @Test("a brand in 2 of 10 signals is kept, one in 1 of 10 is not, and the ten most named stay")
    func brandShare() {
        var signals = (0..<10).map { _ in PreferenceSignal(at: now) }
        signals[0].brands = ["Acme", "Solo"]
        signals[1].brands = ["ACME "]
        #expect(profile(signals).brands.map(\.name) == ["acme"])
        let many = (0..<15).map { "brand \($0)" }
        let ten = profile([PreferenceSignal(at: now, brands: many), PreferenceSignal(at: now, brands: ["brand 14"])])
            .brands
        #expect(ten.count == 10 && ten[0].name == "brand 14" && ten[1].name == "brand 0")
    }

    @Test("case, space and repetition within a signal make no difference")
    func namesAreFolded() {
        let found = profile(
            styles([["Straße  Chic", "STRASSE CHIC", " straße chic"], [], [], []]), .init(styleShareMin: 0.2)
        )
        .styles
        #expect(found == [PreferenceProfile.Share(name: "strasse chic", share: 0.25, signals: 1)])
        #expect(profile(styles([["", "  ", "a\u{0}b", String(repeating: "x", count: 300)]])).styles.isEmpty)
    }

    @Test("an old signal counts half after a half-life, and what was preferred long ago disappears")
    func oldSignalsFade() {
        let two = [PreferenceSignal(at: ago(90), styles: ["old"]), PreferenceSignal(at: now, styles: ["new"])]
        let found = profile(two).styles
        #expect(found.map(\.name) == ["new", "old"])
        #expect(abs(found[0].share - 2.0 / 3) < 1e-12 && abs(found[1].share - 1.0 / 3) < 1e-12)
        let older =
            (0..<5).map { _ in PreferenceSignal(at: ago(400), styles: ["old"]) }
            + (0..<5).map { _ in PreferenceSignal(at: now, styles: ["new"]) }
        #expect(profile(older).styles.map(\.name) == ["new"])
    }

    @Test("ages count from the newest signal, so that merely waiting changes nothing")
    func waitingChangesNothing() {
        func signals(_ shift: Double) -> [PreferenceSignal] {
            (0..<20).map { PreferenceSignal(at: ago(Double($0) * 7 + shift), styles: [$0 % 3 == 0 ? "a" : "b"]) }
        }
        let first = profile(signals(0))
        let later = profile(signals(1000))
        #expect(first.styles == later.styles && first.confidence == later.confidence)
    }

    @Test("confidence grows with the effective number of signals")
    func confidence() {
        #expect(profile(styles([[], [], []])).confidence == 3.0 / 8)
        #expect(abs(profile(styles(Array(repeating: [], count: 95))).confidence - 0.95) < 1e-12)
        // Weights 1 and 1/2: (3/2)² / (5/4) = 9/5.
        let two = profile([PreferenceSignal(at: ago(90)), PreferenceSignal(at: now)])
        #expect(abs(two.effectiveSignals - 1.8) < 1e-12)
    }

    @Test("currencies are kept apart, and an amount without one is taken for the only one named")
    func currencies() {
        let apart = prices(["under $500", "$1,200", "€80–120", "1.5k"])
        #expect(apart.map(\.currency) == ["USD", "EUR", nil])
        #expect(apart[0].minimum == 50_000 && apart[0].maximum == 120_000)
        #expect(apart[1].minimum == 8_000 && apart[1].maximum == 12_000)
        #expect(apart[2].minimum == 150_000 && apart[2].maximum == 150_000)
        let one = prices(["$100", "200", "$300"])
        #expect(one.map(\.currency) == ["USD"] && one[0].mentions == 3)
    }

    @Test("upper and lower bounds make the range, and one that was not said is not made up")
    func bounds() {
        #expect(prices(["under $500"])[0].minimum == nil && prices(["under $500"])[0].maximum == 50_000)
        #expect(prices(["over $50"])[0].minimum == 5_000 && prices(["over $50"])[0].maximum == nil)
        let both = prices(["over $50", "under $500"])[0]
        #expect(both.minimum == 5_000 && both.maximum == 50_000 && both.mentions == 2)
        #expect(prices(["cheap", "iphone 15"]).isEmpty)
    }

    @Test("one wild price does not move the range")
    func outliers() {
        let usual = (0..<9).map { "$\(80 + 5 * $0)" }
        let calm = prices(usual)[0]
        let wild = prices(usual + ["$999,999"])[0]
        #expect(wild.maximum == calm.maximum && wild.minimum == calm.minimum)
        #expect((10_500...12_000).contains(calm.maximum!) && (8_000...9_500).contains(calm.minimum!))
        // A spread that is the user's own is no outlier.
        #expect(prices(["$10", "$40", "$160", "$640", "$2560"])[0].maximum! > 100_000)
    }

    @Test("where bounds contradict each other what more was said of stands")
    func contradiction() {
        let range = prices(["over $900", "under $50", "under $60"])[0]
        #expect(range.minimum == nil && range.maximum! <= 6_000)
        let other = prices(["over $900", "over $800", "under $50"])[0]
        #expect(other.maximum == nil && other.minimum! >= 80_000)
    }

    @Test("intents, ratings and interactions are told as shares and medians")
    func otherFields() {
        let signals = [
            PreferenceSignal(at: now, intent: "Buy", ratings: ["4 stars", "junk"], hasInteraction: true),
            PreferenceSignal(at: now, intent: "buy", ratings: ["4.5+"]),
            PreferenceSignal(at: now, intent: "compare", ratings: ["5 stars"]),
            PreferenceSignal(at: now),
        ]
        let found = profile(signals)
        #expect(found.intents == [PreferenceProfile.Share(name: "buy", share: 0.5, signals: 2)])
        #expect(found.ratingMin == 4.5 && found.interactionShare == 0.25)
        #expect(profile([PreferenceSignal(at: now)]).ratingMin == nil)
    }

    @Test("shares lie in 0…1 and never rest on more signals than there are", arguments: 0..<20)
    func sharesAreShares(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        let words = ["a", "b", "C", "c ", "d", "$5", "under €3", "4 stars", "zzz"]
        let signals = (0..<Int.random(in: 1...100, using: &random)).map { _ in
            PreferenceSignal(
                at: ago(Double.random(in: 0...2_000, using: &random)),
                styles: (0..<3).map { _ in words.randomElement(using: &random)! },
                prices: [words.randomElement(using: &random)!], brands: [words.randomElement(using: &random)!],
                ratings: [words.randomElement(using: &random)!])
        }
        let found = profile(signals, .init(styleShareMin: 0, brandShareMin: 0, brandsMax: 1_000))
        for share in found.styles + found.brands {
            #expect(share.share > 0 && share.share <= 1 && share.signals <= signals.count, "seed \(seed)")
        }
        #expect(found.confidence > 0 && found.confidence < 1 && found.effectiveSignals <= Double(signals.count) + 1e-9)
        #expect(found == profile(signals, .init(styleShareMin: 0, brandShareMin: 0, brandsMax: 1_000)))
    }
}

@Suite("Weighted quantiles")
struct WeightedSampleTests {
    private func sample(_ values: [Double], _ weights: [Double]? = nil) -> WeightedSample {
        var sample = WeightedSample()
        for (index, value) in values.enumerated() { sample.add(value, weight: weights?[index] ?? 1) }
        return sample
    }

    // numpy.quantile(values, q, method="hazen")
    @Test(
        "equal weights give Hazen's quantiles",
        arguments: [(0.0, 1.0), (0.1, 1.0), (0.25, 1.75), (0.5, 4.0), (0.9, 16.0), (1.0, 16.0)])
    func hazen(share: Double, expected: Double) {
        #expect(abs(sample([16, 1, 4, 2, 8]).quantile(share)! - expected) < 1e-12)
    }

    @Test("a weight of two is the same value twice, away from its edges")
    func weights() {
        #expect(sample([1, 2, 3], [1, 2, 1]).quantile(0.5) == sample([1, 2, 2, 3]).quantile(0.5))
        #expect(sample([5], [0.01]).quantile(0.9) == 5)
        #expect(sample([]).quantile(0.5) == nil)
    }

    @Test("of fewer than three values none is an outlier")
    func fewValues() {
        #expect(sample([1, 1000]).withoutOutliers(distanceMin: 1).values == [1, 1000])
        #expect(sample([1, 1, 1, 1000]).withoutOutliers(distanceMin: 1).values == [1, 1, 1])
    }
}
