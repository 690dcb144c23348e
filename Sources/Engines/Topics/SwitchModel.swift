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
            log(1 + Double(min(messagesSinceSwitch, SwitchModel.ageMax))), isSocial ? 1 : 0, isRequest ? 1 : 0,
            isAgreement ? 1 : 0, gap,
            opensSession ? 1 : 0, followsClosing ? 1 : 0, windowCosine == nil ? 0 : coherence,
        ]
    }
}

/// P(switch) of a message: a logistic of `SwitchFeatures`.
///
/// Where the weights come from: content, question and turn weights were fitted with a ridge of 2 on the development
/// halves of TIAGE (MIT; human labels) and, at 0.15 of its weight, on spliced conversations of byu_chitchat (MIT) and
/// sessions of a LongMemEval sample (MIT), each with an intercept and age of its own, which were dropped. The weight
/// of the gap is that of ln(1 + minutes) for a writer of irc_disentangle (CC BY 4.0) to go on in another
/// conversation: 33 269 messages, 0.96 ± 0.02. The user's weight is near the 1.3 that LongMemEval gives; that of a
/// session's opening is an assumption.
///
/// What they are worth, development halves, boundary F1 and Pk (lower is better; beside it Pk without any boundary):
/// TIAGE 0.36, 0.414 (0.438), measured on what it was fitted on; DialSeg711, never fitted on, 0.49, 0.333 (0.424);
/// SGD with several services, never fitted on, 0.36, 0.372 (0.353): worse than none; QMSum meetings 0.07, 0.585
/// (0.352): useless for meetings of many speakers.
enum SwitchModel {
    /// From here on a message is taken as a switch.
    static let threshold = 0.4

    /// The coefficient of each of `SwitchFeatures.inputs`, in its order.
    static let weights: InlineArray<22, Double> = [
        -1.83, -3.31, -0.73, -1.47, -1.60, -0.23, 0.30, 1.50, -0.84, 0.04,
        0.37, 0.07, 1.20, -0.14, 0.29, 0.66, -0.33, -0.05, 0.96, 1.00, 1.07, 0.19,
    ]

    /// Messages after which a topic's age says no more: the fitting data hold few longer ones.
    static let ageMax = 12
    /// Minutes of silence beyond which the gap says no more: the data that it was fitted on hold hardly any longer
    /// ones.
    static let gapMinutesMax = 600.0

    /// The probability, 0…1, that a message with these features switches topic.
    static func probability(_ features: SwitchFeatures) -> Double {
        let inputs = features.inputs
        var sum = 0.0
        for index in weights.indices { sum += weights[index] * inputs[index] }
        return 1 / (1 + exp(-sum))
    }
}
