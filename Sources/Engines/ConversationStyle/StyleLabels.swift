import Bytes

#if canImport(Glibc)
    import Glibc
#endif

/// The words and indices that conversation patterns are reported in, composed from continuous features.
///
/// - Style is three words: register (`casual` below `casualBelow` of formality, `formal` from `formalFrom`, `neutral`
///   between), length by the median of words (`brief`, `moderate`, `expansive`), and manner: the feature that exceeds
///   its own bound by the largest factor, or `matter-of-fact` if none does.
/// - Depth is the mean of three parts of 0…1: length (log of the median words between 4 and 30), staying (log of the
///   mean number of messages in a row on a topic up to 8), and disclosure (twice the share of messages that disclose
///   something, at most 1). `brief` below `depthModerate`, `deep` from `depthDeep`.
/// - Emotional engagement is 0.4 · emotionality + 0.2 · arousal + 0.2 · marks + 0.2 · matching, each 0…1, where marks
///   is 1 − e^(−exclamation marks and emoji a message), matching the positive part of the correlation with the bot's
///   valence.
///
/// They describe; they are not a diagnosis, and the bounds are conventions, not estimates.
struct StyleLabels {
    static let casualBelow = 0.4
    static let formalFrom = 0.55
    static let moderateWords = 6.0
    static let expansiveWords = 14.0
    static let depthModerate = 0.3
    static let depthDeep = 0.5
    /// How many average messages the emotional parts are drawn towards.
    static let emotionStrength = 5.0
    static let emotionMessagesMin = 3

    /// Nil where the rules about words had nothing to go by, as in other languages than English.
    let register: String?
    let length: String
    let manner: String
    let depth: String
    /// 0…1.
    let depthScore: Double
    /// 0…1; nil when fewer than `emotionMessagesMin` messages had an emotion to read.
    let emotionalEngagement: Double?

    /// The words, comma separated.
    var style: String { [register, length, manner].compactMap { $0 }.joined(separator: ", ") }

    init(_ engine: ConversationStyleEngine) {
        let formality = engine.formality.shrunken(towards: 0.5, strength: 2)
        if engine.formality.count == 0 {
            register = nil
        } else {
            register = formality < Self.casualBelow ? "casual" : formality >= Self.formalFrom ? "formal" : "neutral"
        }
        let words = engine.lengths.quantile(0.5) ?? 0
        length = words < Self.moderateWords ? "brief" : words < Self.expansiveWords ? "moderate" : "expansive"
        manner = Self.manner(engine)
        let lengthPart = Self.unit(log((1 + words) / 5) / log(31.0 / 5))
        let stayingPart = Self.unit(log(max(engine.topicRun.mean, 1)) / log(8))
        let disclosurePart = Self.unit(2 * engine.disclosure.mean)
        depthScore = (lengthPart + stayingPart + disclosurePart) / 3
        depth = depthScore < Self.depthModerate ? "brief" : depthScore < Self.depthDeep ? "moderate" : "deep"
        let emotions = engine.emotions
        guard emotions.valence.count >= Self.emotionMessagesMin else {
            emotionalEngagement = nil
            return
        }
        let marks = 1 - exp(-max(engine.marks.mean, 0))
        emotionalEngagement = Self.unit(
            0.4 * Self.unit(emotions.emotionality.shrunken(towards: 0.25, strength: Self.emotionStrength))
                + 0.2 * Self.unit(emotions.arousal.shrunken(towards: 0.25, strength: Self.emotionStrength))
                + 0.2 * marks + 0.2 * max(emotions.matching ?? 0, 0))
    }

    private static func unit(_ value: Double) -> Double { min(max(value, 0), 1) }

    /// The manner and the bound of each feature; a tie goes to the one that is named first.
    private static func manner(_ engine: ConversationStyleEngine) -> String {
        let ratios: [(String, Double)] = [
            ("inquisitive", engine.questions.mean / 0.3),
            ("expressive", engine.marks.mean / 0.35),
            ("open", engine.disclosure.mean / 0.35),
            ("playful", engine.humor.mean / 0.2),
            ("polite", engine.politeness.mean / 0.02),
            ("tentative", engine.hedges.mean / 0.03),
            ("responsive", engine.backchannels.mean / 0.2),
        ]
        var best = ("matter-of-fact", 1.0)
        for ratio in ratios where ratio.1 > best.1 { best = ratio }
        return best.0
    }
}
