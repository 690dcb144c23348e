import Bytes
import Engines
import Model

/// The pairs of chat-like sets, mapped as `to_messages.py` of the data folder does.
///
/// Whoever opened a conversation is its user, the other person plays the bot. Pairs in which only one person wrote are
/// left out.
enum MemoryPairs {
    struct Conversation {
        var id: String
        var user: String
        var bot: String
        var messages: [(isUser: Bool, at: Timestamp, text: String)]
    }

    struct Pair {
        var user: String
        var bot: String
        /// In the order in which the worker applies them.
        var rows: [InputRow]
    }

    static let byuMessages = "byu_chitchat/messages.csv.gz"
    static let byuConversations = "byu_chitchat/conversations.csv"
    static let locomoConversations = "locomo/conversations.jsonl"
    static let personaDialogues = "real_persona_chat/dialogues.jsonl.gz"

    static func byu(_ data: DataFolder) throws -> [Pair] {
        let table = try data.table(byuConversations)
        let (key, opener) = (try table.column("conversation_id"), try table.column("initiator"))
        let openers = Dictionary(table.rows.map { ($0[key], $0[opener]) }, uniquingKeysWith: { first, _ in first })
        let messages = try data.table(byuMessages)
        let (id, author) = (try messages.column("conversation_id"), try messages.column("user_id"))
        let (time, text) = (try messages.column("created_at"), try messages.column("text"))
        var conversations: [Conversation] = []
        for row in messages.rows {
            if conversations.last?.id != row[id] {
                conversations.append(
                    Conversation(id: row[id], user: openers[row[id]] ?? "", bot: "", messages: []))
            }
            let last = conversations.count - 1
            let isUser = row[author] == conversations[last].user
            if !isUser, conversations[last].bot.isEmpty { conversations[last].bot = row[author] }
            conversations[last].messages.append((isUser, try Timestamp(text: row[time]), row[text]))
        }
        return pairs(conversations)
    }

    /// Sessions' starts are real, times within a session are not: 8 s and 1 s per 5 characters a message.
    static func locomo(_ data: DataFolder) throws -> [Pair] {
        var conversations: [Conversation] = []
        for line in try data.lines(locomoConversations) {
            let speakers = try line.texts("speakers")
            guard speakers.count == 2, let id = try line.member("id").string else { continue }
            for session in try line.member("sessions").array ?? [] {
                var at = try Timestamp(text: session.member("started_at").string ?? "")
                var messages: [(isUser: Bool, at: Timestamp, text: String)] = []
                for turn in try session.member("turns").array ?? [] {
                    let text = try turn.member("text").string ?? ""
                    if !messages.isEmpty { at = at.advanced(bySeconds: Double(8 + text.unicodeScalars.count / 5)) }
                    messages.append((try turn.member("speaker").string == speakers[0], at, text))
                }
                let number = try session.member("session").int64 ?? 0
                conversations.append(
                    Conversation(
                        id: "\(id)/s\(number)", user: "\(id)/\(speakers[0])", bot: speakers[1], messages: messages))
            }
        }
        return pairs(conversations)
    }

    static func realPersonaChat(_ data: DataFolder) throws -> [Pair] {
        var conversations: [Conversation] = []
        for line in try data.lines(personaDialogues) {
            let users = try line.texts("users")
            guard users.count == 2, let id = try line.member("id").string else { continue }
            let messages = try (line.member("turns").array ?? []).compactMap {
                turn -> (isUser: Bool, at: Timestamp, text: String)? in
                let parts = turn.array ?? []
                guard parts.count == 3, let when = parts[1].string, let text = parts[2].string else { return nil }
                // The source's clock is Japan's.
                let at = try Timestamp(text: when, assumeUTC: true).advanced(bySeconds: -9 * 3600)
                return (parts[0].string == users[0], at, text)
            }
            conversations.append(Conversation(id: id, user: users[0], bot: users[1], messages: messages))
        }
        return pairs(conversations)
    }

    private static func pairs(_ conversations: [Conversation]) -> [Pair] {
        var places: [String: Int] = [:]
        var pairs: [Pair] = []
        var id: Int64 = 0
        for conversation in conversations where !conversation.bot.isEmpty && !conversation.user.isEmpty {
            let key = conversation.user + "\u{1f}" + conversation.bot
            let place = places[key] ?? pairs.count
            if place == pairs.count {
                places[key] = place
                pairs.append(Pair(user: conversation.user, bot: conversation.bot, rows: []))
            }
            for message in conversation.messages {
                id += 1
                let event = InputEvent.message(
                    Message(
                        id: id, conversationID: conversation.id, role: message.isUser ? .user : .assistant,
                        content: message.text, createdAt: message.at))
                pairs[place].rows.append(InputRow(effectiveAt: message.at, event: event))
            }
        }
        for place in pairs.indices { pairs[place].rows.sort { $0.key < $1.key } }
        return pairs
    }
}

extension MemoryPairs.Pair {
    /// Runs the shared pass over the pair's rows, as `PairState` does, and hands each observation on.
    func observe(_ analyzer: TextAnalyzer, _ body: (Observation) -> Void) {
        var sessions = SessionTracker()
        var topics = TopicTracker()
        var previous: PreviousMessage?
        for row in rows {
            guard case .message(let message) = row.event else { continue }
            let session = sessions.observe(message, at: row.effectiveAt)
            let analysis = analyzer.analyze(
                content: message.content, suppliedEmotion: message.emotion, suppliedEmbedding: message.embedding)
            let topic = topics.observe(
                analysis, role: message.role, at: row.effectiveAt, session: session, previous: previous)
            body(Observation(row: row, session: session, previous: previous, analysis: analysis, topic: topic))
            previous = PreviousMessage(
                role: message.role, at: row.effectiveAt, wordCount: analysis.wordCount,
                isQuestion: analysis.isQuestion)
        }
    }

    /// Which half of the users this pair's user is in, by a stable hash.
    var isFitted: Bool { StableHash.hash("memory:" + user) & 1 == 0 }
}
