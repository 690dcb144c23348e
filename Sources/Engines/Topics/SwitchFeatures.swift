import Bytes

#if canImport(Glibc)
    import Glibc
#endif

/// What one message does, as far as the messages after it need to know: two bytes.
struct MessageTraits: Equatable, Sendable {
    /// Longer messages count as so long.
    static let wordsMax = 32

    var isQuestion = false
    /// Thanks.
    var thanks = false
    /// Says goodbye.
    var saysGoodbye = false
    /// Says what is wanted.
    var requests = false
    /// Agrees or disagrees.
    var takesSides = false
    /// Asks the other to do something (`CueSet.unresolvedRequest`).
    var asksOther = false
    /// At most `wordsMax`.
    var words = 0
    // The rest is not kept.
    var greets = false
    var shiftsTopic = false
    var tellsOfSelf = false
    var tellsTaste = false
    var tellsPlan = false
    var isPolite = false
    var saysI = false
    var saysYou = false

    init() {}

    init(_ analysis: MessageAnalysis) {
        let cues = analysis.cues
        isQuestion = analysis.isQuestion
        thanks = cues.contains(.thanks)
        saysGoodbye = cues.contains(.farewell)
        greets = cues.contains(.greeting)
        requests = cues.contains(.request)
        takesSides = !cues.isDisjoint(with: [.agreement, .disagreement])
        asksOther = cues.contains(.unresolvedRequest)
        words = min(max(analysis.wordCount, 0), Self.wordsMax)
        shiftsTopic = cues.contains(.topicShift)
        tellsOfSelf = cues.contains(.selfDisclosure)
        tellsTaste = cues.contains(.preference)
        tellsPlan = cues.contains(.plan)
        isPolite = analysis.politenessCues > 0
        saysI = analysis.firstPerson > 0
        saysYou = analysis.secondPerson > 0
    }

    func encode(into writer: inout StateWriter) {
        var flags: UInt8 = 0
        for (bit, flag) in [isQuestion, thanks, saysGoodbye, requests, takesSides].enumerated() where flag {
            flags |= 1 << UInt8(bit)
        }
        writer.write(byte: flags)
        writer.write(byte: UInt8(words))
    }

    /// Reads what `encode(into:)` wrote; the traits that are not kept are false.
    init(from reader: inout StateReader) throws(StateError) {
        let flags = try reader.readByte()
        words = Int(try reader.readByte())
        guard flags < 32, words <= Self.wordsMax else { throw reader.fault("what a message did") }
        isQuestion = flags & 1 != 0
        thanks = flags & 2 != 0
        saysGoodbye = flags & 4 != 0
        requests = flags & 8 != 0
        takesSides = flags & 16 != 0
    }
}

/// What is known of a message when P(switch) is asked.
package struct SwitchFeatures: Sendable {
    static let sharedTermsMax = 3
    /// More terms than these say no more.
    static let termsMax = 11
    /// Names of `inputs`, in their order.
    package static let names = [
        "intercept", "quick cosine", "slow cosine", "overlap", "shared terms", "requests", "thanks", "greets",
        "goodbye",
        "shift", "asks other", "takes sides", "question", "ln words", "ln terms", "tells of self", "tells taste",
        "polite",
        "previous question", "previous thanks", "previous goodbye", "previous requests", "previous ln words",
        "previous takes sides", "before question", "before thanks", "before goodbye", "before requests",
        "before ln words", "before takes sides", "user", "continues turn",
    ]

    /// Cosines to the quick and the slow mean of the messages before, less the pair's coherence; 0 without
    /// comparable embeddings.
    var quickCosine = 0.0
    var slowCosine = 0.0
    /// Share of the message's terms that the newest terms hold too, and how many, at most `sharedTermsMax`.
    var overlap = 0.0
    var sharedTerms = 0
    var termCount = 0
    var traits = MessageTraits()
    var previous = MessageTraits()
    var beforePrevious = MessageTraits()
    var isUser = false
    /// The previous message was the same writer's.
    var continuesTurn = false
    /// Minutes since the previous message, 0 or more.
    var gapMinutes = 0.0
    var opensSession = false
    /// The sum of the two roles' registers.
    var register = 0.0

    /// The numbers that the logistics of `SwitchModel` weigh.
    package var inputs: InlineArray<32, Double> {
        let before = beforePrevious
        return [
            1, quickCosine, slowCosine, overlap, Double(sharedTerms), traits.requests.number, traits.thanks.number,
            traits.greets.number, traits.saysGoodbye.number, traits.shiftsTopic.number, traits.asksOther.number,
            traits.takesSides.number,
            traits.isQuestion.number, Self.logWords(traits), log(1 + Double(min(termCount, Self.termsMax))),
            traits.tellsOfSelf.number, traits.tellsTaste.number, traits.isPolite.number,
            previous.isQuestion.number, previous.thanks.number, previous.saysGoodbye.number, previous.requests.number,
            Self.logWords(previous), previous.takesSides.number,
            before.isQuestion.number, before.thanks.number, before.saysGoodbye.number, before.requests.number,
            Self.logWords(before), before.takesSides.number,
            isUser.number, continuesTurn.number,
        ]
    }

    /// The numbers that the register of the message's role is made of.
    package var registerInputs: InlineArray<8, Double> {
        [
            traits.requests.number, traits.thanks.number, traits.asksOther.number, traits.saysI.number,
            traits.saysYou.number, traits.tellsPlan.number, traits.tellsOfSelf.number, traits.tellsTaste.number,
        ]
    }

    /// Whether the user wrote the message.
    package var isFromUser: Bool { isUser }

    private static func logWords(_ traits: MessageTraits) -> Double { log(1 + Double(traits.words)) }
}

extension Bool {
    fileprivate var number: Double { self ? 1 : 0 }
}
