/// The basic emotions of Ekman, and none of them.
package enum EmotionKind: UInt8, Hashable, Sendable, CaseIterable {
    case joy
    case sadness
    case anger
    case fear
    case disgust
    case surprise
    case neutral
}

/// Where an emotion comes from.
package enum EmotionSource: UInt8, Hashable, Sendable, CaseIterable {
    /// Nothing could be said: all of it is neutral.
    case none
    /// From the words and emoji of the message.
    case computed
    /// It came with the message.
    case supplied
}

/// A distribution over the basic emotions, with how pleasant and how excited it is.
///
/// Source of the kinds: Ekman, "An argument for basic emotions", 1992; of the axes: Russell, 1980.
package struct Emotion: Hashable, Sendable {
    /// Probabilities, which add up to 1.
    package var joy = 0.0
    package var sadness = 0.0
    package var anger = 0.0
    package var fear = 0.0
    package var disgust = 0.0
    package var surprise = 0.0
    package var neutral = 1.0
    /// From -1, unpleasant, to 1, pleasant.
    package var valence = 0.0
    /// From 0, calm, to 1, excited.
    package var arousal = 0.0
    /// Who says so.
    package var source = EmotionSource.none

    package init() {}

    /// What is known of a message without words.
    package static let none = Emotion()

    /// The kind with the largest probability; the earlier one of equals, neutral last.
    package var dominant: EmotionKind {
        var best = EmotionKind.neutral
        for kind in EmotionKind.allCases where self[kind] > self[best] { best = kind }
        return best
    }

    /// The probability of a kind.
    package subscript(kind: EmotionKind) -> Double {
        get {
            switch kind {
            case .joy: joy
            case .sadness: sadness
            case .anger: anger
            case .fear: fear
            case .disgust: disgust
            case .surprise: surprise
            case .neutral: neutral
            }
        }
        set {
            switch kind {
            case .joy: joy = newValue
            case .sadness: sadness = newValue
            case .anger: anger = newValue
            case .fear: fear = newValue
            case .disgust: disgust = newValue
            case .surprise: surprise = newValue
            case .neutral: neutral = newValue
            }
        }
    }

    /// Reads the labels and scores that came with a message.
    ///
    /// The names of the basic emotions and the 28 labels of GoEmotions (Demszky et al. 2020) are known, in any case.
    /// Scores that are not finite or not positive are passed over; a sum below 1 leaves the rest to neutral.
    ///
    /// - Parameter labels: label and score, in any order.
    package init?(supplied labels: [(label: String, score: Double)]) {
        var scores = Emotion()
        scores.neutral = 0
        var sum = 0.0
        for (label, score) in labels where score.isFinite && score > 0 {
            guard let kind = Self.kind(ofLabel: label) else { continue }
            let bounded = min(score, 1e6)
            scores[kind] += bounded
            sum += bounded
        }
        guard sum > 0 else { return nil }
        if sum < 1 { scores.neutral += 1 - sum }
        let whole = max(sum, 1)
        self.init()
        source = .supplied
        for kind in EmotionKind.allCases {
            let share = scores[kind] / whole
            self[kind] = share
            valence += share * Self.axes(kind).valence
            arousal += share * Self.axes(kind).arousal
        }
    }

    /// Where a kind lies on the two axes.
    static func axes(_ kind: EmotionKind) -> (valence: Double, arousal: Double) {
        switch kind {
        case .joy: (0.8, 0.6)
        case .sadness: (-0.7, 0.3)
        case .anger: (-0.7, 0.8)
        case .fear: (-0.7, 0.8)
        case .disgust: (-0.7, 0.5)
        case .surprise: (0.1, 0.7)
        case .neutral: (0, 0)
        }
    }

    private static func kind(ofLabel label: String) -> EmotionKind? {
        switch label.lowercased() {
        case "joy", "happiness", "happy", "admiration", "amusement", "approval", "caring", "desire", "excitement",
            "gratitude", "love", "optimism", "pride", "relief", "trust", "positive", "contentment":
            .joy
        case "sadness", "sad", "disappointment", "embarrassment", "grief", "remorse", "negative": .sadness
        case "anger", "angry", "annoyance", "disapproval", "frustration": .anger
        case "fear", "fearful", "nervousness", "anxiety", "worry": .fear
        case "disgust", "disgusted", "contempt": .disgust
        case "surprise", "surprised", "realization", "confusion", "curiosity", "anticipation": .surprise
        case "neutral", "calm", "none": .neutral
        default: nil
        }
    }
}
