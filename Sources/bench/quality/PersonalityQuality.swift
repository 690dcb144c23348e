import Bytes
import Engines
import Glibc
import Model
import Worker

/// Whether the personality engine finds which traits a user likes, says how sure it is, and claims nothing where there
/// is nothing.
///
/// Planted: a bot shows some of six traits each turn; the user's valence and log length answer with Σ bᵢxᵢ + noise of
/// one standard deviation, bᵢ ~ N(0, size²). The engine sees rows as the worker makes them; the truth that its
/// intervals should hold is the same contrast of the planted effects, in standard deviations of the reaction.
/// Nothing planted, and real messages of a person dealt out anew among the turns, must validate nothing.
/// Real: each pair, and each person with all partners as one bot. real_persona_chat is Japanese, whose style the engine
/// can't read: it should say so of all. byu_chitchat is English; what is true of it nobody knows.
enum PersonalityQuality: QualityTask {
    static let name = "personality"
    static let files = [MemoryPairs.personaDialogues, MemoryPairs.byuMessages, MemoryPairs.byuConversations]
    private static let users = 300
    private static let checkpoints = [60, 150, 500]

    static func run(_ data: DataFolder, _ report: inout QualityReport) throws {
        for (size, habits, isGoal) in [
            (0.5, Habits.usual, true), (0.25, .usual, false), (1.0, .usual, false), (0.5, .unusual, true),
        ] {
            var found = [PlantedScore](repeating: PlantedScore(), count: checkpoints.count)
            for seed in 0..<users {
                var user = PlantedUser(seed: UInt64(seed) &* 7919 &+ 20_241_121, size: size, habits: habits)
                for (index, turns) in checkpoints.enumerated() {
                    user.talk(until: turns)
                    found[index].add(try user.score())
                }
            }
            let prefix = "planted-\(Figure.text(size))\(habits.suffix)"
            for (turns, score) in zip(checkpoints, found) {
                report.add(
                    "\(prefix)-coverage-error-at-\(turns)-turns", abs(score.coverage - 0.9), .atMost(0.03))
                report.note("\(prefix)_coverage_\(turns)", .number(score.coverage))
                report.note("\(prefix)_kendall_\(turns)", .number(Metrics.mean(score.kendall)))
                report.note("\(prefix)_validated_\(turns)", .number(score.validatedShare))
            }
            let last = found[checkpoints.count - 1]
            report.add(
                "\(prefix)-kendall-at-500-turns", Metrics.mean(last.kendall), baseline: ("chance", 0),
                isGoal ? .atLeast(0.8) : nil)
            report.add(
                "\(prefix)-validated-share-at-500-turns", last.validatedShare, isGoal ? .atLeast(0.95) : nil)
        }
        var validated = 0
        for seed in 0..<2 * users {
            var user = PlantedUser(seed: UInt64(seed) &* 104_729 &+ 7, size: 0)
            user.talk(until: 500)
            if user.isValidated { validated += 1 }
        }
        report.add(
            "nothing-planted-validated-share-at-500-turns", Double(validated) / Double(2 * users), .atMost(0.05))
        try measureReal(data, &report)
    }

    private static func measureReal(_ data: DataFolder, _ report: inout QualityReport) throws {
        let analyzer = TextAnalyzer.shipped(dimensions: 64)
        for (set, pairs, isGoal) in [
            ("japanese", try MemoryPairs.realPersonaChat(data), true), ("byu", try MemoryPairs.byu(data), false),
        ] {
            let people = MemoryPairs.people(of: pairs)
            let pairFolds = pairs.map { RealFold($0, analyzer) }
            let folds = people.map { RealFold($0, analyzer) }
            let shuffled = (0..<5).flatMap { seed in
                people.map { RealFold($0, analyzer, shuffledBy: UInt64(seed)) }
            }.filter(\.isEnough)
            report.add(
                "\(set)-pairs-unvalidated-share", RealFold.unvalidated(pairFolds), isGoal ? .atLeast(0.9) : nil)
            report.add(
                "\(set)-people-unvalidated-share", RealFold.unvalidated(folds), isGoal ? .atLeast(0.9) : nil)
            report.add("\(set)-shuffled-people-validated-share", 1 - RealFold.unvalidated(shuffled), .atMost(0.05))
            report.note("\(set)_pairs", .count(pairs.count))
            report.note("\(set)_people", .count(people.count))
            report.note("\(set)_people_with_enough_replies", .count(folds.count(where: \.isEnough)))
            report.note("\(set)_shuffles_with_enough_replies", .count(shuffled.count))
        }
    }
}

/// What the engine made of planted effects.
private struct PlantedScore {
    var held = 0
    var intervals = 0
    var kendall: [Double] = []
    var validated = 0
    var users = 0

    var coverage: Double { Double(held) / Double(intervals) }
    var validatedShare: Double { Double(validated) / Double(users) }

    mutating func add(_ other: PlantedScore) {
        held += other.held
        intervals += other.intervals
        kendall += other.kendall
        validated += other.validated
        users += other.users
    }
}

/// How a simulated user answers whatever the bot shows.
private struct Habits {
    var suffix: String
    var valence: (mean: Double, deviation: Double)
    var logWords: (mean: Double, deviation: Double)

    /// As the engine expects of a user of whom nothing is known.
    static let usual = Habits(suffix: "", valence: (0.1, 0.3), logWords: (2.2, 0.75))
    /// Longer and more even answers: what is expected misleads until it is outweighed.
    static let unusual = Habits(suffix: "-unusual-user", valence: (0.1, 0.2), logWords: (3, 0.5))
}

/// A simulated user who likes some of the bot's traits.
private struct PlantedUser {
    static let traits = ["candour", "humor", "patience", "rigour", "warmth", "whimsy"]
    static let shownShare = 0.4

    private var random: SeededRandom
    private let effects: [Double]
    private let habits: Habits
    private var engine = PersonalityEvolutionEngine()
    private var now = Timestamp(microseconds: 1_709_251_200_000_000)
    private var nextID: Int64 = 0
    private var turns = 0
    private var shown: [[Double]] = []
    private var answers: [Double] = []

    init(seed: UInt64, size: Double, habits: Habits = .usual) {
        self.habits = habits
        var random = SeededRandom(seed: seed)
        effects = Self.traits.map { _ in size * random.normal() }
        self.random = random
    }

    mutating func talk(until end: Int) {
        while turns < end {
            turns += 1
            observe(.assistant, MessageAnalysis())
            let intensities = Self.traits.map { _ in
                random.uniform() < Self.shownShare ? Double.random(in: 0.3...1, using: &random) : 0
            }
            for (trait, intensity) in zip(Self.traits, intensities) where intensity > 0 {
                activate(trait, intensity)
            }
            let pull = zip(effects, intensities).reduce(0) { $0 + $1.0 * $1.1 }
            var analysis = MessageAnalysis()
            analysis.emotion.valence = habits.valence.mean + habits.valence.deviation * (pull + random.normal())
            let logWords = habits.logWords.mean + habits.logWords.deviation * (pull + random.normal())
            analysis.wordCount = Int(max(0, exp(logWords) - 1).rounded())
            observe(.user, analysis)
            shown.append(intensities)
            answers.append(pull)
        }
    }

    var isValidated: Bool { !row.unvalidated.contains(.personalityEvolution) }

    private var row: StrategicRow {
        var row = StrategicRow(pair: Pair(userID: "u", botName: "b"))
        engine.contribute(to: &row, topics: TopicTracker())
        return row
    }

    /// The engine's effects against the planted ones.
    func score() throws -> PlantedScore {
        let row = row
        var score = PlantedScore()
        score.users = 1
        score.validated = row.unvalidated.contains(.personalityEvolution) ? 0 : 1
        var ranks: [(Double, Double)] = []
        for element in try JSONValue(parsing: row.dominantTraits ?? "[]").array ?? [] {
            guard let name = element["trait"]?.string, let place = Self.traits.firstIndex(of: name),
                let mean = element["effectiveness"]?.double, let low = element["low"]?.double,
                let high = element["high"]?.double
            else { continue }
            let truth = contrast(of: place)
            score.intervals += 1
            if low <= truth, truth <= high { score.held += 1 }
            ranks.append((mean, effects[place]))
        }
        score.kendall = ranks.count > 1 ? [Metrics.kendall(ranks)] : []
        return score
    }

    /// How the reaction to the average turn weighted by a trait's intensity differs from the average reaction.
    ///
    /// The reaction is the sum of two standardised answers over √3 (that there is an answer never varies), each with a
    /// variance of 1 and that of the pull.
    private func contrast(of place: Int) -> Double {
        let mean = Metrics.mean(answers)
        let variance = Metrics.mean(answers.map { ($0 - mean) * ($0 - mean) })
        let weights = shown.map { $0[place] }
        let weighted = zip(weights, answers).reduce(0) { $0 + $1.0 * $1.1 } / weights.reduce(0, +)
        return (weighted - mean) * 2 / (1 + variance).squareRoot() / 3.0.squareRoot()
    }

    private mutating func activate(_ trait: String, _ intensity: Double) {
        nextID += 1
        now = now.advanced(bySeconds: 1)
        let event = InputEvent.trait(TraitActivation(id: nextID, trait: trait, intensity: intensity))
        engine.apply(observation(event, nil))
    }

    private mutating func observe(_ role: Role, _ analysis: MessageAnalysis) {
        nextID += 1
        now = now.advanced(bySeconds: 20)
        let event = InputEvent.message(Message(id: nextID, role: role, content: "", createdAt: now))
        engine.apply(observation(event, analysis))
    }

    private func observation(_ event: InputEvent, _ analysis: MessageAnalysis?) -> Observation {
        Observation(
            row: InputRow(effectiveAt: now, event: event),
            session: SessionPosition(index: 0, startedAt: now, isFirstMessage: nextID == 1, messagesBefore: 0),
            previous: nil, analysis: analysis, topic: nil)
    }
}

/// The personality engine after a real history.
private struct RealFold {
    var isValidated: Bool
    /// Whether there were as many answers as a validation takes.
    var isEnough: Bool

    init(_ pair: MemoryPairs.Pair, _ analyzer: TextAnalyzer, shuffledBy seed: UInt64? = nil) {
        var pair = pair
        if let seed { pair.shuffleUserMessages(seed: seed) }
        var engine = PersonalityEvolutionEngine()
        pair.observe(analyzer) { engine.apply($0) }
        var row = StrategicRow(pair: Pair(userID: pair.user, botName: pair.bot))
        engine.contribute(to: &row, topics: TopicTracker())
        isValidated = !row.unvalidated.contains(.personalityEvolution)
        let patterns = row.userResponsePatterns.flatMap { try? JSONValue(parsing: $0) }
        isEnough = (patterns?["replies"]?.int64 ?? 0) >= 35
    }

    static func unvalidated(_ folds: [RealFold]) -> Double {
        Double(folds.count { !$0.isValidated }) / Double(max(1, folds.count))
    }
}

extension MemoryPairs {
    /// Each user with all partners as one bot.
    static func people(of pairs: [Pair]) -> [Pair] {
        Dictionary(grouping: pairs, by: \.user).sorted { $0.key < $1.key }.map { user, pairs in
            Pair(user: user, bot: "everyone", rows: pairs.flatMap(\.rows).sorted { $0.key < $1.key })
        }
    }
}

extension MemoryPairs.Pair {
    /// Deals the user's messages out anew among the places where the user wrote.
    fileprivate mutating func shuffleUserMessages(seed: UInt64) {
        var random = SeededRandom(seed: seed ^ StableHash.hash(user))
        let places = rows.indices.filter { rows[$0].isUserMessage }
        let texts = places.map { rows[$0].text }.shuffled(using: &random)
        for (place, text) in zip(places, texts) {
            guard case .message(var message) = rows[place].event else { continue }
            message.content = text
            rows[place].event = .message(message)
        }
    }
}

extension InputRow {
    fileprivate var isUserMessage: Bool {
        if case .message(let message) = event { message.role == .user } else { false }
    }

    fileprivate var text: String { if case .message(let message) = event { message.content } else { "" } }
}

extension SeededRandom {
    fileprivate mutating func uniform() -> Double { Double.random(in: 0..<1, using: &self) }

    /// A standard normal value.
    fileprivate mutating func normal() -> Double {
        (-2 * log(1 - uniform())).squareRoot() * cos(2 * Double.pi * uniform())
    }
}
