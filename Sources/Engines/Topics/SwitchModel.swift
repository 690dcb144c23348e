import Model

#if canImport(Glibc)
    import Glibc
#endif

/// What is known of a message when P(switch) is asked, before the message is applied.
struct SwitchFeatures: Sendable {
    /// Cosine to the last few messages, and to the running topic; nil without comparable embeddings.
    var windowCosine: Double?
    var topicCosine: Double?
    /// Share of the message's terms that the last few messages, and the running topic, hold too.
    var recentOverlap = 0.0
    var topicOverlap = 0.0
    /// Minutes since the previous message, 0 or more.
    var gapMinutes = 0.0
    var opensSession = false
    var hasShiftCue = false
    var isQuestion = false
    /// The previous message asked something and was somebody else's.
    var answersQuestion = false
    var termCount = 0
    var previousWordCount = 0
    var isUser = false
    /// Messages since the topic last changed.
    var messagesSinceSwitch = 0
    var isSocial = false
}

/// P(switch) of a message: a logistic of `SwitchFeatures`.
enum SwitchModel {
    /// From here on a message is taken as a switch.
    static let threshold = 0.4

    static let bias = -0.4
    static let windowCosine = -2.0
    static let topicCosine = -1.5
    static let noEmbedding = -0.8
    static let recentOverlap = -1.0
    static let topicOverlap = -1.0
    static let gap = 0.25
    static let session = 0.5
    static let shiftCue = 1.5
    static let question = 0.4
    static let answer = -0.8
    static let terms = 0.2
    static let previousWords = 0.0
    static let user = 0.0
    static let age = 0.1
    static let social = 0.0

    /// Minutes of silence beyond which the gap says no more (a week).
    static let gapMinutesMax = 7.0 * 24 * 60

    /// The probability, 0…1, that a message with these features switches topic.
    static func probability(_ features: SwitchFeatures) -> Double {
        var sum = bias
        if let cosine = features.windowCosine {
            sum += windowCosine * cosine + topicCosine * (features.topicCosine ?? cosine)
        } else {
            sum += noEmbedding
        }
        sum += recentOverlap * features.recentOverlap + topicOverlap * features.topicOverlap
        sum += gap * log(1 + min(max(features.gapMinutes, 0), gapMinutesMax))
        if features.opensSession { sum += session }
        if features.hasShiftCue { sum += shiftCue }
        if features.isQuestion { sum += question }
        if features.answersQuestion { sum += answer }
        sum += terms * log(1 + Double(features.termCount))
        sum += previousWords * log(1 + Double(features.previousWordCount))
        if features.isUser { sum += user }
        sum += age * log(1 + Double(features.messagesSinceSwitch))
        if features.isSocial { sum += social }
        return 1 / (1 + exp(-sum))
    }
}
