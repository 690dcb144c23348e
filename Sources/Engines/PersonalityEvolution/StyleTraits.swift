import Glibc

/// Traits read off the style of a bot's message, for bots whose application records no activations.
///
/// Each is 0…1 and only as good as the cues under it: they describe how a message sounds, not a personality test. A
/// cue counts 1 − e^(−hits), so that one is worth 0.63 and many never exceed 1.
package enum StyleTraits {
    /// In the order of `intensities(of:)`.
    package static let names = ["warmth", "humor", "curiosity", "empathy", "assertiveness", "formality"]

    /// The intensity of each trait in a message, 0…1, in the order of `names`.
    package static func intensities(of analysis: MessageAnalysis) -> [Double] {
        let cues = analysis.cues
        let words = Double(max(analysis.wordCount, 1))
        let positive = max(0, finite(analysis.emotion.valence))
        let warmth =
            positive + 0.7 * Double(cues.isDisjoint(with: [.thanks, .greeting, .encouragement]) ? 0 : 1)
            + 0.3 * Double(min(analysis.exclamations + analysis.emojiCount + analysis.politenessCues, 3))
        let humor = (cues.contains(.laughter) ? 1.0 : 0) + 0.2 * Double(min(analysis.emojiCount, 3))
        let curiosity = questionWeight(analysis) + 3 * Double(analysis.secondPerson) / words
        let sadness = finite(analysis.emotion.sadness)
        let empathy =
            (cues.contains(.empathy) ? 1.0 : 0) + (cues.isDisjoint(with: [.apology, .encouragement]) ? 0 : 0.5)
            + sadness
        let hedges = Double(analysis.hedges) / (words / 10 + 1)
        let assertive =
            0.5 * Double(cues.isDisjoint(with: [.disagreement, .unresolvedRequest]) ? 0 : 1)
            + (analysis.isQuestion ? 0 : 0.7) * exp(-1.5 * hedges) * (1 - exp(-words / 8))
        return [
            saturated(warmth), saturated(humor), saturated(curiosity), saturated(empathy), saturated(assertive),
            min(max(finite(analysis.formality), 0), 1),
        ]
    }

    private static func questionWeight(_ analysis: MessageAnalysis) -> Double {
        guard analysis.isQuestion else { return 0 }
        return analysis.questionKind == .wh ? 1.2 : 0.8
    }

    private static func saturated(_ hits: Double) -> Double { 1 - exp(-max(0, hits)) }
    private static func finite(_ value: Double) -> Double { value.isFinite ? value : 0 }
}
