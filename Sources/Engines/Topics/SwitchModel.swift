#if canImport(Glibc)
    import Glibc
#endif

/// P(switch) of a message: two logistics, mixed by the register of the conversation.
///
///     p = g · σ(x · service + t) + (1 − g) · σ(x · peers + t)        g = σ(register)
///     t = 0.96 · max(0, ln(1 + minutes since the last message, at most 600) − ln 2) + 1 if it opens a session
///
/// Between peers who chat a topic is changed by a question; one who is served names the next wish, and the questions
/// are the server's. No single set of weights that was tried served both.
///
/// Weights, register and threshold come from `bench fit switch` (`SwitchWeights`). The weight of the gap is that of
/// ln(1 + minutes) for a writer of irc_disentangle (CC BY 4.0) to go on in another conversation: 33 269 messages,
/// 0.96 ± 0.02. That of a session's opening is an assumption. The other fitting data have no times: both stand beside
/// what is fitted, and a minute, in which people answer each other, is taken as usual there and says nothing.
///
/// What it is worth is measured by `bench quality segmentation`: better than no boundary in chats and task dialogues;
/// useless for meetings of many speakers, where it finds far too many.
///
/// Source: mixtures of experts, Jacobs, Jordan, Nowlan and Hinton 1991, with a gate fitted by itself.
package enum SwitchModel {
    /// Of the logarithm of 1 + minutes of silence.
    static let gapWeight = 0.96
    static let sessionWeight = 1.0
    /// Minutes of silence beyond which the gap says no more: the data that it was fitted on hold hardly any longer
    /// ones.
    static let gapMinutesMax = 600.0

    /// Where the registers start: halfway between the two kinds of conversation.
    static var userRegisterStart: Float { Float(SwitchWeights.userRegisterStart) }
    static var assistantRegisterStart: Float { Float(SwitchWeights.assistantRegisterStart) }

    /// From here on a message is taken as a switch.
    static var threshold: Double { SwitchWeights.threshold }

    /// How much a message sounds like one of a service rather than of a chat among peers, in log-odds.
    static func sound(_ features: SwitchFeatures) -> Float {
        let inputs = features.registerInputs
        let weights = features.isUser ? SwitchWeights.userRegister : SwitchWeights.assistantRegister
        var sum = 0.0
        for index in inputs.indices { sum += weights[index] * inputs[index] }
        return Float(sum)
    }

    /// The probability, 0…1, that a message with these features switches topic.
    package static func probability(_ features: SwitchFeatures) -> Double {
        let inputs = features.inputs
        var service = gapWeight * max(0, log((1 + min(max(features.gapMinutes, 0), gapMinutesMax)) / 2))
        if features.opensSession { service += sessionWeight }
        var peers = service
        for index in inputs.indices {
            service += SwitchWeights.service[index] * inputs[index]
            peers += SwitchWeights.peers[index] * inputs[index]
        }
        let gate = sigmoid(features.register + SwitchWeights.registerIntercept)
        return gate * sigmoid(service) + (1 - gate) * sigmoid(peers)
    }

    private static func sigmoid(_ logit: Double) -> Double { 1 / (1 + exp(-logit)) }
}
