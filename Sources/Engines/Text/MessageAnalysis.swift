/// What kind of question a message asks.
package enum QuestionKind: UInt8, Sendable { case none, polar, wh, or, tag, other }

/// Where a message's embedding came from.
package enum EmbeddingSource: UInt8, Sendable { case none, table, hashed, supplied }

/// Which script most letters of a message belong to.
package enum ScriptKind: UInt8, Sendable { case none, latin, cyrillic, cjk, rightToLeft, other }

/// Where an emotion came from.
package enum EmotionSource: UInt8, Sendable { case computed, supplied }

/// A distribution over Ekman's six emotions and neutral, with valence and arousal.
package struct Emotion: Sendable {
    /// Probabilities that add up to 1: joy, sadness, anger, fear, disgust, surprise, neutral.
    package var joy = 0.0
    package var sadness = 0.0
    package var anger = 0.0
    package var fear = 0.0
    package var disgust = 0.0
    package var surprise = 0.0
    package var neutral = 1.0
    /// -1…1.
    package var valence = 0.0
    /// 0…1.
    package var arousal = 0.0
    package var source = EmotionSource.computed

    package init() {}
}

/// Cues found in a message, by word boundary.
package struct CueSet: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let topicShift = CueSet(rawValue: 1 << 0)
    /// The whole message is an acknowledgement.
    package static let backchannel = CueSet(rawValue: 1 << 1)
    package static let greeting = CueSet(rawValue: 1 << 2)
    package static let farewell = CueSet(rawValue: 1 << 3)
    package static let thanks = CueSet(rawValue: 1 << 4)
    package static let apology = CueSet(rawValue: 1 << 5)
    /// The writer says something of themselves.
    package static let selfDisclosure = CueSet(rawValue: 1 << 6)
    /// A plan or an intention.
    package static let plan = CueSet(rawValue: 1 << 7)
    /// A request that asks for something to be done.
    package static let request = CueSet(rawValue: 1 << 8)
    package static let agreement = CueSet(rawValue: 1 << 9)
    package static let disagreement = CueSet(rawValue: 1 << 10)
    /// "please stop messaging me", "do not contact me".
    package static let optOut = CueSet(rawValue: 1 << 11)
    package static let humor = CueSet(rawValue: 1 << 12)
    package static let empathy = CueSet(rawValue: 1 << 13)
    package static let encouragement = CueSet(rawValue: 1 << 14)
}

/// A content word of a message, folded.
package struct Term: Hashable, Sendable {
    package var text: String
    package var hash: UInt64
    package init(text: String, hash: UInt64) {
        self.text = text
        self.hash = hash
    }
}

/// What one pass over a message's text finds; every engine reads it, none goes back to the text.
package struct MessageAnalysis: Sendable {
    package var wordCount = 0
    /// Unicode scalars.
    package var characterCount = 0
    package var sentenceCount = 0
    package var isQuestion = false
    package var questionKind = QuestionKind.none
    package var emotion = Emotion()
    /// 0 casual … 1 formal.
    package var formality = 0.5
    package var hedgeCount = 0
    package var politenessCount = 0
    package var firstPersonCount = 0
    package var secondPersonCount = 0
    package var exclamationCount = 0
    package var emojiCount = 0
    /// Share of upper-case letters among cased ones, 0…1.
    package var capitalsRatio = 0.0
    package var cues = CueSet()
    /// Content words in order, at most `MessageAnalysis.termsMax`.
    package var terms: [Term] = []
    /// L2-normalised, or all zero when nothing is known of the text.
    package var embedding: [Float] = []
    package var embeddingSource = EmbeddingSource.none
    package var script = ScriptKind.none

    package static let termsMax = 32

    package init() {}
}
