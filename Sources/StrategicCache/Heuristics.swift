import Model

/// What a caller has in hand when nothing is stored: the last few messages and the hour.
public struct RecentContext: Hashable, Sendable {
    /// One of the last messages.
    public struct Message: Hashable, Sendable {
        /// Whether the user wrote it, rather than the bot.
        public var isFromUser: Bool
        /// Its text.
        public var text: String
        /// Seconds since it was written; nil when not known.
        public var secondsAgo: Double?

        /// Makes a message.
        public init(isFromUser: Bool, text: String, secondsAgo: Double? = nil) {
            self.isFromUser = isFromUser
            self.text = text
            self.secondsAgo = secondsAgo
        }
    }

    /// Oldest first; only the last 20 are looked at.
    public var messages: [Message]
    /// The user's hour of the day, 0…23; nil when not known.
    public var hour: Int?

    /// Messages that heuristics look at.
    public static let messagesMax = 20

    /// Makes a context; without anything in hand every heuristic says so by nil members.
    public init(messages: [Message] = [], hour: Int? = nil) {
        self.messages = messages
        self.hour = hour
    }

    var fromUser: [Message] { messages.suffix(RecentContext.messagesMax).filter(\.isFromUser) }
}

/// A guess at what is on the user's mind: words of five letters or more by how often they come back.
public struct MemoryHealthHeuristic: Hashable, Sendable {
    /// Up to five, most frequent first; ties in order of appearance.
    public let recentWords: [String]

    init(_ context: RecentContext) {
        var counts: [String: (count: Int, order: Int)] = [:]
        for message in context.fromUser {
            for word in message.words where word.unicodeScalars.count >= 5 {
                let known = counts[word] ?? (0, counts.count)
                counts[word] = (known.count + 1, known.order)
            }
        }
        let ranked = counts.sorted { ($1.value.count, $0.value.order) < ($0.value.count, $1.value.order) }
        recentWords = ranked.prefix(5).map(\.key)
    }
}

/// A guess at how the user likes to talk, from the lengths and marks of the last messages.
public struct ConversationPatternsHeuristic: Hashable, Sendable {
    /// Mean words of the user's messages; nil without any.
    public let averageUserWords: Double?
    /// Twice what the user writes, within 20…200 words; nil without messages.
    public let suggestedResponseWords: Int?
    /// `brief` below 8 words a message, `deep` from 40, else `moderate`; nil without messages.
    public let preferredDepth: String?
    /// Share of the user's messages with a question mark, 0…1; nil without any.
    public let questionShare: Double?
    /// Whether the last message opens with a phrase such as "by the way", or comes after half an hour of silence.
    public let isTopicChangeLikely: Bool

    static let cues = ["by the way", "btw", "anyway", "on another note", "another thing", "changing the subject"]

    init(_ context: RecentContext) {
        let messages = context.fromUser
        let counts = messages.map(\.words.count)
        if counts.isEmpty {
            averageUserWords = nil
            suggestedResponseWords = nil
            preferredDepth = nil
            questionShare = nil
        } else {
            let mean = Double(counts.reduce(0, +)) / Double(counts.count)
            averageUserWords = mean
            suggestedResponseWords = min(max(Int((2 * mean).rounded()), 20), 200)
            preferredDepth = mean < 8 ? "brief" : mean >= 40 ? "deep" : "moderate"
            let questions = messages.filter { $0.text.utf8.contains(UInt8(ascii: "?")) }
            questionShare = Double(questions.count) / Double(counts.count)
        }
        let opening = messages.last?.words.joined(separator: " ") ?? ""
        let hasCue = ConversationPatternsHeuristic.cues.contains { opening == $0 || opening.hasPrefix($0 + " ") }
        isTopicChangeLikely = hasCue || (context.messages.last?.secondsAgo ?? 0) >= Limits.sessionGapSeconds
    }
}

/// A guess at the tone to mirror, from the user's punctuation.
public struct PersonalityProfileHeuristic: Hashable, Sendable {
    /// Share of the user's messages with an exclamation mark, 0…1; nil without any.
    public let exclamationShare: Double?
    /// Whether the user writes emoji.
    public let usesEmoji: Bool

    init(_ context: RecentContext) {
        let messages = context.fromUser
        let exclaiming = messages.filter { $0.text.utf8.contains(UInt8(ascii: "!")) }
        exclamationShare = messages.isEmpty ? nil : Double(exclaiming.count) / Double(messages.count)
        usesEmoji = messages.contains { $0.text.unicodeScalars.contains { $0.properties.isEmojiPresentation } }
    }
}

/// What people in general forget: FSRS-6 with its default weights.
public struct MemoryBehaviorHeuristic: Hashable, Sendable {
    init() {}

    /// The chance that something is recalled.
    ///
    /// - Parameters:
    ///   - hours: since it was last mentioned.
    ///   - stabilityDays: days after which the chance has fallen to 0.9.
    /// - Returns: 0…1.
    public func recallChance(afterHours hours: Double, stabilityDays: Double = 3) -> Double {
        ForgettingCurve.standard.retrievability(afterDays: max(hours, 0) / 24, stability: stabilityDays)
    }
}

/// A guess at whether a bot may write first: in the daytime, after some silence.
public struct EngagementHeuristic: Hashable, Sendable {
    /// Whether the hour is 9…20; nil when it is not known.
    public let isDaytime: Bool?
    /// Hours since the last message; nil when not known.
    public let silenceHours: Double?
    /// Whether it is daytime after at least four hours of silence; false when either is not known.
    public let mayWriteFirst: Bool

    init(_ context: RecentContext) {
        isDaytime = context.hour.map { (9...20).contains($0) }
        silenceHours = context.messages.last?.secondsAgo.map { $0 / 3600 }
        mayWriteFirst = isDaytime == true && (silenceHours ?? 0) >= 4
    }
}

extension RecentContext.Message {
    /// The runs of letters, digits and apostrophes, in lower case.
    var words: [String] {
        text.lowercased().split { character in
            !(character.isLetter || character.isNumber || character == "'" || character == "’")
        }.map(String.init)
    }
}
