import Bytes
import Model

/// What is known of a pair at the moment it was read: an immutable value that any thread may keep.
///
/// Scalars were decoded when the row was read; lists and JSON are decoded at each access, in O(n) of their bytes.
///
///     switch cache.read(user: "u42", bot: "elena").conversationPatterns {
///     case .fresh(let patterns, _), .stale(let patterns, _): reply.words = patterns.optimalResponseLength
///     case .fallback(let guess): reply.words = guess.suggestedResponseWords.map(Int64.init)
///     }
public struct StrategicView: Sendable {
    /// Whether the answer is complete, how old it is, or that there is none.
    public let freshness: Freshness

    let row: StoredRow?
    let characters: CharacterStore
    let botName: String
    let moment: Timestamp
    let readAt: UInt64
    let context: RecentContext

    init(
        pair: Pair, row: StoredRow?, isFresh: Bool, at now: UInt64, characters: CharacterStore, context: RecentContext
    ) {
        self.row = row
        self.characters = characters
        self.context = context
        botName = pair.botName
        readAt = now
        moment = row?.moment(at: now) ?? .negativeInfinity
        if isFresh {
            freshness = .fresh
        } else if let row {
            freshness = .stale(age: .seconds(max(moment.seconds(since: row.completeThrough), 0)))
        } else {
            freshness = .missing
        }
    }

    /// How long ago the answer was known to be complete; nil without a row.
    public var age: Duration? {
        row.map { .seconds(max(moment.seconds(since: $0.completeThrough), 0)) }
    }

    /// Time of the newest message reflected, in seconds since the Unix epoch; nil without one.
    public var reflectsThrough: Double? { row?.content.reflectsThrough?.seconds }

    /// How many messages are reflected.
    public var messagesReflected: Int64 { row?.content.messagesReflected ?? 0 }

    /// Why the worker marked the row as behind; nil when it did not.
    public var staleReason: String? { row?.content.staleReason }

    private func signal<Value, Heuristic>(
        _ value: (RowContent) -> Value, _ heuristic: () -> Heuristic
    ) -> Signal<Value, Heuristic> {
        guard let row, let age else { return .fallback(heuristic()) }
        let value = value(row.content)
        return freshness == .fresh ? .fresh(value, age: age) : .stale(value, age: age)
    }

    /// How well the pair's memories hold.
    public var memoryHealth: Signal<MemoryHealth, MemoryHealthHeuristic> {
        signal({ $0.memoryHealth(at: moment) }, { MemoryHealthHeuristic(context) })
    }

    /// Which traits the bot showed to the user, and what they did.
    public var personalityProfile: Signal<PersonalityProfile, PersonalityProfileHeuristic> {
        signal({ $0.personalityProfile(at: moment) }, { PersonalityProfileHeuristic(context) })
    }

    /// What the pair talks about and how.
    public var conversationPatterns: Signal<ConversationPatterns, ConversationPatternsHeuristic> {
        signal({ $0.conversationPatterns(at: moment) }, { ConversationPatternsHeuristic(context) })
    }

    /// How fast the user forgets, and what is kept.
    public var memoryBehavior: Signal<MemoryBehavior, MemoryBehaviorHeuristic> {
        signal({ $0.memoryBehavior(at: moment) }, { MemoryBehaviorHeuristic() })
    }

    /// When and with what the bot may write first.
    public var engagementOpportunities: Signal<EngagementOpportunities, EngagementHeuristic> {
        signal({ $0.engagementOpportunities(at: moment) }, { EngagementHeuristic(context) })
    }

    /// How the bot performed over the last week; nil while nothing is known of it.
    ///
    /// It is fetched in the background, so that no read waits for it, and has a freshness of its own.
    public var characterPerformance: Signal<CharacterPerformance, Never>? {
        guard let stored = characters.find(botName) else { return nil }
        let moment = stored.moment(at: readAt)
        let age = Duration.seconds(max(moment.seconds(since: stored.completeThrough), 0))
        let value = stored.performance(at: moment)
        return readAt < stored.freshUntil ? .fresh(value, age: age) : .stale(value, age: age)
    }

    /// A short text with confidences for a prompt; the same as SQL's `prompt_digest`.
    ///
    /// - Parameter charactersMax: Unicode code points at most.
    /// - Returns: whole sentences only; empty when nothing is known or fits.
    public func digest(charactersMax: Int) -> String {
        guard let content = row?.content else { return "" }
        var digest = content.digest(at: moment)
        if case .stale(let age) = freshness { digest.staleSeconds = age / .seconds(1) }
        return digest.text(charactersMax: charactersMax)
    }
}
