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
    var wordCount = 0
    var termCount = 0
    var previousWordCount = 0
    var isUser = false
    /// The previous message was the same writer's.
    var continuesTurn = false
    /// Messages since the topic last changed.
    var messagesSinceSwitch = 0
    /// Greets, thanks or says goodbye.
    var isSocial = false
    /// One of the last two messages thanked or said goodbye, and this one does not.
    var followsClosing = false
    /// Mean cosine of the newest messages to those before them: how close this pair keeps to its subject at all.
    var coherence = 0.0
    var isRequest = false
    var isAgreement = false

    /// The numbers that `SwitchModel.weights` weighs, in its order.
    var inputs: InlineArray<22, Double> {
        let window = windowCosine ?? 0
        let topic = topicCosine ?? 0
        let gap = log(1 + min(max(gapMinutes, 0), SwitchModel.gapMinutesMax))
        return [
            1, window, topic, windowCosine == nil ? 1 : 0, recentOverlap, topicOverlap, hasShiftCue ? 1 : 0,
            isQuestion ? 1 : 0, answersQuestion ? 1 : 0, log(1 + Double(wordCount)), log(1 + Double(termCount)),
            log(1 + Double(previousWordCount)), isUser ? 1 : 0, continuesTurn ? 1 : 0,
            log(1 + Double(min(messagesSinceSwitch, SwitchModel.ageMax))), isSocial ? 1 : 0, isRequest ? 1 : 0, isAgreement ? 1 : 0, gap,
            opensSession ? 1 : 0, followsClosing ? 1 : 0, windowCosine == nil ? 0 : coherence,
        ]
    }
}

/// P(switch) of a message: a logistic of `SwitchFeatures`.
enum SwitchModel {
    /// From here on a message is taken as a switch.
    static let threshold = 0.4

    /// The coefficient of each of `SwitchFeatures.inputs`, in its order.
    static let weights: InlineArray<22, Double> = [
        -2.24, -3.94, -0.95, -1.27, -1.76, -0.06, -0.07, 1.21, -0.73, 0.26,
        0.11, 0.08, 2.00, -0.12, 0.40, 1.12, 0.00, 0.00, 0.96, 1.00, 0.77, 0.54,
    ]

    /// Messages after which a topic's age says no more: the fitting data hold few longer ones.
    static let ageMax = 12
    /// Minutes of silence beyond which the gap says no more: the data that it was fitted on hold hardly any longer ones.
    static let gapMinutesMax = 600.0

    /// The probability, 0…1, that a message with these features switches topic.
    static func probability(_ features: SwitchFeatures) -> Double {
        let inputs = features.inputs
        var sum = 0.0
        for index in weights.indices { sum += weights[index] * inputs[index] }
        return 1 / (1 + exp(-sum))
    }
}
