/// What one pass over the text of a message finds; the engines read nothing else of the text.
///
/// Counts and cues are those of at most the first 8 KiB (`isTruncated`); `characterCount` is that of all of it.
/// Rules about words are English. Where they had nothing to go by, `rulesApply` is false and the values that depend on
/// them (formality, politeness, hedges, persons, cues) are to be read as not computed, not as zero.
package struct MessageAnalysis: Hashable, Sendable {
    /// Words and numbers; of CJK text, one for each two ideographs.
    package var wordCount = 0
    /// Unicode scalars of the whole content.
    package var characterCount = 0
    /// Stretches with at least one word or emoji, up to an end mark or a line break.
    package var sentenceCount = 0
    /// Whether some sentence asks.
    package var isQuestion: Bool { questionKind != .none }
    /// The kind of the last sentence that asks.
    package var questionKind = QuestionKind.none
    /// The emotions of the writer, as supplied or as computed.
    package var emotion = Emotion.none
    /// From 0, slang without a capital, to 1, written like a letter to an office; an index, not a probability.
    package var formality = 0.5
    /// Words and phrases such as "please" and "would you mind".
    package var politenessCues = 0
    /// Words and phrases such as "maybe" and "I guess".
    package var hedges = 0
    /// I, me, my, we, us, our and their contractions.
    package var firstPerson = 0
    /// You, your and their contractions.
    package var secondPerson = 0
    /// Exclamation marks.
    package var exclamations = 0
    /// Emoji sequences (a family joined by ZWJ is one) and ASCII emoticons.
    package var emojiCount = 0
    /// The share of upper case among letters that have case, 0…1; 0 when there are none.
    package var capsRatio = 0.0
    /// What the message does.
    package var cues: CueSet = []
    /// Content words in order of their first use, each once, at most 32.
    package var terms: [Term] = []
    /// A unit vector, or all zeros if `embeddingSource` is `none`.
    package var embedding: [Float] = []
    /// Where the embedding comes from; vectors of different sources are not comparable.
    package var embeddingSource = EmbeddingSource.none
    /// What can be compared with each other: vectors of one source and, if they came with messages, of one width.
    ///
    /// Supplied widths share 252 numbers; the usual ones have one each.
    package var embeddingSpace: UInt8 {
        guard embeddingSource == .supplied else { return embeddingSource.rawValue }
        // A multiplier that tells the usual widths apart (SplitMix64's second).
        let mixed = UInt64(embedding.count) &* 0xBF58_476D_1CE4_E5B9
        return 3 + UInt8(truncatingIfNeeded: (mixed >> 40) % 252)
    }
    /// The script of most letters.
    package var script = ScriptKind.none
    /// Whether the text looks English enough for the rules about words.
    package var rulesApply = false
    /// Whether only the first 8 KiB were looked at.
    package var isTruncated = false

    package init() {}
}

/// How a message asks.
package enum QuestionKind: UInt8, Hashable, Sendable, CaseIterable {
    /// It does not.
    case none
    /// To be answered with yes or no.
    case polar
    /// Who, what, when, where, why, which, how.
    case wh
    /// One thing or another.
    case alternative
    /// A statement with "right?" or "isn't it?" at its end.
    case tag
    /// In the form of a question that wants no answer.
    case rhetorical
}

/// What a message does, as far as set phrases show it.
package struct CueSet: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Announces another topic: "by the way", "anyway", "speaking of".
    package static let topicShift = CueSet(rawValue: 1 << 0)
    /// The whole message only keeps the talk going: "ok", "lol", "yeah".
    package static let backchannel = CueSet(rawValue: 1 << 1)
    /// Says hello.
    package static let greeting = CueSet(rawValue: 1 << 2)
    /// Says goodbye.
    package static let farewell = CueSet(rawValue: 1 << 3)
    /// Thanks.
    package static let thanks = CueSet(rawValue: 1 << 4)
    /// Apologises.
    package static let apology = CueSet(rawValue: 1 << 5)
    /// Tells a fact about the writer: "I am", "my name", "I live".
    package static let selfDisclosure = CueSet(rawValue: 1 << 6)
    /// Tells an intention: "I'm going to", "I want to".
    package static let plan = CueSet(rawValue: 1 << 7)
    /// Asks for something, and does not say in the same message that it is settled.
    package static let unresolvedRequest = CueSet(rawValue: 1 << 8)
    /// Says that something is settled: "never mind", "figured it out".
    package static let resolved = CueSet(rawValue: 1 << 9)
    /// Tells a like or dislike.
    package static let preference = CueSet(rawValue: 1 << 10)
    /// Asks not to be written to.
    package static let optOut = CueSet(rawValue: 1 << 11)
    /// Agrees.
    package static let agreement = CueSet(rawValue: 1 << 12)
    /// Disagrees.
    package static let disagreement = CueSet(rawValue: 1 << 13)
    /// Feels with the other: "sorry to hear".
    package static let empathy = CueSet(rawValue: 1 << 14)
    /// Laughs.
    package static let laughter = CueSet(rawValue: 1 << 15)
    /// Gives courage or praise: "you can do it", "good luck", "well done".
    package static let encouragement = CueSet(rawValue: 1 << 16)
    /// Breaks off or only holds the floor: without an end mark it ends in a word that another has to follow ("because",
    /// "the", "um"), or is nothing but hesitation ("so").
    package static let unfinished = CueSet(rawValue: 1 << 17)
    /// Says what is wanted, for the first time or more closely: "I need a", "find me", "can you".
    package static let request = CueSet(rawValue: 1 << 18)
    /// Takes an opt-out back: "you can text me again".
    package static let optIn = CueSet(rawValue: 1 << 19)
}

/// A content word.
package struct Term: Hashable, Sendable {
    /// The stable hash of the word without accents, case and plural ending: what makes two terms the same.
    package var hash: UInt64
    /// The word in lower case, singular, accents kept.
    package var text: String
    /// How often the message has it.
    package var count: Int

    package init(hash: UInt64, text: String, count: Int = 1) {
        self.hash = hash
        self.text = text
        self.count = count
    }
}

/// Where an embedding comes from.
package enum EmbeddingSource: UInt8, Hashable, Sendable, CaseIterable {
    /// Nothing could be said: the zero vector.
    case none
    /// The table that ships, for English.
    case table
    /// Hashed character n-grams, for all other languages.
    case hashed
    /// It came with the message.
    case supplied
}

/// The script of most letters of a text.
package enum ScriptKind: UInt8, Hashable, Sendable, CaseIterable {
    /// There are no letters.
    case none
    case latin
    /// Han, kana and Hangul.
    case cjk
    case arabic
    case hebrew
    case cyrillic
    case other
}
