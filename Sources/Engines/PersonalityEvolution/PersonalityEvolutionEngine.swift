import Bytes
import Glibc
import Model

/// Which traits a bot shows this user, and how the user reacts to them.
///
/// In: trait activations, or the style of the bot's messages while none has been given; user messages as reactions.
/// Out: `dominantTraits`, `userResponsePatterns`, `adaptationSuggestions`, `traitHistory`.
///
/// - frequency: the trait's share of Σ intensity·e^(−age/30 d).
/// - reaction to a turn (all bot messages since the user's last): (z_replied + z_valence + z_length)/√3, each against
///   this user's own running baseline; a turn that its session leaves unanswered counts as not replied once the next
///   session begins, unless talk was being closed (thanks, goodbye) or that can't be told: every session ends
///   somewhere. The first `baselineRepliesMin` replies teach the baseline alone.
/// - effectiveness: `ReactionModel`, in standard deviations of the reaction, drawn towards zero, with 90 % intervals.
///
/// Style is only read where the rules about words apply; a turn of which nothing could be read teaches nothing.
///
/// Invariants: given activations win entirely: the first one forgets what style has taught. An activation belongs to
/// the bot's turn that is open at its time. O(traits²) a row; at most `Limits.traitsMax` traits, where a newcomer
/// takes the place of a trait that has decayed below `forgottenWeight` or is not taken in.
package struct PersonalityEvolutionEngine: Engine {
    package static let name = EngineName.personalityEvolution
    /// Days in which an activation's weight falls by e.
    package static let decayDays = 30.0
    /// A trait of less weight may lose its place.
    static let forgottenWeight = 0.05
    /// An intensity that counts as showing the trait.
    static let shownMin = 0.1
    /// Replies that only teach what is usual for the user: judged by fewer, a reaction has the wrong scale.
    static let baselineRepliesMin = 4

    /// Words of a turn that are counted.
    static let turnWordsMax = 100_000

    struct Trait: Equatable, Sendable {
        var name: String
        /// Σ intensity·e^(−age/30 d) as of `at`.
        var weight: Double
        var at: Timestamp
        /// Answered or unanswered turns in which it was shown.
        var reactions: Int
    }

    struct Turn: Equatable, Sendable {
        /// Index of its session.
        var session: Int
        /// Strongest intensity of each trait.
        var traits: [Double]
        var words: Int
        /// Whether the rules about words apply to some message of it.
        var isRead: Bool
        /// Whether it, or the user's message before it, thanks or says goodbye.
        var isClosing: Bool
    }

    var isGiven = false
    var traits: [Trait] = []
    var history = TraitHistory()
    var model = ReactionModel()
    var turn: Turn?
    /// Whether the user's newest message thanks or says goodbye.
    var isUserClosing = false
    var patterns = ResponsePatterns()

    package init() {}

    package mutating func apply(_ observation: Observation) {
        let at = observation.at.reckoned
        switch observation.row.event {
        case .trait(let activation):
            guard activation.intensity.isFinite else { return }
            if !isGiven { switchToGiven() }
            activate(
                CharacterMeasure.bounded(activation.trait), intensity: min(max(activation.intensity, 0), 1), at: at,
                session: observation.session.index)
        case .message(let message):
            closeTurn(before: observation.session.index)
            switch message.role {
            case .user: react(observation, at: at)
            case .assistant: speak(observation, at: at)
            case .system: break
            }
        case .retrieval, .metric, .outreach: break
        }
    }

    private mutating func switchToGiven() {
        isGiven = true
        traits = []
        history = TraitHistory()
        model = ReactionModel()
        turn?.traits = []
    }

    private mutating func speak(_ observation: Observation, at: Timestamp) {
        let session = observation.session.index
        if turn == nil {
            turn = Turn(session: session, traits: [], words: 0, isRead: false, isClosing: isUserClosing)
        }
        guard let analysis = observation.analysis, analysis.wordCount > 0 else { return }
        let words = min((turn?.words ?? 0) + analysis.wordCount, Self.turnWordsMax)
        turn?.words = words
        guard analysis.rulesApply else { return }
        turn?.isRead = true
        if analysis.isClosing { turn?.isClosing = true }
        guard !isGiven else { return }
        for (name, intensity) in zip(StyleTraits.names, StyleTraits.intensities(of: analysis)) {
            activate(name, intensity: intensity, at: at, session: session)
        }
    }

    private mutating func activate(_ name: String, intensity: Double, at: Timestamp, session: Int) {
        guard let place = place(of: name, at: at) else { return }
        traits[place].weight = weight(of: traits[place], at: at) + intensity
        traits[place].at = at
        history.add(intensity, trait: place, day: at.dayIndex)
        guard var open = turn, open.session == session else { return }
        while open.traits.count <= place { open.traits.append(0) }
        open.traits[place] = max(open.traits[place], intensity)
        turn = open
    }

    /// The trait's place, made if there is room for it.
    private mutating func place(of name: String, at: Timestamp) -> Int? {
        if let known = traits.firstIndex(where: { UTF8Text.order($0.name, name) == 0 }) { return known }
        let newcomer = Trait(name: name, weight: 0, at: at, reactions: 0)
        if traits.count < Limits.traitsMax {
            traits.append(newcomer)
            return traits.count - 1
        }
        let weights = traits.map { weight(of: $0, at: at) }
        guard let faded = weights.indices.min(by: { weights[$0] < weights[$1] }), weights[faded] < Self.forgottenWeight
        else { return nil }
        traits[faded] = newcomer
        model.forget(trait: faded)
        history.forget(trait: faded)
        if let open = turn, faded < open.traits.count { turn?.traits[faded] = 0 }
        return faded
    }

    func weight(of trait: Trait, at: Timestamp) -> Double {
        trait.weight * exp(-max(0, at.days(since: trait.at)) / Self.decayDays)
    }

    /// A turn that its session left without an answer.
    private mutating func closeTurn(before session: Int) {
        guard let open = turn, open.session != session else { return }
        turn = nil
        let replied = patterns.replied.standardised(0, prior: .replied)
        patterns.replied.add(0)
        guard open.isRead, !open.isClosing else { return }
        learn(replied / 3.0.squareRoot(), from: open)
    }

    private mutating func react(_ observation: Observation, at: Timestamp) {
        guard let analysis = observation.analysis else { return }
        isUserClosing = analysis.isClosing
        let valence = min(max(analysis.emotion.valence, -1), 1)
        let logWords = log(1 + Double(min(max(analysis.wordCount, 0), Self.turnWordsMax)))
        defer {
            patterns.valence.add(valence)
            patterns.logWords.add(logWords)
        }
        guard let open = turn else { return }
        turn = nil
        let reaction =
            patterns.replied.standardised(1, prior: .replied) + patterns.valence.standardised(valence, prior: .valence)
            + patterns.logWords.standardised(logWords, prior: .logWords)
        patterns.replied.add(1)
        let seconds = observation.previous.map { max(0, at.seconds(since: $0.at.reckoned)) }
        patterns.addReply(
            seconds: seconds, isQuestion: analysis.isQuestion, botLogWords: log(1 + Double(open.words)),
            logWords: logWords)
        learn(reaction / 3.0.squareRoot(), from: open)
    }

    private mutating func learn(_ reaction: Double, from open: Turn) {
        guard isGiven || open.isRead, patterns.logWords.count >= Self.baselineRepliesMin else { return }
        var intensities = open.traits
        while intensities.count < traits.count { intensities.append(0) }
        model.add(reaction, traits: intensities)
        for (place, intensity) in intensities.enumerated() where intensity >= Self.shownMin {
            traits[place].reactions += 1
        }
    }
}

extension MessageAnalysis {
    /// Whether it thanks or says goodbye.
    fileprivate var isClosing: Bool { !cues.isDisjoint(with: [.thanks, .farewell]) }
}
