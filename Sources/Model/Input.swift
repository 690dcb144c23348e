import Bytes

/// Who wrote a message.
package enum Role: UInt8, Sendable {
    case user = 0
    case assistant = 1
    case system = 2

    /// Reads a role's name as the database stores it; `bot` is read as `assistant`.
    package init?(name: String) {
        switch name {
        case "user": self = .user
        case "assistant", "bot": self = .assistant
        case "system": self = .system
        default: return nil
        }
    }

    /// The name that the database stores.
    package var name: String {
        switch self {
        case .user: "user"
        case .assistant: "assistant"
        case .system: "system"
        }
    }
}

/// One chat message as the application stored it.
package struct Message: Sendable {
    package var id: Int64
    /// Nil: sessions are cut by 30 minutes of silence.
    package var conversationID: String?
    package var role: Role
    package var content: String
    /// Emotion label and score 0…1 given by the application; nil: computed from the text.
    package var emotion: [(label: String, score: Double)]?
    /// An embedding given by the application, any width; nil: computed from the text.
    package var embedding: [Float]?
    /// The sender's clock; rows are ordered by `InputRow.effectiveAt` instead.
    package var createdAt: Timestamp

    package init(
        id: Int64, conversationID: String? = nil, role: Role, content: String,
        emotion: [(label: String, score: Double)]? = nil, embedding: [Float]? = nil, createdAt: Timestamp
    ) {
        self.id = id
        self.conversationID = conversationID
        self.role = role
        self.content = content
        self.emotion = emotion
        self.embedding = embedding
        self.createdAt = createdAt
    }
}

/// What a vector-store lookup of one memory came to.
package enum RecallOutcome: UInt8, Sendable {
    case unknown = 0
    case recalled = 1
    case missed = 2
}

/// One row of the application's vector-store access log.
package struct MemoryRetrieval: Sendable {
    package var id: Int64
    package var memoryID: String
    /// Similarity or relevance as the application reports it; nil when not reported.
    package var score: Double?
    package var outcome: RecallOutcome

    package init(id: Int64, memoryID: String, score: Double? = nil, outcome: RecallOutcome) {
        self.id = id
        self.memoryID = memoryID
        self.score = score
        self.outcome = outcome
    }
}

/// One time-series value: `engagement`, `satisfaction`, `coherence`, `personality_consistency` or any other name.
package struct MetricPoint: Sendable {
    package var id: Int64
    package var metric: String
    package var value: Double

    package init(id: Int64, metric: String, value: Double) {
        self.id = id
        self.metric = metric
        self.value = value
    }
}

/// One activation of a character's trait.
package struct TraitActivation: Sendable {
    package var id: Int64
    package var trait: String
    /// 0…1.
    package var intensity: Double
    /// The message it was observed in, if the application says so.
    package var messageID: Int64?

    package init(id: Int64, trait: String, intensity: Double, messageID: Int64? = nil) {
        self.id = id
        self.trait = trait
        self.intensity = intensity
        self.messageID = messageID
    }
}

/// One proactive message that the bot sent, or an answer to it.
package struct OutreachAttempt: Sendable {
    package var id: Int64
    package var topic: String?
    /// The propensity with which the application chose to send, 0…1; nil when not reported.
    package var propensity: Double?
    package var sentAt: Timestamp
    /// When the user answered; nil: not (yet).
    package var answeredAt: Timestamp?

    package init(
        id: Int64, topic: String? = nil, propensity: Double? = nil, sentAt: Timestamp, answeredAt: Timestamp? = nil
    ) {
        self.id = id
        self.topic = topic
        self.propensity = propensity
        self.sentAt = sentAt
        self.answeredAt = answeredAt
    }
}

/// What one input row says.
package enum InputEvent: Sendable {
    case message(Message)
    case retrieval(MemoryRetrieval)
    case metric(MetricPoint)
    case trait(TraitActivation)
    case outreach(OutreachAttempt)

    /// The stream's place in the order of rows with equal effective time.
    package var stream: UInt8 {
        switch self {
        case .message: 0
        case .retrieval: 1
        case .metric: 2
        case .trait: 3
        case .outreach: 4
        }
    }
}

/// The order in which a pair's rows are applied: effective time, then stream, then id.
package struct OrderKey: Hashable, Comparable, Sendable {
    /// `least(created_at, received_at + 5 min)`: a sender's clock that runs ahead poisons nothing.
    package var effectiveAt: Timestamp
    package var stream: UInt8
    package var id: Int64

    /// Before every row.
    package static let start = OrderKey(effectiveAt: .negativeInfinity, stream: 0, id: .min)

    package init(effectiveAt: Timestamp, stream: UInt8, id: Int64) {
        self.effectiveAt = effectiveAt
        self.stream = stream
        self.id = id
    }

    package static func < (left: OrderKey, right: OrderKey) -> Bool {
        (left.effectiveAt, left.stream, left.id) < (right.effectiveAt, right.stream, right.id)
    }
}

/// One input row of a pair, ready to be applied.
package struct InputRow: Sendable {
    package var effectiveAt: Timestamp
    package var event: InputEvent

    package init(effectiveAt: Timestamp, event: InputEvent) {
        self.effectiveAt = effectiveAt
        self.event = event
    }

    /// Where this row stands among its pair's rows.
    package var key: OrderKey {
        let id =
            switch event {
            case .message(let row): row.id
            case .retrieval(let row): row.id
            case .metric(let row): row.id
            case .trait(let row): row.id
            case .outreach(let row): row.id
            }
        return OrderKey(effectiveAt: effectiveAt, stream: event.stream, id: id)
    }
}
